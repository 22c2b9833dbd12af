"""How a flow that was played differs from the golden one, as the closed list of findings that people read. Pure.

No finding quotes a value: names of fields, hosts, scopes and classes, and what the rules said.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sandbox.upgrades.comparing import MOST_FIELDS, differing

FAILS, OUTCOME, ASKS, REFUSED, HOST, SCOPE, CLASS, DIFFERS, STEPS = (
    "fails", "outcome", "asks", "refused", "new_host", "new_scope", "new_class", "differs", "steps",
)  # fmt: skip
WORDS = {
    FAILS: "Fails",
    OUTCOME: "Outcome not reached",
    ASKS: "Asks for approval",
    REFUSED: "Refused by the rules",
    HOST: "Calls a new host",
    SCOPE: "Asks for a new scope",
    CLASS: "Carries new data",
    DIFFERS: "Answers otherwise",
    STEPS: "Other steps run",
}
MOST_FINDINGS = 100


def words_of_host(host: str) -> str:
    """A host in words: one that each connection has of its own is written as a placeholder in manifests."""
    return "the host of its connection" if host == "{connection.host}" else host


@dataclass(frozen=True)
class Finding:
    """``case`` is its id, ``step`` a step's id or "". ``text`` is a sentence, ``fields`` dotted names."""

    kind: str
    case: str
    step: str
    text: str
    fields: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"fields": list(self.fields)}


def compare(golden: list[dict[str, Any]], played: list[dict[str, Any]]) -> list[Finding]:
    """What is not as in ``golden``; cases that it does not have are judged by themselves: they must reach their end."""
    before = {one["id"]: one for one in golden}
    found: list[Finding] = []
    for one in played:
        old = before.get(one["id"])
        found += _by_itself(one) if old is None else _compared(old, one)
    return found[:MOST_FINDINGS]


def _by_itself(played: dict[str, Any]) -> list[Finding]:
    case = played["id"]
    if played["fails"]:
        return [Finding(FAILS, case, "", played["fails"])]
    if played["outcome"] and not played["outcome"]["is_reached"]:
        return [Finding(OUTCOME, case, "", f"It does not reach {played['outcome']['name']}.")]
    return []


def _compared(old: dict[str, Any], new: dict[str, Any]) -> list[Finding]:
    case = new["id"]
    found: list[Finding] = []
    was, steps = _by_step(old), _by_step(new)
    if new["fails"] != old["fails"]:
        now = new["fails"] or f"It does not fail any more, as it did: {old['fails']}"
        found.append(Finding(FAILS if new["fails"] else STEPS, case, "", now))
    if _reached(old) and not _reached(new):
        found.append(
            Finding(OUTCOME, case, "", f"It does not reach {(old['outcome'] or {}).get('name', '')} any more.")
        )
    elif _reached(new) and not _reached(old) and not old["fails"]:
        found.append(Finding(STEPS, case, "", "It reaches its outcome, which it did not."))
    for key, step in steps.items():
        found += _of_step(case, was.get(key), step)
    for key in was.keys() - steps.keys():
        if not new["fails"]:  # what comes after a failure is missing anyway
            found.append(Finding(STEPS, case, key[0], f"{_named(key)} is not there any more."))
    return found


def _of_step(case: str, old: dict[str, Any] | None, new: dict[str, Any]) -> list[Finding]:
    key = _key(new)
    if old is None:
        return [Finding(STEPS, case, new["step"], f"{_named(key)} is new.")]
    if bool(old.get("is_left_out")) != bool(new.get("is_left_out")):
        words = "is left out now" if new.get("is_left_out") else "runs now, and was left out"
        return [Finding(STEPS, case, new["step"], f"{_named(key)} {words}.")]
    if new.get("is_left_out"):
        return []
    found: list[Finding] = []
    for kind, name, words in ((HOST, "hosts", "calls"), (SCOPE, "scopes", "asks for"), (CLASS, "classes", "carries")):
        if more := [one for one in new.get(name, ()) if one not in old.get(name, ())]:
            told = ", ".join(words_of_host(one) for one in more) if kind == HOST else ", ".join(more)
            found.append(Finding(kind, case, new["step"], f"{_named(key)} {words} {told}, which is new."))
    if old.get("effect") != new.get("effect") and new.get("effect") in ("require_approval", "deny"):
        asks = new["effect"] == "require_approval"
        words = "asks for a person’s yes now" if asks else "is refused by the rules now"
        found.append(Finding(ASKS if asks else REFUSED, case, new["step"], f"{_named(key)} {words}."))
    if not new["fails"] and (fields := tuple(differing(old["outputs"], new["outputs"]))):
        shown = ", ".join(fields[:MOST_FIELDS])
        found.append(Finding(DIFFERS, case, new["step"], f"{_named(key)} answers otherwise in {shown}.", fields[:20]))
    return found


def _by_step(played: dict[str, Any]) -> dict[tuple[str, int, bool], dict[str, Any]]:
    return {_key(one): one for one in played["steps"]}


def _key(step: dict[str, Any]) -> tuple[str, int, bool]:
    return step["step"], step["item"], bool(step.get("undoes"))


def _reached(played: dict[str, Any]) -> bool:
    return bool(played["outcome"] and played["outcome"]["is_reached"])


def _named(key: tuple[str, int, bool]) -> str:
    step, item, undoes = key
    name = f"Step “{step}”, item {item}," if item else f"Step “{step}”"
    return f"Taking back {name[0].lower()}{name[1:]}" if undoes else name
