"""What one may ask on a page, and the answers: from rows, with their links, and always the same for the same rows.

There is a fixed list of questions for each kind of page. An answer names what the reader may see and nothing else, and
tells nothing that a publisher wrote.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from galaxy.core.models import User
from galaxy.core.permissions import can
from marketplace.assistant.drafts import Ground
from marketplace.assistant.models import Advice
from marketplace.assistant.places import Place
from marketplace.assistant.words import Link, Words, listed, ours, say, some
from marketplace.services import plan_installation
from policies.models import Approval, Decision
from policies.reading import request_of
from policies.services.reviewers import asked_of
from registry.asks import asks_of
from registry.compat import compare
from registry.dependants import grouped, uses_of
from registry.models import Version
from registry.reading import asks_here
from registry.standing import standings_of
from sandbox.errors import CATEGORIES
from sandbox.models import Category, Run

MOST_LINES = 8
DAYS = 30


@dataclass(frozen=True)
class Line:
    """``text`` with the address of its rows, "" where there is none."""

    text: str
    url: str = ""


@dataclass(frozen=True)
class Question:
    """``name`` is what an address carries, ``words`` what people read; ``answer`` gives the facts it is answered by."""

    name: str
    words: str
    kinds: tuple[str, ...]
    answer: Callable[[Place, User], Sequence[Ground]]
    fits: Callable[[Place], bool] = lambda place: True


def questions_for(place: Place) -> list[Question]:
    """What one may ask here, in order; those of every page last."""
    return [one for one in QUESTIONS if (not one.kinds or place.kind in one.kinds) and one.fits(place)]


def answer_to(name: str, place: Place, user: User) -> list[Line] | None:
    """The answer to a question of this page; None where it has no such question."""
    question = next((one for one in questions_for(place) if one.name == name), None)
    if question is None:
        return None
    slug = place.workspace.slug
    found = list(question.answer(place, user))
    return [Line(str(one.said), one.link.url(slug) if one.link else "") for one in found[:MOST_LINES]]


# --- Runs ---------------------------------------------------------------------------------------------------------


def _why_failed(place: Place, user: User) -> list[Ground]:
    run: Run = place.about
    error, category = run.error or {}, CATEGORIES[run.error_category]
    run_link = Link("sandbox:run-detail", (str(run.pk),))
    found = [Ground(say("{label}: " + category.sentence, label=Category(run.error_category).label), run_link)]
    if status := error.get("status"):
        found.append(Ground(say("The answer had the status {status}.", status=str(status))))
    if attempts := error.get("attempts"):
        found.append(Ground(say("It was tried {times}.", times=some(attempts, "time"))))
    same = (
        Run.objects.in_workspace(run.workspace)
        .visible_to(user)
        .filter(installation=run.installation_id, target=run.target, created_at__gt=timezone.now() - timedelta(days=7))
    )
    failed = same.filter(state=Run.State.FAILED, error_category=run.error_category).exclude(pk=run.pk).count()
    if failed:
        query = f"installation={run.installation_id}&when=7&category={run.error_category}"
        others = say("{runs} of it failed the same way within seven days.", runs=some(failed, "other run"))
        found.append(Ground(others, Link("sandbox:run-list", (), query)))
    found.append(Ground(say(category.next_step), run_link))
    return found


def _run_uses(place: Place, user: User) -> list[Ground]:
    run: Run = place.about
    page = Link("registry:installation-detail", (str(run.installation_id),))
    found = [Ground(say("It ran {name} {number}.", name=str(run.installation), number=run.version.number), page)]
    if run.connection:
        way = Link("sandbox:connection-detail", (str(run.connection.pk),))
        found.append(Ground(say("It went out by {connection}.", connection=run.connection.name), way))
    else:
        found.append(Ground(say("It went out by no connection.")))
    if run.data_classes:
        found.append(Ground(say("It carried {classes}.", classes=listed(run.data_classes, 6))))
    if run.agent:
        found.append(Ground(say("{agent} called it.", agent=run.agent.name)))
    return found


def _run_waits(place: Place, user: User) -> list[Ground]:
    approval = place.about.asked
    if approval is None:
        return [Ground(say("It waits for its connection, not for a person."))]
    return [
        Ground(
            say("It waits for a person, since {when}.", when=f"{approval.requested_at:%d %B, %H:%M} UTC"),
            Link("policies:approval-detail", (str(approval.pk),)),
        )
    ]


# --- What is installed --------------------------------------------------------------------------------------------


def _uses(place: Place, user: User) -> list[Ground]:
    one = place.installation
    assert one is not None  # noqa: S101  (the kinds of this question have one)
    manifest, page = one.pin.version.parsed, Link("registry:installation-detail", (str(one.pk),))
    asks = asks_here(one.workspace, manifest)
    found = (
        [
            Ground(
                say(
                    "It was given {count}: {scopes}.",
                    count=some(len(one.scopes), "scope"),
                    scopes=listed(sorted(one.scopes), 6),
                ),
                page,
            )
        ]
        if one.scopes
        else [Ground(say("It was given no scopes."), page)]
    )
    if one.hosts:
        found.append(Ground(say("It reaches {hosts}.", hosts=listed(sorted(one.hosts), 4)), page))
    if classes := sorted({name for ask in asks for name in ask.classes}):
        found.append(Ground(say("Data of these classes passes through: {classes}.", classes=listed(classes, 8)), page))
    deletes = [ask.scope for ask in asks if ask.verb == "delete"]
    if deletes:
        found.append(Ground(say("It may delete: {scopes}.", scopes=listed(deletes, 4)), page))
    if requires := sorted(manifest.requires):
        found.append(Ground(say("It calls {slugs}.", slugs=listed(requires, 6)), page))
    return found


def _fares(place: Place, user: User) -> list[Ground]:
    one = place.installation
    assert one is not None  # noqa: S101
    standing = standings_of([one]).get(one.pk)
    if standing is None:
        return [Ground(say("It never leaves Galaxy, so there is nothing to be well or unwell."))]
    health = Link("sandbox:installation-health", (str(one.pk),))
    return [Ground(say("{state}.", state=standing.state.label), health), Ground(say("Its figures and checks."), health)]


def _update(place: Place, user: User) -> list[Ground]:
    one = place.installation
    assert one is not None  # noqa: S101
    newer = Version.objects.installable().filter(
        extension=one.extension_id, sort_key__gt=one.pin.version.sort_key, sort_key__endswith="1"
    )
    version = newer.order_by("-sort_key").select_related("extension").first()
    if version is None:
        return [Ground(say("{number} is its newest release that may be installed.", number=one.pin.version.number))]
    move = Link("registry:pin-change", (str(one.pk),), f"to={version.digest}")
    found = [Ground(say("It can go from {now} to {to}.", now=one.pin.version.number, to=version.number), move)]
    rows = compare(one.pin.version.parsed, version.parsed).rows
    for row in rows:
        words = "{term}: {now} now, {after} then."
        found.append(
            Ground(say(words, term=row.term, now=Words(row.now or "none"), after=Words(row.after or "none")), move)
        )
    if not rows:
        found.append(Ground(say("It asks for nothing new, and reaches no other host."), move))
    return found


def _used_by(place: Place, user: User) -> list[Ground]:
    one = place.installation
    assert one is not None  # noqa: S101
    page = Link("registry:installation-uses", (str(one.pk),))
    found = [
        Ground(say("{label}: {names}.", label=label, names=listed([use.name for use in uses], 4)), page)
        for label, uses in grouped(uses_of(one, user))
    ]
    return found or [Ground(say("Nothing here uses it."), page)]


# --- Requests, rules, listings ------------------------------------------------------------------------------------


def _recommends(place: Place, user: User) -> list[Ground]:
    opened = request_of(place.about, user)
    page = Link("policies:approval-detail", (str(place.about.pk),))
    if opened.recommendation is None:
        return [Ground(say("It is decided."), page)]
    found = [Ground(ours(opened.recommendation.title), page)]
    return [
        *found,
        *(Ground(ours(reason), page) for reason in opened.recommendation.reasons),
    ]


def _why_asked(place: Place, user: User) -> list[Ground]:
    approval: Approval = place.about
    if approval.decision is None:
        return [Ground(say("No rule asked for it."))]
    link = None
    if approval.requested_by_id == user.pk or can(user, "core.view_run", approval.workspace):
        link = Link("policies:decision-detail", (str(approval.decision_id),))
    rules = approval.decision.rules
    if rules:
        return [Ground(say("Rule {numbers} asked for a person.", numbers=listed([str(one) for one in rules], 6)), link)]
    return [Ground(say("No rule of this workspace spoke: what holds without one asks for a person."), link)]


def _spoke(place: Place, user: User) -> list[Ground]:
    rule = place.about
    rows = Decision.objects.visible_to(user, rule.workspace)
    since = timezone.now() - timedelta(days=DAYS)
    count = rows.filter(decided_at__gt=since, rules__contains=[rule.number]).count()
    link = Link("policies:decision-list", (), f"rule={rule.number}")
    return [Ground(say("It spoke in {times} within 30 days.", times=some(count, "decision")), link)]


def _asks_for(place: Place, user: User) -> list[Ground]:
    listing = place.about
    page = Link("marketplace:listing-detail", (listing.extension.slug,))
    asks = asks_of(listing.version.parsed)
    if not asks:
        return [Ground(say("It asks for no scopes of its own."), page)]
    found = [Ground(say("It asks for {count}.", count=some(len(asks), "scope")), page)]
    return [*found, *(Ground(say("{scope}, which may {verb}.", scope=ask.scope, verb=ask.verb), page) for ask in asks)]


def _brings(place: Place, user: User) -> list[Ground]:
    listing = place.about
    plan = plan_installation(place.workspace, listing)
    link = Link("marketplace:listing-install", (listing.extension.slug,))
    found = [
        Ground(
            say(
                "{name} {number}, with {scopes}.",
                name=offer.extension.slug,
                number=offer.version.number,
                scopes=some(len(offer.asks), "scope"),
            ),
            link,
        )
        for offer in plan.offers
    ]
    if plan.unmet:
        found.append(Ground(say("Something that it requires cannot be met here."), link))
    return found


# --- Every page ---------------------------------------------------------------------------------------------------


def _mine(place: Place, user: User) -> list[Ground]:
    due = asked_of(user, place.workspace)
    count = due.count()
    if not count:
        return [Ground(say("No request waits for you."), Link("policies:approval-list"))]
    first = due.order_by("requested_at").first()
    found = [
        Ground(
            say("{requests} for you.", requests=some(count, "request waits", "requests wait")),
            Link("policies:approval-list", (), "to=me"),
        )
    ]
    if first:
        since = f"{first.requested_at:%d %B, %H:%M} UTC"
        found.append(
            Ground(say("The oldest since {since}.", since=since), Link("policies:approval-detail", (str(first.pk),)))
        )
    return found


def _attention(place: Place, user: User) -> list[Ground]:
    rows = Advice.objects.visible_to(user, place.workspace).shown().filter(severity__gte=Advice.Severity.WARN)
    found = [
        Ground(ours(str(row)), Link("assistant:advice-detail", (str(row.pk),)))
        for row in rows.order_by("-severity", "-made_at")[: MOST_LINES - 1]
    ]
    return found or [Ground(say("Nothing needs attention."), Link("assistant:advice-list"))]


def _failed(place: Place) -> bool:
    return bool(place.about.error_category)


def _is_waiting(place: Place) -> bool:
    return place.about.state == Run.State.WAITING


_INSTALLED = ("installation", "pack", "connection", "issue", "change")
QUESTIONS: tuple[Question, ...] = (
    Question("why-failed", "Why did this fail?", ("run",), _why_failed, _failed),
    Question("waits-for", "What does this wait for?", ("run",), _run_waits, _is_waiting),
    Question("went-by", "What did this use?", ("run",), _run_uses),
    Question("recommends", "What do you recommend?", ("approval",), _recommends),
    Question("why-asked", "Why is a person asked?", ("approval",), _why_asked),
    Question("spoke", "How often did this rule speak?", ("rule",), _spoke),
    Question("asks-for", "What does this ask for?", ("listing",), _asks_for),
    Question("brings", "What would installing it bring?", ("listing",), _brings),
    Question("uses", "What does this extension use?", _INSTALLED, _uses, lambda place: place.installation is not None),
    Question("fares", "How does it fare?", _INSTALLED, _fares, lambda place: place.installation is not None),
    Question(
        "update", "What changes in this update?", _INSTALLED, _update, lambda place: place.installation is not None
    ),
    Question("used-by", "What uses it?", ("installation", "pack"), _used_by),
    Question("mine", "What waits for me?", (), _mine),
    Question("attention", "What needs attention here?", (), _attention),
)
