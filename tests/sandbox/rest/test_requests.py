"""What an action's manifest and its inputs become on the wire, byte for byte."""

import base64
import email

import pytest

from sandbox.rest import BadCall, build
from tests.sandbox.rest.requests_of import body, request, spec_of

GET = """
    method: GET
    path: /things/{key}
    inputs: { key: string, tags: 'string[]?', deep: bool?, size: int? }
"""
POST = """
    method: POST
    path: /things
    inputs: { key: string, title: string?, tags: 'string[]?', file: string? }
"""
FILE = base64.b64encode(b"\x89PNG\r\n--x").decode()


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a", "/v1/things/a"),
        ("a b", "/v1/things/a%20b"),
        ("a/b?c#d&e", "/v1/things/a%2Fb%3Fc%23d%26e"),
        ("ü+%", "/v1/things/%C3%BC%2B%25"),
        ("~._-", "/v1/things/~._-"),
        ("日本", "/v1/things/%E6%97%A5%E6%9C%AC"),
        ("{key}", "/v1/things/%7Bkey%7D"),
    ],
)
def test_an_input_is_one_segment_of_the_path_whatever_it_holds(key, path):
    assert request(GET, inputs={"key": key}).url == f"https://api.probe.example{path}"


@pytest.mark.parametrize("key", [None, "", ".", "..", "../../admin", "a//b", "/a", "a\\b", "%2e%2e", "a\x00b", "..;/x"])
def test_an_input_that_would_lead_to_another_path_is_refused_before_anything_is_sent(key):
    with pytest.raises(BadCall) as caught:
        request(GET, inputs={"key": key})
    assert (caught.value.category, caught.value.field) == ("validation", "key")
    assert "../../admin" not in str(caught.value)


def test_a_field_that_is_missing_is_named():
    with pytest.raises(BadCall, match="needs key") as caught:
        request(GET)
    assert (caught.value.code, caught.value.next_step) == ("path_field_missing", "Give key.")


@pytest.mark.parametrize(
    ("query", "inputs", "sent"),
    [
        ("", {}, ""),
        ("", {"tags": ["a", "b"], "deep": True, "size": 3}, "?deep=true&size=3&tags=a&tags=b"),
        ("{ t: inputs.tags, d: inputs.deep }", {"tags": ["a&b", "ü"]}, "?t=a%26b&t=%C3%BC"),
        ("{ t: inputs.tags, d: inputs.deep }", {"deep": False}, "?d=false"),
        ("{ t: \"join(',', inputs.tags)\" }", {"tags": ["a", "b"]}, "?t=a%2Cb"),
        ("{ t: \"{a: inputs.size}\" }", {"size": 1}, "?t=%7B%22a%22%3A1%7D"),
        ("{ \"filter[name]\": inputs.size }", {"size": 1}, "?filter%5Bname%5D=1"),
        ("{ t: inputs.tags }", {"tags": []}, ""),
    ],
)  # fmt: skip
def test_a_query_leaves_out_what_is_not_given_and_repeats_lists(query, inputs, sent):
    text = GET + (f"    query: {query}\n" if query else "")
    assert request(text, inputs={"key": "k"} | inputs).url == f"https://api.probe.example/v1/things/k{sent}"


def test_the_host_of_the_connection_stands_where_the_manifest_leaves_it_open():
    prepared = request(GET, base_url='"https://{connection.host}"', inputs={"key": "k"}, host="acme.tenants.example")
    assert prepared.url == "https://acme.tenants.example/things/k"
    with pytest.raises(BadCall, match="which host") as caught:
        request(GET, base_url='"https://{connection.host}"', inputs={"key": "k"})
    assert caught.value.category == "auth_error"


@pytest.mark.parametrize(
    ("more", "inputs", "sent"),
    [
        ("", {"key": "k", "tags": ["ü"]}, '{"key":"k","tags":["ü"]}'),
        ("    body: { a: { b: inputs.title, c: inputs.key }, d: inputs.tags }", {"key": "k"}, '{"a":{"c":"k"}}'),
        ("    body: { a: [inputs.title, inputs.key] }", {"key": "k"}, '{"a":["k"]}'),
        ("    body: { a: inputs.title }", {"key": "k"}, "{}"),
        ("    body: inputs.tags", {"key": "k", "tags": ["x"]}, '["x"]'),
        ("    query: { k: inputs.key }", {"key": "k", "title": "t"}, '{"title":"t"}'),
    ],
)
def test_a_json_body_has_its_names_in_order_and_nothing_that_was_not_given(more, inputs, sent):
    prepared = request(POST + more, inputs=inputs)
    assert prepared.body.decode() == sent
    assert prepared.headers == {"Accept": "application/json", "Content-Type": "application/json"}


def test_nothing_to_send_is_no_body():
    prepared = request("    method: POST\n    path: /ping\n    inputs: {}")
    assert (prepared.body, "Content-Type" in prepared.headers) == (b"", False)


