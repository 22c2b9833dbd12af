"""The matrix as a Markdown table, with a summary by person: ``make matrix``."""

from collections import Counter

from tests.matrix.routes import PEOPLE, Row, table

WORDS = {
    "done": "answered",
    "away": "sent elsewhere",
    "refused": "refused",
    "unfit": "not as things stand",
    "hidden": "not there",
    "method": "no such method",
}
KINDS = {
    **dict.fromkeys((200, 201, 202), "done"),
    **dict.fromkeys((302, 401), "away"),
    403: "refused",
    **dict.fromkeys((400, 409, 410, 415, 422, 503), "unfit"),
    404: "hidden",
    405: "method",
}


def kind_of(status: int) -> str:
    """done, away (redirected: done or to log in, or told to authenticate), refused, unfit (allowed, but not in this
    state or form), hidden or method. Raises KeyError for a status that means none of them yet."""
    return KINDS[status]


def lines(rows: list[Row]) -> list[str]:
    """Every row as the table has it, then how often each person met each kind of answer."""
    found = [f"| route | method | {' | '.join(PEOPLE)} |", f"|---|---|{'---:|' * len(PEOPLE)}"]
    for row in rows:
        found.append(f"| {row.route} | {row.method} | {' | '.join(str(row.answers[one]) for one in PEOPLE)} |")
    routes = len({row.route for row in rows})
    found += ["", f"{len(rows)} lines, {routes} routes, {len(rows) * len(PEOPLE)} answers:", ""]
    found += [f"| answer | {' | '.join(PEOPLE)} |", f"|---|{'---:|' * len(PEOPLE)}"]
    counts = {one: Counter(kind_of(row.answers[one]) for row in rows) for one in PEOPLE}
    for kind, words in WORDS.items():
        found.append(f"| {words} | {' | '.join(str(counts[one][kind]) for one in PEOPLE)} |")
    return found


if __name__ == "__main__":
    print("\n".join(lines(table())))  # noqa: T201  (what it is for)
