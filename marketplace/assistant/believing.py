"""Whether a model's words for a sentence of the assistant are believed. Pure; whatever is not proven is not believed.

A model is given the sentence with each of its values and numbers masked as [1], [2] and so on: no name and no number
leaves Galaxy, and none of them can speak to it. What comes back has to hold every mask once and in order, every word of
the sentence that carries meaning, in one of its forms, and beyond those nothing but the small words below. So it can
turn a sentence round, and can neither add a fact, a number, a link, a request nor a "not", nor leave one out.
"""

import re
from collections import Counter

from marketplace.assistant.words import Said

LONGEST = 400
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")
_MASK = re.compile(r"\[(\d{1,2})\]")
_PLAIN = re.compile(r"[A-Za-z ’'.,;:()–-]*")
_WORD = re.compile(r"[a-z]+(?:[’'][a-z]+)?")
# What may be added or left out: nothing that counts, denies, asks or bounds.
_SMALL = """
a an the this that these those it its is are be has have of in on at by for as to from and which whose there here now
currently
"""
SMALL = frozenset(_SMALL.split())
_FORMS = (  # words that mean the same, whichever is used
    ("fail", "fails", "failing", "failed"),
    ("keep", "keeps", "keeping", "kept"),
    ("use", "uses", "using", "used"),
    ("wait", "waits", "waiting", "waited"),
    ("end", "ends", "ending", "ended"),
    ("release", "version"),
    ("run", "runs", "running"),
    ("give", "gives", "given"),
    ("reconnect", "reconnected"),
    ("install", "installed"),
    ("say", "says", "saying", "said"),
    ("slow", "slower"),
)
_FORM = {word: forms[0] for forms in reversed(_FORMS) for word in forms}


def masked(said: Said) -> tuple[str, list[str]]:
    """(the sentence with masks, what each of them stands for, in order)."""
    values: list[str] = []

    def mask(text: str) -> str:
        values.append(text)
        return f"[{len(values)}]"

    given, parts, at = dict(said.values), [], 0
    for place in re.finditer(r"\{(\w+)\}", said.template):
        parts.append(_NUMBER.sub(lambda number: mask(number[0]), said.template[at : place.start()]))
        parts.append(mask(given[place[1]]))
        at = place.end()
    parts.append(_NUMBER.sub(lambda number: mask(number[0]), said.template[at:]))
    return "".join(parts), values


def believed(said: Said, answer: object) -> tuple[str, str]:
    """(the sentence in the model's words, with the values in it; "") or ("", why it is not believed, in a word)."""
    text, values = masked(said)
    if not isinstance(answer, str) or not answer.strip():
        return "", "empty"
    answer = answer.strip()
    if len(answer) > min(LONGEST, 2 * len(text) + 40):
        return "", "too_long"
    if [int(found[1]) for found in _MASK.finditer(answer)] != list(range(1, len(values) + 1)):
        return "", "facts"
    bare = _MASK.sub("", answer)
    if any(sign.isdigit() for sign in bare):
        return "", "numbers"
    if not _PLAIN.fullmatch(bare):
        return "", "not_plain"
    if not answer.endswith(".") or (not answer[0].isupper() and not answer.startswith("[")):
        return "", "no_sentence"
    wanted, given = _meaning(_MASK.sub("", text)), _meaning(bare)
    if wanted != given:
        return "", "words"
    told = _MASK.sub(lambda found: values[int(found[1]) - 1], answer)
    return (told, "") if len(told) <= LONGEST else ("", "too_long")


def _meaning(text: str) -> Counter[str]:
    """Its words that carry meaning, each in one form."""
    return Counter(_FORM.get(word, word) for word in _WORD.findall(text.lower()) if word not in SMALL)
