"""The work of a workspace: what waits for people, and packs that cannot run, or could run live."""

from datetime import timedelta
from urllib.parse import urlencode

from marketplace.assistant.drafts import INFO, WARN, Draft, Ground, Measure, Step
from marketplace.assistant.facts import Answered, Facts, Lacking, Rehearsed, Started, Waiting
from marketplace.assistant.words import Link, say, some

ALWAYS_YES = 5  # answers of one person in 30 days, all of them yes
OLD = timedelta(hours=24)
LEAST_REHEARSED = 3  # simulated runs that succeeded
MOST_BUDGET = 50


def manual_steps(facts: Facts) -> list[Draft]:
    """Calls of packs that wait each time for the same person, who always says yes. Never a delete, nor bulk."""
    return [
        _manual(one)
        for one in facts.answered
        if one.yes >= ALWAYS_YES and not one.no and one.from_packs and one.scope and not one.deletes and not one.bulk
    ]


def queue_old(facts: Facts) -> list[Draft]:
    """Requests of which the oldest has waited for a day or longer."""
    return [_queue(one, facts) for one in facts.waiting if one.count and facts.now - one.oldest_at >= OLD]


def pack_unmet(facts: Facts) -> list[Draft]:
    """Something that an installed pack requires is not here, or at a version that it does not take."""
    return [_lacking(one) for one in facts.lacking]


def pack_live(facts: Facts) -> list[Draft]:
    """A pack that ran well in simulation and never live, although every account that it needs is connected."""
    return [
        _live(one)
        for one in facts.rehearsed
        if one.good >= LEAST_REHEARSED and not one.live and not one.bad and one.connectors and not one.unconnected
    ]


def trigger_off(facts: Facts) -> list[Draft]:
    """A trigger that Galaxy switched off after failures in a row, or at whose webhook nothing comes in any more."""
    return [_trigger(one, facts) for one in facts.started]


def _manual(one: Answered) -> Draft:
    budget = min(MOST_BUDGET, max(one.yes, ALWAYS_YES))
    names = {
        "target": one.target,
        "person": one.person.name,
        "yes": some(one.yes, "time"),
        "packs": some(one.from_packs, "time"),
        "budget": some(budget, "use"),
        "waited": _length(one.waited),
    }
    query = urlencode({"installation": str(one.installation.id), "scope": one.scope, "budget": budget})
    return Draft(
        rule="manual_steps",
        subject_kind="registry.installation",
        subject_id=one.installation.id,
        installation=one.installation.id,
        needs="manage_rule",
        severity=INFO,
        sentence=say("{person} says yes to {target} each time.", **names),
        reasons=(
            say("It was asked {yes} within 30 days, {packs} by a pack, and never refused.", **names),
            say("Each time it waited for {waited}, as a rule.", **names),
            say(
                "An Auto-Approve grant of {budget} would answer in their place, until it ends or something fails.",
                **names,
            ),
        ),
        grounds=(
            Ground(
                say("What {person} answered.", **names),
                Link("policies:approval-list", (), urlencode({"tab": "decided", "q": one.target})),
            ),
        ),
        step=Step("open", "Draft the grant", Link("policies:auto-approval-create", (), query)),
        measure=Measure("asked", one.yes, one.yes, one.target),
        key=f"{one.target} {one.scope} {one.person.id}"[:200],
    )


def _queue(one: Waiting, facts: Facts) -> Draft:
    names = {
        "requests": some(one.count, "request waits", "requests wait"),
        "age": _length(facts.now - one.oldest_at),
        "packs": some(one.packs, "of them holds up a pack", "of them hold up packs"),
        "expiring": some(one.expiring, "expires", "expire"),
        "expired": some(one.expired, "request", "requests"),
    }
    reasons = []
    if one.packs:
        reasons.append(say("{packs}, whose outcome is late by so long.", **names))
    if one.expiring:
        reasons.append(say("{expiring} within 24 hours, which means no.", **names))
    if one.expired:
        reasons.append(say("{expired} expired unanswered within seven days.", **names))
    queue = Link("policies:approval-list", (), "sort=oldest")
    return Draft(
        rule="queue_old",
        subject_kind="core.workspace",
        subject_id=one.workspace,
        needs="decide_approval",
        severity=WARN if one.expiring or one.packs else INFO,
        sentence=say("{requests} for a person, the oldest for {age}.", **names),
        reasons=tuple(reasons),
        grounds=(Ground(say("The queue, the oldest first."), queue),),
        step=Step("open", "Open the queue", queue),
        measure=Measure("waiting", one.count, one.count),
    )


