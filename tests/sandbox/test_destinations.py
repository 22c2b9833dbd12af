"""Where a write goes: what counts as a destination, and that one is new until something arrived there."""

import pytest

from sandbox import destinations
from sandbox.models import Destination
from sandbox.transforms.classes import read_paths
from tests.extensions import PROBE, installed, manifest_of

EMAILS = read_paths({"/to/*": "email", "/who/email": "email"})
PROBE_HOST = "api.probe.example"


def named(inputs, tagged=EMAILS):
    return destinations.names_of(inputs, tagged, manifest_of(PROBE), None) - {PROBE_HOST}


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"to": ["ada@one.example", "bo@TWO.example."]}, {"one.example", "two.example"}),
        ({"to": ["Ada <ada@one.example>, bo@two.example"]}, {"one.example", "two.example"}),
        ({"to": ["ada@one.example", "bo@bücher.example"]}, {"one.example", "bücher.example"}),
        ({"to": ["ada@one.example;evil@[10.0.0.1]"]}, {"one.example", "ada@one.example;evil@[10.0.0.1]"}),
        ({"to": ["everybody"]}, {"everybody"}),
        ({"who": {"email": "ada@one.example", "name": "x@y.example"}}, {"one.example"}),
        ({"hook": "https://Hooks.example:8443/a?b"}, {"hooks.example"}),
        ({"hook": "https://["}, {"https://["}),
        ({"text": "see https://hooks.example and ada@one.example"}, set()),
        ({"count": 3, "to": []}, set()),
    ],
)
def test_addresses_and_web_addresses_name_where_a_call_goes(inputs, found):
    assert named(inputs) == found


def test_the_host_of_the_connection_is_one_too():
    assert destinations.names_of({}, {}, manifest_of(PROBE), None) == {PROBE_HOST}


def test_a_destination_is_new_until_a_write_arrived_there(workspace, admin, django_assert_num_queries):
    one, other = installed(workspace, admin, PROBE, PROBE.replace("connector: probe", "connector: other"))
    both = {"one.example", "two.example"}
    assert destinations.is_new(one, both) is True
    destinations.remember(one, {"one.example"})
    assert destinations.is_new(one, both) is True
    destinations.remember(one, both)
    with django_assert_num_queries(1):
        assert destinations.is_new(one, both) is False
    assert destinations.is_new(other, both) is True
    assert destinations.is_new(one, set()) is None
    first, second = Destination.objects.order_by("first_seen_at")
    assert first.last_seen_at == second.last_seen_at > first.first_seen_at
    assert not Destination.objects.filter(digest__contains="example").exists()


def test_more_than_can_be_remembered_is_new(workspace, admin):
    probe = installed(workspace, admin, PROBE)[0]
    many = {f"{number}.example" for number in range(destinations.MOST + 1)}
    destinations.remember(probe, many)
    assert Destination.objects.count() == destinations.MOST
    assert destinations.is_new(probe, many) is True
