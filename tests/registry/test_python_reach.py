"""How an installation of Python gets out: secrets by name, going live, and what each change does to approvals."""

import pytest
from django.urls import reverse

from galaxy.core.models import AuditEvent
from galaxy.core.vault.services import create_secret, shred_secret
from registry.errors import NeedsSignIn
from registry.models import Connection, SecretUse
from registry.services import connecting, give_secret, install, secret_generations, secrets_of, set_live
from tests.extensions import PROBE, installed
from tests.sandbox.python_extensions import publish_python

CODE = '# perms: [files.read]\n# egress: ["https://api.example.com"]\n\ndef run(inputs, ctx):\n    return {}\n'


@pytest.fixture
def python(workspace, admin):
    version = publish_python(CODE, id="files.look")
    return install(workspace, version.extension, version=version, actor=admin)


@pytest.fixture
def key(vault, workspace, admin):
    return create_secret(
        workspace, name="api-key", purpose="Tests.", value="canary-value-1", hosts=["api.example.com"],
        places=["header"], actor=admin,
    )  # fmt: skip


def url(name, installation, **more):
    return reverse(f"registry:{name}", args=[installation.workspace.slug, installation.pk, *more.values()])


def generation(installation) -> int:
    return Connection.objects.get(installation=installation).generation


def test_a_secret_is_given_and_taken_and_each_voids_approvals(client_of, admin, python, key):
    client = client_of(admin)
    form = client.get(url("secret-use-create", python)).content.decode()
    assert "api-key" in form and "canary" not in form
    response = client.post(url("secret-use-create", python), {"secret": key.pk, "name": "TOKEN"})
    assert response["Location"] == python.get_absolute_url()
    assert (secrets_of(python), generation(python)) == ({"TOKEN": key}, 1)
    assert secret_generations(python) == [["TOKEN", str(key.pk), "1"]]
    assert "TOKEN" in client.get(python.get_absolute_url()).content.decode()
    client.post(url("secret-use-removal", python, use=SecretUse.objects.get().pk))
    assert (secrets_of(python), generation(python)) == ({}, 2)
    assert AuditEvent.objects.filter(action__in=["installation.secret_given", "installation.secret_taken"]).count() == 2


@pytest.mark.parametrize("name", ["", "1TOKEN", "TO KEN", "a.b", "x" * 65, "tök"])
def test_a_name_that_code_could_not_write_is_refused(client_of, admin, python, key, name):
    response = client_of(admin).post(url("secret-use-create", python), {"secret": key.pk, "name": name})
    assert response.status_code == 422 and not SecretUse.objects.exists()


def test_one_name_is_given_once(client_of, admin, python, key):
    give_secret(python, secret=key, name="TOKEN", actor=admin)
    response = client_of(admin).post(url("secret-use-create", python), {"secret": key.pk, "name": "TOKEN"})
    assert response.status_code == 422 and "has a secret of that name already" in response.content.decode()


def test_one_secret_too_many_is_refused_above_the_form(client_of, admin, python, key, monkeypatch):
    monkeypatch.setattr(connecting, "MOST_SECRETS", 0)
    response = client_of(admin).post(url("secret-use-create", python), {"secret": key.pk, "name": "TOKEN"})
    assert response.status_code == 422 and "uses at most 0 secrets" in response.content.decode()


def test_a_shredded_secret_is_given_to_nobody_any_more(admin, python, key):
    give_secret(python, secret=key, name="TOKEN", actor=admin)
    shred_secret(key, actor=admin)
    assert secrets_of(python) == {}


def test_it_is_let_out_and_held_again(client_of, admin, python):
    client = client_of(admin)
    client.post(url("live-mode", python), {"live": "on"})
    connection = Connection.objects.get(installation=python)
    assert (connection.is_authenticated, connection.generation) == (True, 1)
    client.post(url("live-mode", python), {"live": "on"})  # twice changes nothing
    client.post(url("live-mode", python), {"live": ""})
    connection.refresh_from_db()
    assert (connection.is_authenticated, connection.generation) == (False, 2)
    actions = AuditEvent.objects.filter(target_id=str(connection.pk)).values_list("action", flat=True)
    assert sorted(actions) == ["connection.closed", "connection.created", "connection.opened"]


def test_what_signs_in_at_a_provider_is_not_switched_by_hand(workspace, admin, key):
    (probe,) = installed(workspace, admin, PROBE)
    with pytest.raises(NeedsSignIn):
        set_live(probe, live=True, actor=admin)
    with pytest.raises(NeedsSignIn):
        give_secret(probe, secret=key, name="TOKEN", actor=admin)


def test_without_the_permission_the_page_says_who_can(client_of, creator, python):
    page = client_of(creator).get(python.get_absolute_url()).content.decode()
    assert "Run live" in page and "Store, rotate and shred secrets" in page  # off, with what is missing
    assert client_of(creator).post(url("live-mode", python), {"live": "on"}).status_code == 403


def test_where_there_is_no_secret_yet_the_page_offers_to_store_one(client_of, admin, python):
    page = client_of(admin).get(url("secret-use-create", python)).content.decode()
    assert "There is no secret yet" in page and reverse("core:secret-create", args=["meridian"]) in page
