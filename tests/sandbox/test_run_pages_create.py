"""Starting a run by hand: choose, fill in, know the mode, and start it once."""

import re
from dataclasses import replace
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.members import grant_on
from galaxy.core.scope import workspace_scope
from policies.models import Decision
from registry.models import Connection, Installation
from registry.services import install, set_live
from sandbox.models import Run
from sandbox.redaction import redacted
from sandbox.targets import inputs_again, target_of
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.python_extensions import publish_python
from tests.sandbox.run_rows import make_run


@pytest.fixture
@staged
def extensions(workspace, admin):
    """{slug: installation} of a connector, a transform and a pack that needs both."""
    return {row.extension.slug: row for row in installed(workspace, admin, PROBE, TIDY, PACK)}


@pytest.fixture
def url(workspace):
    return reverse("sandbox:run-create", args=[workspace.slug])


def sent(**inputs) -> dict[str, str]:
    return {"idempotency_key": str(uuid4()), "scenario": "happy", "mode": "simulated", **inputs}


def text_of(response) -> str:
    return response.content.decode()


def test_everything_that_runs_is_offered_with_its_mode(client_of, member, workspace, extensions, url):
    body = text_of(client_of(member).get(url))
    for target in ("probe.flow", "probe.look_up", "probe.create", "probe.tidy"):
        assert f'href="?target={target}"' in body
    assert body.count("Sim Mode</span>") == 1 + 6  # the pack and the connector's actions; a transform needs no account


def test_where_nothing_is_installed_the_next_step_is_to_install(client_of, admin, member, workspace, url):
    for person, next_step in ((admin, "Browse the marketplace"), (member, "Needs “Install and remove extensions”")):
        body = text_of(client_of(person).get(url))
        assert "Nothing to run yet" in body and next_step in body


def test_whoever_may_not_write_hears_it_before_a_pack_stops(client_of, admin, member, extensions, url):
    says = "It will stop at the first step that writes."
    assert says in text_of(client_of(member).get(f"{url}?target=probe.flow"))
    assert says not in text_of(client_of(admin).get(f"{url}?target=probe.flow"))
    grant_on(extensions["probe"], perm="registry.write_installation", user=member, actor=admin)
    assert says not in text_of(client_of(member).get(f"{url}?target=probe.flow"))


def test_the_form_of_a_pack_is_filled_with_its_sample_and_says_the_mode(client_of, member, extensions, url):
    body = text_of(client_of(member).get(f"{url}?target=probe.flow"))
    assert re.search(r'name="in_name" value="A"', body)
    assert "Probe is not connected, so this runs in Sim Mode." in body
    assert "Simulate run" in body and "Run live" not in body
    assert "[Sim]" in body


def test_a_simulated_run_starts_and_its_page_follows(client_of, member, workspace, extensions, url):
    response = client_of(member).post(f"{url}?target=probe.look_up", sent(in_key="k1", scenario="429"))
    run = Run.objects.get()
    assert (response.status_code, response["Location"]) == (302, run.get_absolute_url())
    assert (run.target, run.mode, run.scenario, run.requested_by) == ("probe.look_up", "simulated", "429", member)
    assert run.inputs == {"key": "k1"}


