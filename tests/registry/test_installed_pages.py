"""The pages about what is installed, through their addresses."""

import re

import pytest
from django.urls import reverse

from galaxy.core.members import grant_on
from galaxy.core.models import AuditEvent, RoleGroup
from galaxy.core.permissions import revoke
from galaxy.core.scope import workspace_scope
from registry.models import Connection, Installation
from registry.services import install, uninstall
from tests.playhouse import staged
from tests.registry.samples import action, connector, manifest_of, pack, publish, transform


def put(workspace, manifest, actor):
    version = publish(manifest)
    return install(workspace, version.extension, version=version, actor=actor)


@pytest.fixture
def list_url(workspace):
    return reverse("registry:installation-list", args=[workspace.slug])


@pytest.fixture
@staged
def hubspot(workspace, admin):
    return put(workspace, connector("acme", name="Acme CRM"), admin)


@pytest.fixture
def only_by_grant(workspace, member):
    """A member whose role has lost the permission to see what is installed."""
    group = RoleGroup.objects.get(workspace=workspace, role="member").group
    revoke("core.view_installation", group, workspace)
    return member


def removal_url(installation):
    return reverse("registry:installation-removal", args=[installation.workspace.slug, installation.pk])


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_list_shows_version_digest_mode_and_who(client_of, admin, list_url, hubspot):
    page = client_of(admin).get(list_url)
    text = text_of(page)
    assert page.status_code == 200
    for words in ("Acme CRM", "Connector", "1.0.0", hubspot.pin.digest[:12], "Sim Mode", admin.name):
        assert words in text
    assert hubspot.get_absolute_url() in page.content.decode()


def test_the_mode_follows_the_connection(client_of, workspace, admin, list_url, hubspot):
    put(workspace, pack(), admin)
    put(workspace, transform(), admin)
    modes = {row.installation.extension.slug: row.mode for row in client_of(admin).get(list_url).context["rows"]}
    assert modes == {"acme": "simulated", "things.keep": "simulated", "things.clean": "inside"}
    Connection.objects.update(status="authenticated")
    modes = {row.installation.extension.slug: row.mode for row in client_of(admin).get(list_url).context["rows"]}
    assert modes == {"acme": "connected", "things.keep": "connected", "things.clean": "inside"}


def test_whoever_has_an_account_of_their_own_connected_is_told_that_it_runs_live(
    client_of, workspace, admin, member, list_url, hubspot
):
    own = {"workspace": workspace, "installation": hubspot, "owner": member, "name": "Acme", "status": "authenticated"}
    Connection.objects.create(**own)
    for user, mode in ((member, "connected"), (admin, "simulated")):
        assert [row.mode for row in client_of(user).get(list_url).context["rows"]] == [mode]
        assert client_of(user).get(hubspot.get_absolute_url()).context["mode"] == mode


def test_an_empty_list_says_what_will_be_here(client_of, admin, list_url):
    assert "Nothing is installed yet" in text_of(client_of(admin).get(list_url))


@pytest.mark.parametrize("query", [{"q": "nothing like it"}, {"kind": "pack"}, {"q": "x" * 10_000}, {"q": "🦊\x00'"}])
def test_filters_that_fit_nothing_say_so_and_can_be_cleared(client_of, admin, list_url, hubspot, query):
    page = client_of(admin).get(list_url, query)
    assert page.status_code == 200
    assert "Nothing installed fits" in text_of(page)
    assert f'href="{list_url}"' in page.content.decode()


def test_an_empty_list_offers_no_filters(client_of, admin, list_url, hubspot):
    client, form = client_of(admin), 'class="filters"'
    assert form in client.get(list_url).text
    uninstall(hubspot, actor=admin)
    assert form not in client.get(list_url).text
    assert form in client.get(list_url, {"q": "gone"}).text


