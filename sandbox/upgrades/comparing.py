"""How the answers of two versions to one recorded call differ, as the closed list of findings that people read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.upgrades.answering import NOT_REPLAYED, Answer

SAME, DIFFERS, FAILS, ASKS, NEW_HOST, SLOWER = "same", "differs", "fails", "asks", "new_host", "slower"
UNKNOWN = "unknown"
SLOWER_BY_MS, SLOWER_TIMES = 200, 1.5  # less is noise to whoever waits for an answer
MOST_FIELDS = 20
DEEPEST = 6


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was. ``text`` is a sentence, ``fields`` dotted names of outputs."""

    kind: str
    text: str
    fields: tuple[str, ...] = ()


def compare(old: Answer, new: Answer) -> list[Finding]:
    """What differs; [] where the call is answered the same. What failed before already is no news."""
    if NOT_REPLAYED in (old["code"], new["code"]):
        return [Finding(UNKNOWN, new["fails"] or old["fails"]), *_refused(old, new)]
    if old["fails"] and new["fails"]:
        return []
    found = [*_refused(old, new)]
    if new["fails"]:
        found.append(Finding(FAILS, new["fails"]))
    elif new["misfit"] and not old["misfit"]:
        found.append(Finding(FAILS, f"The answer is not what it declares. {new['misfit']}"))
    elif fields := tuple(differing(old["outputs"], new["outputs"])):
        found.append(Finding(DIFFERS, f"It answers otherwise in {', '.join(fields[:MOST_FIELDS])}.", fields))
    if hosts := [host for host in new["hosts"] if host not in old["hosts"]]:
        found.append(Finding(NEW_HOST, f"It calls {', '.join(hosts)}, which it did not before."))
    before, after = old["latency_ms"], new["latency_ms"]
    if after - before >= SLOWER_BY_MS and after >= before * SLOWER_TIMES:
        found.append(Finding(SLOWER, f"It takes {after} ms, {before} ms before."))
    return found


def differing(old: Any, new: Any, above: str = "", depth: int = 0) -> Iterator[str]:
    """Dotted names of what is not equal, in order of names."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and depth < DEEPEST:
        for name in sorted({*old, *new}):
            place = f"{above}.{name}" if above else name
            if (name in old) != (name in new):
                yield place
            else:
                yield from differing(old[name], new[name], place, depth + 1)
        return
    yield above or "the answer"


def _refused(old: Answer, new: Answer) -> Iterator[Finding]:
    """Inputs that the new version does not take and the old one took. What hides values may break a format: of both."""
    for place, sentence in new["unfit"].items():
        if place not in old["unfit"]:
            yield Finding(FAILS, f"{place or 'The inputs'}: {sentence}", (place,) if place else ())