def test_a_form_is_written_as_browsers_write_it():
    prepared = request(POST + "    body_format: form", inputs={"key": "a b&c", "tags": ["x", "ü"], "title": "~*"})
    assert prepared.body == b"key=a+b%26c&tags=x&tags=%C3%BC&title=~%2A"
    assert prepared.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_form_data_holds_the_fields_and_the_file_as_any_reader_finds_them():
    more = (
        "    body_format: multipart\n"
        "    upload: { content: inputs.file, media_type: \"'image/png'\", filename: inputs.key, field: attachment }"
    )
    prepared = request(POST + more, inputs={"key": 'a".png\r\nX: y', "tags": ["1", "2"], "file": FILE})
    message = email.message_from_bytes(
        f"Content-Type: {prepared.headers['Content-Type']}\r\n\r\n".encode() + prepared.body
    )
    parts = [
        (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
        for part in message.get_payload()
    ]
    assert parts == [("tags", b"1"), ("tags", b"2"), ("attachment", b"\x89PNG\r\n--x")]
    last = message.get_payload()[-1]
    assert (last.get_filename(), last.get_content_type()) == ("a%22.png%0D%0AX: y", "image/png")


def test_a_related_body_is_json_and_then_the_file():
    more = "    body_format: related\n    upload: { content: inputs.file }\n    body: { name: inputs.key }"
    prepared = request(POST + more, inputs={"key": "a.png", "file": FILE})
    kind, _, boundary = prepared.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/related"
    assert (
        prepared.body
        == (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            '{"name":"a.png"}\r\n'
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).encode()
        + b"\x89PNG\r\n--x\r\n"
        + f"--{boundary}--\r\n".encode()
    )


def test_a_raw_body_is_the_file():
    more = "    body_format: raw\n    upload: { content: inputs.file, media_type: \"'image/png'\" }"
    prepared = request(POST + more, inputs={"key": "k", "file": FILE})
    assert (prepared.body, prepared.headers["Content-Type"]) == (b"\x89PNG\r\n--x", "image/png")


@pytest.mark.parametrize(
    ("file", "media_type", "code"),
    [
        ("not base64!", "'a/b'", "upload_unreadable"),
        (base64.b64encode(bytes(1024 * 1024 + 1)).decode(), "'a/b'", "upload_too_large"),
        (FILE, "'text/html\\r\\nX: y'", "media_type"),
    ],
    ids=["base64", "size", "type"],
)  # fmt: skip
def test_a_file_that_cannot_be_sent_is_refused(file, media_type, code):
    spec, manifest = spec_of(
        POST + "    body_format: raw\n    upload: { content: inputs.file, media_type: inputs.key }"
    )
    with pytest.raises(BadCall) as caught:
        build(spec, manifest, {"key": media_type.strip("'"), "file": file})
    assert (caught.value.code, caught.value.category) == (code, "validation")


def test_headers_of_the_manifest_win_but_never_over_a_boundary():
    more = "    headers: { Content-Type: application/vnd.probe+json, accept: text/csv, X-Version: '2' }"
    headers = request(POST + more, inputs={"key": "k"}).headers
    assert headers == {"Content-Type": "application/vnd.probe+json", "accept": "text/csv", "X-Version": "2"}
    multipart = request(POST + more + "\n    body_format: multipart", inputs={"key": "k"}).headers
    assert multipart["Content-Type"].startswith("multipart/form-data; boundary=")


def test_a_write_carries_the_idempotency_key_where_the_vendor_has_a_header_for_it():
    more = POST + "    idempotency_header: Idempotency-Key"
    assert request(more, inputs={"key": "k"}, idempotency_key="r-1").headers["Idempotency-Key"] == "r-1"
    assert "Idempotency-Key" not in request(POST, inputs={"key": "k"}, idempotency_key="r-1").headers


def test_a_fallback_is_another_endpoint_path_or_model():
    more = GET.replace("size: int?", "size: int?, model: string?") + (
        "    query: { model: inputs.model }\n"
        "    fallbacks: [{ base_url: https://eu.probe.example }, { path: '/other/{key}' }, { model: small }]\n"
    )
    inputs = {"key": "k", "model": "large"}
    urls = [request(more, inputs=inputs, endpoint=number).url for number in range(4)]
    assert urls == [
        "https://api.probe.example/v1/things/k?model=large",
        "https://eu.probe.example/things/k?model=large",
        "https://api.probe.example/v1/other/k?model=large",
        "https://api.probe.example/v1/things/k?model=small",
    ]
    with pytest.raises(BadCall, match="no such fallback"):
        request(more, inputs=inputs, endpoint=4)


def test_records_show_names_and_no_values():
    prepared = request(GET + "    query: { d: inputs.deep, t: inputs.tags }", inputs={"key": "k9", "tags": ["v9"]})
    assert prepared.shown == "https://api.probe.example/v1/things/{key}?d&t"
    assert "k9" not in repr(request(POST, inputs={"key": "k9"}))


def test_equal_inputs_give_equal_bytes_whatever_their_order():
    more = POST + "    body_format: multipart\n    upload: { content: inputs.file }"
    inputs = {"key": "k", "title": "t", "file": FILE}
    again = dict(reversed(inputs.items()))
    assert request(more, inputs=inputs) == request(more, inputs=again)
    assert body(request(POST, inputs={"key": "k", "title": "t"})) == {"key": "k", "title": "t"}


def test_an_expression_that_cannot_be_applied_is_a_validation_error():
    with pytest.raises(BadCall) as caught:
        request(POST + '    body: { a: "length(inputs.title)" }', inputs={"key": "k"})
    assert (caught.value.category, caught.value.code) == ("validation", "mapping_failed")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN"])
@pytest.mark.parametrize(
    "more", ['    body: { a: "to_number(inputs.key)" }', '    query: { a: "to_number(inputs.key)" }']
)
def test_a_number_that_json_cannot_tell_is_a_validation_error(number, more):
    with pytest.raises(BadCall, match="out of range") as caught:
        request(POST + more, inputs={"key": number})
    assert (caught.value.category, caught.value.code) == ("validation", "mapping_failed")


def test_an_address_that_is_too_long_is_refused():
    with pytest.raises(BadCall, match="too long"):
        request(GET, inputs={"key": "k" * 3000})