def test_a_double_click_runs_once_and_two_forms_run_twice(client_of, member, extensions, url):
    client, form = client_of(member), sent(in_key="k1")
    first, second = (client.post(f"{url}?target=probe.look_up", form) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Run.objects.count() == 1
    client.post(f"{url}?target=probe.look_up", sent(in_key="k1"))
    assert Run.objects.count() == 2


def test_every_form_has_a_key_of_its_own(client_of, member, extensions, url):
    client = client_of(member)
    keys = {
        re.search(r'name="idempotency_key" value="([^"]+)"', text_of(client.get(f"{url}?target=probe.look_up")))[1]
        for _ in range(2)
    }
    assert len(keys) == 2


def test_no_account_means_no_live_run_whatever_is_sent(client_of, member, extensions, url):
    client_of(member).post(f"{url}?target=probe.look_up", sent(in_key="k1", mode="live"))
    assert Run.objects.get().mode == "simulated"


def test_a_transform_needs_no_account_and_runs_live_or_simulated(client_of, member, extensions, url):
    body = text_of(client_of(member).get(f"{url}?target=probe.tidy"))
    assert "Run live" in body and "reaches no other system" in body and 'name="scenario"' not in body
    form = sent(in_name="B", in_on="2026-01-02") | {"mode": "live"}
    del form["scenario"]
    client_of(member).post(f"{url}?target=probe.tidy", form)
    assert Run.objects.get().mode == "live"


def test_once_connected_a_live_run_names_what_it_reaches(client_of, admin, extensions, url):
    Connection.objects.filter(installation=extensions["probe"]).update(status="authenticated")
    body = text_of(client_of(admin).get(f"{url}?target=probe.put"))
    assert "A live run reaches Probe." in body
    assert "Run live" in body and "[Sim]" not in body
    assert "A live run reaches Probe." in text_of(client_of(admin).get(f"{url}?target=probe.flow"))


def test_a_live_run_of_python_names_the_hosts_its_code_may_reach(client_of, admin, workspace, url):
    code = '# perms: [files.read]\n# egress: ["https://api.example.com"]\n\ndef run(inputs, ctx):\n    return {}\n'
    version = publish_python(code, id="files.look")
    set_live(install(workspace, version.extension, version=version, actor=admin), live=True, actor=admin)
    assert "A live run reaches api.example.com." in text_of(client_of(admin).get(f"{url}?target=files.look"))


def test_what_is_missing_is_said_beside_its_field_and_nothing_runs(client_of, member, extensions, url):
    response = client_of(member).post(f"{url}?target=probe.flow", sent(in_name="", in_on="soon"))
    body = text_of(response)
    assert response.status_code == 422
    assert "Filled with the sample" not in body
    assert 'id="id_in_name-error"' in body and 'aria-invalid="true"' in body
    assert 'value="soon"' in body
    assert not Run.objects.exists()


def test_what_the_gate_refuses_stands_beside_its_field(client_of, admin, extensions, url):
    response = client_of(admin).post(f"{url}?target=probe.create", sent(in_key="k1", in_owner="not an address"))
    assert response.status_code == 422
    assert 'id="id_in_owner-error"' in text_of(response)
    assert not Run.objects.exists()


@pytest.mark.parametrize("broken", [{"idempotency_key": "x"}, {"scenario": "chaos"}, {"mode": "maybe"}])
def test_a_tampered_form_is_refused(client_of, member, extensions, url, broken):
    response = client_of(member).post(f"{url}?target=probe.look_up", sent(in_key="k1") | broken)
    assert response.status_code == 422
    assert not Run.objects.exists()


def test_the_same_key_for_something_else_is_a_conflict(client_of, member, extensions, url):
    form = sent(in_key="k1")
    client_of(member).post(f"{url}?target=probe.look_up", form)
    assert client_of(member).post(f"{url}?target=probe.look_up", form | {"in_key": "k2"}).status_code == 409
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "target"), [("auditor", "probe.look_up"), ("approver", "probe.flow"), ("member", "probe.put")]
)
def test_who_may_not_run_it_sees_why_and_is_refused(client_of, cast, extensions, url, role, target):
    user = cast[role]
    body = text_of(client_of(user).get(f"{url}?target={target}"))
    assert 'aria-disabled="true" aria-describedby="denied-run"' in body and "can give it." in body
    assert client_of(user).post(f"{url}?target={target}", sent(in_key="k1")).status_code == 403
    assert not Run.objects.exists()


def test_a_grant_on_one_installation_opens_its_form(client_of, admin, member, extensions, url):
    grant_on(extensions["probe"], perm="registry.write_installation", user=member, actor=admin)
    client_of(member).post(f"{url}?target=probe.put", sent(in_key="k1"))
    assert Run.objects.get().state == "queued"


