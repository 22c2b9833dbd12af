"""What each level asks for, as data: a level's rules are its own and those of every level below it.

The page "How badges age" is written from this table, and the sweep goes by it.
"""

from dataclasses import dataclass

COMMUNITY, VERIFIED, ENTERPRISE = "community", "verified", "enterprise"
LEVELS = (COMMUNITY, VERIFIED, ENTERPRISE)  # lowest first
AMBER_DAYS = 30  # a rule that is not proven for so long turns amber
GRACE_DAYS = 7  # and so long afterwards the level is lowered


@dataclass(frozen=True)
class Rule:
    """``ages``: it has to be proven again and again; one that does not holds until the version changes.

    ``source`` says who proves it: check and tests are Galaxy's own, desk a reviewer, publisher the proof of a name.
    """

    code: str
    level: str
    title: str
    about: str
    source: str
    ages: bool


RULES = (
    Rule("findings", COMMUNITY, "Nothing stops it", "The list of findings holds nothing that stops a submission.",
         "check", False),
    Rule("licence", COMMUNITY, "Licence and documentation", "It says how it may be used, and what it does.",
         "check", False),
    Rule("contract-tests", COMMUNITY, "Contract tests", "Every test that the manifest and its fixtures give passed.",
         "tests", True),
    Rule("reviewed", VERIFIED, "Reviewed by staff", "A person who is not its author read these very bytes.",
         "desk", False),
    Rule("publisher", VERIFIED, "Publisher proven", "The publisher's name is proven by DNS or by staff.",
         "publisher", True),
    Rule("all-paths", VERIFIED, "All four paths on each action", "Each action has fixtures: success, 401, 429, 5xx.",
         "check", False),
    Rule("undo", ENTERPRISE, "Undo on every write", "Every write says how it is taken back, and that was tested.",
         "tests", True),
    Rule("attested", ENTERPRISE, "Security attested", "A reviewer attested hosts, scopes, data classes and code.",
         "desk", True),
)  # fmt: skip
BY_CODE = {rule.code: rule for rule in RULES}


def rules_of(level: str) -> list[Rule]:
    """What ``level`` asks for, from the lowest level up."""
    most = LEVELS.index(level)
    return [rule for rule in RULES if LEVELS.index(rule.level) <= most]


def level_below(rule: Rule) -> str:
    """The highest level that does not ask for ``rule``; community asks for the least there is."""
    return LEVELS[max(0, LEVELS.index(rule.level) - 1)]
