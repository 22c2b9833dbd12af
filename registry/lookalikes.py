"""What a name looks like: two names with one skeleton are hard to tell apart.

After Unicode's UTS #39 (section 4, skeleton), with the confusables that matter for names in Latin letters, digits among
them. Case, accents, spaces and punctuation are left out as well, since nobody tells names apart by those.
"""

import unicodedata

# What each is drawn like: Cyrillic, Greek and Latin letters of other languages, digits.
_LIKE = {
    **dict(zip("аԁеһіјкӏмнорԛѕтухѵԝь", "adehijklmhopqstyxvwb", strict=True)),
    **dict(zip("αβγεζηικνορτυχω", "abyeznikvoptuxw", strict=True)),
    **dict(zip("ıøłđɡɑſ", "ioldgaf", strict=True)),
    **{"ß": "ss", "æ": "ae", "œ": "oe", "0": "o", "1": "l", "|": "l", "!": "l", "3": "e", "5": "s", "@": "a", "$": "s"},
}
_TABLE = str.maketrans(_LIKE)
_TOGETHER = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("i", "l"))


def skeleton(name: str) -> str:
    """Letters and digits that stand for all names like ``name``; "" where it has none."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = unicodedata.normalize("NFD", text.translate(_TABLE)).translate(_TABLE)
    text = "".join(letter for letter in text if letter.isalnum())
    for pair, like in _TOGETHER:
        text = text.replace(pair, like)
    return text
