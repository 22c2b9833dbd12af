"""A value that does not fit is answered with the place and what is wanted, never with the value."""

import pytest

from registry.manifests.misfits import MOST, misfits

SECRET = "correct horse"


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": ["integer", "null"]}, SECRET, {"": "A value of type null or integer is expected."}),
        ({"properties": {"a": {"format": "email"}}}, {"a": SECRET}, {"a": "A value of the format email is expected."}),
        ({"enum": ["x", "y"]}, SECRET, {"": "One of x or y is expected."}),
        ({"items": {"not": {"enum": ["x", "y"]}}}, ["a", "y"], {"1": "Anything but x or y is expected."}),
        ({"not": {"maxLength": 20}}, SECRET, {"": "This does not fit what is declared."}),
        ({"maxLength": 3}, SECRET, {"": "A text of at most 3 characters is expected."}),
        ({"items": {"pattern": "^a$"}}, ["a", SECRET], {"1": "A text that matches ^a$ is expected."}),
        ({"anyOf": [{"type": "null"}, {"maxLength": 3}]}, SECRET, {"": "This does not fit what is declared."}),
        ({"additionalProperties": False}, {"b": SECRET}, {"": "This does not fit what is declared."}),
        (
            {"properties": {"z": {}, "a": {"required": ["deep"]}}, "additionalProperties": False},
            {"b": SECRET, "a": {}},
            {"a.deep": "This field is missing.", "b": "There is no such field."},
        ),
        ({"type": "string"}, SECRET, {}),
    ],
)
def test_the_answer_names_place_and_demand(schema, value, expected):
    assert misfits(value, schema) == expected
    assert SECRET not in str(misfits(value, schema))


def test_a_long_list_of_choices_is_cut():
    assert len(misfits("z", {"enum": [f"choice-{number}" for number in range(200)]})[""]) < 250


def test_of_very_many_things_wrong_the_first_are_told():
    assert len(misfits([1] * 5_000, {"items": {"type": "string"}})) == MOST
