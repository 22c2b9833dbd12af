"""What is read of a document, and what is refused before anything looks inside it."""

import json
import time

import pytest

from registry.openapi import MAX_BYTES, Unreadable, read_document
from tests.registry.openapi.documents import ID, PET, as_bytes, document, large, operation


def codes(found):
    return {loss.code for loss in found.losses}


def test_each_operation_is_listed_with_what_it_probably_does():
    found = read_document(as_bytes(document({
        "/pets": {"get": operation(tags=["Pets"], summary="All  pets"), "post": operation(operationId="createPet")},
        "/pets/{id}": {"parameters": [ID], "delete": operation(), "patch": operation(deprecated=True)},
        "/pets.archive": {"post": operation(operationId="pets_remove")},
        "/pets/batch": {"post": operation()},
    })))  # fmt: skip
    by_key = {one.key: one for one in found.operations}
    assert {key: one.effect for key, one in by_key.items()} == {
        "GET /pets": "read",
        "POST /pets": "write",
        "DELETE /pets/{id}": "delete",
        "PATCH /pets/{id}": "write",
        "POST /pets.archive": "delete",
        "POST /pets/batch": "write",
    }
    assert {key for key, one in by_key.items() if one.needs_confirmation} == {
        "DELETE /pets/{id}", "POST /pets.archive", "POST /pets/batch",
    }  # fmt: skip
    assert (by_key["GET /pets"].summary, by_key["GET /pets"].tags) == ("All pets", ("Pets",))
    assert by_key["PATCH /pets/{id}"].is_deprecated
    assert (found.title, found.specification) == ("Pets", "3.0")


def test_a_body_that_is_a_list_makes_a_call_bulk_also_behind_a_reference():
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pets"}}}}
    paths = {"/pets": {"put": operation(requestBody=body)}}
    found = read_document(as_bytes(document(paths, components={"schemas": {"Pets": {"type": "array", "items": PET}}})))
    assert found.operations[0].is_bulk


@pytest.mark.parametrize("version", ["2.0", "3.0.0", "3.1.1"])
def test_the_three_specifications_are_read(version):
    found = document({"/pets": {"get": operation()}}, version)
    if version == "2.0":
        found["swagger"] = found.pop("openapi")
    assert read_document(as_bytes(found)).specification == version[:3]


def test_yaml_is_read_with_the_types_of_its_core_schema():
    text = """
openapi: "3.0.3"
info: { title: Pets, version: on }
paths:
  /pets:
    get:
      operationId: no
      deprecated: true
      responses: { 200: { description: 2026-01-01 } }
"""
    found = read_document(text.encode())
    view = found.view("GET /pets", losses=None)
    assert (found.operations[0].id, found.operations[0].is_deprecated) == ("no", True)
    assert view["responses"] == {"200": {"description": "2026-01-01"}}


def test_where_it_breaks_its_specification_is_told_and_stops_nothing():
    found = read_document(as_bytes(document({"/pets": {"get": {"responses": {"200": {}}}}}, info={"title": "Pets"})))
    assert [problem.partition(":")[0] for problem in found.problems] == ["info", "paths//pets/get/responses/200"]
    assert len(found.operations) == 1


def test_webhooks_other_methods_and_odd_paths_are_losses():
    paths = {
        "/pets": {"get": operation(), "trace": operation()},
        "/a b": {"get": operation()},
        "/x?a=1": {"get": operation()},
    }
    found = read_document(as_bytes(document(paths, "3.1.0", webhooks={"new": {}})))
    assert [one.key for one in found.operations] == ["GET /pets"]
    assert codes(found) == {"method", "path", "webhooks"}


YAML_BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" " * (MAX_BYTES + 1), "bytes"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "is a map"),
        (b"{", "not JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": NaN}', "not a number"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 9_000 + b"}", "too large"),
        (b'{"a":' * 50_000, "levels deep"),
        (b"[" * 50_000 + b"]" * 50_000, "levels deep"),
        (b"- " * 5_000, "levels deep"),
        (b"a: [1,\n", "neither JSON nor YAML"),
        (b"a: \x00", "neither JSON nor YAML"),
        (b"a: 1\na: 2", "twice"),
        (b"? [a]\n: 1", "no text"),
        (b"a: &a [*a]", "leads nowhere or to itself"),
        (b"a: &a {b: 1}\nc: {<<: *a}", "merge key"),
        (b"--- {a: 1}\n--- {b: 1}", "second document"),
        (YAML_BOMB.encode(), "aliases"),
        (b"a: !!python/object/apply:os.system [ls]\nopenapi: 3.0.3", "no paths"),
        (b'{"openapi": "4.0.0", "paths": {}}', "It says 4.0.0"),
        (b'{"swagger": "1.2", "paths": {}}', "It says 1.2"),
        (b'{"paths": {}}', "does not say which version"),
        (b'{"openapi": "3.0.3"}', "no paths"),
        (b'{"openapi": "3.0.3", "paths": {"/a": {"get": 5}}}', "no operation"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_in_a_sentence(content, said):
    started = time.monotonic()
    with pytest.raises(Unreadable, match=said):
        read_document(content)
    assert time.monotonic() - started < 2


def test_an_alias_that_stands_for_little_is_read():
    text = "openapi: 3.0.3\nx-a: &a { description: Fine. }\npaths: { /pets: { get: { responses: { 200: *a } } } }"
    assert read_document(text.encode()).view("GET /pets", losses=None)["responses"]["200"] == {"description": "Fine."}


def test_a_hundred_thousand_operations_are_refused_before_they_are_read():
    paths = ",".join(f'"/{n}":{{"get":{{}}}}' for n in range(100_000))
    started = time.monotonic()
    with pytest.raises(Unreadable, match="more than"):
        read_document(f'{{"openapi":"3.0.3","paths":{{{paths}}}}}'.encode())
    assert time.monotonic() - started < 5


def test_nothing_is_fetched(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a network call")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    found = large()
    found["paths"]["/remote"] = {"$ref": "https://evil.example/paths.json"}
    found["paths"]["/half"] = {"get": operation(parameters=[{"$ref": "file:///etc/passwd#/x"}])}
    read = read_document(as_bytes(found))
    assert [loss.sentence for loss in read.losses] == [
        "“https://evil.example/paths.json” leads out of the document and was not followed."
    ]
    assert len(read.operations) == 301


def test_words_of_the_document_are_one_line_without_controls():
    found = document({"/pets": {"get": operation(summary="A\n\u202eB\x1b[31m<script>", operationId="x" * 5_000)}})
    one = read_document(json.dumps(found).encode()).operations[0]
    assert one.summary == "A B[31m<script>"
    assert len(one.id) == 100
