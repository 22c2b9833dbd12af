"""No token shows anywhere: not in a table, a page, a log or an error, and keys are rotated from under them."""

import logging
import re

import pytest
from django.db import connections
from django.urls import reverse

from galaxy.core.models import WorkspaceKey
from galaxy.core.vault.services import go_on_rewrapping, rewrap
from registry.models import AppRegistration, Connection, ConnectionCredential
from registry.services import uninstall
from sandbox.sandboxd.credentials import NotAuthorised, authorised
from tests.connections import register_app, seal_for, vendor
from tests.extensions import installed
from tests.sandbox.connections.test_connect_pages import begin, come_back

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
SECRETS = {
    "access": "access-SECRET-0123456789",
    "refresh": "refresh-SECRET-0123456789",
    "second": "second-SECRET-0123456789",
    "app": "app-SECRET-0123456789",
    "code": "code-SECRET-0123456789",
}


def everything() -> str:
    """Every row of every table, as text, and its bytes as what they would read."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    text = "\n".join(found)
    return text + "\n".join(bytes.fromhex(one).decode("latin-1") for one in re.findall(r"\\x((?:[0-9a-f]{2})+)", text))


def test_bytes_that_nobody_sealed_would_be_found(vault, workspace, admin):
    connection = installed(workspace, admin, vendor("type: bearer"))[0].connections.get()
    seal_for(connection, {"token": SECRETS["access"]})
    assert SECRETS["access"] not in everything()
    ConnectionCredential.objects.update(ciphertext=SECRETS["access"].encode())
    assert SECRETS["access"] in everything()


@pytest.mark.asvs("10.1.1", "14.2.4", "16.2.5")
def test_a_whole_life_of_a_connection_shows_no_token_anywhere(sandboxd, workspace, admin, client_of, caplog):
    caplog.set_level(logging.DEBUG)
    connection = installed(workspace, admin, vendor())[0].connections.get()
    register_app(connection.installation, admin, secret=SECRETS["app"])
    client, pages = client_of(admin), []
    sandboxd.answer = lambda host, target, form: {
        "access_token": SECRETS["access"], "refresh_token": SECRETS["refresh"], "expires_in": 3600,
        "email": SECRETS["access"],  # a vendor that would have its token shown as a name
    }  # fmt: skip
    pages.append(come_back(client, connection, state=begin(client, connection)["state"], code=SECRETS["code"]))
    assert Connection.objects.get().is_authenticated
    answers = [
        {"access_token": SECRETS["second"]},
        (400, {}, f'{{"error": "{SECRETS["refresh"]}", "error_description": "{SECRETS["app"]}"}}'),
        (500, {}, SECRETS["refresh"]),
        (200, {}, f"<html>{SECRETS['access']}</html>"),
    ]
    for answer in answers:
        sandboxd.answer = lambda host, target, form, answer=answer: answer
        for name in ("connection-test", "connection-renewal"):
            address = reverse(f"sandbox:{name}", args=["meridian", connection.pk])
            pages.append(client.post(address, follow=True))
    pages.append(
        client.post(reverse("sandbox:connection-disconnection", args=["meridian", connection.pk]), follow=True)
    )
    assert all(page.status_code == 200 for page in pages)
    texts = {"tables": everything(), "log": caplog.text, "pages": "".join(page.content.decode() for page in pages)}
    for place, text in texts.items():
        for name, value in SECRETS.items():
            assert value.lower() not in text.lower(), (place, name)
    assert "connection.disconnected" in texts["tables"]
    sent = str(sandboxd.asked)
    assert all(value in sent for value in SECRETS.values())  # they were really used


def test_keys_are_rotated_from_under_credentials_and_apps(sandboxd, workspace, admin, monkeypatch):
    monkeypatch.setattr("galaxy.core.vault.services.rewrapping._ring", lambda job: None)
    connection = Connection.objects.select_related("installation__pin__version", "workspace").get(
        installation=installed(workspace, admin, vendor())[0]
    )
    register_app(connection.installation, admin)
    seal_for(connection, {"access_token": SECRETS["access"], "refresh_token": SECRETS["refresh"]})
    old = WorkspaceKey.objects.get()
    job = go_on_rewrapping(rewrap(workspace, actor=admin).pk)
    assert (job.state, job.done, job.total) == ("done", 2, 2)
    assert {row.key.version for row in (ConnectionCredential.objects.get(), AppRegistration.objects.get())} == {2}
    old.refresh_from_db()
    assert old.wrapped is None
    manifest = connection.installation.pin.version.parsed
    found = authorised(connection, manifest, seconds=5, ways=sandboxd.ways)
    assert found.headers["Authorization"][1] == SECRETS["access"]
    Connection.objects.update(expires_at=connection.refreshed_at)
    assert authorised(connection, manifest, seconds=5, ways=sandboxd.ways).token_generation == 2


def test_removing_an_extension_destroys_what_its_connections_held(sandboxd, workspace, admin):
    installation = installed(workspace, admin, vendor())[0]
    connection = Connection.objects.select_related("installation__pin__version", "workspace").get()
    register_app(installation, admin)
    seal_for(connection, {"access_token": SECRETS["access"]})
    manifest = connection.installation.pin.version.parsed
    uninstall(installation, actor=admin)
    assert (ConnectionCredential.objects.count(), AppRegistration.objects.count()) == (0, 0)
    with pytest.raises(NotAuthorised, match="not connected"):
        authorised(connection, manifest, seconds=5, ways=sandboxd.ways)


def test_no_answer_of_sandboxd_holds_a_token_in_the_clear(sandboxd, workspace, admin, client_of, monkeypatch):
    from sandbox.connections import services

    answers, asked = [], services.ask

    def listening(op, body, *, seconds):
        answers.append(asked(op, body, seconds=seconds))
        return answers[-1]

    monkeypatch.setattr(services, "ask", listening)
    connection = installed(workspace, admin, vendor())[0].connections.get()
    register_app(connection.installation, admin)
    client = client_of(admin)
    sandboxd.answer = lambda host, target, form: {
        "access_token": SECRETS["access"], "refresh_token": SECRETS["refresh"],
    }  # fmt: skip
    state = begin(client, connection)["state"]
    come_back(client, connection, state=state, code="c")
    text = str(answers)
    assert len(answers) == 2
    assert not re.search("SECRET", text)
