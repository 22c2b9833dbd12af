"""Rules as tests write them: only what matters, the rest left out."""

from uuid import uuid4

from policies.rules.vocabulary import Rule


def rule(effect="deny", number=1, title="", **parts) -> Rule:
    """A rule in the vocabulary; ``parts`` are who, what, when, ask and obligations as JSON."""
    given = {"title": title or f"Rule of number {number}", "effect": effect, **parts}
    return Rule.from_json({"id": str(uuid4()), "number": number, **given})


def values(effect="deny", title="Nothing is deleted", **parts) -> dict:
    """What a form or a program sends to the services."""
    return {"title": title, "effect": effect, "who": {}, "what": {}, "when": {}, "ask": {}, "obligations": {}} | parts
