"""Every POST of the API with a body that is no object of JSON, and with values of another type: a refusal in words."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from galaxy.core.api.authentication import CallerThrottle
from galaxy.core.tokens import API_PERMISSIONS, create_token
from tests.matrix.routes import table
from tests.matrix.test_matrix import address, form

ROWS = [row for row in table() if row.route.startswith("api:") and row.method == "POST" and row.answers["admin"] != 405]
NO_OBJECT = ["{", "[1]", '"text"', "null", "1", '{"a": NaN}', '{"a": ' * 60 + "1" + "}" * 60]
ODD = [None, 2**40, "\u202e", "a\0b", "\ud800", [None], {"a": {"b": [None]}}]


@pytest.fixture
def sent(row, cast, workspace, things, monkeypatch):
    """``sent(raw)``: the answer to that body by the admin's token, of which nothing stays."""
    monkeypatch.setattr(CallerThrottle, "rate", "100000/min", raising=False)
    text = create_token(workspace, name="T", permissions=API_PERMISSIONS, days=1, actor=cast["admin"])[1]
    client = Client(headers={"Authorization": f"Bearer {text}"})
    url = address(row.route, things, "meridian")

    def send(raw: str):
        with transaction.atomic():
            response = client.post(url, raw, content_type="application/json")
            transaction.set_rollback(True)
        return response

    return send


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_body_that_is_no_object_is_a_problem_and_no_defect(row, sent):
    for raw in NO_OBJECT:
        response = sent(raw)
        assert (response.status_code, response.json()["code"]) == (400, "malformed"), raw


@pytest.mark.asvs("2.2.1", "15.3.5")
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_value_of_another_type_is_refused_or_taken_and_never_breaks_it(row, sent, things):
    """A defect would be raised here, not answered."""
    correct = json.loads(json.dumps(form(row.route, things)))
    for place in places(correct):
        for odd in ODD:
            response = sent(json.dumps(put(correct, place, odd)))
            assert response["Content-Type"] == f"application/{'' if response.status_code < 400 else 'problem+'}json"


def places(value: Any, *above: Any) -> Iterator[tuple]:
    """Where something stands in ``value``, as the keys that lead there."""
    if above:
        yield above
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else []):
        yield from places(inner, *above, key)


def put(value: Any, place: tuple, odd: Any) -> Any:
    """A copy of ``value`` with ``odd`` at ``place``."""
    copied = copy.deepcopy(value)
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = odd
    return copied
