"""The pages that move an installation to another version: what there is, what it asks for, and the move."""

import pytest
from django.urls import reverse

from galaxy.core.models import AuditEvent
from registry.models import Pin
from registry.services import install
from tests.playhouse import staged
from tests.registry.samples import action, connector, pack, publish


@pytest.fixture
@staged
def held(workspace, admin):
    """1.1.0 of a connector, of which there are 1.0.0 and 2.0.0 as well; the last asks for more."""
    publish(connector("acme", "1.0.0"))
    version = publish(connector("acme", "1.1.0"))
    publish(connector("acme", "2.0.0", action() + action(id="drop_thing", scope="things.delete", method="DELETE")))
    return install(workspace, version.extension, version=version, actor=admin)


@pytest.fixture
def url(held):
    return reverse("registry:pin-change", args=[held.workspace.slug, held.pk])


def digest_of(held, number: str) -> str:
    return held.extension.versions.get(number=number).digest


def number_of(held) -> str:
    return Pin.objects.get(installation=held).version.number


def test_the_versions_there_are_stand_on_it_but_the_one_in_use(client_of, admin, held, url):
    text = client_of(admin).get(url).text
    assert "Move to 2.0.0…" in text and "Roll back to 1.0.0…" in text and "Move to 1.1.0" not in text
    assert url in client_of(admin).get(held.get_absolute_url()).text


def test_moving_on_takes_a_look_and_a_click(client_of, admin, held, url):
    newest = publish(connector("acme", "1.2.0"))
    client = client_of(admin)
    text = client.get(f"{url}?to={newest.digest}").text
    assert "Move to 1.2.0" in text and "It asks for nothing beyond what was agreed to." in text
    assert number_of(held) == "1.1.0"
    answer = client.post(url, {"to": newest.digest}, follow=True)
    assert answer.redirect_chain == [(held.get_absolute_url(), 302)]
    assert "is held at 1.2.0 now." in answer.text
    assert AuditEvent.objects.filter(action="pin.moved").count() == 1


def test_the_way_back_has_a_page_of_its_own(client_of, admin, held, url):
    client, back = client_of(admin), digest_of(held, "1.0.0")
    page = reverse("registry:rollback", args=[held.workspace.slug, held.pk])
    for answer in (client.get(f"{url}?to={back}"), client.post(url, {"to": back})):
        assert answer.status_code == 302 and answer["Location"] == f"{page}?to={back}"
    assert number_of(held) == "1.1.0"


def test_what_asks_for_more_is_agreed_to_by_name(client_of, admin, held, url):
    client, more = client_of(admin), digest_of(held, "2.0.0")
    text = client.get(f"{url}?to={more}").text
    assert "It asks for more than was agreed to" in text and "Agree and move to 2.0.0" in text
    for agreed in ([], ["things.write"]):
        assert client.post(url, {"to": more, "agreed": agreed}).status_code == 409
    assert number_of(held) == "1.1.0"
    client.post(url, {"to": more, "agreed": ["things.delete"]})
    assert number_of(held) == "2.0.0"


def test_who_may_not_sees_what_is_missing_and_moves_nothing(client_of, member, stranger, held, url):
    newest = digest_of(held, "2.0.0")
    assert "Needs “" in client_of(member).get(f"{url}?to={newest}").text
    assert client_of(member).post(url, {"to": newest}).status_code == 403
    assert client_of(stranger).get(url).status_code == 404
    assert number_of(held) == "1.1.0"


def test_a_get_moves_nothing_and_what_is_no_version_is_not_found(client_of, admin, held, url):
    client = client_of(admin)
    client.get(f"{url}?to={digest_of(held, '2.0.0')}")
    assert number_of(held) == "1.1.0"
    for digest in ("nonsense", "", held.pin.digest, publish(connector("other")).digest):
        assert client.get(url, {"to": digest}).status_code == 404
        assert client.post(url, {"to": digest}).status_code == 404


def test_a_pack_that_would_stop_is_named(client_of, admin, workspace, held, url):
    version = publish(pack(wanted="^1.1"))
    install(workspace, version.extension, version=version, actor=admin)
    assert "will not run with it." in client_of(admin).get(f"{url}?to={digest_of(held, '2.0.0')}").text


def test_the_only_version_says_so(client_of, admin, workspace):
    version = publish(connector("alone"))
    one = install(workspace, version.extension, version=version, actor=admin)
    url = reverse("registry:pin-change", args=[workspace.slug, one.pk])
    assert "There is no other version" in client_of(admin).get(url).text
