"""Words that nobody wrote, and the word of the catalogue that was meant.

Two words that are at most two typos apart have something in common once up to two letters are taken out of each. What
is left of each word of the catalogue stands in an indexed column, so the few that can be meant are found by equality
(the symmetric deletion of SymSpell, wolfgarbe/SymSpell), and the nearest of them is chosen here: by the number of
typos, then by the same first letter, then by how many listings have it. A letter too many, one missing, another one
and two swapped are a typo each. Words of private listings are no candidates: a correction would tell of them.
"""

from collections.abc import Iterable
from itertools import combinations

from django.db import connection
from django.db.models import QuerySet

from galaxy.core.db.backend.base import preparing_cursor
from marketplace.search.models import Word

LETTERS = 7  # of the beginning, from which letters are taken out; typos further on are counted all the same
SHORTEST = 3  # shorter words are near to too many others


def most_typos(word: str) -> int:
    """How many typos a word may hold and still be understood."""
    return 0 if len(word) < SHORTEST else 1 if len(word) <= 5 else 2


def shortened(word: str) -> list[str]:
    """What is left of a word's beginning with up to ``most_typos`` letters taken out, itself included; sorted."""
    start = word[:LETTERS]
    most = max(1, most_typos(word)) if len(word) >= SHORTEST else 0
    left = {start}
    for number in range(1, most + 1):
        left |= {
            "".join(letter for at, letter in enumerate(start) if at not in out)
            for out in combinations(range(len(start)), number)
        }
    return sorted(one for one in left if one)


def correct(words: Iterable[str]) -> dict[str, str]:
    """For each of ``words`` that no public listing has, nor a word that it begins, the one that was meant, if any."""
    unknown = [word for word in dict.fromkeys(words) if most_typos(word) and not word.isdigit()]
    if not unknown:
        return {}
    known = _known(unknown)
    unknown = [word for word in unknown if word not in known]
    if not unknown:
        return {}
    wanted = {word: shortened(word) for word in unknown}
    rows = _near({one for some in wanted.values() for one in some})
    found = {word: _nearest(word, rows) for word in unknown}
    return {word: meant for word, meant in found.items() if meant}


def distance(one: str, other: str, most: int) -> int:
    """Typos between two words, or ``most`` + 1 where there are more (optimal string alignment)."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        last, before, row = before, row, [at]
        for place, other_letter in enumerate(other, 1):
            cost = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != other_letter))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == other_letter:
                cost = min(cost, last[place - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def _known(words: list[str]) -> set[str]:
    """Those of ``words`` that are in the catalogue, as they stand or as the beginning of one there."""
    begun: QuerySet[Word, str] = Word.objects.none().values_list("word", flat=True)
    parts = [
        Word.objects.filter(word__gte=word, word__lt=word + "\uffff")
        .order_by("word")
        .values_list("word", flat=True)[:1]
        for word in words
    ]
    begun = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    there = list(begun)
    return {word for word in words if any(one.startswith(word) for one in there)}


def _near(pieces: set[str]) -> list[tuple[str, int]]:
    with preparing_cursor(connection) as cursor:
        cursor.execute("SELECT word, documents FROM marketplace_near(%s::text[])", [sorted(pieces)])
        return cursor.fetchall()


def _nearest(word: str, rows: list[tuple[str, int]]) -> str:
    most = most_typos(word)
    near = [
        (typos, other[:1] != word[:1], -documents, other)
        for other, documents in rows
        if (typos := distance(word, other, most)) <= most
    ]
    return min(near)[-1] if near else ""
