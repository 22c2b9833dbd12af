"""How good an order is: nDCG@10 against the best order there is, and how often a typo is understood."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable

from marketplace.seeding.concepts import Concept
from tests.relevance.queries import Query

FIRST = 10


def ndcg(query: Query, found: list[Concept], all_of_them: Iterable[Concept]) -> float:
    """Normalised discounted cumulative gain of the first ten (Järvelin and Kekäläinen, 2002; gain 2^grade - 1)."""
    best = sorted((query.grade(one) for one in all_of_them), reverse=True)[:FIRST]
    return _gain([query.grade(one) for one in found[:FIRST]]) / _gain(best)


def typo_recall(query: Query, found: list[Concept]) -> bool:
    """Whether what was meant was understood: the first page shows something that answers it fully."""
    return any(query.grade(one) >= 2 for one in found[:24])


def measured(
    queries: list[Query], concepts: list[Concept], ask: Callable[[str], list[int]]
) -> tuple[dict[str, float], float]:
    """({group: mean nDCG@10, "all": of all that is typed right}, share of typos understood); ``ask`` gives numbers of
    listings in their order."""
    gains: dict[str, list[float]] = defaultdict(list)
    understood = []
    for query in queries:
        found = [concepts[number] for number in ask(query.text)]
        gain = ndcg(query, found, concepts)
        gains[query.group].append(gain)
        if query.is_typo:
            understood.append(typo_recall(query, found))
        gains["all"].append(gain)
    return {group: sum(some) / len(some) for group, some in gains.items()}, sum(understood) / len(understood)


def _gain(grades: list[int]) -> float:
    return sum((2**grade - 1) / math.log2(at + 2) for at, grade in enumerate(grades))