def test_a_pack_that_lacks_something_says_what(client_of, admin, extensions, url):
    Installation.objects.filter(pk=extensions["probe.tidy"].pk).update(removed_at=timezone.now())
    body = text_of(client_of(admin).get(f"{url}?target=probe.flow"))
    assert "<code>probe.tidy ^1.0</code>" in body
    assert 'name="mode" value="simulated"' not in body
    assert client_of(admin).post(f"{url}?target=probe.flow", sent(in_name="A", in_on="2026-01-02")).status_code == 409


def test_run_again_brings_back_what_was_typed_but_nothing_that_was_hidden(client_of, admin, workspace, extensions, url):
    inputs = {"key": "k7", "owner": "a***@example.com"}
    run = make_run(workspace, extensions["probe"], admin, target="probe.create", inputs=inputs, scenario="slow")
    body = text_of(client_of(admin).get(f"{url}?target=probe.create&from={run.pk}"))
    assert 'name="in_key" value="k7"' in body
    assert "a***" not in body
    assert f"{run.short_id}</a>; values that were hidden there are left empty." in body
    assert '<option value="slow" selected>' in body
    assert run.short_id in body


def test_where_nothing_was_hidden_run_again_says_nothing_of_it(client_of, admin, workspace, extensions, url):
    run = make_run(workspace, extensions["probe"], admin, target="probe.look_up", inputs={"key": "k7"})
    body = text_of(client_of(admin).get(f"{url}?target=probe.look_up&from={run.pk}"))
    assert f"{run.short_id}</a>.</span>" in body and "hidden there" not in body


def test_what_was_hidden_comes_back_only_where_the_sample_hides_to_the_same(workspace, admin, extensions):
    target = target_of(workspace, admin, "probe.flow")
    sample = {"name": "ada@example.com", "on": "2026-01-02"}
    target = replace(target, sample=sample)
    assert inputs_again(target, Run(inputs=redacted(sample, target.schema))) == sample
    other = redacted({"name": "eve@example.com", "on": "2026-01-03"}, target.schema)
    assert inputs_again(target, Run(inputs=other)) == {"on": "2026-01-03"}


def test_nobody_runs_again_from_a_run_they_may_not_see(client_of, admin, member, workspace, extensions, url):
    run = make_run(workspace, extensions["probe"], admin, target="probe.look_up", inputs={"key": "confidential"})
    body = text_of(client_of(member).get(f"{url}?target=probe.look_up&from={run.pk}"))
    assert "confidential" not in body and run.short_id not in body


@pytest.mark.parametrize("target", ["nothing.here", "probe", "probe.nothing", "../..", "%00"])
def test_what_cannot_be_run_is_not_found(client_of, admin, extensions, url, target):
    assert client_of(admin).get(f"{url}?target={target}").status_code == 404


def test_another_workspaces_extension_is_not_found(client_of, stranger, other_workspace, extensions):
    with workspace_scope([other_workspace.pk]):
        path = reverse("sandbox:run-create", args=[other_workspace.slug])
        assert client_of(stranger).get(f"{path}?target=probe.look_up").status_code == 404
        assert "probe" not in text_of(client_of(stranger).get(path))


def test_the_form_says_who_will_be_asked_before_anybody_asks(client_of, admin, extensions, url):
    before = Decision.objects.count()
    asked = text_of(client_of(admin).get(f"{url}?target=probe.remove"))
    assert "A person will be asked first." in asked
    assert "Usual wait: not known yet" in asked
    assert "A person will be asked first." not in text_of(client_of(admin).get(f"{url}?target=probe.look_up"))
    assert Decision.objects.count() == before


def test_the_form_that_comes_back_still_says_who_will_be_asked(client_of, admin, extensions, url):
    client = client_of(admin)
    banner = re.compile(r"<b>A person will be asked first\.</b>.*?</p>")
    (first,) = banner.findall(text_of(client.get(f"{url}?target=probe.remove")))
    response = client.post(f"{url}?target=probe.remove", sent(in_key=""))
    assert response.status_code == 422 and banner.findall(text_of(response)) == [first]
    assert "shows a second factor." in first
    assert not Run.objects.exists()
