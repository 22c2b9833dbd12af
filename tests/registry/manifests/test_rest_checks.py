"""What a REST action says of its pages, its file, its fallbacks and its idempotency key has to fit together."""

import pytest

from registry.manifests import read

HEAD = """
connector: probe
version: 1.0.0
base_url: https://api.probe.example
egress: [{ host: api.probe.example }]
permissions: { required: [things.read, things.write] }
actions:
  - id: act
    inputs: { key: string, content: string? }
    outputs: { id: string }
"""
READ = "    method: GET\n    path: /things\n    scopes: [things.read]\n"
WRITE = "    method: POST\n    path: /things\n    scopes: [things.write]\n"


@pytest.mark.parametrize(
    ("action", "code", "path"),
    [
        (READ + "    pagination: { style: cursor, items: data, cursor: next }", "missing-key", "pagination"),
        (READ + "    pagination: { style: page, items: data }", "missing-key", "pagination"),
        (
            READ + "    pagination: { style: page, items: data, page_param: page, in: body }",
            "bad-value",
            "pagination.in",
        ),
        (WRITE + "    pagination: { style: link, items: data }", "bad-value", "pagination"),
        (WRITE + "    upload: { content: inputs.content }", "bad-value", "upload"),
        (WRITE + "    body_format: raw", "missing-key", "body_format"),
        (WRITE + "    body_format: related", "missing-key", "body_format"),
        (
            WRITE + "    body_format: raw\n    upload: { content: inputs.content }\n    body: { a: inputs.key }",
            "unknown-key",
            "body",
        ),
        (WRITE + "    body_format: raw\n    upload: { content: inputs.file }", "bad-reference", "upload"),
        (WRITE + "    fallbacks: [{ model: small }]", "bad-reference", "fallbacks.0.model"),
        (WRITE + "    idempotency_header: Authorization", "bad-header", "idempotency_header"),
        ("    code_file: a.py\n    response_format: bytes", "unknown-key", "response_format"),
    ],
)
def test_what_does_not_fit_together_is_refused(action, code, path):
    found = [(finding.code, finding.path) for finding in read(HEAD + action).errors]
    assert found == [(code, f"actions[0].{path}")]


@pytest.mark.parametrize(
    "action",
    [
        READ + "    pagination: { style: cursor, items: data, cursor: next, cursor_param: after }",
        READ + "    pagination: { style: link, items: data, link: nextRecordsUrl, max_pages: 50 }",
        READ + "    response: { all: items, there_is_more: more }\n    pagination: { style: link, items: data }",
        WRITE.replace("write", "read")
        + "    pagination: { style: cursor, items: data, cursor: next, cursor_param: after, in: body }",
        WRITE + "    body_format: raw\n    upload: { content: inputs.content, media_type: \"'text/plain'\" }",
        WRITE + "    body_format: multipart\n    upload: { content: inputs.content, field: attachment }",
    ],
)
def test_what_fits_together_is_taken(action):
    assert read(HEAD + action).errors == []


def test_a_key_by_which_the_vendor_does_a_call_once_makes_it_idempotent():
    def is_idempotent(more: str) -> bool:
        return read(HEAD + WRITE + more).manifest.actions["act"].idempotent

    assert not is_idempotent("")
    assert is_idempotent("    idempotency_header: Idempotency-Key")
    assert not is_idempotent("    idempotency_header: Idempotency-Key\n    idempotent: false")
