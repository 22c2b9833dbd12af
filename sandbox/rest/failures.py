"""Why no request can be made of inputs, or no sense of an answer."""


class BadCall(Exception):
    """The message is a sentence for a person and repeats no value. ``category`` is one of the eight; ``field`` names
    the input that is to blame, where one is."""

    def __init__(self, category: str, code: str, sentence: str, *, next_step: str = "", field: str = ""):
        super().__init__(sentence)
        self.category = category
        self.code = code
        self.next_step = next_step
        self.field = field
