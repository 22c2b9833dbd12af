"""The pages of the vault: what they show, what they never show, and the rotation as a person goes through it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from galaxy.core.models import AuditEvent, Rewrap, Secret, SecretVersion
from galaxy.core.sessions import BEGAN
from galaxy.core.vault import reading, sealing
from galaxy.core.vault.reading import SIZE
from galaxy.core.vault.services import (
    create_secret,
    go_on_rewrapping,
    lease,
    open_lease,
    retire_version,
    shred_secret,
    stage_version,
    switch_version,
    testing,
)
from tests.core.vault.conftest import CANARY, HOSTS, PLACES

PEM = "-----BEGIN PRIVATE KEY-----\r\nMIIBVgIBADANBgkq\r\nhkiG9w0BAQEFAASC\r\n-----END PRIVATE KEY-----\r\n"
BOUNDS = {"hosts": "api.example.com", "places": ["header"]}
NEW = {"name": "crm-key", "purpose": "Calls the CRM.", "value": CANARY, **BOUNDS}


def url(name, *args) -> str:
    return reverse(f"core:secret-{name}", args=["meridian", *args])


def words(response) -> str:
    return response.content.decode()


@pytest.fixture
def page(client_of, admin):
    return client_of(admin)


def test_a_secret_is_stored_and_never_shown(vault, workspace, page):
    assert "No secrets yet" in words(page.get(url("list")))
    response = page.post(url("create"), NEW, follow=True)
    secret = Secret.objects.get()
    assert response.redirect_chain[-1][0] == secret.get_absolute_url()
    assert "stored. Nobody can read it back, you included." in words(response)
    for answer in (response, page.get(url("list")), page.get(url("staging", secret.pk)), page.get(url("keys"))):
        assert answer.status_code == 200
        assert CANARY not in words(answer)
        assert "no-store" in answer["Cache-Control"]
    assert "api.example.com" in words(page.get(url("list")))
    assert "AES-256-GCM" in words(page.get(secret.get_absolute_url()))
    assert "under local:" in words(page.get(secret.get_absolute_url()))


def test_a_form_that_comes_back_holds_everything_but_the_value(vault, workspace, page):
    response = page.post(url("create"), NEW | {"hosts": "https://evil.example/"})
    shown = words(response)
    assert response.status_code == 422
    assert "is no host name" in shown
    assert "Calls the CRM." in shown
    assert CANARY not in shown
    assert Secret.objects.count() == 0
    for change, told in (
        ({"value": ""}, "This field is required"),
        ({"value": "short"}, "at least"),
        ({"value": PEM}, "cannot stand in a header"),
        ({"hosts": ""}, "at least one host"),
        ({"hosts": "127.0.0.1"}, "is no host name"),
        ({"hosts": " ".join(f"h{n}.example.com" for n in range(21))}, "20 hosts at most"),
        ({"name": "with blank"}, "valid “slug”"),
        ({"places": ["cookie"]}, "not one of the available choices"),
    ):
        response = page.post(url("create"), NEW | change)
        assert (response.status_code, told in words(response)) == (422, True), change
        assert "PRIVATE KEY" not in words(response)
    page.post(url("create"), NEW)
    assert "This name is taken" in words(page.post(url("create"), NEW))


def test_a_value_in_the_form_is_guarded_from_browsers_and_helpers(vault, workspace, page):
    shown = words(page.get(url("create")))
    [field] = [part for part in shown.split("<textarea")[1:] if 'name="value"' in part.partition(">")[0]]
    for guard in ('autocomplete="off"', 'spellcheck="false"', 'autocapitalize="off"'):
        assert guard in field.partition(">")[0]
    assert 'hx-history="false"' in shown


def test_a_key_of_several_lines_arrives_to_the_letter(vault, workspace, page):
    page.post(url("create"), NEW | {"value": PEM, "places": [], "hosts": ""})
    token = lease(Secret.objects.get(), run_id="r", purpose="p", extension="e", action="a")
    assert open_lease(token).value == PEM.replace("\r\n", "\n")


def test_blanks_around_a_pasted_line_are_left_out(vault, workspace, page):
    page.post(url("create"), NEW | {"value": f"  {CANARY} \r\n", "hosts": "API.example.com.,\n api.example.com"})
    secret = Secret.objects.get()
    assert open_lease(lease(secret, run_id="r", purpose="p", extension="e", action="a")).value == CANARY
    assert secret.versions.get().hosts == ["api.example.com"]


def test_a_rotation_step_by_step(api_key, page, monkeypatch):
    monkeypatch.setattr(testing, "_testers", [])
    here = api_key.get_absolute_url()
    assert "Stage a value…" in words(page.get(here))
    page.post(url("staging", api_key.pk), {"value": "the next value", **BOUNDS})
    shown = words(page.get(here))
    assert "Switch to v2" in shown
    assert "Nothing here can try it out" in shown
    asked = []
    testing.register_tester(lambda token, address: asked.append(address) or testing.Finding(False, "It answered 401."))
    page.post(url("test", api_key.pk, 2), {"address": "https://api.example.com/me"})
    assert asked == ["https://api.example.com/me"]
    assert "It answered 401." in words(page.get(here))
    testing.register_tester(lambda token, address: testing.Finding(open_lease(token).value == "the next value", "200."))
    page.post(url("test", api_key.pk, 2), {"address": "https://api.example.com/me"})
    assert "Passed" in words(page.get(here))
    page.post(url("switch", api_key.pk, 2))
    assert "Retire v1" in words(page.get(here))
    page.post(url("switch", api_key.pk, 1))
    assert "Switch back to v2" in words(page.get(here))
    page.post(url("switch", api_key.pk, 2))
    page.post(url("retirement", api_key.pk, 1))
    assert "Stage a value…" in words(page.get(here))
    stages = dict(SecretVersion.objects.values_list("number", "stage"))
    assert stages == {1: "retired", 2: "current"}
    tested = AuditEvent.objects.filter(action="secret.version_tested").count()
    assert tested == 2


def test_a_value_that_no_trial_could_carry_is_not_offered_one(api_key, admin, page, monkeypatch):
    """A trial puts the value into a header, and this one only signs."""
    monkeypatch.setattr(testing, "_testers", [lambda token, address: testing.Finding(True, "200.")])
    stage_version(api_key, value="the next value", hosts=[], places=[], actor=admin)
    response = page.get(api_key.get_absolute_url())
    assert response.context["rotation"].step == "switch"
    assert "Nothing here can try it out" in words(response)
    assert url("test", api_key.pk, 2) not in words(response)


def test_who_may_not_test_is_told_so(api_key, admin, client_of, auditor, monkeypatch):
    monkeypatch.setattr(testing, "_testers", [lambda token, address: testing.Finding(True, "200.")])
    stage_version(api_key, value="the next value", hosts=HOSTS, places=PLACES, actor=admin)
    test_step = words(client_of(auditor).get(api_key.get_absolute_url())).partition("Test it</h3>")[2]
    assert "Needs “Store, rotate and shred secrets”." in test_step.partition("Switch to it</h3>")[0]


def test_the_value_in_use_is_found_behind_however_many_discarded_ones(api_key, admin, page, monkeypatch):
    monkeypatch.setattr(reading, "VERSIONS", 2)
    for n in range(2):
        version = stage_version(api_key, value=f"value {n}", hosts=HOSTS, places=PLACES, actor=admin)
        retire_version(version, actor=admin)
    response = page.get(api_key.get_absolute_url())
    assert [row.version.number for row in response.context["versions"]] == [3, 2]
    assert response.context["rotation"].current.number == 1


def test_a_step_that_is_not_next_is_told_in_words(api_key, page):
    response = page.post(url("switch", api_key.pk, 1))
    assert (response.status_code, "cannot become current" in words(response)) == (409, True)
    assert page.post(url("switch", api_key.pk, 9)).status_code == 404


def test_shredding_asks_for_the_name_and_for_who_is_there(api_key, page):
    page_url = url("shredding", api_key.pk)
    assert page.post(page_url, {"name": "crm"}).status_code == 422
    session = page.session
    now = session[BEGAN]
    session[BEGAN] = now - 3600
    session.save()
    late = page.post(page_url, {"name": "crm-key"})
    assert (late.status_code, late["Location"]) == (302, reverse("core:proof"))
    assert Secret.objects.kept().count() == 1
    session = page.session
    session[BEGAN] = now
    session.save()
    assert page.post(page_url, {"name": "crm-key"})["Location"] == url("list")
    assert Secret.objects.kept().count() == 0
    shown = words(page.get(api_key.get_absolute_url()))
    assert "Its data keys are destroyed" in shown
    assert "Stage a value" not in shown
    assert "No secrets yet" in words(page.get(url("list")))
    assert "crm-key" in words(page.get(url("list") + "?state=shredded"))


def test_an_auditor_sees_all_but_the_controls(api_key, client_of, auditor):
    client = client_of(auditor)
    for address in (url("list"), api_key.get_absolute_url(), url("keys")):
        shown = words(client.get(address))
        assert "Needs “Store, rotate and shred secrets”." in shown
        assert 'method="post" action="/w/meridian/secrets/' not in shown
    assert client.get(url("create")).status_code == 403


def test_what_used_it_last_stands_on_its_page(api_key, page):
    open_lease(
        lease(api_key, run_id="run-77", purpose="Create a task", extension="crm 1.2.0", action="crm.create_task")
    )
    shown = words(page.get(api_key.get_absolute_url()))
    for word in ("crm 1.2.0", "crm.create_task", "run-77", "Create a task"):
        assert word in shown


def test_a_closed_vault_says_what_to_start(api_key, page, settings, monkeypatch):
    monkeypatch.setattr(sealing, "_registered", [])
    settings.GALAXY_KMS = ""
    for address in (url("create"), url("staging", api_key.pk), url("keys")):
        shown = words(page.get(address))
        assert "The vault is closed: start sandboxd." in shown
        assert 'name="value"' not in shown
    response = page.post(url("create"), NEW | {"name": "other"})
    assert (response.status_code, "start sandboxd" in words(response)) == (503, True)
    assert CANARY not in words(response)
    assert page.get(api_key.get_absolute_url()).status_code == 200


def test_keys_and_their_rotation(api_key, page, as_htmx, admin):
    page.post(url("keys"))
    shown = words(as_htmx(admin).get(url("keys")))
    assert "<html" not in shown
    assert "Rotating to key 2" in shown
    assert 'hx-trigger="every 2s"' in shown
    go_on_rewrapping(Rewrap.objects.get().pk)
    shown = words(page.get(url("keys")))
    assert "1 of 1 data keys are wrapped by key 2" in shown
    assert "hx-trigger" not in shown.partition('id="secret-keys"')[2].partition(">")[0]


def test_the_list_goes_by_name_and_costs_the_same_however_long(vault, workspace, admin, page, as_htmx):
    def add(numbers):
        for n in numbers:
            create_secret(
                workspace, name=f"s-{n:03}", purpose="P", value="a value", hosts=HOSTS, places=PLACES, actor=admin
            )

    def cost(address) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert page.get(address).status_code == 200
        return len(queries)

    add(range(2))
    page.get(url("list"))  # the first request of a session writes that it began
    few = cost(url("list"))
    add(range(2, 2 * SIZE + 3))
    assert cost(url("list")) == few
    assert few <= 12
    names, address, turns = [], url("list"), 0
    while address:
        response = page.get(address)
        names += [secret.name for secret in response.context["page"].secrets]
        after = response.context["page"].after
        address, turns = (f"{url('list')}?after={after}" if after else ""), turns + 1
    assert (turns, names) == (3, [f"s-{n:03}" for n in range(2 * SIZE + 3)])
    back = page.get(f"{url('list')}?before={response.context['page'].before}")
    assert [secret.name for secret in back.context["page"].secrets] == names[SIZE : 2 * SIZE]
    found = words(as_htmx(admin).get(url("list") + "?q=s-00"))
    assert found.count("/secrets/") == 10
    assert "No secret fits" in words(page.get(url("list") + "?q=nothing"))
    for nonsense in ("?after=/", "?after=x/y", "?before=%00", "?state=x", f"?q={'x' * 80}"):
        assert page.get(url("list") + nonsense).status_code in {200, 422}, nonsense


def test_a_page_costs_the_same_however_many_versions(api_key, admin, page):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page.get(api_key.get_absolute_url())
        return len(queries)

    one = cost()
    for n in range(4):
        switch_version(stage_version(api_key, value=f"value {n}", hosts=HOSTS, places=PLACES, actor=admin), actor=admin)
    assert cost() <= one + 1  # the previous version's person, once


def test_a_shredded_name_can_be_used_again(api_key, admin, page):
    shred_secret(api_key, actor=admin)
    page.post(url("create"), NEW)
    assert Secret.objects.kept().get().name == "crm-key"
