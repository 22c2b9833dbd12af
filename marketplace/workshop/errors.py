"""What the workshop refuses, each in a sentence for a person."""

from galaxy.core.errors import Conflict, Invalid


class WrittenMeanwhile(Conflict):
    """Somebody saved the draft, its text or a file beside it, after what is saved now was read."""

    code = "written_meanwhile"
    next_step = "Your text is kept in the editor. Open the draft in another tab, and bring both together."


class TooManyDrafts(Conflict):
    code = "too_many_drafts"
    next_step = "Remove drafts or documents that nobody needs any more."


class NotADocument(Invalid):
    """What was given is no OpenAPI document, or one that cannot be read."""

    code = "not_a_document"
    next_step = "Give an OpenAPI 3.0, 3.1 or Swagger 2.0 document in JSON or YAML."


class NotConfirmed(Invalid):
    code = "not_confirmed"
    next_step = "Tick each operation that deletes or changes many at once, or leave it out."
