"""Figures and outcomes by the API: those of the pages, for whoever may see them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from galaxy.core.agents import create_agent
from sandbox.metrics.rolling import roll_up
from tests.api.conftest import api, token_of, url  # noqa: F401  (fixtures)


@pytest.fixture
def reader(admin, busy, client_of):
    roll_up()
    return client_of(admin)


def test_figures_of_targets(reader, busy):
    told = reader.get(url("metrics/")).json()
    assert (told["total"], told["behind_since"]) == (4, None)
    assert [one["target"] for one in told["results"]][:2] == ["pulse.list", "pulse.add"]
    quick, slow = told["results"][:2]
    assert (quick["calls"], quick["failed"], quick["budget_ms"]) == (40, 0, 2000)
    assert Decimal(quick["cost"]["EUR"]) == Decimal("0.8") and quick["p95_ms"] == pytest.approx(100, rel=0.01)
    assert (slow["failed"], slow["not_counted"], slow["errors"]) == (6, 2, {"transient": 6})
    assert len(quick["slots"]) == 7 and quick["slots"][-1]["calls"] + quick["slots"][-2]["calls"] == 40


def test_what_is_asked_for(reader, busy):
    def targets(query):
        return [(one["target"], one["version"]) for one in reader.get(url(f"metrics/?{query}")).json()["results"]]

    assert targets("target=pulse.add&versions=true&range=24h") == [("pulse.add", "1.0.0")]
    assert targets("simulated=true") == [("pulse.list", None)]
    assert targets("limit=1") == [("pulse.list", None)]
    assert targets(f"installation={busy.workspace_id}") == []
    for query in ("range=1y", "limit=0", "other=1", "installation=x"):
        assert reader.get(url(f"metrics/?{query}")).status_code == 422


def test_outcomes_and_their_weeks(reader, busy, parts):
    tidy = parts[2]
    (outcome,) = reader.get(url("outcomes/")).json()["results"]
    assert outcome["pack"] == parts[3].extension.slug
    assert reader.get(url(f"outcomes/?installation={tidy.pk}")).json()["results"] == [outcome]
    assert reader.get(url(f"outcomes/?installation={busy.pk}")).json()["results"] == []
    weeks = reader.get(url("outcome-weeks/")).json()
    assert [week["outcomes"] for week in weeks["weeks"]] == [0] * 11 + [1]
    assert [one["outcomes"] for one in weeks["makers"]] == [1, 1]
    assert weeks["costs"] == [{"pack": outcome["pack"], "outcomes": 1, "cost": {}, "each": {}}]


def test_a_member_reads_what_they_may_see(reader, client_of, member, stranger):
    assert client_of(member).get(url("outcomes/")).json()["results"] == []
    assert client_of(member).get(url("outcome-weeks/")).json()["weeks"][-1]["outcomes"] == 0
    assert client_of(stranger).get(url("metrics/")).status_code == 404


def test_an_agent_reads_of_its_own_runs_alone(reader, busy, api, token_of, workspace, admin):  # noqa: F811
    agent = create_agent(
        workspace,
        owner=admin,
        actor=admin,
        name="Reader",
        purpose="Reads figures.",
        scopes=busy.scopes[:1],
        grants=[(busy, "registry.run_installation")],
        calls_per_day=10,
        ends_at=timezone.now() + timedelta(days=1),
    )
    told = api(token_of(admin, agent=agent)).get(url("outcome-weeks/")).json()
    assert {week["outcomes"] for week in told["weeks"]} == {0}
    assert (told["makers"], told["costs"]) == ([], [])
