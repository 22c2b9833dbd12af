"""Documents that vendors publish, where they lie beside the project: every operation of them can be drafted."""

from pathlib import Path

import pytest

from registry.manifests import publishable, read
from registry.openapi import draft_manifest, read_document

SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs"
DOCUMENTS = {"slack/slack_web_openapi_v2.json": ("2.0", 174), "notion/notion-openapi.json": ("3.1", 24)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_operation_of_a_vendors_document_becomes_an_action(name):
    path = SPECS / name
    if not path.exists():
        pytest.skip("the vendors' documents are not beside this checkout (../shared/specs)")
    specification, count = DOCUMENTS[name]
    document = read_document(path.read_bytes())
    assert (document.specification, len(document.operations), document.problems) == (specification, count, ())
    keys = [operation.key for operation in document.operations]
    drafted = 0
    for start in range(0, count, 40):
        draft = draft_manifest(document, keys[start : start + 40], connector=name.partition("/")[0])
        reading = read(draft.text)
        assert reading.manifest, [f"{one.path}: {one.message}" for one in reading.errors]
        assert publishable(reading.manifest) == []
        drafted += len(draft.actions)
    assert drafted == count
