"""A rule as one sentence that people read, in parts, so that a page can make a control of each.

"When any agent or pack wants to write or delete in HubSpot or Salesforce and touches more than 10 records, ask 2 of
Sales-Ops within 24 hours, with a second factor, and mask email and phone."
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from galaxy.core.models import Agent, Role, RoleGroup, User, Workspace
from policies.models import ApproverGroup, Effect
from policies.rules.clauses import listed, within
from policies.rules.parts import ANY, REDACTIONS, Question, What, When, Who
from policies.rules.vocabulary import Rule
from policies.triggers import triggers_of
from registry.manifests.scopes import VERBS
from registry.models import Extension

# Labels by reference: group:<id>, person:<id>, agent:<id>, role:<role or id>, extension:<slug>, trigger:<slug>. What
# has none is shown as it is written in the rule.
Names = Mapping[str, str]

_ROLES = {str(value): str(label).lower() for value, label in Role.choices}
_ACTS = {"install": "install", "upgrade": "upgrade", "widen": "widen the scopes of"}


class Part(NamedTuple):
    """A piece of the sentence. ``slot`` names what it says of the rule, "" for the words between."""

    text: str
    slot: str = ""


def sentence(rule: Rule, names: Names | None = None) -> list[Part]:
    """The parts of the sentence, in order; joined they are ``plain``."""
    names = names or {}
    parts = [
        Part("When "),
        Part(_who(rule.who, names), "who"),
        Part(" wants to "),
        *_what(rule.what, names),
        *_when(rule.when),
        Part(", "),
    ]
    *first, last = _then(rule, names)
    for number, (part, *more) in enumerate(first):
        parts += [Part(", ")] * bool(number) + [part, *more]
    return [*parts, *([Part(", and ")] if first else []), *last, Part(".")]


def plain(rule: Rule, names: Names | None = None) -> str:
    """The sentence as text."""
    return "".join(part.text for part in sentence(rule, names))


def names_of(workspace: Workspace, rules: Iterable[Rule]) -> dict[str, str]:
    """The labels that the sentences of ``rules`` need. At most six queries, however many rules there are."""
    rules = list(rules)
    refs = {ref for rule in rules for ref in _refs(rule)}
    ids: dict[str, set[str]] = {kind: set() for kind in ("group", "person", "agent", "role", "extension", "trigger")}
    for kind, _, name in (ref.partition(":") for ref in refs):
        if kind in ids and name != ANY and name not in _ROLES:
            ids[kind].add(name)
    rows = {
        "group": ApproverGroup.objects.in_workspace(workspace).values_list("pk", "name"),
        "agent": Agent.objects.in_workspace(workspace).values_list("pk", "name"),
        "role": RoleGroup.objects.in_workspace(workspace).values_list("pk", "name"),
    }
    found = {f"{kind}:{pk}": name for kind in rows if ids[kind] for pk, name in rows[kind].filter(pk__in=ids[kind])}
    if ids["person"]:
        people = User.objects.filter(pk__in=ids["person"], memberships__workspace=workspace)
        found |= {f"person:{person.pk}": str(person) for person in people}
    if ids["extension"]:
        extensions = Extension.objects.open_to(workspace).filter(slug__in=ids["extension"])
        found |= {f"extension:{one.slug}": one.name for one in extensions}
    if ids["trigger"]:
        found |= {f"trigger:{slug}": name for slug, name in triggers_of(workspace).items() if slug in ids["trigger"]}
    return found


def _refs(rule: Rule) -> Iterator[str]:
    """Everything that the rule names by id or slug."""
    yield from (f"agent:{name}" for name in rule.who.agents)
    yield from (f"role:{name}" for name in rule.who.roles)
    yield from (f"extension:{name}" for name in (*rule.who.packs, *rule.what.extensions))
    yield from (f"trigger:{name}" for name in rule.who.triggers)
    if rule.ask:
        yield from (rule.ask.reviewers, *(step.to for step in rule.ask.escalate))


def _who(who: Who, names: Names) -> str:
    if who == Who():
        return "anybody"
    any_of = [word for word, named in _through(who).items() if ANY in named]
    found = [f"any {listed(any_of, 'or')}"] if any_of else []
    if who.people:
        found.append("a person")
    found += [f"somebody with the role {_role(name, names)}" for name in who.roles]
    found += [_named("agent", name, names) for name in who.agents if name != ANY]
    found += [f"the pack {_named('extension', name, names)}" for name in who.packs if name != ANY]
    found += [f"the trigger {_named('trigger', name, names)}" for name in who.triggers if name != ANY]
    return listed(found, "or")


def _through(who: Who) -> dict[str, tuple[str, ...]]:
    return {"agent": who.agents, "pack": who.packs, "trigger": who.triggers}


def _what(what: What, names: Names) -> Iterator[Part]:
    calls = "call" in what.acts
    verbs = [_ACTS[act] for act in what.acts if act != "call"]
    if calls:
        verbs.insert(0, _effects(what) if what.effects else "call" if what.actions else "do anything")
    yield Part(listed(verbs, "or"), "what")
    if what.actions:
        yield Part(" with " if calls and what.effects else " ")
        yield Part(listed(what.actions, "or"), "actions")
    where = _where(what, names)
    if where or not calls:
        yield Part(" in " if calls else " ")
        yield Part(where or "any extension", "where")
    if what.effects and not calls:
        yield Part(" where it may ")
        yield Part(_effects(what), "effects")
    if what.scopes:
        yield Part(" using " if calls else " for ")
        yield Part(listed(what.scopes, "or"), "scopes")


def _effects(what: What) -> str:
    return listed((verb for verb in VERBS if verb in what.effects), "or")


def _where(what: What, names: Names) -> str:
    sort = " ".join(filter(None, (listed(what.levels, "or") if what.levels else "", _kinds(what.kinds))))
    if not what.extensions:
        return f"any {sort}" if what.levels or what.kinds else ""
    named = listed((_named("extension", slug, names) for slug in what.extensions), "or")
    return f"{named} (if {sort})" if what.levels or what.kinds else named


def _kinds(kinds: tuple[str, ...]) -> str:
    return listed(kinds, "or") if kinds else "extension"


def _when(when: When) -> Iterator[Part]:
    found = []
    if when.over is not None:
        found.append(Part(f"touches more than {when.over:,} record{'' if when.over == 1 else 's'}", "over"))
    if when.amount:
        found.append(Part(f"has more than {when.amount.over:,} in {when.amount.field}", "amount"))
    if when.classes:
        found.append(Part(f"carries {listed(map(_words, when.classes), 'or')}", "classes"))
    if when.destructive:
        found.append(Part("deletes something", "destructive"))
    if when.new_destination:
        found.append(Part("goes somewhere new", "new_destination"))
    if when.mode:
        found.append(Part(f"is {when.mode}", "mode"))
    if when.hours:
        found.append(Part(f"asks {within(when.hours)}", "hours"))
    for number, part in enumerate(found):
        yield Part(" and " if number == len(found) - 1 else ", ")
        yield part


def _then(rule: Rule, names: Names) -> list[list[Part]]:
    """What happens, as the entries of a list."""
    if rule.effect == Effect.REQUIRE_APPROVAL:
        found = _question(rule.ask or Question(), names)
    else:
        found = [[Part("deny it" if rule.effect == Effect.DENY else "allow it", "effect")]]
    for mode in REDACTIONS:
        hidden = [_words(name) for name, how in rule.obligations.redact if how == mode]
        if hidden:
            found.append([Part(f"{mode} {listed(hidden)}", "redact")])
    if rate := rule.obligations.rate:
        article = "an" if rate.per == "hour" else "a"
        found.append([Part(f"let no more than {rate.count:,} {article} {rate.per} through", "rate")])
    return found


def _question(ask: Question, names: Names) -> list[list[Part]]:
    within_h = [Part(f"ask {_reviewers(ask.reviewers, ask.needed, names)}", "effect"), Part(" within ")]
    counted = " of " + within(ask.business_hours).removeprefix("within ") if ask.business_hours else ""
    found = [[*within_h, Part(_hours(ask.expires_h) + counted, "expires")]]
    if ask.second_factor:
        found.append([Part("with a second factor", "second_factor")])
    for step in ask.escalate:
        text = f"after {_hours(step.after_h)} {_reviewers(step.to, 1, names)} too"
        found.append([Part(text, "escalate")])
    return found


def _reviewers(ref: str, needed: int, names: Names) -> str:
    kind, _, name = ref.partition(":")
    if kind == "approvers":
        return "an approver" if needed == 1 else f"{needed} approvers"
    if kind == "role" and name in _ROLES:
        label = _ROLES[name]
        article = "an" if label[0] in "aeiou" else "a"
        return f"{article} {label}" if needed == 1 else f"{needed} {label}s"
    if kind == "person":
        return _named(kind, name, names)
    return f"{needed} of {_named(kind, name, names)}"


def _role(name: str, names: Names) -> str:
    return _ROLES.get(name) or _named("role", name, names)


def _named(kind: str, name: str, names: Names) -> str:
    """The label of what a rule names; what nobody knows any more by its kind and the start of its id."""
    unknown = name if kind == "extension" else f"an unknown {kind} ({name[:8]})"
    return names.get(f"{kind}:{name}") or unknown


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{round(hours * 60)} minutes"
    if hours >= 48 and hours % 24 == 0:
        return f"{hours / 24:g} days"
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def _words(name: str) -> str:
    """``birth_date`` as people write it."""
    return name.replace("_", " ")
