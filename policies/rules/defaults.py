"""What holds where no rule says more, and what no rule can change.

Walls deny whatever the rules are. Reading is allowed to whoever may run the extension and writing to whoever was given
that; deletes, bulk and what the publisher asks for need a second person, whoever allows them.
"""

from collections.abc import Callable

from policies.answers import ADMIN, APPROVER, Reason
from policies.questions import Action, Context, Principal, Resource
from policies.rules.asks import Ask

PERMITTED = {  # what an act other than calling is in a sentence, and the permission it takes
    "install": ("install", "Install and remove extensions"),
    "upgrade": ("move to another version", "Move and pin versions"),
    "widen": ("widen what is agreed to for", "Install and remove extensions"),
}
PLAIN = Ask()
CAREFUL = Ask(second_factor=True)

Wall = Callable[[Principal, Action, Resource, Context], Reason | None]


def standing(principal: Principal, action: Action, resource: Resource, context: Context) -> Reason | None:
    """Whoever is suspended, has ended or lost its owner does nothing."""
    if not principal.barred:
        return None
    return Reason("agent_barred", principal.barred, f"It is allowed to go on, on the {_kind(principal)}'s page", ADMIN)


def agent_scopes(principal: Principal, action: Action, resource: Resource, context: Context) -> Reason | None:
    """An agent uses the scopes it was given, whatever the workspace agreed to."""
    if principal.scopes is None:
        return None
    missing = _missing(action.scopes, principal.scopes)
    if not missing:
        return None
    text = f"{principal.label} was not given {missing}."
    return Reason("agent_scope_missing", text, f"The scope is added on the {_kind(principal)}'s page", ADMIN)


def consent(principal: Principal, action: Action, resource: Resource, context: Context) -> Reason | None:
    """Only what the workspace agreed to at installation can be used. Whoever installs is asked to agree just then."""
    if context.act != "call":
        return None
    missing = _missing(action.scopes, resource.scopes_granted)
    if not missing:
        return None
    text = f"{resource.extension} was installed without {missing}."
    return Reason("scope_not_consented", text, "The workspace agrees to it on the installation's page", ADMIN)


def audience(principal: Principal, action: Action, resource: Resource, context: Context) -> Reason | None:
    """Some actions are for people only, some for agents only."""
    if action.audience == "both":
        return None
    if action.audience == "human" and principal.is_agent:
        one = "a trigger" if principal.kind == "trigger" else "an agent"
        text = f"{action.target} is for people, and {one} asks."
        return Reason("audience", text, "A person calls it", "A member")
    if action.audience == "agent" and not principal.is_agent:
        return Reason("audience", f"{action.target} is for agents, and a person asks.", "An agent calls it", "An agent")
    return None


def permission(principal: Principal, action: Action, resource: Resource, context: Context) -> Reason | None:
    """Running anything at all takes the permission to run; installing, upgrading and widening take theirs."""
    if context.act == "call":
        if principal.holds_read:
            return None
        text = f"{principal.label} may not run {resource.extension}."
        return Reason("run_permission_missing", text, "They are given “Run extensions that read”", ADMIN)
    does, needed = PERMITTED[context.act]
    if principal.holds_write:
        return None
    text = f"{principal.label} may not {does} {resource.extension}."
    return Reason("permission_missing", text, f"They are given “{needed}”", ADMIN)


WALLS: tuple[Wall, ...] = (standing, agent_scopes, consent, audience, permission)


def allowance(principal: Principal, action: Action, resource: Resource, context: Context) -> Reason | None:
    """What allows it without a rule: the permission to do just this. None: a rule would have to."""
    if context.act != "call":
        return Reason("act_allowed", f"{principal.label} may {PERMITTED[context.act][0]} {resource.extension}.")
    if action.effect == "read" and not action.destructive:
        may = f"{principal.label} may run {resource.extension}"
        if resource.kind == "pack":  # which may write, but only by calls that are decided about one by one
            return Reason("read_allowed", f"{may}; each of its steps is decided by itself.")
        return Reason("read_allowed", f"{may} where it reads.")
    if principal.holds_write:
        return Reason("write_granted", f"{principal.label} may run {resource.extension} where it writes.")
    return None


def nothing_allows(principal: Principal, action: Action, resource: Resource) -> Reason:
    """Why the answer is no where neither a permission nor a rule allows what changes something."""
    return Reason(
        "write_grant_missing",
        f"{action.target} changes something; {principal.label} may not run {resource.extension} where it writes.",
        "They are given “Run extensions that write”, or a rule allows it",
        ADMIN,
    )


def questions(action: Action, context: Context) -> list[tuple[Reason, Ask]]:
    """Why a second person is asked, whatever the rules allow, and how carefully."""
    found: list[tuple[Reason, Ask]] = []
    if context.act != "call":
        return found
    if action.effect == "delete" or action.destructive:
        found.append((_ask("delete", f"{action.target} deletes, and a delete needs a second person."), CAREFUL))
    if action.bulk_over is not None and action.effect != "read" and (bulk := _bulk(action, context)):
        found.append((bulk, CAREFUL))
    if action.required_for:
        tags = sorted(tag for tag in action.required_for if _asks_by_itself(tag, action))
        if tags:
            text = f"The publisher of {action.target} asks for a second person ({', '.join(tags)})."
            found.append((_ask("declared", text), PLAIN))
    return found


def _bulk(action: Action, context: Context) -> Reason | None:
    """A change to many at once. A bulk rule whose field was not counted asks too: unknown is not few."""
    count, over = context.bulk_count, action.bulk_over
    place = f" in “{action.bulk_field}”" if action.bulk_field else ""
    if not isinstance(count, int) or over is None:
        return _ask("bulk_uncounted", f"How many records this call names{place} is not known.")
    if count > over:
        text = f"The call names {count:,} records{place}; more than {over:,} need a second person."
        return _ask("bulk", text, f"It names {over} or fewer")
    return None


def _asks_by_itself(tag: str, action: Action) -> bool:
    """Whether a tag of the manifest asks where no other default speaks for it. An unknown one asks, to be safe."""
    if tag == "delete":
        return False
    if tag.startswith("bulk_"):
        return action.effect != "read" and action.bulk_over is None
    return tag != "write" or action.effect != "read"


def _ask(code: str, text: str, passes_if: str = "Somebody else approves it") -> Reason:
    return Reason(code, text, passes_if, APPROVER)


def _kind(principal: Principal) -> str:
    """What it is that asks where no person does, in a word."""
    return "trigger" if principal.kind == "trigger" else "agent"


def _missing(wanted: tuple[str, ...], held: tuple[str, ...]) -> str:
    """The scopes wanted that are not held, as text; "" where all are."""
    for scope in wanted:
        if scope not in held:
            return ", ".join(sorted(set(wanted) - set(held)))
    return ""
