"""The parent's half of one run: what the worker asks for, what it gets, and what is made of its answer."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.pool.channel import Lost, ParentEnd
from sandbox.pool.errors import ERRORS, FROM_GUEST, describe
from sandbox.pool.limits import CODE_BYTES, INPUT_BYTES, LINE_OVERHEAD_BYTES, MIB, HttpAllowance, Limits
from sandbox.pool.outcome import TRANSFORM, Broker, Job, Outcome
from sandbox.pool.plain import Unfit, plain_text, read_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEVELS = frozenset({"debug", "info", "warning", "error", "print"})
REQUEST_BYTES, REQUEST_DEPTH = 2 * MIB, 8
FAILURE_BYTES, FAILURE_DEPTH = 64 * 1024, 4
MESSAGE_CHARS, NAME_CHARS, TRACE_LINES = 1000, 100, 10
MANY_LINES = 1 << 30  # more cannot be lost in the time of a run, nor counted by the database
OWN_CODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}")
LIMIT_OF = {
    "time_limit": "wall_ms",
    "cpu_limit": "cpu_ms",
    "memory_limit": "memory_bytes",
    "output_too_large": "output_bytes",
    "output_too_deep": "output_depth",
    "http_calls_limit": "http_calls",
    "http_bytes_limit": "http_bytes",
}


def job_frame(job: Job) -> dict[str, Any]:
    """What is sent to a worker. Raises Unfit where code or inputs cannot be."""
    try:
        code_bytes = len(job.code.encode())
    except UnicodeEncodeError:
        raise Unfit("code_not_text", "it holds half of a surrogate pair") from None
    if code_bytes > CODE_BYTES:
        raise Unfit("code_too_large")
    if "\0" in job.code:
        raise Unfit("code_not_text", "it holds a null character")
    try:
        inputs = json.dumps(job.inputs, ensure_ascii=False, allow_nan=False)
        input_bytes = len(inputs.encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise Unfit("inputs_not_plain", plain_text(str(error), MESSAGE_CHARS)) from None
    if input_bytes > INPUT_BYTES:
        raise Unfit("inputs_too_large")
    microseconds = (job.now - EPOCH) // timedelta(microseconds=1)
    context = {
        "filename": job.filename,
        "kind": job.kind,
        "now_ns": max(0, microseconds) * 1000,
        "output_bytes": job.limits.output_bytes,
        "run_id": job.run_id,
        "secrets": job.secrets if job.kind != TRANSFORM else {},
        "seed": str(job.seed),
    }
    return {"code": job.code, "inputs": inputs, "context": context, "limits": job.limits.as_dict()}


def failed(code: str, limits: Limits, **values: Any) -> dict[str, Any]:
    """The error of an outcome; the limit that ``code`` speaks of is put in."""
    limit = getattr(limits, LIMIT_OF[code]) if code in LIMIT_OF else ""
    return describe(code, limit=limit, **values)


class Conversation:
    """Fills ``outcome`` while one run is in progress. ``seconds_left()`` is what remains of its wall time."""

    def __init__(self, job: Job, broker: Broker, outcome: Outcome, seconds_left: Callable[[], float]):
        self.job, self.broker, self.outcome, self.seconds_left = job, broker, outcome, seconds_left
        self._http = HttpAllowance(job.limits)
        self._log_room = job.limits.log_bytes
        self._refusals: dict[str, dict[str, Any]] = {}  # what the broker said no to, by code

    def hold(self, channel: ParentEnd, patience: Callable[[], float]) -> None:
        """Answer the worker until it brings a result. Raises Lost."""
        while True:
            message = channel.receive(patience)
            operation = message.get("op")
            if operation == "log":
                self._log(message)
            elif operation in ("http", "sign"):
                reply = json.dumps(self._answer(operation, message.get("request")), ensure_ascii=False)
                self._http.received(reply)
                channel.send({"reply": reply}, patience)
            elif operation == "result":
                return self._take(message)
            else:
                raise Lost("protocol_violation", "it asked for something unknown")

    def _log(self, message: dict[str, Any]) -> None:
        level, text = message.get("level"), message.get("text")
        if self._log_room <= 0:
            self.outcome.lost_logs += 1
            return
        text = plain_text(text, self._log_room)
        self._log_room -= len(text.encode()) + LINE_OVERHEAD_BYTES
        level = level if isinstance(level, str) and level in LEVELS else "info"
        self.outcome.logs.append({"level": level, "text": text})

    def _answer(self, operation: str, text: Any) -> dict[str, Any]:
        """The broker's reply, or {error, message}."""
        if not isinstance(text, str) or self._http.refusal(operation, text):
            raise Lost("protocol_violation", "it went on beyond its calls")
        if self.job.kind == TRANSFORM:
            return self._refuse("not_for_transforms")
        try:
            request = read_json(text, max_bytes=REQUEST_BYTES, max_depth=REQUEST_DEPTH)
            if not isinstance(request, dict):
                raise Unfit("http_malformed", "it is not an object")
        except Unfit as error:
            return self._refuse("http_malformed", message=error.message)
        left = self.seconds_left()
        if left <= 0:
            return self._refuse("time_limit")
        if operation == "sign":
            return self._sign(request)
        self.outcome.http_calls += 1
        sent_before, self.outcome.sent = self.outcome.sent, True  # until it is known better
        reply = self.broker.fetch(request, left)
        self.outcome.sent = sent_before or "error" not in reply or bool(reply.get("was_sent"))
        return self._remember(reply)

    def _sign(self, request: dict[str, Any]) -> dict[str, Any]:
        name, algorithm, data = (request.get(key) for key in ("name", "alg", "data"))
        if not (isinstance(name, str) and isinstance(algorithm, str) and isinstance(data, str)):
            return self._refuse("http_malformed", message="name, alg and data must be texts")
        try:
            raw = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            return self._refuse("http_malformed", message="data is not base64")
        signed = self.broker.sign(name, algorithm, raw)
        return {"signature": signed} if isinstance(signed, str) else self._remember(signed)

    def _refuse(self, code: str, **values: Any) -> dict[str, Any]:
        error = failed(code, self.job.limits, **values)
        self._refusals[code] = error
        return {"error": code, "message": error["sentence"]}

    def _remember(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Keep what the broker refused, so that a run which ends by it is told in the broker's words, and no other."""
        if "error" in reply:
            code = str(reply["error"])
            error = describe("refused", message=str(reply.get("message") or code)) | {"code": code}
            if reply.get("category"):
                error |= {"category": reply["category"], "next_step": reply.get("next_step", "")}
            self._refusals[code] = error
        return reply

    def _take(self, message: dict[str, Any]) -> None:
        lost = message.get("lost_logs")
        self.outcome.lost_logs += lost if type(lost) is int and 0 <= lost < MANY_LINES else 0
        limits = self.job.limits
        if "output" in message:
            try:
                self.outcome.output = read_json(
                    message["output"], max_bytes=limits.output_bytes, max_depth=limits.output_depth
                )
            except Unfit as error:
                self.outcome.error = failed(error.code, limits, message=error.message)
            else:
                self.outcome.status = "ok"
        elif "failure" in message:
            self.outcome.error = self._told(message["failure"])
        else:
            code = message.get("stopped")
            if not isinstance(code, str) or code not in ERRORS:
                raise Lost("protocol_violation", "it ended in an unknown way")
            self.outcome.error = failed(code, limits)

    def _told(self, text: Any) -> dict[str, Any]:
        """The error as the guest tells it, as far as it can be believed."""
        try:
            facts = read_json(text, max_bytes=FAILURE_BYTES, max_depth=FAILURE_DEPTH)
        except Unfit:
            facts = None
        code = facts.get("code") if isinstance(facts, dict) else None
        if not isinstance(code, str) or code not in FROM_GUEST:
            return failed("protocol_violation", self.job.limits)
        own = facts.get("own_code")
        message, kind = plain_text(facts.get("message"), MESSAGE_CHARS), plain_text(facts.get("type", ""), NAME_CHARS)
        line = self._line(facts.get("line"))
        if code == "refused":
            if isinstance(own, str) and own in self._refusals:
                error = dict(self._refusals[own])
            elif own in ("http_calls_limit", "http_bytes_limit", "sign_limit"):
                error = failed(own, self.job.limits)
            else:
                error = describe("exception", type=kind, message=message)
        elif code == "action_error":
            error = self._own_error(own, facts.get("status"), message)
        else:
            error = failed(code, self.job.limits, message=message.rstrip("."), type=kind)
        if line:
            error["sentence"] = f"Line {line}: {error['sentence']}"
        return error | {"line": line, "type": kind, "trace": self._trace(facts.get("trace"))}

    def _own_error(self, code: Any, status: Any, message: str) -> dict[str, Any]:
        """ActionError(code, status): the code is the creator's, unless it poses as one of ours."""
        status = status if type(status) is int and 100 <= status <= 599 else None
        own = code if isinstance(code, str) and OWN_CODE.fullmatch(code) and code not in ERRORS else "action_error"
        error = describe("action_error", message=f"{own}: {message}" if message else own)
        return error | {"code": own, "http_status": status, "category": _category_of(status)}

    def _line(self, number: Any) -> int | None:
        lines = self.job.code.count("\n") + 1
        return number if type(number) is int and 1 <= number <= lines else None

    def _trace(self, frames: Any) -> list[dict[str, Any]]:
        """[{line, function}], outermost first."""
        found = []
        for frame in frames[:TRACE_LINES] if isinstance(frames, list) else []:
            if isinstance(frame, dict) and (line := self._line(frame.get("line"))):
                found.append({"line": line, "function": plain_text(frame.get("function"), NAME_CHARS)})
        return found


def _category_of(status: int | None) -> str:
    """What an HTTP status says of an error that an action raised itself."""
    known = {401: "auth_error", 403: "auth_error", 404: "not_found", 429: "rate_limit", 400: "validation"}
    if status in known:
        return known[status]
    if status in (409, 422):
        return "validation"
    return "transient" if status == 408 or (status or 0) >= 500 else "tool_error"
