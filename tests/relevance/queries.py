"""What people look for, and which listings answer it: by the concepts the listings were made of, never by a search.

``queries`` gives some three hundred questions over any number of made-up listings. How well a listing answers one is
3 where it is about just that, 2 or 1 where it is about a part of it, 0 else; ``grade`` reads nothing but its concept.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from marketplace.seeding.concepts import FIELDS, VERBS, Concept
from marketplace.seeding.texts import plural

THINGS = {thing: field for field, things in FIELDS.items() for thing in things}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Query:
    """``group`` is the manner of asking; ``is_typo``: it was mistyped, and the labels are of what was meant."""

    group: str
    text: str
    grade: Callable[[Concept], int]
    is_typo: bool = False


def queries(concepts: list[Concept]) -> list[Query]:
    chance = random.Random(3)
    makers = sorted({one.maker for one in concepts if one.number % 25 == 24})  # those that have all of theirs
    some = chance.sample(makers, min(60, len(makers)))
    plain = [*_by_maker(some), *_by_thing(), *_by_synonym(), *_by_act(), *_by_both(concepts, some, chance)]
    return [*plain, *_mistyped(some, chance)]


def _by_maker(makers: list[str]) -> Iterator[Query]:
    for at, maker in enumerate(makers):

        def grade(one: Concept, maker: str = maker) -> int:
            return 0 if one.maker != maker else 3 if one.kind == "connector" else 2

        yield Query("maker", maker.lower() if at % 2 else maker, grade)
        if at % 4 == 0:
            # As the labels of what begins so: others may, too.
            begin = maker.lower()[:-1]

            def begins(one: Concept, begin: str = begin) -> int:
                return 0 if not one.maker.lower().startswith(begin) else 3 if one.kind == "connector" else 2

            yield Query("beginning", begin, begins)


def _about(thing: str) -> Callable[[Concept], int]:
    """3 for what is about the thing alone, 2 for a connector that works with it among others, 1 where it is named."""

    def grade(one: Concept) -> int:
        if one.thing == thing:
            return 3
        return 2 if thing in one.things else 1 if one.beside == thing else 0

    return grade


def _by_thing() -> Iterator[Query]:
    for at, thing in enumerate(THINGS):
        yield Query("thing", plural(thing) if at % 2 else thing, _about(thing))


def _by_synonym() -> Iterator[Query]:
    """Words that a listing does not say, but its author put among its keywords."""
    taken = set(THINGS) | set(FIELDS)
    for thing, field in THINGS.items():
        word = FIELDS[field][thing][0]
        if word not in taken:
            yield Query("synonym", word, _about(thing))


def _by_act() -> Iterator[Query]:
    for at, thing in enumerate(THINGS):
        verb = list(VERBS)[at % len(VERBS)]

        def grade(one: Concept, thing: str = thing, verb: str = verb) -> int:
            if one.thing == thing:
                return 3 if one.verb == verb else 0
            return 2 if one.kind == "connector" and thing in one.things and verb in ("create", "list") else 0

        yield Query("act", f"{verb} {plural(thing) if at % 3 else thing}", grade)


def _by_both(concepts: list[Concept], makers: list[str], chance: random.Random) -> Iterator[Query]:
    wanted = set(makers)
    for one in concepts:
        if one.maker in wanted and one.number % 25 == 4:
            text = f"{one.maker} {plural(one.thing)}" if chance.random() < 0.5 else f"{one.thing} {one.maker.lower()}"

            def grade(other: Concept, one: Concept = one) -> int:
                if other.maker != one.maker:
                    return 0
                return _about(one.thing)(other)

            yield Query("maker and thing", text, grade)


def _mistyped(makers: list[str], chance: random.Random) -> Iterator[Query]:
    """One typo, as fingers make them: a letter lost, doubled, another or swapped; now and then two in a long word."""
    for thing in THINGS:
        word = mistype(thing, chance)
        yield Query("mistyped thing", word, _about(thing), is_typo=True)
    for maker in makers[:40]:

        def grade(one: Concept, maker: str = maker) -> int:
            return 0 if one.maker != maker else 3 if one.kind == "connector" else 2

        yield Query("mistyped maker", mistype(maker.lower(), chance), grade, is_typo=True)


def mistype(word: str, chance: random.Random) -> str:
    """Never at the first letter, which people seldom miss, and never what is a word of the catalogue already."""
    known = (
        set(THINGS)
        | {plural(thing) for thing in THINGS}
        | {one for things in FIELDS.values() for some in things.values() for one in some}
    )
    while True:
        wrong = word
        for _ in range(2 if len(word) > 8 and chance.random() < 0.25 else 1):
            wrong = _typo(wrong, chance)
        if wrong != word and wrong not in known and not any(one.startswith(wrong) for one in known | {word}):
            return wrong


def _typo(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    match chance.randrange(4):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + word[at] + word[at:]
        case 2:
            return word[:at] + chance.choice(LETTERS) + word[at + 1 :]
    at = chance.randrange(1, len(word) - 1) if len(word) > 2 else 0
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
