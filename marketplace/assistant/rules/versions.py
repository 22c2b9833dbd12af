"""Versions: newer ones, ending ones, withdrawn ones, and those that fail more than the one before."""

from datetime import date

from marketplace.assistant.drafts import INFO, URGENT, WARN, Draft, Ground, Measure, Step
from marketplace.assistant.facts import Ending, Facts, Report, Target, Update, Withdrawn, Worse
from marketplace.assistant.words import Link, Said, percent, say, some

NEEDS = "view_listing"  # whoever sees what there is may ask for it; doing it is for those who may
SOON, NEAR = 30, 7  # days
FEWEST = 20  # calls of each version, before they are compared
TIMES = 3  # as many failures, by share
_SUBJECT = "registry.installation"
_HOW = {
    "yanked": ("was yanked by its publisher", WARN),
    "flagged": ("is in quarantine", WARN),
    "stopped": ("is stopped, and nothing of it runs", URGENT),
}


def update_available(facts: Facts) -> list[Draft]:
    """A newer release that nothing takes by itself, that nobody holds back, and that everything here runs with."""
    return [_update(one) for one in facts.updates if not (one.comes_by_itself or one.is_held or one.is_hindered)]


def version_ending(facts: Facts) -> list[Draft]:
    """A deprecated version in use, from 90 days before its end; more urgent as the day comes near."""
    return [_ending(one, facts.now.date()) for one in facts.endings]


def version_withdrawn(facts: Facts) -> list[Draft]:
    """A version in use that its publisher yanked, or that the desk put into quarantine."""
    return [_withdrawn(one) for one in facts.withdrawn]


def roll_back(facts: Facts) -> list[Draft]:
    """A version that fails three times as often as the one before it, by enough calls of both."""
    return [_roll_back(one) for one in facts.worse if _is_worse(one)]


def _update(one: Update) -> Draft:
    names = {"extension": one.installation.name, "from": one.number, "to": one.to.number}
    size = {"patch": "a fix", "minor": "an addition", "major": "a major release"}.get(one.bump, "another release")
    sentence = say(f"{{extension}} can go from {{from}} to {{to}}, {size}.", **names)
    reasons = [say("{to} came out on {day}.", to=one.to.number, day=_day(one.published_at.date()))]
    if one.closes_hole:
        reasons.append(say("Its publisher marks {to} as the fix of a security hole.", to=one.to.number))
    if one.bump == "major":
        reasons.append(say("A major release may change or drop fields."))
    if one.to.widens:
        reasons.append(say("It asks for more than was agreed to, so somebody has to agree to that."))
    grounds = [Ground(say("{extension} is held at {from}.", **names), _page(one.installation.id))]
    severity = WARN if one.closes_hole else INFO
    if one.report:
        reasons += _told(one.report)
        grounds.append(Ground(say("A replay of {calls}.", calls=some(one.report.calls, "call")), _report(one.report)))
    else:
        reasons.append(say("Nobody replayed the calls of this workspace on it yet."))
    return _draft(
        "update_available", one, sentence, reasons, grounds, severity, _move(one.installation.id, one.to), one.to.number
    )


def _told(report: Report) -> list[Said]:
    calls = some(report.calls, "recorded call")
    if not report.calls:
        return [say("No calls are recorded here, so a replay shows nothing.")]
    if report.fails or report.asks:
        found = [say("Of {calls}, {same} would do the same as now.", calls=calls, same=report.same)]
        if report.fails:
            found.append(say("{count} would fail, so look at the report first.", count=report.fails))
        if report.asks:
            found.append(say("{count} would wait for a person.", count=report.asks))
    else:
        found = [
            say("Of {calls}, {same} would do the same as now, and none would fail.", calls=calls, same=report.same)
        ]
    if not report.is_way_back:
        found.append(say("There is no proven way back from it."))
    return found


