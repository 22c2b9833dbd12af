"""A maker simulates what they made, also where it writes, and nothing more than that."""

import pytest
from django.urls import reverse

from galaxy.core.permissions import NotGranted
from marketplace.workshop.drafts import begin_draft, publish, save_draft
from marketplace.workshop.starters import TEXTS
from policies.models import Approval
from registry.models import Connection
from registry.services import install, move_pin
from sandbox.models import Run
from sandbox.services import invoke
from tests.extensions import PROBE, installed

REST = TEXTS["rest"]
TARGET = "my-tasks.create_task"


@pytest.fixture
def held(workspace, creator):
    draft = begin_draft(workspace, text=REST, actor=creator)
    version = publish(draft, actor=creator)
    return install(workspace, version.extension, version=version, actor=creator)


@pytest.fixture
def form_url():
    return f"{reverse('sandbox:run-create', args=['meridian'])}?target={TARGET}"


def codes(run):
    return [reason["code"] for reason in run.decision.reasons]


def test_the_form_of_a_run_begins_with_the_sample_that_the_workshop_names(client_of, held, creator, form_url):
    page = client_of(creator).get(f"{form_url}&scenario=429").content.decode()
    assert '<option value="429" selected>' in page
    assert '<option value="happy" selected>' in client_of(creator).get(f"{form_url}&scenario=x").content.decode()


def test_a_maker_simulates_a_write_of_their_own(client_of, held, creator, form_url):
    key = "0d9f3f52-6d5c-4a65-b0a1-54fa4f0c3d11"
    sent = {"mode": "simulated", "scenario": "happy", "idempotency_key": key, "in_title": "Call Ada"}
    answer = client_of(creator).post(form_url, sent)
    run = Run.objects.get()
    assert (answer.url, run.mode, run.state) == (run.get_absolute_url(), "simulated", "queued")


def test_and_nobody_elses(workspace, held, creator, admin, member):
    installed(workspace, admin, PROBE)
    for actor, target, inputs in ((creator, "probe.create", {"key": "a"}), (member, TARGET, {"title": "a"})):
        refused = invoke(workspace, actor=actor, target=target, inputs=inputs)
        assert (refused.state, codes(refused)) == ("failed", ["write_grant_missing"])


def test_live_takes_the_permission_to_write(client_of, workspace, held, creator, form_url):
    Connection.objects.filter(installation=held).update(status="authenticated")
    live = invoke(workspace, actor=creator, target=TARGET, inputs={"title": "a"})
    assert (live.mode, live.state, codes(live)) == ("live", "failed", ["write_grant_missing"])
    assert client_of(creator).post(form_url, {}).status_code == 403
    rehearsed = invoke(workspace, actor=creator, target=TARGET, inputs={"title": "a"}, simulate=True)
    assert (rehearsed.mode, rehearsed.state) == ("simulated", "queued")


def test_a_delete_is_rehearsed_with_its_approval(workspace, creator):
    text = REST.replace("method: POST\n    path: /tasks", "method: DELETE\n    path: /tasks").replace(
        "my-tasks.tasks.write", "my-tasks.tasks.delete"
    )
    draft = begin_draft(workspace, text=text.replace("[GET, POST]", "[GET, DELETE]"), actor=creator)
    version = publish(draft, actor=creator)
    install(workspace, version.extension, version=version, actor=creator)
    run = invoke(workspace, actor=creator, target=TARGET, inputs={"title": "a"})
    assert (run.mode, run.state, Approval.objects.count()) == ("simulated", "waiting", 1)


def test_a_run_keeps_the_version_that_it_began_with(workspace, held, creator):
    run = invoke(workspace, actor=creator, target=TARGET, inputs={"title": "a"})
    draft = begin_draft(workspace, text=REST, actor=creator)
    save_draft(draft, text=REST.replace("rpm: 60", "rpm: 30"), revision=1, actor=creator)
    second = publish(draft, actor=creator)
    move_pin(held, version=second, actor=creator)
    run.refresh_from_db()
    later = invoke(workspace, actor=creator, target=TARGET, inputs={"title": "b"})
    assert (run.version_digest == second.digest, later.version_digest == second.digest) == (False, True)


def test_a_member_publishes_nothing(workspace, member, held):
    with pytest.raises(NotGranted):
        begin_draft(workspace, text=REST, actor=member)
