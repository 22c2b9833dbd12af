"""The one error of this package."""


class EmbeddedError(RuntimeError):
    """An embedded server cannot run here. The message is one sentence for a person, with the next step."""
