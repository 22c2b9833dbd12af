"""/metrics: for whoever holds the token, of all workspaces together and of none by name."""

import pytest
from django.test import Client

from sandbox.metrics.rolling import roll_up


@pytest.fixture
def scraped(settings):
    settings.METRICS_TOKEN = "a-token-of-prometheus"

    def scrape(token="a-token-of-prometheus"):  # noqa: S107
        return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})

    return scrape


def test_without_the_token_it_tells_nothing(scraped, settings, client_of, admin):
    for answer in (scraped(""), scraped("wrong"), client_of(admin).get("/metrics")):
        assert answer.status_code == 401 and b"galaxy_" not in answer.content
    assert scraped().status_code == 200
    settings.METRICS_TOKEN = ""
    assert scraped().status_code == scraped("").status_code == 404


def test_it_sums_over_workspaces_and_names_none(scraped, busy, workspace):
    text = scraped().content.decode()
    assert "galaxy_rollup_waiting_runs 85.0" in text
    roll_up()
    text = scraped().content.decode()
    assert 'galaxy_runs_unfinished{state="for_approval"} 0.0' in text
    assert "galaxy_rollup_waiting_runs 0.0" in text and "galaxy_rollup_behind_seconds 0.0" in text
    for name in (workspace.slug, workspace.name, str(workspace.pk), "pulse"):
        assert name not in text
    assert text.count("# TYPE") >= 12