def _ending(one: Ending, today: date) -> Draft:
    left = (one.ends_on - today).days
    names = {"extension": one.installation.name, "number": one.number, "day": _day(one.ends_on)}
    if one.is_paused or left < 0:
        sentence = say("{extension} {number} came to its end on {day}.", **names)
    else:
        sentence = say("{extension} {number} ends on {day}, in {left}.", left=some(left, "day"), **names)
    reasons = []
    if one.is_paused:
        reasons.append(say("It is paused: nothing of it runs until it is moved."))
    if one.packs:
        reasons.append(
            say("{packs} here {use} it.", packs=some(one.packs, "pack"), use="uses" if one.packs == 1 else "use")
        )
    reasons.append(
        say("{to} may be installed.", to=one.to.number) if one.to else say("No other release may be installed now.")
    )
    severity = URGENT if one.is_paused or left <= NEAR else WARN if left <= SOON else INFO
    ground = Ground(say("{extension} is held at {number}.", **names), _page(one.installation.id))
    step = _move(one.installation.id, one.to)
    return _draft("version_ending", one, sentence, reasons, [ground], severity, step, one.number)


def _withdrawn(one: Withdrawn) -> Draft:
    words, severity = _HOW[one.how]
    names = {"extension": one.installation.name, "number": one.number}
    sentence = say(f"{{extension}} {{number}} {words}.", **names)
    if one.to is None:
        reasons = [say("No other release may be installed now.")]
    elif one.is_back:
        reasons = [say("{to} was held here before, and may be gone back to.", to=one.to.number)]
    else:
        reasons = [say("{to} may be installed.", to=one.to.number)]
    step = _back(one.installation.id, one.to) if one.to and one.is_back else _move(one.installation.id, one.to)
    ground = Ground(say("{extension} is held at {number}.", **names), _page(one.installation.id))
    return _draft("version_withdrawn", one, sentence, reasons, [ground], severity, step, f"{one.number} {one.how}")


def _is_worse(one: Worse) -> bool:
    now, before = one.figures, one.before
    if min(now.calls, before.calls) < FEWEST or now.bad < TIMES:
        return False
    return now.bad * before.calls >= TIMES * before.bad * now.calls


def _roll_back(one: Worse) -> Draft:
    now, before = one.figures, one.before
    names = {"extension": one.installation.name, "number": one.number, "back": one.back.number}
    sentence = say("{extension} {number} fails more than {back} did.", **names)
    where = "here" if one.is_own else "in all workspaces together"
    reasons = [
        say(
            f"{{share}} of {{calls}} failed {where}.", share=percent(now.bad, now.calls), calls=some(now.calls, "call")
        ),
        say(
            "Of {number} it was {share} of {calls}.",
            number=one.back.number,
            share=percent(before.bad, before.calls),
            calls=some(before.calls, "call"),
        ),
    ]
    health = Link("sandbox:installation-health", (str(one.installation.id),))
    ground = Ground(say("Calls of {extension} {number} by result.", **names), health)
    step = _back(one.installation.id, one.back)
    return _draft("roll_back", one, sentence, reasons, [ground], WARN, step, one.number)


def _draft(
    rule: str,
    one: Update | Ending | Withdrawn | Worse,
    sentence: Said,
    reasons: list[Said],
    grounds: list[Ground],
    severity: int,
    step: Step,
    key: str,
) -> Draft:
    return Draft(
        rule=rule,
        subject_kind=_SUBJECT,
        subject_id=one.installation.id,
        installation=one.installation.id,
        needs=NEEDS,
        severity=severity,
        sentence=sentence,
        reasons=tuple(reasons),
        grounds=tuple(grounds),
        step=step,
        measure=Measure("version"),
        key=key,
    )


def _move(installation: object, to: Target | None) -> Step:
    """To another version where one is known; else the page that lists what there is."""
    args = (str(installation),)
    if to is None:
        return Step("open", "See its versions", Link("registry:pin-change", args))
    return Step(
        "update", f"Ask for {to.number}", Link("registry:pin-change", args, f"to={to.digest}"), version=to.digest
    )


def _back(installation: object, to: Target) -> Step:
    link = Link("registry:rollback", (str(installation),), f"to={to.digest}")
    return Step("rollback", f"Ask to go back to {to.number}", link, version=to.digest)


def _page(installation: object) -> Link:
    return Link("registry:installation-detail", (str(installation),))


def _report(report: Report) -> Link:
    return Link("sandbox:upgrade-report", (str(report.id),))


def _day(day: date) -> str:
    return f"{day:%d %B %Y}".lstrip("0")
