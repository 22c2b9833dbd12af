"""What a status of another system means in words, where its category alone would say too little."""

from sandbox.retry import category_of

_WORDS: dict[int, tuple[str, str]] = {
    400: (
        "The other system cannot make sense of the request.",
        "Look at the inputs; if they are right, tell the extension's publisher.",
    ),
    403: (
        "The other system knows this connection and does not allow it to do that.",
        "Have the scope or the right added there, then reconnect the connector.",
    ),
    408: ("The other system waited for the request in vain.", ""),
    409: (
        "What is asked for conflicts with what is there already.",
        "Look at the record in the other system, then run it again.",
    ),
    410: ("The record was there once and is gone.", "Check the ids in the inputs."),
    412: ("The record has changed since it was read.", "Read it again, then run it again."),
    413: ("The other system takes no request of this size.", "Send less at a time."),
    422: ("The other system does not take these values.", "Correct the inputs, then run it again."),
    423: ("The record is locked in the other system.", "Run it again once it is free there."),
}


def sentence_of(status: int, category: str) -> tuple[str, str]:
    """(sentence, next step) of a failed reply; empty where those of its category say it, or where the manifest's own
    table has given the status another meaning."""
    if category_of(status) != category:
        return "", ""
    if 300 <= status < 400:
        return "The other system sends this call on to another address, and it is not followed.", ""
    return _WORDS.get(status, ("", ""))
