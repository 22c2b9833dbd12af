"""Errors that a person can act on, and how they are told. ProblemMiddleware answers them as HTML."""

from typing import ClassVar


class DomainError(Exception):
    """Something a rule of ours refuses. The message is one sentence for a person.

    ``status`` is the HTTP status, ``code`` a stable word for machines, ``next_step`` a sentence on what to do.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    next_step: str = ""

    def __init__(self, sentence: str, next_step: str = ""):
        super().__init__(sentence)
        self.next_step = next_step or self.next_step


class Conflict(DomainError):
    """Somebody or something was faster; reload and look again."""

    status = 409
    code = "conflict"
    next_step = "Reload the page to see how things stand now."


class Invalid(DomainError):
    """What was sent cannot be used; ``fields`` maps a field's name to its sentence."""

    status = 422
    code = "invalid"
    next_step = "Correct what the sentence names, then send it again."

    def __init__(self, sentence: str, fields: dict[str, str] | None = None, next_step: str = ""):
        super().__init__(sentence, next_step)
        self.fields = fields or {}


class Defect(DomainError):
    """What nobody foresaw. It says nothing of what broke: that stands in the log, under the request's id."""

    status = 500
    code = "internal_server_error"
    next_step = "Try again; tell us the request id."

    def __init__(self):
        super().__init__("Something went wrong here.")
