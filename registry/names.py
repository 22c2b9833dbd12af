"""Names that look like others: one skeleton for all that a hurried eye takes for the same.

By UTS 39 (Unicode Security Mechanisms, section 4): a letter of another script is read as the Latin one it resembles.
On top of that what people do to names: digits and signs for letters (``hubsp0t``), ``rn`` for ``m``, other separators
or none. Names of extensions and of publishers are held against each other by it; docs/findings.md and
docs/publishing.md say what is made of it. Skeletons are stored: whoever changes them here adds a migration.
"""

import unicodedata
from functools import cache, lru_cache

SHORTEST = 4  # of a skeleton; below that everything resembles something
LONGEST = 120
_READ_AS = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "|": "l", "!": "l", "@": "a"}
    | {"$": "s", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
    # Drawn alike as capitals, which UTS 39 has, or nearly so.
    | dict(zip("кмнтьβεζηκτχω", "kmhtbbeznktxw", strict=True))
)
_LOOKS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("i", "l"))  # in this order: ci is no d


@lru_cache(maxsize=4096)
def skeleton(text: str) -> str:
    """``text`` as it looks: equal for names that are easily taken for each other. "" where nothing of it is a letter
    or digit."""
    plain = unicodedata.normalize("NFKD", text[:LONGEST])
    latin = _latin()
    spelled = "".join(latin.get(sign, sign) for sign in plain if unicodedata.category(sign) not in _UNSEEN)
    folded = unicodedata.normalize("NFKD", spelled.casefold()).translate(_READ_AS)
    letters = "".join(sign for sign in folded if sign.isalnum())
    for many, one in _LOOKS:
        letters = letters.replace(many, one)
    return letters


def keys(text: str) -> list[str]:
    """By which names within one slip of each other meet: the skeleton, and the skeleton without each of its letters.

    A letter more, less, changed, or two exchanged leave such a key in common (the deletion neighbourhood of SymSpell);
    two that have one in common need not be as close, so ``is_near`` looks again.
    """
    whole = skeleton(text)
    if len(whole) < SHORTEST:
        return [whole] if whole else []
    return sorted({whole, *(whole[:at] + whole[at + 1 :] for at in range(len(whole)))})


def is_near(one: str, other: str) -> bool:
    """Whether the skeletons are one slip apart: a letter more, less or changed, or two neighbours exchanged."""
    first, second = sorted((skeleton(one), skeleton(other)), key=len)
    if first == second or len(second) - len(first) > 1 or len(first) < SHORTEST:
        return False
    at = next((place for place, sign in enumerate(first) if sign != second[place]), len(first))
    if len(first) < len(second):
        return first[at:] == second[at + 1 :]
    exchanged = first[:at] + first[at : at + 2][::-1] + first[at + 2 :]
    return first[at + 1 :] == second[at + 1 :] or exchanged == second


_UNSEEN = frozenset({"Mn", "Me", "Cf", "Cc"})  # marks on letters, joiners and controls: seen badly or not at all


@cache
def _latin() -> dict[str, str]:
    """Each sign that is not ASCII and looks like a letter or digit of it, as that one."""
    from confusable_homoglyphs.confusables import confusables_data  # read from two files of JSON as it is imported

    found = {}
    for sign, alike in confusables_data.items():
        if len(sign) == 1 and not sign.isascii():
            plain = next((one["c"] for one in alike if one["c"].isascii() and one["c"].isalnum()), None)
            if plain:
                found[sign] = plain
    return found
