"""The pages of packs: starting one partly simulated or step by step, and going on with or taking back what it did."""

import pytest
from django.test import Client
from django.urls import reverse

from sandbox.models import Run
from sandbox.services import invoke, perform
from tests.extensions import PROBE, TIDY, installed
from tests.sandbox.packs.flows import MOODY, pack_of, ran, set_up
from tests.sandbox.packs.live import SHADOW, connect, pack_over_both, plays

MAKE = "id: make, use: probe.create, with: { key: \"'first'\" }"
LOOK = "id: look, use: probe.look_up, with: { key: steps.make.id }"
LOOP = "id: more, each: inputs.keys, most: 5, use: probe.create, with: { key: item }"
MILD = PROBE.replace("undo: remove", "undo: put")


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def shown(user, run: Run) -> str:
    response = browser(user).get(run.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


def pressed(user, run: Run, name: str):
    return browser(user).post(reverse(f"sandbox:run-{name}", args=["meridian", run.pk]))


def test_a_failed_run_offers_to_go_on_and_says_where_it_did(workspace, admin, auditor):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = ran(workspace, admin, options={"scenarios": {"look": "401"}})
    assert "Retry from the failed step" in shown(admin, run)
    assert "Retry from the failed step" in shown(auditor, run)  # with what is missing to do so
    assert pressed(auditor, run, "retry").status_code == 403
    response = pressed(admin, run, "retry")
    later = run.resumed_by.get()
    assert response.url == later.get_absolute_url()
    page = shown(admin, perform(later.pk))
    assert f'It goes on where <a href="{run.get_absolute_url()}">' in page
    assert page.count("Taken over") >= 2 and "Left out" not in page  # in the table and in the drawing
    assert "2 of 2 done" in page
    page = shown(admin, run)
    assert "Retry from the failed step" not in page
    assert later.short_id in page


def test_what_cannot_go_on_says_why(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = ran(workspace, admin, options={"scenarios": {"look": "401"}})
    Run.objects.filter(parent=run, step_id="look").update(state="unknown")
    assert "Settle that first." in shown(admin, run)


def test_what_was_done_is_taken_back_by_a_button(workspace, admin, member, monkeypatch):
    plays(monkeypatch)
    set_up(workspace, admin, pack_of(MAKE, LOOP, success="steps.make.id"), MILD)
    connect("probe")
    run = ran(workspace, admin, keys=["a", "b"])
    page = shown(admin, run)
    assert ">Undo</button>" in page.replace("\n", "")
    assert "2 done" in page
    response = pressed(admin, run, "undoing")
    undo = run.undone_by.get()
    assert response.url == undo.get_absolute_url()
    page = shown(admin, perform(undo.pk))
    assert "It takes back what" in page
    assert page.count("Taken back") == 2
    assert "How it hangs together" not in page
    assert "Run again" not in page
    page = shown(admin, run)
    assert "It was undone" in page
    assert "is not counted" in page
    assert ">Undo</button>" not in page.replace("\n", "")
    assert pressed(member, run, "undoing").status_code == 404


def test_a_call_without_an_undo_offers_none(workspace, admin, monkeypatch):
    plays(monkeypatch)
    installed(workspace, admin, MILD)
    connect("probe")
    put = perform(invoke(workspace, actor=admin, target="probe.put", inputs={"key": "k"}).pk)
    assert "undoing" not in shown(admin, put)
    assert pressed(admin, put, "undoing").status_code == 409
    made = perform(invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k"}).pk)
    assert "undoing/" in shown(admin, made)


def test_step_by_step_from_the_form_to_the_end(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    client = browser(admin)
    url = f"{reverse('sandbox:run-create', args=['meridian'])}?target=probe.steps"
    form = client.get(url).context["form"]
    sent = {"idempotency_key": form["idempotency_key"].value(), "scenario": "happy", "mode": "simulated"}
    response = client.post(url, sent | {"stepwise": "on", "sample_look": "429"})
    run = Run.objects.get(target="probe.steps")
    assert (response.url, run.is_stepped, run.scenarios) == (run.get_absolute_url(), True, {"look": "429"})
    run = perform(run.pk)
    page = shown(admin, run)
    assert "Paused after a step." in page
    assert "with the sample “Happy path”, at “look” with “429, then OK”" in page
    assert '<details class="reveal" id="passed-make-0" open>' in page  # what it gave is seen without a press
    assert ">Next step</button>" in page.replace("\n", "")
    assert pressed(admin, run, "step").url == run.get_absolute_url()
    assert pressed(admin, run, "step").status_code == 409
    run = perform(run.pk)
    assert (run.state, run.steps.get(step_id="look").scenario) == ("succeeded", "429")


@pytest.fixture
def partial(workspace, admin, monkeypatch):
    plays(monkeypatch)
    fake = "id: fake, use: shadow.create, with: { key: \"'f'\" }"
    installed(workspace, admin, MOODY, SHADOW, TIDY, pack_over_both(MAKE, fake))
    connect("probe")


def test_live_where_connected_is_offered_and_labelled_everywhere(workspace, admin, partial):
    client = browser(admin)
    url = f"{reverse('sandbox:run-create', args=['meridian'])}?target=probe.steps"
    page = client.get(url)
    assert "Run live where connected" in page.content.decode()
    assert "it reaches Probe and makes up what Shadow would answer" in page.content.decode()
    sent = {"idempotency_key": page.context["form"]["idempotency_key"].value(), "scenario": "happy", "mode": "partial"}
    client.post(url, sent)
    run = perform(Run.objects.get(target="probe.steps").pk)
    page = shown(admin, run)
    assert "<title>[Sim] " in page
    assert "Partly simulated." in page
    assert "Nothing here reaches a live system" not in page
    assert "not counted" in page
    assert "live systems in part" in page
    trace = page[page.index("<h2>Trace</h2>") :] if "<h2>Trace</h2>" in page else page[page.index("Trace") :]
    assert (trace.count("Partly simulated"), trace.count("> Simulated") + trace.count("Simulated</")) >= (1, 1)
    listed = client.get(reverse("sandbox:run-list", args=["meridian"]) + "?mode=partial").content.decode()
    assert "Partly simulated" in listed
    assert run.short_id in listed


def test_where_nothing_is_connected_it_is_not_offered(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE))
    url = f"{reverse('sandbox:run-create', args=['meridian'])}?target=probe.steps"
    assert "Run live where connected" not in browser(admin).get(url).content.decode()


def test_a_long_loop_takes_no_more_statements(workspace, admin, django_assert_max_num_queries):
    set_up(workspace, admin, pack_of(LOOP))
    few, many = (ran(workspace, admin, keys=keys) for keys in (["a"], list("abcde")))
    client = browser(admin)
    counts = []
    for run in (few, few, many):
        with django_assert_max_num_queries(100) as queries:
            assert client.get(run.get_absolute_url()).status_code == 200
        counts.append(len(queries))
    assert counts[1] == counts[2]
