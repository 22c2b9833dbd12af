"""The functions expressions may call, and how an expression that cannot be applied says so."""

import base64
from email import message_from_string, policy

import pytest

from registry.manifests.expressions import parse
from registry.manifests.functions import EvaluationFailed, TooLarge, evaluate, evaluate_fields, evaluate_tree


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("lower(name)", "zoë o'neil"),
        ("upper(name)", "ZOË O'NEIL"),
        ("title(name)", "Zoë O'neil"),
        ("slug(name)", "zoe-oneil"),
        ("slug(missing)", None),
        ("base64url('Grüße?')", "R3LDvMOfZT8"),
    ],
)
def test_texts_are_shaped(expression, result):
    assert evaluate(expression, {"name": "zoë o'neil"}) == result


def test_a_made_up_identifier_follows_seed_prefix_and_value():
    def made_up(value, seed=1, prefix="id-"):
        return evaluate(f"fake_id('{prefix}', value)", {"value": value}, seed=seed)

    assert made_up({"a": 1, "b": 2}) == made_up({"b": 2, "a": 1})
    assert made_up("x").startswith("id-")
    assert len({made_up("x"), made_up("y"), made_up("x", seed=2), made_up("x", prefix="no-"), made_up(None)}) == 5


def test_the_time_is_the_runs_own_and_a_transform_has_none():
    assert evaluate("now()", {}, now="2026-01-03T16:00:00Z") == "2026-01-03T16:00:00Z"
    with pytest.raises(EvaluationFailed, match="no clock"):
        evaluate("now()", {})


def test_an_email_message_is_readable_by_others():
    fields = {"to": ["ada@example.com", "grace@example.com"], "subject": "Grüße", "body": "Hello\nthere"}
    raw = evaluate("base64url(email_message(@))", fields)
    text = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode()
    message = message_from_string(text, policy=policy.default)
    assert (message["To"], message["Subject"]) == ("ada@example.com, grace@example.com", "Grüße")
    assert message.get_content().splitlines() == ["Hello", "there"]


def test_an_email_message_takes_no_further_headers_from_its_fields():
    with pytest.raises(EvaluationFailed):
        evaluate("email_message(@)", {"to": ["ada@example.com"], "subject": "Hi\r\nBcc: eve@example.com", "body": ""})


@pytest.mark.parametrize("expression", ["abs(text)", "sum(text)", "join('-', numbers)", "fake_id(numbers, text)"])
def test_an_expression_that_cannot_be_applied_says_so(expression):
    with pytest.raises(EvaluationFailed):
        evaluate(expression, {"text": "x", "numbers": [1, 2]})


def test_a_tree_keeps_its_shape_and_fields_that_find_nothing_are_left_out():
    tree = {"a": ["x", {"b": "y"}], "c": "missing"}
    assert evaluate_tree(tree, {"x": 1, "y": 2}) == {"a": [1, {"b": 2}], "c": None}
    assert evaluate_fields(tree, {"x": 1, "y": 2}) == {"a": [1, {"b": 2}]}


@pytest.mark.parametrize(
    "expression",
    [
        "[@, @]" + " | [@, @]" * 40,
        "[@, @][]" + " | [@, @][]" * 40,
        "join('', [name, name])" + " | join('', [@, @])" * 40,
        "numbers[].[@, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @]",
        f"numbers[].join('{'x' * 900}', ['', '', ''])",
    ],
    ids=["lists", "flattened", "texts", "steps", "long texts"],
)
def test_an_expression_that_grows_without_end_is_stopped_at_once(expression):
    parse(expression)  # it is well-formed, and short
    with pytest.raises(TooLarge):
        evaluate(expression, {"name": "zoe" * 30, "numbers": [1] * 60_000})


def test_many_small_expressions_cannot_do_together_what_one_may_not():
    with pytest.raises(TooLarge):
        evaluate_fields({f"f{at}": "texts" for at in range(100)}, {"texts": ["x" * 1000] * 100})
