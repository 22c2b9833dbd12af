"""A stack under traffic, with people who decide: what the chaos is let loose on."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from proof.chaos.deciding import Deciding
from proof.chaos.setting import HOST, SLUG
from proof.chaos.traffic import Call, Door, Traffic
from proof.clocks import Clock
from proof.parts import Part
from proof.peer import Manners, Peer
from proof.stack import Stack

PASSWORD = "galaxy proof 2026"  # noqa: S105  (of people who live for as long as the stack)
SETTLE_S = 600
SETTING = "setting.json"
_TIME = "Time does not fit"  # as galaxy.core.audit.verifying.report says it, which takes Django to be asked


class _Filled(Stack):
    def fill(self) -> None:
        text = self.program("-m", "proof.chaos.setting", PASSWORD)
        (self.folder / "data" / "prepare" / SETTING).write_text(text.strip().splitlines()[-1], encoding="utf-8")


class Town:
    """``folder`` holds everything; ``options`` are the stack's, ``moved`` the clock that its processes go by."""

    def __init__(self, folder: Path, *, seed: int, rate: float, moved: Clock | None = None, **options: Any):
        self.folder, self.seed, self.rate = folder, seed, rate
        folder.mkdir(parents=True, exist_ok=True)
        self.peer = Peer(folder / "peer", HOST, manners=Manners(seed=seed, latency_s=0.04, errors=0.02))
        peers = {HOST: self.peer.port}
        if moved:
            options["settings"] = dict(options.get("settings") or {}) | moved.settings
        self.stack = _Filled(folder / "stack", peers=peers, authority=self.peer.authority, **options)
        self.clock = moved
        self._kept: list[Any] = []

    def __enter__(self) -> Self:
        try:
            self.stack.open()
        except BaseException:
            self.close()
            raise
        path = self.stack.folder / "data" / "prepare" / SETTING
        self.setting: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.calls: list[Call] = []
        self.deciding: Deciding | None = None
        self.traffic: Traffic | None = None
        self.held_back_s = 0.0
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        if getattr(self, "deciding", None):
            self.deciding.stop()
        self.stack.close()
        for one in self._kept:
            one.close()
        self.peer.close()

    def keep(self, one: Any) -> Any:
        """``one``, which is closed once the stack has stopped."""
        self._kept.append(one)
        return one

    # --- traffic -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Let calls come in, and people decide."""
        if self.deciding is None:
            self.deciding = Deciding(
                self.stack.urls, self.stack.headers, self.setting["approvers"], PASSWORD,
                workspace=SLUG, watcher=self.setting["watcher"], seed=self.seed,
            )  # fmt: skip
            self.deciding.start()
        self.traffic = Traffic(
            self.stack.urls, self.stack.headers, self.setting["tokens"], workspace=SLUG, seed=self.seed,
            rate=self.rate, waiting=self._waiting, first=len(self.calls),
        )  # fmt: skip
        self.traffic.start()

    def end(self, timeout_s: float = 180) -> None:
        """No more calls; those that were begun are accepted or given up."""
        if self.traffic:
            self.traffic.stop(timeout_s)
            self.calls += self.traffic.calls
            self.held_back_s += self.traffic.held_back_s
            self.traffic = None

    def is_back(self, part: Part) -> None:
        """A web process that says so is asked to accept a call, whether callers pause or not."""
        kind, _, number = part.name.partition("-")
        if kind == "web" and self.traffic:
            self.traffic.knock(int(number) - 1)

    def all_calls(self) -> list[Call]:
        return self.calls + (list(self.traffic.calls) if self.traffic else [])

    def refusals(self) -> list[tuple[float, int]]:
        """(when, status) of each try that was not accepted."""
        return [one for call in self.all_calls() for one in list(call.refusals)]

    def _waiting(self) -> int:
        """Accepted posts whose effect has not arrived."""
        posts = sum(1 for call in self.all_calls() if call.kind == "post" and call.run)
        arrived = sum(1 for key in self.peer.effects() if key.endswith("-post"))
        return posts - arrived

    def settle(self, timeout_s: float = SETTLE_S) -> float:
        """Wait until no run is under way any more; returns how long that took. Raises TimeoutError."""
        began = time.monotonic()
        self.stack.wait_ready(timeout_s=timeout_s)
        while open_ones := self.under_way():
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"Runs are still {open_ones} after {timeout_s:.0f} s.")
            time.sleep(0.5)
        return time.monotonic() - began

    def under_way(self) -> str:
        """The state of a run that is not over; empty where there is none."""
        for state in ("queued", "running", "waiting"):
            status, said = self.watch(f"runs/?state={state}&limit=1")
            if status != 200 or said["results"]:
                return state if status == 200 else f"unseen ({status})"
        return ""

    def watch(self, rest: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        """One request of the person who sees everything."""
        for url in self.stack.urls:
            with contextlib.closing(
                Door(url, self.stack.headers | {"Authorization": f"Bearer {self.setting['watcher']}"})
            ) as door:
                status, said = door.ask(method, f"/api/v1/workspaces/{SLUG}/{rest}", body)
                if status:
                    return status, said
        return 0, None

    # --- judgement ---------------------------------------------------------------------------------------------

    def judge(self) -> list[dict[str, Any]]:
        """Rows of proof.chaos.judging, and what the verifiers of the trail say."""
        facts = self.folder / "facts.json"
        told = {
            "workspace": SLUG,
            "calls": [call.as_json() for call in self.calls],
            "effects": self.peer.effects(),
        }
        facts.write_text(json.dumps(told), encoding="utf-8")
        self._wait_for_seal()
        rows = json.loads(self.stack.program("-m", "proof.chaos.judging", str(facts)).strip().splitlines()[-1])
        said = self.stack.manage("audit", "verify", check=False)
        intact = "Every trail is what was signed." in said or (self.clock is not None and only_times(said))
        (self.folder / "verify.txt").write_text(said, encoding="utf-8")
        verdict = "yes" if intact else _but_times(said)
        rows.append({"what": "the sealed trail verifies, copies included", "count": verdict, "bad": int(not intact),
                     "some": []})  # fmt: skip
        rows.append(self._export())
        return rows

    def _wait_for_seal(self, timeout_s: float = 60) -> None:
        """Until the copies of checkpoints have stood still for a moment."""
        path = Path(self.stack.env["GALAXY_CHECKPOINTS_DIR"])
        deadline, before = time.monotonic() + timeout_s, -1
        while time.monotonic() < deadline:
            now = sum(one.stat().st_size for one in path.glob("*.log"))
            if now == before:
                return
            before = now
            time.sleep(2)

    def _export(self) -> dict[str, Any]:
        """An export pack, held against its own verifier, which needs nothing of Galaxy."""
        place = self.folder / f"export-{time.monotonic_ns()}"
        self.stack.manage("audit", "export", "--workspace", SLUG, "--output", str(place))
        done = subprocess.run(
            [sys.executable, str(place / "verify.py"), str(place)], capture_output=True, text=True, check=False
        )
        words = (done.stdout or done.stderr).strip().splitlines()
        said = "yes" if done.returncode == 0 else " / ".join(words[-3:])
        return {
            "what": "an export pack verifies by its own verifier",
            "count": said,
            "bad": int(done.returncode != 0),
            "some": [],
        }


def _findings(said: str) -> list[str]:
    """The lines of its table, whose head names a position (galaxy.core.audit.verifying.printing)."""
    lines = iter(said.splitlines())
    for line in lines:
        if line.split()[:1] == ["position"]:
            break
    return [line for line in lines if line.startswith("  ")]


def only_times(said: str) -> bool:
    """Whether all that verifying names is times that do not fit, as they do not where the clock was set back."""
    found = _findings(said)
    return bool(found) and all(_TIME in line for line in found)


def _but_times(said: str) -> str:
    """What verifying names beside times; all of it stands in ``verify.txt``."""
    return " / ".join(line.strip() for line in _findings(said) if _TIME not in line)[:400] or said[-400:]
