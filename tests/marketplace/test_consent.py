"""One extension's page, and the consent that installs exactly what was shown."""

import re

import pytest
from django.urls import reverse

from galaxy.core.models import AuditEvent
from marketplace.services import list_extension
from registry.models import Installation, Version
from registry.services import install, publish_draft
from tests.playhouse import staged
from tests.registry.samples import action, connector, manifest_of, pack, publish, transform


def offer(manifest, level="verified", **more):
    return list_extension(publish(manifest, **more), level=level, summary=manifest.summary)


def page_url(name, workspace, slug):
    return reverse(f"marketplace:{name}", args=[workspace.slug, slug])


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def seen_on(page):
    return re.findall(r'name="digest" value="([0-9a-f]{64})"', page.content.decode())


@pytest.fixture
@staged
def acme(workspace):
    many = action("send_thing").replace("scopes:", "bulk: { field: titles, over: 20 }\n    scopes:")
    many = many.replace("title: string,", "titles: 'string[]',").replace("inputs.title }", "'inputs.titles[0]' }")
    read, drop = action("list_things", "things.read", "GET"), action("drop_thing", "things.delete", "DELETE")
    manifest = connector("acme", "1.0.0", read, many, drop)
    return offer(manifest, changes="First release.", files={"docs.md": b"# Start\n\nRead *this*."})


def test_the_page_says_what_it_is_and_what_it_asks_for(client_of, workspace, member, acme):
    page = client_of(member).get(page_url("listing-detail", workspace, "acme"))
    text = text_of(page)
    for words in (
        "Connector by Orbit Works",
        "Verified",
        "Read things",
        "Create and change things",
        "Delete things",
        "Reach 1 host and no other",
        "api.acme.example",
        "acme.list_things",
        "more than 20 in “titles” waits for approval",
        "Handles email",
        "3 of 3 actions, answering from your input",
        "rate limit (429)",
        "First release.",
        acme.version.short_digest,
    ):
        assert words in text, words
    assert "<h3>Start</h3>" in page.content.decode()


def test_a_name_with_dots_and_dashes_has_a_page_and_an_unknown_one_has_none(client_of, workspace, member):
    offer(transform("lead.follow-up_2"))
    client = client_of(member)
    assert client.get(page_url("listing-detail", workspace, "lead.follow-up_2")).status_code == 200
    assert client.get(page_url("listing-detail", workspace, "lead.follow-up")).status_code == 404
    assert client.get(f"/w/{workspace.slug}/marketplace/..%2f..%2f/").status_code == 404


def test_consent_names_the_rule_that_holds_for_each_scope(client_of, workspace, admin, acme):
    page = client_of(admin).get(page_url("listing-install", workspace, "acme"))
    gates = {ask.scope: ask.gate[0] for ask in page.context["plan"].offers[0].asks}
    assert gates == {"things.read": "Allowed", "things.write": "Needs a grant", "things.delete": "Needs approval"}
    assert seen_on(page) == [acme.version.digest]
    assert Installation.objects.count() == 0


def test_what_was_shown_is_installed_and_the_person_lands_on_it(client_of, workspace, admin, acme):
    client = client_of(admin)
    url = page_url("listing-install", workspace, "acme")
    done = client.post(url, {"digest": seen_on(client.get(url))}, follow=True)
    installation = Installation.objects.get()
    assert done.redirect_chain == [(installation.get_absolute_url(), 302)]
    assert "Acme is installed." in text_of(done)
    assert installation.pin.digest == acme.version.digest
    event = AuditEvent.objects.get(action="installation.created")
    assert (event.actor_id, event.target_id) == (str(admin.pk), str(installation.pk))


def test_a_second_consent_is_refused_and_its_page_leads_to_what_is_there(client_of, workspace, admin, acme):
    client = client_of(admin)
    url = page_url("listing-install", workspace, "acme")
    first = client.post(url, {"digest": [acme.version.digest]})
    again = client.post(url, {"digest": [acme.version.digest]})
    assert (again.status_code, Installation.objects.count()) == (409, 1)
    assert "installed in Meridian already" in text_of(again)
    assert client.get(url)["Location"] == first["Location"]


def test_a_consent_covers_only_the_bytes_that_were_shown(client_of, workspace, admin, acme):
    client = client_of(admin)
    url = page_url("listing-install", workspace, "acme")
    seen = seen_on(client.get(url))
    offer(connector("acme", "2.0.0"))
    late = client.post(url, {"digest": seen})
    assert (late.status_code, Installation.objects.count()) == (409, 0)
    assert "Acme 2.0.0 would be installed now, which you were not shown" in text_of(late)
    assert client.post(url, {"digest": seen_on(client.get(url))}).status_code == 302


@pytest.mark.parametrize("digest", [[], ["0" * 64], ["nonsense"]])
def test_a_consent_that_names_nothing_installs_nothing(client_of, workspace, admin, acme, digest):
    answer = client_of(admin).post(page_url("listing-install", workspace, "acme"), {"digest": digest})
    assert (answer.status_code, Installation.objects.count()) == (409, 0)


def test_without_the_permission_the_button_is_off_and_it_can_be_asked_for(client_of, workspace, owner, member, acme):
    client = client_of(member)
    text = text_of(client.get(page_url("listing-detail", workspace, "acme")))
    assert "Needs “Install and remove extensions”" in text and owner.name in text
    text = text_of(client.get(page_url("listing-install", workspace, "acme")))
    assert "Needs “Install and remove extensions”" in text
    assert "Who will be asked" in text and "Ask for it" in text
    refused = client.post(page_url("listing-install", workspace, "acme"), {"digest": [acme.version.digest]})
    assert (refused.status_code, Installation.objects.count()) == (403, 0)