def test_the_navigation_counts_what_is_installed(client_of, workspace, admin, hubspot):
    client, overview = client_of(admin), workspace.get_absolute_url()
    clean = put(workspace, transform(), admin)
    assert '<span class="count">2</span>' in client.get(overview).text
    uninstall(clean, actor=admin)
    assert '<span class="count">1</span>' in client.get(overview).text


def test_a_pack_may_do_what_its_steps_call(client_of, workspace, admin, hubspot):
    text = text_of(client_of(admin).get(put(workspace, pack(), admin).get_absolute_url()))
    assert "Create and change things" in text and "Nothing of its own" not in text


def test_filters_and_order_are_in_the_address(client_of, workspace, admin, list_url, hubspot):
    put(workspace, transform(name="Beta"), admin)
    client = client_of(admin)

    def names(**query):
        return [row.installation.extension.name for row in client.get(list_url, query).context["rows"]]

    assert names() == ["Acme CRM", "Beta"]
    assert names(sort="-name") == ["Beta", "Acme CRM"]
    assert names(kind="transform") == ["Beta"]
    assert names(q="acme") == ["Acme CRM"]
    assert names(sort="nonsense", kind="nonsense") == ["Acme CRM", "Beta"]


def test_htmx_gets_the_table_alone(as_htmx, admin, list_url, hubspot):
    answer = as_htmx(admin).get(list_url)
    assert answer.content.decode().lstrip().startswith('<div class="stack" id="installations">')
    assert "HX-Request" in answer["Vary"]


def test_the_list_takes_a_fixed_number_of_queries(client_of, workspace, admin, list_url, django_assert_max_num_queries):
    for number in range(40):
        put(workspace, connector(f"c{number}", "1.0.0", action(f"do_{number}")), admin)
    client = client_of(admin)
    client.get(list_url)
    with django_assert_max_num_queries(16):
        page = client.get(list_url)
    assert len(page.context["rows"]) == 40


def test_an_installation_shows_what_it_may_do_and_who_may(client_of, admin, hubspot):
    text = text_of(client_of(admin).get(hubspot.get_absolute_url()))
    for words in (
        "Create and change things",
        "Needs a grant",
        "things.write",
        "api.acme.example",
        "acme.create_thing",
        hubspot.pin.digest[:12],
        "Not connected",
        "Owner, Admin, Creator, Member",
        "Every version it was ever held at",
    ):
        assert words in text


def test_a_grant_on_one_installation_is_named_there_and_opens_list_and_page(
    client_of, workspace, admin, only_by_grant, list_url, hubspot
):
    other = put(workspace, transform(name="Beta"), admin)
    client = client_of(only_by_grant)
    assert client.get(list_url).status_code == 403
    assert client.get(hubspot.get_absolute_url()).status_code == 404
    grant_on(hubspot, perm="registry.view_installation", user=only_by_grant, actor=admin)
    page = client.get(list_url)
    assert [row.installation for row in page.context["rows"]] == [hubspot]
    assert only_by_grant.name in text_of(client.get(hubspot.get_absolute_url()))
    assert client.get(other.get_absolute_url()).status_code == 404


def test_another_workspaces_pages_are_not_found(client_of, workspace, other_workspace, stranger, admin, hubspot):
    with workspace_scope([other_workspace.pk]):
        theirs = put(other_workspace, connector("acme", name="Acme CRM"), stranger)
        their_url, their_removal = theirs.get_absolute_url(), removal_url(theirs)
    client = client_of(admin)
    assert client.get(their_url).status_code == 404
    assert client.post(their_removal).status_code == 404
    # Nor by its id under one's own workspace.
    assert client.get(reverse("registry:installation-detail", args=[workspace.slug, theirs.pk])).status_code == 404
    with workspace_scope([other_workspace.pk]):
        assert Installation.objects.get(pk=theirs.pk).is_active


