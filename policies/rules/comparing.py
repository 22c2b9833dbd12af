"""Two sets of rules compared over every request there could be: does the second only tighten?

The answer does not rest on what was recorded. Whatever the two sets answer otherwise has to be covered by a rule that
they do not share; so the boxes of those rules are cut by all others until every part has one answer from each set, and
both are asked about a request of each part. A difference is believed only when the engine itself says it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from policies.answers import Evaluation
from policies.engine import evaluate
from policies.known import Known
from policies.models import Effect
from policies.rules.asks import Ask
from policies.rules.compiling import Snapshot
from policies.rules.dimensions import Fact
from policies.rules.parts import REDACTIONS
from policies.rules.regions import Space, cells, question_of
from policies.rules.vocabulary import Rule

BUDGET_S = 1.5
MOST_ASKED = 40_000
MOST_RULES = 400  # the space of more would take too long to measure
WIDEST = 10  # denials that say least: where one or a few lock everybody out, it is these
_LOOSENESS = {Effect.DENY: 0, Effect.REQUIRE_APPROVAL: 1, Effect.ALLOW: 2}
WORDS = {Effect.DENY: "denied", Effect.REQUIRE_APPROVAL: "asked", Effect.ALLOW: "allowed"}


@dataclass(frozen=True)
class Comparison:
    """``looser`` says in a sentence which request the second set is easier on, "" where none was found.

    ``is_complete`` is False where the search was stopped before every part was looked at; ``asked`` counts requests.
    """

    looser: str
    is_complete: bool
    asked: int

    @property
    def only_tightens(self) -> bool:
        return not self.looser and self.is_complete


def compare(before: Sequence[Rule], after: Sequence[Rule], known: Known | None = None) -> Comparison:
    """Search for a request that ``after`` is easier on than ``before``."""
    plain = {_plain(rule): rule for rule in (*before, *after)}
    rules = list(plain.values())
    shared = {_plain(rule) for rule in before} & {_plain(rule) for rule in after}
    moved = [place for place, rule in enumerate(rules) if _plain(rule) not in shared]
    if not moved:
        return Comparison("", True, 0)
    if len(rules) > MOST_RULES:
        return Comparison("", False, 0)
    space, old, new = Space(rules, known), Snapshot(0, before), Snapshot(0, after)
    deadline, asked, milder = time.monotonic() + BUDGET_S, 0, ""
    limits: dict[int, set[int]] = {}
    for place in moved:
        cuts = [box for other, box in enumerate(space.boxes) if other != place]
        if not all(space.boxes[place]):
            continue
        for cell in cells(space.boxes[place], cuts):
            for facts in space.requests(cell):
                if asked >= MOST_ASKED or time.monotonic() > deadline:
                    return Comparison(milder, bool(milder), asked)
                asked += 1
                question = question_of(facts)
                was, now = evaluate(old, *question), evaluate(new, *question)
                why = loosened(was, now)
                if why and was.effect != now.effect:
                    return Comparison(f"{in_words(facts)}: {why}.", True, asked)
                if why and not milder:  # true, and there may be a plainer one
                    milder = f"{in_words(facts)}: {why}."
                _note_limits(limits, was, now)
    milder = milder or _parted(limits, before)
    return Comparison(milder, bool(milder) or space.is_whole, asked)


def overlapping(rule: Rule, others: Sequence[Rule], known: Known | None = None) -> list[Rule]:
    """Those of ``others``, of the first MOST_RULES, that are about some of the requests that ``rule`` is about."""
    others = others[:MOST_RULES]
    space = Space([rule, *others], known, rare=False)
    return [other for place, other in enumerate(others, start=1) if space.overlap(0, place)]


def denies_everything(rules: Sequence[Rule], known: Known | None = None) -> bool:
    """Whether no call of anybody passes, or could be asked for. False where that could not be found out in time.

    Only rules that deny count, since others let more pass. Those that say least are looked at by themselves first, and
    are all that is looked at where there are very many.
    """
    denials = sorted((rule for rule in rules if rule.effect == Effect.DENY), key=_narrowness)
    if _deny_everything(denials[:WIDEST], known):
        return True
    return WIDEST < len(denials) <= MOST_RULES and _deny_everything(denials, known)


def _deny_everything(denials: Sequence[Rule], known: Known | None) -> bool:
    space, snapshot = Space(denials, known), Snapshot(0, denials)
    deadline = time.monotonic() + BUDGET_S
    for cell in cells(space.calls, space.boxes):
        for facts in space.requests(cell):
            if evaluate(snapshot, *question_of(facts)).effect != Effect.DENY or time.monotonic() > deadline:
                return False
    return space.is_whole


def loosened(was: Evaluation, now: Evaluation) -> str:
    """In which way ``now`` is easier than ``was``, in words; "" where it is not."""
    if _LOOSENESS[now.effect] > _LOOSENESS[was.effect]:
        return f"{WORDS[was.effect]} now, {WORDS[now.effect]} then"
    if now.effect != was.effect or was.effect == Effect.DENY:
        return ""
    if was.ask and now.ask and (why := _asks_less(was.ask, now.ask)):
        return why
    return _binds_less(was.obligations, now.obligations)


def in_words(facts: Sequence[Fact]) -> str:
    """A request as the beginning of a sentence."""
    who, doing, thing, act, *others = facts
    what = thing.words if thing.told_by_default else f"{thing.words} {doing.words}"  # the first says what it does
    parts = [f"{who.words} {act.words} {what}", *(fact.words for fact in others if fact.words)]
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def _asks_less(was: Ask, now: Ask) -> str:
    needed = {stage.reviewers: stage.needed for stage in now.stages}
    for stage in was.stages:
        if stage.reviewers not in needed:
            return "other people would be asked"
        if needed[stage.reviewers] < stage.needed:
            return f"{stage.needed} people are asked now, {needed[stage.reviewers]} then"
    if was.second_factor and not now.second_factor:
        return "a second factor is asked for now, and none then"
    if now.expires_s > was.expires_s:
        return f"the question stands {_hours(was.expires_s)} now, {_hours(now.expires_s)} then"
    if now.business_hours != was.business_hours and now.business_hours:
        return f"its time would be counted in {'other ' if was.business_hours else ''}working hours alone"
    steps = {(one.to, was.stages[one.stage].reviewers): one.after_s for one in was.escalate}
    for one in now.escalate:
        after_s = steps.get((one.to, now.stages[one.stage].reviewers))
        if after_s is None or one.after_s < after_s:
            return "more people might answer"
        if was.business_hours != now.business_hours:  # nights count as well by now
            return "more people might answer sooner"
    return ""


def _binds_less(was: dict, now: dict) -> str:
    hides = now.get("redact", {})
    for name, mode in was.get("redact", {}).items():
        if name not in hides or REDACTIONS.index(hides[name]) < REDACTIONS.index(mode):
            return f"{name} would be hidden less strictly ({mode} now, {hides.get(name, 'not at all')} then)"
    for one in was.get("rate", ()):
        if not _kept_by(one, now):
            return f"the limit of {one['count']:,} a {one['per']} would be gone or wider"
    return ""


def _kept_by(rate: dict, now: dict) -> set[int]:
    """The rules among the obligations ``now`` that let no more through than ``rate``."""
    return {one["rule"] for one in now.get("rate", ()) if one["count"] <= rate["count"] and one["per"] == rate["per"]}


def _note_limits(limits: dict[int, set[int]], was: Evaluation, now: Evaluation) -> None:
    """Keep of each rule that limits calls now those that limit, on their own, all of them that still pass."""
    if now.effect != Effect.DENY:
        for rate in was.obligations.get("rate", ()):
            kept = _kept_by(rate, now.obligations)
            limits[rate["rule"]] = limits.get(rate["rule"], kept) & kept


def _parted(limits: dict[int, set[int]], before: Sequence[Rule]) -> str:
    """A limit that many calls share now and would not then, each part with one of its own; "" where there is none."""
    for rule in before:
        rate = rule.obligations.rate
        if rate and limits.get(rule.number) == set():
            return f"Calls that share rule {rule.number}’s limit of {rate.count:,} a {rate.per} now would not then."
    return ""


def _narrowness(rule: Rule) -> int:
    """How much a rule asks about."""
    return len(rule.who.as_json()) + len(rule.what.as_json()) + len(rule.when.as_json())


def _hours(seconds: int) -> str:
    hours = seconds / 3600
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def _plain(rule: Rule) -> Rule:
    """A rule without its names, which change no answer."""
    return replace(rule, id="", number=1, title="")