def test_a_get_installs_nothing(client_of, workspace, admin, acme):
    client_of(admin).get(page_url("listing-install", workspace, "acme"), {"digest": acme.version.digest})
    assert Installation.objects.count() == 0


def test_a_pack_brings_what_it_requires_in_one_consent(client_of, workspace, admin):
    offer(connector())
    offer(pack())
    client = client_of(admin)
    url = page_url("listing-install", workspace, "things.keep")
    page = client.get(url)
    assert [(one.extension.slug, one.is_wanted) for one in page.context["plan"].offers] == [
        ("acme", False),
        ("things.keep", True),
    ]
    assert len(seen_on(page)) == 2
    done = client.post(url, {"digest": seen_on(page)}, follow=True)
    assert "Keep things is installed." in text_of(done)
    assert set(Installation.objects.values_list("extension__slug", flat=True)) == {"acme", "things.keep"}


def test_a_pack_is_installed_with_everything_or_not_at_all(client_of, workspace, admin):
    offer(connector())
    needing = offer(pack())
    url = page_url("listing-install", workspace, "things.keep")
    answer = client_of(admin).post(url, {"digest": [needing.version.digest]})
    assert (answer.status_code, Installation.objects.count()) == (409, 0)


def test_a_pack_takes_a_release_in_its_range_even_where_a_newer_one_is_listed(client_of, workspace, admin):
    offer(connector("acme", "1.4.0"))
    offer(connector("acme", "2.0.0"))
    offer(pack(wanted="^1.0"))
    plan = client_of(admin).get(page_url("listing-install", workspace, "things.keep")).context["plan"]
    assert [one.version.number for one in plan.offers] == ["1.4.0", "1.0.0"]


def test_what_cannot_be_had_is_said_before_anybody_consents(client_of, workspace, admin):
    held = offer(connector("acme", "1.0.0"))
    needing = offer(pack(wanted="^2.0"))
    client = client_of(admin)
    url = page_url("listing-install", workspace, "things.keep")
    assert "needs acme ^2.0, which nobody offers" in text_of(client.get(url))
    install(workspace, held.extension, version=held.version, actor=admin)
    assert "acme is held at 1.0.0 here" in text_of(client.get(url))
    assert client.post(url, {"digest": [needing.version.digest]}).status_code == 409


def test_a_private_extension_is_not_taken_for_the_public_one_of_its_name(client_of, workspace, creator, admin):
    draft = publish_draft(connector("acme"), workspace=workspace, actor=creator)
    install(workspace, draft.extension, version=draft, actor=creator)
    public = offer(connector("acme"))
    client = client_of(admin)
    (card,) = client.get(reverse("marketplace:listing-list", args=[workspace.slug])).context["cards"]
    page = client.get(page_url("listing-detail", workspace, "acme"))
    assert (card.hit.installation_id, page.context["installation"]) == (None, None)
    url = page_url("listing-install", workspace, "acme")
    assert "acme is installed here already, and two cannot answer to one name." in text_of(client.get(url))
    assert client.post(url, {"digest": [public.version.digest]}).status_code == 409


def test_a_packs_page_links_to_what_it_requires(client_of, workspace, admin):
    needed = offer(connector())
    offer(pack())
    client = client_of(admin)
    url = page_url("listing-detail", workspace, "things.keep")
    assert page_url("listing-install", workspace, "acme") in client.get(url).content.decode()
    installation = install(workspace, needed.extension, version=needed.version, actor=admin)
    assert installation.get_absolute_url() in client.get(url).content.decode()


def test_versions_are_listed_newest_first_and_yours_is_marked(client_of, workspace, admin):
    old = offer(connector("acme", "1.0.0"))
    install(workspace, old.extension, version=old.version, actor=admin)
    offer(connector("acme", "1.10.0"))
    withdrawn = publish(connector("acme", "1.9.0"))
    Version.objects.filter(pk=withdrawn.pk).update(status="yanked")
    page = client_of(admin).get(page_url("listing-detail", workspace, "acme"))
    assert [one.version.number for one in page.context["releases"]] == ["1.10.0", "1.9.0", "1.0.0"]
    text = text_of(page)
    assert re.search(r"1\.10\.0 Newest", text)
    assert re.search(r"1\.9\.0 Yanked", text)
    assert re.search(r"1\.0\.0 Yours", text)


def test_hostile_words_and_documents_are_shown_as_words(client_of, workspace, admin):
    manifest = manifest_of(
        "connector: evil\nversion: 1.0.0\nname: '<script>alert(1)</script>'\n"
        "summary: '\"><img src=x onerror=alert(1)>'\nauth: { type: api_key }\nbase_url: https://evil.example\n"
        f"egress: [{{ host: evil.example }}]\nactions:{action()}"
    )
    docs = b"<script>alert(2)</script>\n\n[x](javascript:alert(3)) [y](http://plain.example) ![z](https://a.example/p.png)\n"
    offer(
        manifest, files={"docs.md": docs}, changes="<b>bold</b>", publisher='Mallory & "Sons"'
    )  # which holds no angle bracket
    client = client_of(admin)
    for url in (
        reverse("marketplace:listing-list", args=[workspace.slug]),
        page_url("listing-detail", workspace, "evil"),
        page_url("listing-install", workspace, "evil"),
    ):
        html = client.get(url).content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        for raw in ("<script>alert", "<img", "<b>bold", "Mallory & ", 'href="javascript', "http://plain"):
            assert raw not in html, (url, raw)
