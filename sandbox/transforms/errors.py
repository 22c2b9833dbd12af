"""How a transform says no."""

from __future__ import annotations


class TransformError(Exception):
    """A record that an operation cannot take.

    ``code`` is a short fixed word, ``sentence`` says what is wrong and what to do without quoting the value (it may be
    personal), ``field`` names the field, as ``created`` or ``contacts.0.email``, and is empty where none is to blame.
    """

    def __init__(self, code: str, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.field = field