def _lacking(one: Lacking) -> Draft:
    names = {"pack": one.pack.name, "slug": one.slug, "number": one.number}
    pack = Link("registry:installation-detail", (str(one.pack.id),))
    if one.installation:
        sentence = say("{pack} cannot run with {slug} {number}.", **names)
        reasons = [say("It takes another version of it, and {number} is held here.", **names)]
        step = Step("open", "See its versions", Link("registry:pin-change", (str(one.installation.id),)))
    elif one.is_listed:
        sentence = say("{pack} cannot run without {slug}.", **names)
        reasons = [say("It requires {slug}, which the marketplace lists.", **names)]
        step = Step("install", "Ask for it", Link("marketplace:listing-install", (one.slug,)), slug=one.slug)
    else:
        sentence = say("{pack} cannot run without {slug}.", **names)
        reasons = [say("It requires {slug}, which nobody offers.", **names)]
        step = Step("open", "Open the pack", pack)
    return Draft(
        rule="pack_unmet",
        subject_kind="registry.installation",
        subject_id=one.pack.id,
        installation=one.pack.id,
        needs="view_listing",
        severity=WARN,
        sentence=sentence,
        reasons=tuple(reasons),
        grounds=(Ground(say("What {pack} requires.", **names), pack),),
        step=step,
        measure=Measure("requirement", 1, 1, one.slug),
        key=one.slug,
    )


def _live(one: Rehearsed) -> Draft:
    names = {
        "pack": one.pack.name,
        "runs": some(one.good, "simulated run"),
        "accounts": "The account that it needs is"
        if one.connectors == 1
        else f"All {one.connectors} accounts that it needs are",
    }
    return Draft(
        rule="pack_live",
        subject_kind="registry.installation",
        subject_id=one.pack.id,
        installation=one.pack.id,
        needs="run_installation",
        severity=INFO,
        sentence=say("{pack} could run live.", **names),
        reasons=(
            say("{runs} reached the end within 30 days, and none ran live.", **names),
            say("{accounts} connected.", **names),
        ),
        grounds=(Ground(say("Its runs."), Link("sandbox:run-list", (), f"installation={one.pack.id}")),),
        step=Step("open", "Run it live…", Link("sandbox:run-create", (), urlencode({"target": one.slug}))),
        measure=Measure("live", 1, 1),
    )


def _trigger(one: Started, facts: Facts) -> Draft:
    names = {"trigger": one.trigger.name, "starts": some(one.failures, "start"), "name": one.installation.name}
    if one.how == "paused":
        sentence = say("The trigger {trigger} was switched off.", **names)
        reasons = [say("{starts} in a row failed, so Galaxy switched it off.", **names)]
    else:
        sentence = say("Nothing comes in for the trigger {trigger}.", **names)
        silent = _length(facts.now - one.since) if one.since else "a while"
        reasons = [say("It has been silent for {silent}, which is longer than it usually is.", silent=silent)]
    page = Link("sandbox:trigger-detail", (str(one.trigger.id),))
    return Draft(
        rule="trigger_off",
        subject_kind="sandbox.trigger",
        subject_id=one.trigger.id,
        installation=one.installation.id,
        needs="manage_trigger",
        severity=WARN,
        sentence=sentence,
        reasons=(*reasons, say("It starts {name}.", **names)),
        grounds=(Ground(say("The trigger, with what it started."), page),),
        step=Step("open", "Open the trigger", page),
        measure=Measure("trigger", 1, 1),
        key=one.how,
    )


def _length(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 60:
        return some(max(minutes, 1), "minute")
    if minutes < 48 * 60:
        return some(minutes // 60, "hour")
    return some(minutes // (24 * 60), "day")
