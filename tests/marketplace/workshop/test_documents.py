"""From an OpenAPI document to a draft: handed in, chosen from over many pages, confirmed, and drafted."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from marketplace.checks import check
from marketplace.models import ApiDocument, ApiOperation, Draft
from marketplace.workshop.documents import MOST_DOCUMENTS, hand_in
from registry.manifests import read
from tests.registry.openapi.documents import as_bytes, document, large, operation


@pytest.fixture
def pets(workspace, creator):
    return hand_in(workspace, content=as_bytes(large(300)), actor=creator)


def url(name, *args):
    return reverse(f"workshop:{name}", args=["meridian", *args])


def ids(found, *keys):
    return [str(one.pk) for one in ApiOperation.objects.filter(document=found) if one.key in keys]


def shown_on(page):
    return re.findall(r'name="shown" value="([0-9a-f-]+)"', page)


def test_five_of_three_hundred_become_a_draft_that_can_be_a_version(client_of, workspace, creator, monkeypatch):
    def refuse(self, address):
        if not isinstance(address, str):  # PostgreSQL's socket is a path
            raise AssertionError("a network call")
        return connect(self, address)

    import socket

    connect = socket.socket.connect
    monkeypatch.setattr("socket.socket.connect", refuse)
    client = client_of(creator)
    upload = SimpleUploadedFile("pets.json", as_bytes(large(300)))
    answer = client.post(url("document-create"), {"file": upload})
    found = ApiDocument.objects.get()
    assert (answer.status_code, answer.url) == (302, found.get_absolute_url())

    first = client.get(answer.url).content.decode()
    assert "300 operations" in first and "1 to 50 of 300" in first
    on_first = ids(found, "GET /things3", "POST /things3")
    answer = client.post(
        url("document-choice", found.pk), {"shown": shown_on(first), "chosen": on_first, "page": "1", "go": "2"}
    )
    assert answer.url.endswith("?page=2")
    second = client.get(answer.url).content.decode()
    assert "2 of at most 100 chosen" in second
    more = ids(found, "GET /things10", "PUT /things10/{id}", "DELETE /things10/{id}")
    answer = client.post(
        url("document-choice", found.pk), {"shown": shown_on(second), "chosen": more, "page": "2", "go": "draft"}
    )
    assert answer.url == url("document-draft", found.pk)
    proposal = client.get(answer.url).content.decode()
    assert "What your 5 operations become, and what is lost" in proposal
    assert "pets.things10.delete" in proposal and "made up from the schema" in proposal

    refused = client.post(url("document-draft", found.pk), {"name": "pets"})
    assert refused.status_code == 422
    assert "DELETE /things10/{id}" in refused.content.decode()
    assert not Draft.objects.exists()
    sure = ids(found, "DELETE /things10/{id}")
    answer = client.post(url("document-draft", found.pk), {"name": "pets", "confirmed": sure})
    draft = Draft.objects.get()
    assert (answer.url, draft.slug, draft.state) == (draft.get_absolute_url(), "pets", "ready")
    actions = read(draft.text).manifest.actions
    assert list(actions) == ["list_things3", "create_thing3", "list_things10", "replace_thing10", "delete_thing10"]
    assert check(draft.text).errors == []
    assert {one.code for one in check(draft.text).obstacles} == {"no-licence", "no-docs"}  # no document says either
    assert {loss["where"] for loss in draft.losses} == {
        "GET /things3", "POST /things3", "GET /things10", "PUT /things10/{id}", "DELETE /things10/{id}",
    }  # fmt: skip
    page = client.get(draft.get_absolute_url()).content.decode()
    assert "What was lost, and why" in page
    assert AuditEvent.objects.filter(action="draft.imported").count() == 1


def test_a_tick_is_kept_at_once_where_there_is_javascript(as_htmx, pets, creator):
    every = [str(pk) for pk in ApiOperation.objects.filter(document=pets)[:50].values_list("pk", flat=True)]
    answer = as_htmx(creator).post(url("document-choice", pets.pk), {"shown": every, "chosen": every[:3]})
    assert answer.content.decode().strip() == '<span id="chosen" role="status">3 of at most 100 chosen</span>'
    as_htmx(creator).post(url("document-choice", pets.pk), {"shown": every[:1], "chosen": []})
    assert ApiOperation.objects.filter(is_chosen=True).count() == 2


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=things7%2F", 3),
        ("q=listThings", 60),
        ("tag=group+0", 45),
        ("method=DELETE", 60),
        ("effect=delete", 60),
        ("effect=bulk", 0),
        ("show=chosen", 0),
        ("q=%25", 0),
        ("method=BREW", 300),
    ],
)
def test_operations_are_filtered_in_the_database(query, count, client_of, pets, creator):
    page = client_of(creator).get(f"{pets.get_absolute_url()}?{query}").content.decode()
    found = re.search(r"\d+ to \d+ of (\d+) operations", page)
    assert (int(found[1]) if found else len(shown_on(page))) == count


def test_a_tick_reads_nothing_of_the_document_itself(as_htmx, pets, creator):
    (one,) = ids(pets, "GET /things3")
    with CaptureQueriesContext(connection) as queries:
        answer = as_htmx(creator).post(url("document-choice", pets.pk), {"shown": [one], "chosen": [one]})
    assert "1 of at most 100 chosen" in answer.content.decode()
    assert not [query["sql"] for query in queries if '"content"' in query["sql"]]


def test_filtering_without_javascript_keeps_the_ticks(client_of, pets, creator):
    client = client_of(creator)
    shown = shown_on(client.get(pets.get_absolute_url()).content.decode())
    sent = {"shown": shown, "chosen": shown[:2], "q": "list things", "effect": "read", "page": "1", "go": "filter"}
    answer = client.post(url("document-choice", pets.pk), sent)
    assert answer.url == f"{pets.get_absolute_url()}?q=list+things&effect=read&page=1"
    assert ApiOperation.objects.filter(is_chosen=True).count() == 2


def test_a_whole_page_is_ticked_and_unticked(client_of, pets, creator):
    client = client_of(creator)
    shown = shown_on(client.get(pets.get_absolute_url()).content.decode())
    client.post(url("document-choice", pets.pk), {"shown": shown, "go": "all"})
    assert ApiOperation.objects.filter(is_chosen=True).count() == 50
    client.post(url("document-choice", pets.pk), {"shown": shown, "go": "none"})
    assert not ApiOperation.objects.filter(is_chosen=True).exists()


def test_more_than_a_draft_takes_cannot_be_chosen(client_of, pets, creator):
    every = [str(pk) for pk in ApiOperation.objects.filter(document=pets)[:101].values_list("pk", flat=True)]
    answer = client_of(creator).post(url("document-choice", pets.pk), {"shown": every, "chosen": every})
    assert answer.status_code == 422
    assert not ApiOperation.objects.filter(is_chosen=True).exists()


def test_nothing_chosen_makes_no_draft(client_of, pets, creator):
    client = client_of(creator)
    assert "Nothing is chosen" in client.get(url("document-draft", pets.pk)).content.decode()
    assert client.post(url("document-draft", pets.pk), {"name": "pets"}).status_code == 422
    assert not Draft.objects.exists()


@pytest.mark.parametrize("name", ["", "Pets!", "a b", "-x", "x" * 90, "<script>"])
def test_a_name_that_is_none_comes_back(name, client_of, pets, creator):
    ApiOperation.objects.filter(document=pets, position=0).update(is_chosen=True)
    answer = client_of(creator).post(url("document-draft", pets.pk), {"name": name})
    assert answer.status_code == 422
    assert not Draft.objects.exists()
    assert "<script>" not in answer.content.decode().replace("<script src", "").replace("<script type", "")


@pytest.mark.asvs("5.2.2")
@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "paste its text"),
        ({"text": "{}"}, "which version it follows"),
        ({"text": "a: &a [*a]"}, "leads nowhere or to itself"),
        ({"file": SimpleUploadedFile("x.json", b"\xff\xfe")}, "UTF-8"),
        ({"text": '{"openapi": "3.0.3", "paths": {"<script>": {"get": {}}}}'}, "no operation"),
    ],
    ids=["nothing", "no version", "loop", "binary", "no operation"],
)
def test_what_is_no_document_comes_back_with_the_reason(sent, said, client_of, workspace, creator):
    answer = client_of(creator).post(url("document-create"), sent)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not ApiDocument.objects.exists()


@pytest.mark.asvs("5.2.1")
def test_more_than_is_taken_is_refused_before_it_is_read(client_of, workspace, creator):
    huge = SimpleUploadedFile("x.json", b" " * (10 * 1024 * 1024))
    assert client_of(creator).post(url("document-create"), {"file": huge}).status_code == 413
    large_file = SimpleUploadedFile("x.json", as_bytes(document({"/p": {"get": operation(summary="s" * 3_000_000)}})))
    assert client_of(creator).post(url("document-create"), {"file": large_file}).status_code == 302
    pasted = client_of(creator).post(url("document-create"), {"text": "x" * 2_000_000})
    assert pasted.status_code == 413
    assert "choose its file" in pasted.content.decode()
    other = client_of(creator).post(url("draft-create"), {"start": "rest", "more": "x" * 2_000_000})
    assert other.status_code == 413


def test_words_of_a_document_are_never_markup(client_of, workspace, creator):
    nasty = "<img src=x onerror=alert(1)>"
    raw = operation(operationId=nasty, summary=nasty, tags=[nasty], parameters=[{"name": nasty, "in": "cookie"}])
    found = hand_in(
        workspace, content=as_bytes(document({"/p": {"get": raw}}, info={"title": nasty, "version": 1})), actor=creator
    )
    ApiOperation.objects.update(is_chosen=True)
    client = client_of(creator)
    for address in (url("document-create"), found.get_absolute_url(), url("document-draft", found.pk)):
        page = client.get(address).content.decode()
        assert "<img src=x" not in page and "&lt;img src=x" in page, address
    client.post(url("document-draft", found.pk), {"name": "pets"})
    page = client.get(Draft.objects.get().get_absolute_url()).content.decode()
    assert "<img src=x" not in page


def test_a_document_is_removed_and_its_draft_stays(client_of, pets, creator):
    ApiOperation.objects.filter(document=pets, position=0).update(is_chosen=True)
    client = client_of(creator)
    client.post(url("document-draft", pets.pk), {"name": "pets"})
    client.post(url("document-removal", pets.pk))
    assert (ApiDocument.objects.count(), ApiOperation.objects.count(), Draft.objects.count()) == (0, 0, 1)


@pytest.mark.asvs("5.2.4")
def test_there_is_a_most_of_documents(client_of, workspace, creator, pets):
    rows = [
        ApiDocument(workspace=workspace, title="x", specification="3.0", content=b"", size_bytes=0, uploaded_by=creator)
        for _ in range(MOST_DOCUMENTS)
    ]
    ApiDocument.objects.bulk_create(rows)
    text = as_bytes(document({"/p": {"get": operation()}})).decode()
    assert client_of(creator).post(url("document-create"), {"text": text}).status_code == 409


def test_choosing_costs_the_same_however_long_the_document_is(
    client_of, pets, creator, workspace, django_assert_max_num_queries
):
    client = client_of(creator)
    for address in (pets.get_absolute_url(), url("document-create")):
        with django_assert_max_num_queries(19):
            assert client.get(address).status_code == 200


def test_nobody_else_finds_the_document(client_of, pets, stranger, member, other_workspace):
    their = client_of(stranger)
    for slug in ("meridian", "tidewater"):
        for name in ("document-detail", "document-draft"):
            assert their.get(reverse(f"workshop:{name}", args=[slug, pets.pk])).status_code == 404
        for name in ("document-choice", "document-removal"):
            assert their.post(reverse(f"workshop:{name}", args=[slug, pets.pk])).status_code == 404
    assert "Pets" not in their.get("/w/tidewater/workshop/documents/").content.decode()
    assert client_of(member).get(pets.get_absolute_url()).status_code == 403
    with workspace_scope([other_workspace.pk]):
        assert (ApiDocument.objects.count(), ApiOperation.objects.count()) == (0, 0)
