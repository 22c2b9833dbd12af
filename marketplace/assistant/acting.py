"""Acting on advice: what a person would have to ask for is prepared and asked for, in their name, and nothing more.

The assistant decides nothing and widens nothing. It asks through the very services that the pages use
(policies.services.changes), which bind the request to what was shown and put it before a person; and it agrees to
nothing on anybody's behalf. Where there would be something to agree to, where a rule would not ask anybody, or where
the person may do it right away, they are led to the page on which they read and confirm it themselves.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import Agent, User
from galaxy.core.notifications import settle
from marketplace.assistant.judging import JUDGED_AFTER
from marketplace.assistant.measures import measure_of
from marketplace.assistant.models import Advice
from marketplace.assistant.services import NEWS, AdviceOver, locked_open, require_member
from marketplace.errors import RequirementUnmet
from marketplace.models import Listing
from marketplace.services import plan_installation
from policies.models import Change
from policies.services.changes import NoNeedToAsk, OverrideNeeded, ask_install, ask_upgrade
from registry.errors import ConsentNeeded
from registry.gates import ReplayFirst
from registry.rollback.targets import version_to_ask_for

MOST_REASON = 500


class NoLongerOffered(Conflict):
    """What was recommended is not there any more; the next look says what is."""

    code = "no_longer_offered"
    next_step = "Look again in an hour: the advice follows what may be installed."


@dataclass(frozen=True)
class Prepared:
    """What came of acting: ``url`` is where to go on, ``sentence`` what to say there, and ``change`` the id of the
    request that was made, None where none was."""

    url: str
    sentence: str
    change: UUID | None = None


def act(advice: Advice, *, actor: User, agent: Agent | None = None, via: Actor | None = None) -> Prepared:
    """Prepare what ``advice`` recommends, for ``actor``, who may see it. Audited, and judged in seven days.

    Raises NotMember, AdviceOver, NoLongerOffered, RequirementUnmet, or what asking raises: NotGranted, RuledOut.
    """
    require_member(actor, advice.workspace)
    if not advice.is_open:
        raise AdviceOver("This advice is over.")
    prepared = _STEPS[advice.recommended.does](advice, actor, agent)
    if prepared.sentence != _REPLAYING:
        _note(advice, actor, prepared, via)
    return prepared


def reason_of(advice: Advice) -> str:
    """Why it is asked for, for whoever decides: the assistant's own words, never a model's."""
    return f"The Assistant: {advice} {' '.join(advice.told)}"[:MOST_REASON]


_REPLAYING = "Its recorded calls are replayed first. Act on the advice again once that is over."
_YOURS = "You may do this yourself: look at it here, and confirm it."
_AGREE = "It asks for more than was agreed to, or has no way back: read it here, and ask for it."
_ASKED = "Asked. It is done the moment somebody approves it, and you are told."


def _move(advice: Advice, actor: User, agent: Agent | None) -> Prepared:
    """An update or a rollback. It names nothing as agreed to, so that a wider one is refused to it."""
    installation = advice.installation
    version = version_to_ask_for(installation, advice.recommended.version) if installation else None
    if installation is None or not installation.is_active or version is None:
        raise NoLongerOffered("It cannot be moved to that version any more.")
    if version.pk == installation.pin.version_id:
        raise NoLongerOffered(f"It is held at {version.number} already.")
    try:
        change = ask_upgrade(installation, version, actor=actor, agent=agent, reason=reason_of(advice))
    except NoNeedToAsk:
        return Prepared(advice.step_url, _YOURS)
    except ReplayFirst as error:
        return Prepared(error.url, _REPLAYING)
    except (ConsentNeeded, OverrideNeeded, Invalid):
        return Prepared(advice.step_url, _AGREE)
    return _asked(change)


def _install(advice: Advice, actor: User, agent: Agent | None) -> Prepared:
    """An install with whatever it requires: who decides sees every scope of it."""
    rows = Listing.objects.open_to(advice.workspace).select_related("extension", "version__extension")
    listing = rows.filter(extension__slug=advice.recommended.slug).first()
    if listing is None:
        raise NoLongerOffered("The marketplace lists it no more.")
    plan = plan_installation(advice.workspace, listing)
    if plan.unmet:
        raise RequirementUnmet(" ".join(plan.unmet))
    *along, wanted = [offer.version for offer in plan.offers]
    try:
        change = ask_install(advice.workspace, wanted, along=along, actor=actor, agent=agent, reason=reason_of(advice))
    except NoNeedToAsk:
        return Prepared(advice.step_url, _YOURS)
    return _asked(change)


def _open(advice: Advice, actor: User, agent: Agent | None) -> Prepared:
    """A page with a form that is filled in as far as it can be: a rule, a grant, an account to sign in to."""
    if not advice.step_url:
        raise NoLongerOffered("The page that this led to is not there any more.")
    return Prepared(advice.step_url, _YOURS)


_STEPS = {"update": _move, "rollback": _move, "install": _install, "open": _open, "rule": _open}
STEPS = tuple(_STEPS)


def _asked(change: Change) -> Prepared:
    return Prepared(change.get_absolute_url(), _ASKED, change.pk)


@transaction.atomic
def _note(advice: Advice, actor: User, prepared: Prepared, via: Actor | None) -> None:
    """Keep that it was acted on, with what it is judged by. The first one counts; a request is remembered in any case,
    so that its page can name the advice."""
    row = locked_open(advice)
    now = timezone.now()
    if row.acted_at is None:
        row.acted_at, row.acted_by, row.judge_at = now, actor, now + JUDGED_AFTER
        row.measure = measure_of(row, now)
    row.made = prepared.change or row.made
    row.save(update_fields=["acted_at", "acted_by", "judge_at", "measure", "made"])
    asked = {"change": str(prepared.change)} if prepared.change else {}
    audit.record("advice.acted", actor=via or actor, target=row, after={**row.as_facts(), **asked})
    settle(row.workspace, row, NEWS)
