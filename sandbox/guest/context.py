"""``ctx``: what a run is handed. ``host`` is the other side: objects with ``http``, ``sign`` and ``log``."""

import base64
import io
from datetime import UTC, datetime, timedelta
from json import dumps, loads
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

LOG_CHARS = 64 * 1024  # of one message; all that a run may log
PRINT_PIECE = 8 * 1024  # characters of one line without an end that are held back before they are logged
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ActionError(Exception):
    """Raised by an action to end its run with an error code of its own, and an HTTP status where there is one."""

    def __init__(self, code: str, status: int | None = None, message: str = ""):
        super().__init__(message or code)
        self.code, self.status, self.message = code, status, message


class HttpRefused(PermissionError):
    """The request was not made, or got no answer; ``code`` says which rule or limit it was. Where ``was_sent``, some of
    it may have reached the other side."""

    def __init__(self, code: str, message: str, was_sent: bool = False):
        super().__init__(message)
        self.code, self.was_sent = code, was_sent


class SignRefused(PermissionError):
    """Nothing was signed; ``code`` says why."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Headers(dict):
    """The headers of a response; names in any case. A name that came twice has its values joined by a comma."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs.items() if isinstance(pairs, dict) else pairs:
            name = name.lower()
            self[name] = f"{self[name]}, {value}" if name in self else value

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Response(dict):
    """``status``, ``headers`` and ``body`` (text), as attributes and as keys. ``content`` is the body as bytes,
    ``text`` another name of it as text, and ``json()`` reads it."""

    status = property(lambda self: self["status"])
    headers = property(lambda self: self["headers"])
    body = property(lambda self: self["body"])
    text = property(lambda self: self["body"])
    ok = property(lambda self: 200 <= self["status"] < 300)

    def __init__(self, reply: dict[str, Any]):
        coded = reply.get("body_base64")
        self.content = reply["body"].encode() if coded is None else base64.b64decode(coded)
        super().__init__(
            status=reply["status"], headers=Headers(reply["headers"]), body=self.content.decode("utf-8", "replace")
        )

    def json(self):
        return loads(self["body"])


class Http:
    """``ctx.http``: every call is a message to the egress broker, which applies hosts, secrets and limits."""

    def __init__(self, host):
        self._host = host

    def request(
        self, method, url, *, params=None, json=None, data=None, body=None, headers=None, timeout=None, follow=None
    ) -> Response:
        """Ask for ``url``. ``data`` is form fields, or a body as it stands; ``timeout`` is in seconds.

        ``follow`` is True where redirects to declared places are to be followed, False where they are to be handed
        over.
        """
        headers = {str(name): str(value) for name, value in dict(headers or {}).items()}
        if params:
            url = _with_query(url, params)
        written, kind = _body_of(json, data if body is None else body)
        if kind and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = kind
        request = {"method": str(method).upper(), "url": str(url), "headers": headers, **written}
        if timeout is not None:
            request["timeout_ms"] = int(timeout * 1000)
        if follow is not None:
            request["follow"] = bool(follow)
        reply = loads(self._host.http(dumps(request, ensure_ascii=False)))
        if "error" in reply:
            raise HttpRefused(reply["error"], reply.get("message") or reply["error"], bool(reply.get("was_sent")))
        return Response(reply)

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def post(self, url, **options):
        return self.request("POST", url, **options)

    def put(self, url, **options):
        return self.request("PUT", url, **options)

    def patch(self, url, **options):
        return self.request("PATCH", url, **options)

    def delete(self, url, **options):
        return self.request("DELETE", url, **options)


def _with_query(url: str, params: Any) -> str:
    pairs = params.items() if hasattr(params, "items") else params
    query = urlencode([(name, value) for name, value in pairs if value is not None], doseq=True)
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def _body_of(json: Any, data: Any) -> tuple[dict[str, str], str]:
    """{body} or {body_base64} as the broker takes them, and the content type that goes with it."""
    if json is not None:
        return {"body": dumps(json, allow_nan=False)}, "application/json"
    if data is None:
        return {}, ""
    if isinstance(data, str):
        return {"body": data}, ""
    if isinstance(data, bytes | bytearray):
        return {"body_base64": base64.b64encode(data).decode()}, ""
    return {"body": urlencode(data, doseq=True)}, "application/x-www-form-urlencoded"


class Log:
    """``ctx.log("a", 1)`` as print does; ``ctx.log.info("%s of %s", 1, 2)`` and its siblings as logging does."""

    def __init__(self, host):
        self._host = host

    def __call__(self, *parts, level="info"):
        self._host.log(str(level)[:16], _sayable(" ".join(map(str, parts))))

    def _say(self, level, message, args):
        self._host.log(level, _sayable(str(message) % args if args else str(message)))

    def debug(self, message, *args):
        self._say("debug", message, args)

    def info(self, message, *args):
        self._say("info", message, args)

    def warning(self, message, *args):
        self._say("warning", message, args)

    def error(self, message, *args):
        self._say("error", message, args)


def _sayable(text: str) -> str:
    """What can cross to the other side: not too long, and without halves of surrogate pairs."""
    return text[:LOG_CHARS].encode("utf-8", "replace").decode()


class LogStream(io.TextIOBase):
    """Stands for standard output and error, which a run does not have: each line becomes a line of the log."""

    def __init__(self, host, level):
        self._host, self._level, self._held = host, level, ""

    def writable(self):
        return True

    def write(self, text):
        *lines, self._held = (self._held + text).split("\n")
        for line in lines:
            self._host.log(self._level, _sayable(line))
        if len(self._held) > PRINT_PIECE:
            self.flush()
        return len(text)

    def flush(self):
        if self._held:
            self._host.log(self._level, _sayable(self._held))
            self._held = ""


class Secrets(dict):
    """Names to opaque placeholders; the broker puts the value in, for the hosts that the secret is bound to."""

    def __missing__(self, name):
        raise KeyError(f"no secret named {name} belongs to this run")


class TransformContext:
    """What a transform is handed: the same, without the network and secrets."""

    def __init__(self, host, run: dict[str, Any]):
        self.log = Log(host)
        self.now = EPOCH + timedelta(microseconds=run["now_ns"] // 1000)
        self.run_id = run["run_id"]

    def __getattr__(self, name):
        if name in ("http", "secrets", "sign"):
            raise AttributeError(f"a transform has no ctx.{name}: it works on its inputs alone")
        raise AttributeError(f"ctx has no {name}")


class Context(TransformContext):
    """What an action is handed."""

    def __init__(self, host, run: dict[str, Any]):
        super().__init__(host, run)
        self.http = Http(host)
        self.secrets = Secrets(run["secrets"])
        self._host = host

    def sign(self, name: str, alg: str, data: str | bytes) -> str:
        """The signature of ``data`` under the secret ``name``, made outside; ``alg`` such as ``hmac-sha256``."""
        raw = data.encode() if isinstance(data, str) else bytes(data)
        request = {"name": name, "alg": alg, "data": base64.b64encode(raw).decode()}
        reply = loads(self._host.sign(dumps(request)))
        if "error" in reply:
            raise SignRefused(reply["error"], reply.get("message") or reply["error"])
        return reply["signature"]
