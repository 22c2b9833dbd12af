"""Health by API: the figures of the page, for whoever may see the installation."""

import pytest

from registry.models import Installation
from tests.api.conftest import url
from tests.extensions import TIDY, installed
from tests.sandbox.health.calls import CHECKED, connect, make_calls


@pytest.fixture
def pulse(workspace, admin) -> Installation:
    found = installed(workspace, admin, CHECKED)[0]
    shared = connect(found)
    make_calls(shared, 97)
    make_calls(shared, 3, category="transient")
    make_calls(shared, 2, category="validation", target="pulse.add")
    return found


def test_it_says_how_it_stands_and_why(api, token_of, member, pulse):
    health = api(token_of(member)).get(url(f"installations/{pulse.pk}/health/")).json()["health"]
    assert (health["state"], health["why"]) == (
        "degraded",
        "97.00 % of 100 calls of seven days succeeded, and 99.5 % is the aim.",
    )
    objective = health["objective"]
    assert objective["calls"] == {"succeeded": 97, "failed": 3, "not_counted": 2}
    assert (objective["is_judged"], objective["is_met"]) == (True, False)
    assert objective["budget_left_percent"] == pytest.approx(-500)
    assert objective["burn_rate"] == pytest.approx(6.0)
    assert [(one["target"], one["calls"]["failed"], one["p95_ms"]) for one in health["actions"]] == [
        ("pulse.list", 3, pytest.approx(100)),
        ("pulse.add", 0, None),
    ]


def test_an_agent_reads_it_where_it_may_call(api, token_of, admin, agent, pulse, probe):
    client = api(token_of(admin, agent=agent))
    assert client.get(url(f"installations/{probe.pk}/health/")).json()["health"]["state"] == "not_connected"
    assert client.get(url(f"installations/{pulse.pk}/health/")).status_code == 404


def test_what_never_leaves_has_none_and_a_stranger_finds_nothing(api, token_of, admin, workspace, client_of, stranger):
    tidy = installed(workspace, admin, TIDY)[0]
    place = url(f"installations/{tidy.pk}/health/")
    assert api(token_of(admin)).get(place).json() == {"health": None}
    assert client_of(stranger).get(place).status_code == 404
