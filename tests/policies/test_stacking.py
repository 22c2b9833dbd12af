"""What stands out among requests of one shape."""

import pytest

from policies.stacking import Item, differing, oddities


def items(name, values):
    return [Item(key=place, inputs={name: value}) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "odd"),
    [
        ([3, 4, 5, 4, 3, 120], {5: ("most n: 120, usually 4",)}),
        ([1, 1, 1, 1, 9], {4: ("most n: 9, usually 1",)}),
        ([10, 10, 11, 13], {}),  # larger, and yet no other kind of thing
        ([10, 20, 30, 40], {}),
        (["sales", "sales", "sales", "board"], {3: ("n is board, usually sales",)}),
        (["a", "b", "c", "d"], {}),  # each its own: that is how they differ, and none is odd
        (["a", "a", "b", "b"], {}),
        ([False, False, False, True], {3: ("n is yes, usually no",)}),
        ([None, None, None, "bcc@x"], {3: ("n is bcc@x, usually nothing",)}),
        ([["a"], ["b"], ["c"], ["d"] * 40], {3: ("most n: 40, usually 1",)}),
        ([{"x": 1}, {"x": 1}, {"x": 1}, {"x": 50}], {3: ("most n.x: 50, usually 1",)}),
        (["ab", "cd", "ef", "x" * 900], {3: ("n is far longer than the others",)}),
        ([5, 500], {}),  # of two, neither is the odd one
    ],
)
def test_a_value_unlike_the_others_is_odd(values, odd):
    assert oddities(items("n", values)) == odd


def test_records_classes_and_people_count_too():
    rows = [Item(key=n, records=2, data_classes=("email",), asker="Ada") for n in range(8)]
    rows.append(Item(key="odd", records=400, data_classes=("email", "payment"), asker="Bo", is_new_asker=True))
    assert oddities(rows) == {
        "odd": (
            "most records: 400, usually 2",
            "asked by is Bo, usually Ada",
            "carries payment, which the others do not",
            "Bo never asked for this before",
        )
    }


def test_what_two_values_say_alike_is_said_once():
    rows = [Item(key=n, records=count, inputs={"to": ["x"] * count}) for n, count in enumerate([2, 2, 2, 90])]
    assert oddities(rows) == {3: ("most to: 90, usually 2",)} and differing(rows) == ["to"]


def test_they_are_told_apart_by_what_differs():
    rows = [Item(key=n, records=1, inputs={"task": f"t{n}", "list": "inbox"}) for n in range(3)]
    assert differing(rows) == ["task"]


@pytest.mark.parametrize("odd", [None, [], "text", 7, {"a": {"b": {"c": {"d": 1}}}}, {"": None}, {"n": float("nan")}])
def test_whatever_the_inputs_are_nothing_breaks(odd):
    rows = [Item(key=n, inputs=odd) for n in range(4)]
    assert oddities(rows) == {} and differing(rows) == []
