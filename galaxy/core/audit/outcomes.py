"""How an event ended, by the last word of its action: ``run.failed``, ``run.blocked``, ``export.requested``."""

REFUSED = {"refused", "rejected", "denied", "blocked", "expired", "forbidden"}
FAILED = {"failed", "exhausted", "tripped", "unknown", "error"}
# What happens all the time and changes nothing that anybody decided.
ROUTINE = {"viewed", "used", "refreshed", "tested", "released", "consumed"}
OUTCOMES = {"done": "Done", "refused": "Refused", "failed": "Failed", "simulated": "Simulated"}


def outcome_of(action: str, *, simulated: bool) -> str:
    """A name of OUTCOMES."""
    if simulated:
        return "simulated"
    word = last_word(action)
    return "refused" if word in REFUSED else "failed" if word in FAILED else "done"


def last_word(action: str) -> str:
    return action.rpartition(".")[2].rpartition("_")[2]
