"""What is stored of a run shows nothing that carries a data class, wherever its schema says so."""

import pytest

from registry.manifests.schemas import data_classes
from sandbox.redaction import redacted, stricter
from sandbox.transforms.redaction import bears_signs, numbered

NAME = {"type": "string", "x-data-class": "name"}


def an_object(**keywords) -> dict:
    return {"type": "object", **keywords}


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (an_object(properties={"a/b": NAME}), {"a/b": "Ada"}),
        (an_object(properties={"a~1b": NAME}), {"a~1b": "Ada"}),
        (an_object(properties={"a": an_object(properties={"": NAME})}), {"a": {"": "Ada"}}),
        (an_object(properties={"a": {"type": "array", "items": {"prefixItems": [NAME]}}}), {"a": [["Ada"]]}),
        (an_object(properties={"a": {"type": "array", "unevaluatedItems": NAME}}), {"a": ["Ada"]}),
        (an_object(unevaluatedProperties=NAME), {"a": "Ada"}),
        (an_object(additionalProperties=an_object(properties={"b": NAME})), {"a": {"b": "Ada"}}),
        (an_object(dependentSchemas={"b": {"properties": {"a": NAME}}}), {"a": "Ada", "b": 1}),
        (an_object(**{"x-data-class": "name"}), {"a": ["Ada"], "b": {"c": "Ada"}}),
    ],
)
def test_a_class_is_found_wherever_a_schema_can_put_it(schema, values):
    assert list(data_classes(schema, ""))
    assert "Ada" not in str(redacted(values, schema))


def test_names_of_a_map_are_values_too_and_none_is_lost():
    by_address = {"ada@example.com": 1, "alan@example.com": 2, "city": 3}
    assert redacted({"people": [by_address]}, {}) == {
        "people": [{"a***@example.com": 1, "a***@example.com (2)": 2, "city": 3}]
    }


def test_names_that_meet_are_numbered_without_counting_from_the_start_each_time():
    class Counting(dict):
        looked = 0

        def __contains__(self, name):
            self.looked += 1
            return super().__contains__(name)

    taken = Counting({"x (3)": 1})
    names = [numbered("x", taken) for _ in range(500)]
    assert names[:3] == ["x", "x (2)", "x (4)"]
    assert len(set(names)) == 500 and taken.looked < 1100


def test_a_class_that_was_carried_in_counts_like_a_declared_one():
    carried = {("rows", "*", "text"): frozenset({"name"})}
    assert redacted({"rows": [{"text": "Ada"}]}, {}, carried) == {"rows": [{"text": "A***"}]}


PERSON = an_object(
    properties={
        "email": {"type": "string", "x-data-class": "email"},
        "name": NAME,
        "both": an_object(properties={"x": {"type": "string", "x-data-class": "email"}}, **{"x-data-class": "name"}),
    }
)
KEY = b"of a workspace"


def hidden(values, **modes):
    return redacted(values, PERSON, modes=modes, key=KEY)


def test_each_class_is_hidden_in_its_own_way():
    found = hidden({"email": "Ada@example.com", "name": "Ada Lovelace"}, email="tokenise", name="hash")
    assert found["email"].startswith("email_")
    assert len(found["name"]) == 32
    again = hidden({"email": "ada@example.com ", "name": "ada lovelace"}, email="tokenise", name="hash")
    assert again["email"] == found["email"]  # the same person in another spelling
    assert again["name"] != found["name"]


@pytest.mark.parametrize("mode", ["mask", "hash", "tokenise"])
def test_what_was_hidden_bears_signs_of_it(mode):
    """Also where no class says so and a pattern did: what bears them names nothing that another system knows."""
    modes = dict.fromkeys(("email", "phone", "payment"), mode)
    for value in ("4111 1111 1111 1111", 4111111111111111, "ada@example.com", "Call +1 415 555 0132", ["a@b.example"]):
        found = redacted({"id": value}, an_object(), modes=modes, key=KEY)
        assert found["id"] != value and bears_signs(found), value
    assert not bears_signs({"id": "00Q5g00000ABCDE", "url": "https://a.example/x_y", "at": "2026-01-02", "n": 7})


def test_what_a_mode_drops_is_gone_in_fields_texts_and_names():
    values = {"email": "ada@example.com", "note": "Write to ada@example.com now", "by": {"ada@example.com": 1}}
    found = hidden(values, email="drop")
    assert "example.com" not in str(found)
    assert "email" not in found
    assert found["by"] == {"": 1}


def test_what_no_mode_speaks_of_is_masked():
    assert hidden({"name": "Ada", "email": "ada@example.com"}, email="drop") == {"name": "A***"}


def test_a_field_of_two_classes_is_hidden_by_the_stricter_one():
    assert hidden({"both": {"x": "ada@example.com"}}, email="mask", name="drop") == {}
    assert hidden({"both": {"x": "ada@example.com"}}, email="drop", name="mask") == {"both": {}}
    assert hidden({"both": {"x": "ada@example.com"}}, email="hash", name="mask")["both"]["x"] != "***"


def test_of_two_sets_of_modes_the_stricter_ones_hold():
    one, other = {"email": "hash", "name": "drop"}, {"email": "tokenise", "phone": "mask", "name": "mask"}
    assert stricter(one, other) == stricter(other, one) == {"email": "tokenise", "name": "drop", "phone": "mask"}
    assert stricter({}, one) == one
