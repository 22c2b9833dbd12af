"""Addresses and correct bodies of the routes of rules: one rule of Meridian's, which asks what is asked anyway."""

from policies.services.rules import create_rule

REASON = "Trying it out"
ASKS = {"reviewers": "approvers", "needed": 1, "expires_h": 24, "second_factor": True}
RULE = {
    "title": "Deletes ask a person",
    "effect": "require_approval",
    "who": {},
    "what": {"effects": ["delete"]},
    "when": {},
    "ask": ASKS,
    "obligations": {},
}


def policies(workspace, admin) -> dict:
    """The rule, in force as policy 1."""
    return {"rule": create_rule(workspace, actor=admin, values=RULE, reason=REASON, seen=0, confirmed=True)}


def place(route: str, things: dict) -> dict:
    one = {"pk": things["rule"].pk}
    return {
        "policies:rule-detail": one,
        "policies:rule-change": one,
        "policies:rule-end": one,
        "policies:ruleset-detail": {"number": 1},
        "policies:ruleset-restore": {"number": 1},
        "api:rule-detail": one,
        "api:rule-change": one,
        "api:rule-end": one,
        "api:ruleset-detail": {"number": 1},
        "api:ruleset-restore": {"number": 1},
        "api:decision-detail": {"pk": things["approval"].decision_id},
        "api:approval-withdrawal": {"pk": things["approval"].pk},
        "api:approval-reminder": {"pk": things["approval"].pk},
        "api:approval-repetition": {"pk": things["approval"].pk},
        "api:auto-approval-detail": {"pk": things["grant"].pk},
        "api:auto-approval-revocation": {"pk": things["grant"].pk},
        "api:change-detail": {"pk": things["change"].pk},
        "api:event-proof": {"pk": things["event"].pk},
        "api:sink-detail": {"pk": things["sink"].pk},
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    meant = {"reason": REASON, "seen": 1}
    form = meant | {
        "title": "Writes ask as well",
        "effect": "require_approval",
        "what_effects": ["write"],
        "ask_reviewers": "approvers",
        "owner": str(things["rule"].owner_id),
    }
    return {
        "policies:rule-create": form,
        "policies:rule-change": form,
        "policies:rule-end": meant,
        "policies:ruleset-restore": meant,
        "api:rule-list": RULE | meant | {"title": "Writes ask as well", "what": {"effects": ["write"]}},
        "api:rule-change": RULE | meant | {"title": "Deletes ask somebody"},
        "api:rule-end": meant,
        "api:change-list": {"kind": "install", "digest": things["tidy"].digest, "reason": REASON},
        "api:ruleset-restore": meant,
    }.get(route, {})
