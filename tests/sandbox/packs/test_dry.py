"""A dry run reads live and writes nothing: what would change something is simulated, whatever is connected."""

import re

import pytest

from sandbox.models import Outcome, Run
from sandbox.services import invoke, perform
from tests.extensions import TIDY, installed
from tests.sandbox.packs.flows import MOODY
from tests.sandbox.packs.live import SHADOW, connect, pack_over_both, plays

READ = "id: read, use: probe.look_up, with: { key: \"'k'\" }"
WRITE = "id: write, use: probe.create, with: { key: steps.read.id }"
AGAIN = "id: again, use: probe.look_up, with: { key: steps.write.id }"


@pytest.fixture
def system(monkeypatch):
    return plays(monkeypatch)


@pytest.fixture
def connected(workspace, admin):
    installed(workspace, admin, MOODY, SHADOW, TIDY, pack_over_both(READ, WRITE, AGAIN))
    connect("probe")
    connect("shadow")


def dry(workspace, admin, target, inputs) -> Run:
    run = invoke(workspace, actor=admin, target=target, inputs=inputs, dry=True)
    return perform(run.pk) or run


def test_a_dry_run_of_a_post_sends_nothing(workspace, admin, system, connected):
    run = dry(workspace, admin, "probe.create", {"key": "a"})
    assert (run.mode, run.state, system.heard) == ("simulated", "succeeded", [])


@pytest.mark.parametrize(
    ("target", "mode", "asked"), [("create", "simulated", []), ("look_up", "live", ["probe.look_up"])]
)
def test_the_form_offers_it_for_a_single_action_and_its_run_says_so(
    client_of, workspace, admin, system, connected, target, mode, asked
):
    url = f"/w/meridian/runs/new/?target=probe.{target}"
    page = client_of(admin).get(url).content.decode()
    assert 'name="mode" value="dry"' in page
    key = page.partition('name="idempotency_key" value="')[2].partition('"')[0]
    sent = {
        "mode": "dry",
        "scenario": "happy",
        "idempotency_key": key,
        "in_key": "a",
        "in_owner": "",
    }  # left empty, it is left out
    answer = client_of(admin).post(url, sent)
    assert answer.status_code == 302, re.findall(r'class="error"[^<]*<|banner-bad.{300}', answer.content.decode())
    run = perform(Run.objects.get(target=f"probe.{target}").pk)
    assert (run.mode, run.is_dry, run.state) == (mode, True, "succeeded")
    assert [one for one, _ in system.heard] == asked
    assert ", dry run</dd>" in client_of(admin).get(run.get_absolute_url()).content.decode()


def test_the_form_does_not_offer_it_where_nothing_is_connected(client_of, workspace, admin, system):
    installed(workspace, admin, MOODY)
    assert 'value="dry"' not in client_of(admin).get("/w/meridian/runs/new/?target=probe.create").content.decode()


def test_a_dry_run_of_a_read_is_the_read_itself(workspace, admin, system, connected):
    run = dry(workspace, admin, "probe.look_up", {"key": "a"})
    assert (run.mode, [target for target, _ in system.heard]) == ("live", ["probe.look_up"])


def test_a_pack_reads_live_and_simulates_what_writes_and_what_reads_by_it(workspace, admin, system, connected):
    run = dry(workspace, admin, "probe.steps", {})
    assert (run.mode, run.is_dry, run.state, run.error) == ("partial", True, "succeeded", None)
    assert dict(run.steps.values_list("step_id", "mode")) == {
        "read": "live",
        "write": "simulated",
        "again": "simulated",
    }
    assert [target for target, _ in system.heard] == ["probe.look_up"]
    assert run.is_simulated
    assert not Outcome.objects.counting().exists()


def test_the_form_offers_it_for_a_connected_pack(client_of, workspace, admin, system, connected):
    url = "/w/meridian/runs/new/?target=probe.steps"
    page = client_of(admin).get(url).content.decode()
    assert 'name="mode" value="dry"' in page
    key = page.partition('name="idempotency_key" value="')[2].partition('"')[0]
    client_of(admin).post(url, {"mode": "dry", "scenario": "happy", "idempotency_key": key})
    run = Run.objects.get(target="probe.steps")
    assert (run.mode, run.is_dry) == ("partial", True)
    assert "by reading, none by writing" in client_of(admin).get(run.get_absolute_url()).content.decode()
