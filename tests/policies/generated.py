"""Rules for tests: one by hand, or as many as wanted by chance."""

from uuid import UUID

from policies.rules.vocabulary import Rule


def a_rule(number: int = 1, **parts) -> Rule:
    """A rule that says ``parts``, and otherwise applies to every call."""
    return Rule.from_json({"id": str(UUID(int=number)), "number": number, "title": f"Test {number}", **parts})
