"""Scopes and accounts: what is missing, what nobody uses, and which account has to be renewed."""

from datetime import timedelta
from urllib.parse import urlencode

from marketplace.assistant.drafts import INFO, URGENT, WARN, Draft, Ground, Measure, Step
from marketplace.assistant.facts import Account, Facts, Idle, Refused
from marketplace.assistant.words import Link, listed, say, some

LEAST_REFUSED = 3  # calls; one or two are somebody who tried
LEAST_DAYS, LEAST_CALLS = 30, 5  # an extension that is hardly called says nothing of what it needs
SOON = timedelta(days=7)


def unmet_scope(facts: Facts) -> list[Draft]:
    """Calls that were denied again and again for a scope or a grant that is not there, whoever could give it."""
    return [_refused(one) for one in facts.refused if one.calls >= LEAST_REFUSED and one.code in _REFUSED]


def unused_scope(facts: Facts) -> list[Draft]:
    """Scopes that were agreed to and that no call used in 30 days, while the extension was used otherwise."""
    return [
        _idle(one)
        for one in facts.idle
        if one.scopes and one.days >= LEAST_DAYS and one.calls >= LEAST_CALLS and not one.is_denied
    ]


def renew_connection(facts: Facts) -> list[Draft]:
    """An account that needs a person: its access could not be renewed, or ends within seven days and renews nothing."""
    return [_account(one, facts) for one in facts.accounts if _ends(one, facts)]


_REFUSED = {  # code: (sentence, permission of whoever can give it, what they do)
    "scope_not_consented": ("{extension} was installed without {scopes}.", "view_listing", "See what it asks for"),
    "agent_scope_missing": ("{agent} was not given {scopes}.", "manage_agent", "Open the agent"),
    "write_grant_missing": ("Nobody let {extension} write for who asked.", "manage_member", "See who may run it"),
}


def _refused(one: Refused) -> Draft:
    sentence, needs, label = _REFUSED[one.code]
    names = {
        "extension": one.installation.name,
        "scopes": listed(one.scopes),
        "agent": one.agent.name if one.agent else "The agent",
        "calls": some(one.calls, "call"),
    }
    if one.code == "agent_scope_missing" and one.agent:
        link = Link("agents:agent-detail", (str(one.agent.id),))
    elif one.code == "scope_not_consented" and one.is_declared:
        link = Link("registry:widening", (str(one.installation.id),))
    else:
        link = Link("registry:installation-detail", (str(one.installation.id),), "#grants")
    reasons = [say("{calls} of it were denied for that within 14 days.", **names)]
    if one.code == "scope_not_consented" and not one.is_declared:
        reasons.append(say("The version in use does not declare it either."))
    reasons.append(say("Somebody who may give it looks whether these calls are wanted; the Assistant gives nothing."))
    return Draft(
        rule="unmet_scope",
        subject_kind="registry.installation",
        subject_id=one.installation.id,
        installation=one.installation.id,
        needs=needs,
        severity=WARN,
        sentence=say(sentence, **names),
        reasons=tuple(reasons),
        grounds=(
            Ground(
                say("The newest of {calls} that were denied.", **names),
                Link("policies:decision-detail", (str(one.decision),)),
            ),
        ),
        step=Step("open", label, link),
        measure=Measure("refused", one.calls, one.calls, one.code),
        key=f"{one.code} {one.agent.id if one.agent else ''} {','.join(one.scopes)}"[:200],
    )


def _idle(one: Idle) -> Draft:
    names = {
        "extension": one.installation.name,
        "scopes": listed(one.scopes),
        "count": len(one.scopes),
        "held": one.held,
        "days": some(one.days, "day"),
        "calls": some(one.calls, "call"),
    }
    title = f"{one.slug} without what it does not use"[:80]
    rule = {
        "title": title,
        "effect": "deny",
        "what": {"extensions": [one.slug], "scopes": sorted(one.scopes)},
    }
    query = urlencode(
        [("title", title), ("effect", "deny"), ("what_extensions", one.slug)]
        + [("what_scopes", scope) for scope in sorted(one.scopes)]
    )
    return Draft(
        rule="unused_scope",
        subject_kind="registry.installation",
        subject_id=one.installation.id,
        installation=one.installation.id,
        needs="manage_rule",
        severity=INFO,
        sentence=say("{extension} does not use {scopes}.", **names),
        reasons=(
            say("It was called {calls} within {days}, and none needed that.", **names),
            say("{count} of the {held} scopes that it was given could be shut off by a rule.", **names),
        ),
        grounds=(Ground(say("Scopes in use within {days}.", **names), Link("policies:scope-list")),),
        step=Step("rule", "Draft the rule", Link("policies:rule-create", (), query), rule=rule),
        measure=Measure("denied_by_rule", 0, one.calls),
        key=",".join(sorted(one.scopes))[:200],
    )


def _ends(one: Account, facts: Facts) -> bool:
    if one.status == "exhausted":
        return True
    return (
        one.status == "authenticated"
        and not one.renews
        and one.expires_at is not None
        and one.expires_at <= facts.now + SOON
    )


def _account(one: Account, facts: Facts) -> Draft:
    whose = "the shared connection" if one.is_shared else "your own connection"
    names = {"extension": one.installation.name}
    if one.status == "exhausted":
        sentence, severity = say(f"{{extension}}: {whose} has to be reconnected.", **names), URGENT
        reasons = [say("Its access could not be renewed by itself.")]
    else:
        assert one.expires_at is not None  # noqa: S101  (_ends asked for it)
        left = max((one.expires_at - facts.now).days, 0)
        when = some(left, "day")
        sentence = say(f"{{extension}}: the access of {whose} ends in {{when}}.", when=when, **names)
        reasons, severity = [say("It does not renew itself.")], URGENT if left <= 1 else WARN
    if one.waiting:
        reasons.append(say("{runs} for it.", runs=some(one.waiting, "run waits", "runs wait")))
    page = Link("sandbox:connection-detail", (str(one.connection.id),))
    return Draft(
        rule="renew_connection",
        subject_kind="registry.connection",
        subject_id=one.connection.id,
        installation=one.installation.id,
        connection=one.connection.id,
        needs="manage_connection",
        severity=severity,
        sentence=sentence,
        reasons=tuple(reasons),
        grounds=(Ground(say("The connection, with its last renewals."), page),),
        step=Step("open", "Reconnect", Link("sandbox:connection-connect", (str(one.connection.id),))),
        measure=Measure("connected", 1, 1),
        key=one.status,
    )
