"""Calls: what keeps failing, what another extension could do instead, and what is slower than its budget."""

from galaxy.core.ui.words import duration
from marketplace.assistant.drafts import INFO, WARN, Draft, Ground, Measure, Step
from marketplace.assistant.facts import Called, Facts, Offered
from marketplace.assistant.words import Link, percent, say, some
from sandbox.metrics.reading import BUDGETS_MS

LEAST_CALLS = 5  # of seven days, of which half failed
HALF = 2
ENOUGH_RUNS = 50  # of a listing, before its figures say anything (marketplace.cards.figures)
LEAST_TIMED = 20  # calls, before a 95th percentile says anything
_LEVELS = {"community": 0, "verified": 1, "enterprise": 2}


def keeps_failing(facts: Facts) -> list[Draft]:
    """An action of which at least half of five calls or more failed within seven days, the newest among them. Mistakes
    of callers do not count."""
    return [_failing(one) for one in facts.called if is_failing(one)]


def alternative(facts: Facts) -> list[Draft]:
    """Another listed action with the very same scopes and effect, where one keeps failing: better proven, or not worse
    and known to work."""
    found = []
    for one in facts.called:
        better = [offer for offer in facts.offered if _fits(one, offer)] if is_failing(one) else []
        if better:
            found.append(_alternative(one, max(better, key=_worth)))
    return found


def slow(facts: Facts) -> list[Draft]:
    """An action whose 95th percentile is above 2 s, or a transform above 300 ms, by 20 calls or more."""
    return [_slow(one) for one in facts.called if _is_slow(one)]


def is_failing(one: Called) -> bool:
    figures = one.figures
    return figures.calls >= LEAST_CALLS and figures.bad * HALF >= figures.calls and figures.last_bad


def _failing(one: Called) -> Draft:
    figures = one.figures
    names = {
        "target": one.target,
        "bad": figures.bad,
        "calls": some(figures.calls, "call"),
        "share": percent(figures.bad, figures.calls),
    }
    reasons = [
        say("{bad} of {calls} failed, {share}, and so did the newest. Mistakes of callers are left out.", **names)
    ]
    if one.category:
        reasons.append(say("Most of them failed with the category {category}.", category=one.category))
    grounds = [Ground(say("The calls of seven days that failed."), _runs(one))]
    if one.run:
        grounds.append(Ground(say("The newest of them."), Link("sandbox:run-detail", (str(one.run),))))
    health = Link("sandbox:installation-health", (str(one.installation.id),))
    step = Step("open", "See its health", health)
    if one.issue:
        step = Step("open", "Open the issue", Link("sandbox:issue-detail", (str(one.issue),)))
    return Draft(
        rule="keeps_failing",
        subject_kind="registry.installation",
        subject_id=one.installation.id,
        installation=one.installation.id,
        needs="view_installation",
        severity=WARN,
        sentence=say("{target} keeps failing.", **names),
        reasons=tuple(reasons),
        grounds=tuple(grounds),
        step=step,
        measure=Measure("errors", figures.bad, figures.calls, one.target),
        key=one.target,
    )


def _fits(one: Called, offer: Offered) -> bool:
    same = set(offer.scopes) == set(one.scopes) and bool(one.scopes) and offer.effect == one.effect
    if not same or offer.slug == one.slug:
        return False
    proven = offer.runs >= ENOUGH_RUNS and offer.good * HALF > offer.runs
    return proven or _LEVELS[offer.level] > _LEVELS["community"]


def _worth(offer: Offered) -> tuple:
    """Installed ones first, then by how far they are vouched for and how they fare; a name decides between equals."""
    rate = offer.good / offer.runs if offer.runs >= ENOUGH_RUNS else 0.0
    return offer.is_installed, _LEVELS[offer.level], rate, offer.runs, offer.slug


def _alternative(one: Called, offer: Offered) -> Draft:
    names = {"target": one.target, "other": offer.name, "scopes": some(len(one.scopes), "scope")}
    reasons = [say("It declares the same {scopes} and the same effect, {effect}.", effect=one.effect, **names)]
    reasons.append(say("The marketplace lists it as {level}.", level=offer.level))
    if offer.runs >= ENOUGH_RUNS:
        share = percent(offer.good, offer.runs)
        reasons.append(say("{share} of {runs} of it succeeded.", share=share, runs=some(offer.runs, "call")))
    if offer.is_installed:
        reasons.append(say("It is installed here already."))
        step = Step("open", f"See {offer.slug}", Link("marketplace:listing-detail", (offer.slug,)), slug=offer.slug)
    else:
        link = Link("marketplace:listing-install", (offer.slug,))
        step = Step("install", "Ask for it", link, slug=offer.slug)
    return Draft(
        rule="alternative",
        subject_kind="registry.installation",
        subject_id=one.installation.id,
        installation=one.installation.id,
        needs="view_listing",
        severity=INFO,
        sentence=say("{other} could do what {target} fails at.", **names),
        reasons=tuple(reasons),
        grounds=(
            Ground(
                say(
                    "{bad} of {calls} of {target} failed.",
                    bad=one.figures.bad,
                    calls=some(one.figures.calls, "call"),
                    **{"target": one.target},
                ),
                _runs(one),
            ),
            Ground(say("{other} in the marketplace.", **names), Link("marketplace:listing-detail", (offer.slug,))),
        ),
        step=step,
        measure=Measure("errors", one.figures.bad, one.figures.calls, one.target),
        key=f"{one.target} {offer.slug}"[:200],
    )


def _is_slow(one: Called) -> bool:
    if one.p95_ms is None or one.figures.calls < LEAST_TIMED:
        return False
    return one.p95_ms > budget_of(one.kind)


def _slow(one: Called) -> Draft:
    budget = budget_of(one.kind)
    took = one.p95_ms or 0
    page = Link("sandbox:target-detail", (str(one.installation.id), one.target), "range=7d")
    names = {
        "target": one.target,
        "took": duration(took),
        "budget": duration(budget),
        "calls": some(one.figures.calls, "call"),
    }
    return Draft(
        rule="slow",
        subject_kind="registry.installation",
        subject_id=one.installation.id,
        installation=one.installation.id,
        needs="view_installation",
        severity=INFO,
        sentence=say("{target} is slower than its budget.", **names),
        reasons=(
            say("One call in twenty takes {took} or longer; the budget is {budget}.", **names),
            say("Counted over {calls} within seven days.", **names),
        ),
        grounds=(Ground(say("How long they took, by day."), page),),
        step=Step("open", "See its figures", page),
        measure=Measure("p95", took, budget, one.target),
        key=one.target,
    )


def budget_of(kind: str) -> int:
    """Milliseconds that 95 of 100 calls keep within: of a transform, or of an action, whatever extension it is of."""
    return BUDGETS_MS["transform" if kind == "transform" else "action"]


def _runs(one: Called) -> Link:
    return Link("sandbox:run-list", (), f"installation={one.installation.id}&when=7&counts=bad")