def test_a_control_that_is_off_says_what_is_missing(client_of, auditor, owner, hubspot):
    page = client_of(auditor).get(hubspot.get_absolute_url())
    text = text_of(page)
    assert "Needs “Install and remove extensions”" in text
    assert "Running needs “Run extensions that read”" in text
    assert owner.name in text
    assert removal_url(hubspot) not in page.content.decode()


def test_each_action_can_be_run_by_those_who_may(client_of, workspace, admin, member, auditor):
    actions = action("read_thing", "things.read", "GET"), action("create_thing")
    installation = put(workspace, connector("acme", "1.0.0", *actions), admin)

    def runnable(user):
        html = client_of(user).get(installation.get_absolute_url()).content.decode()
        return re.findall(r"/runs/new/\?target=([\w.]+)", html), "why-off" in html

    assert runnable(admin) == (["acme.read_thing", "acme.create_thing"], False)
    assert runnable(member) == (["acme.read_thing"], True)
    assert runnable(auditor) == ([], True)
    grant_on(installation, perm="registry.write_installation", user=member, actor=admin)
    assert runnable(member) == (["acme.read_thing", "acme.create_thing"], False)


def test_a_removal_asks_first_and_then_removes(client_of, admin, list_url, hubspot):
    client = client_of(admin)
    asked = client.get(removal_url(hubspot))
    assert (asked.status_code, Installation.objects.active().count()) == (200, 1)
    assert "Remove Acme CRM" in text_of(asked)
    done = client.post(removal_url(hubspot), {"reason": "Not used"}, follow=True)
    assert done.redirect_chain == [(list_url, 302)]
    assert "Acme CRM was removed." in text_of(done)
    assert Installation.objects.active().count() == 0
    assert AuditEvent.objects.filter(action="installation.removed", target_id=str(hubspot.pk)).count() == 1


def test_a_reason_that_is_too_long_brings_the_form_back(client_of, admin, hubspot):
    answer = client_of(admin).post(removal_url(hubspot), {"reason": "x" * 301})
    assert (answer.status_code, Installation.objects.active().count()) == (422, 1)


def test_a_removal_without_the_permission_is_refused(client_of, creator, hubspot):
    answer = client_of(creator).post(removal_url(hubspot))
    assert (answer.status_code, Installation.objects.active().count()) == (403, 1)


def test_what_a_pack_needs_is_removed_by_its_typed_name_alone(client_of, workspace, admin, hubspot):
    put(workspace, pack(), admin)
    client = client_of(admin)
    assert removal_url(hubspot) in client.get(hubspot.get_absolute_url()).text
    assert "Keep things" in text_of(client.get(removal_url(hubspot)))
    refused = client.post(removal_url(hubspot))
    assert refused.status_code == 422
    assert "Type Acme CRM" in text_of(refused)
    assert Installation.objects.active().filter(pk=hubspot.pk).exists()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_removed_installation_keeps_its_page(client_of, cast):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        installation = put(workspace, connector(name="Acme CRM"), admin)
        digest, url = installation.pin.digest, installation.get_absolute_url()
        uninstall(installation, actor=admin)
    page = client_of(admin).get(url)
    text = text_of(page)
    assert page.status_code == 200
    assert "This page stays" in text
    assert digest[:12] in text
    assert "Remove…" not in text


def test_hostile_words_are_shown_as_words(client_of, admin, workspace):
    hostile = "<script>alert(1)</script>{{ 7|add:1 }}"
    manifest = manifest_of(
        f"connector: evil\nversion: 1.0.0\nname: '{hostile}'\nsummary: '<img src=x onerror=alert(1)>'\n"
        "auth: { type: api_key }\nbase_url: https://evil.example\negress: [{ host: evil.example }]\n"
        f"actions:{action(summary=chr(39) + '</td><script>alert(2)</script>' + chr(39))}"
    )
    evil = put(workspace, manifest, admin)
    client = client_of(admin)
    for url in (reverse("registry:installation-list", args=[workspace.slug]), evil.get_absolute_url()):
        html = client.get(url).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7|add:1 }}" in html
