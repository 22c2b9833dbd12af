"""The documents of the design, as their authors wrote them, and what Galaxy takes them to mean."""

from pathlib import Path

import pytest

from registry.manifests import Manifest, load, read, version_digest

FIXTURES = Path(__file__).parent / "fixtures"


def fixture(name: str) -> Manifest:
    reading = read((FIXTURES / name).read_bytes(), filename=name)
    assert reading.findings == []
    assert reading.manifest is not None
    return reading.manifest


def test_the_connector_loads_as_it_stands():
    manifest = fixture("hubspot.yaml")
    action = manifest.actions["create_task"]
    assert (manifest.kind, manifest.id, manifest.version, manifest.scopes) == (
        "connector", "hubspot", "1.2.0", ("tasks.write",),
    )  # fmt: skip
    assert (action.method, action.path, action.effect) == ("POST", "/crm/v3/objects/tasks", "write")
    assert action.inputs["required"] == ["subject"]
    assert set(action.inputs["properties"]) == {"subject", "due_at", "owner_id"}
    assert action.errors == (401, 403, 404, 429, "5xx")
    assert (action.rate_limits, action.retry) == ({"rpm": 120}, {"strategy": "exponential", "max_attempts": 3})


def test_the_action_that_is_no_yaml_means_approval_and_classes_side_by_side():
    manifest = fixture("gmail.send.yaml")
    action = manifest.actions["gmail.send"]
    assert action.policy == {"approval": {"required_for": ["bulk_send"]}, "pii_classes": ["email"]}
    assert action.inputs["properties"]["to"] == {"type": "array", "items": {"type": "string"}}
    assert (action.bulk, action.effect, action.classes) == ({"field": "to", "over": 10}, "write", {"email"})


def test_the_python_file_is_named_after_its_file_and_asks_for_what_its_header_says():
    manifest = fixture("drive_title.py")
    action = manifest.actions["drive_title"]
    assert (manifest.id, manifest.scopes, manifest.hosts) == ("drive_title", ("drive.read",), ("www.googleapis.com",))
    assert (action.runner, action.timeout_ms, action.effect) == ("python", 5000, "read")
    assert action.inputs["properties"] == {"file_id": {"type": "string"}}
    assert action.raw["code_file"] == "drive_title.py"


def test_the_transform_and_the_pack_load_as_they_stand():
    transform, pack = fixture("leads.clean.yaml"), fixture("lead.follow-up.yaml")
    assert [step["op"] for step in transform.steps] == [
        "normalize_date", "normalize_phone", "map_fields", "redact", "validate",
    ]  # fmt: skip
    assert transform.outputs["properties"]["phone"] == {"type": "string", "x-data-class": "phone"}
    assert [step["use"] for step in pack.steps] == ["leads.clean", "hubspot.create_task", "slack.post_message"]
    assert pack.requires == {"hubspot": "^1.2", "slack": "^1.0", "leads.clean": "^1.0"}
    assert pack.canonical["outcome"]["signal"] == "downstream_state"


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_the_canonical_form_reads_as_itself(name):
    manifest = fixture(name)
    again = read(manifest.canonical_text, format="json").manifest
    assert again is not None
    assert (again.digest, again.canonical) == (manifest.digest, manifest.canonical)
    assert load(manifest.canonical) == manifest


def test_a_version_is_named_by_manifest_and_files():
    manifest = fixture("drive_title.py")
    one = version_digest(manifest, {"drive_title.py": b"a"})
    assert one == version_digest(manifest, {"drive_title.py": b"a"})
    assert (
        len({one, version_digest(manifest, {"drive_title.py": b"b"}), version_digest(manifest, {}), manifest.digest})
        == 4
    )


def test_what_a_connector_shares_holds_for_all_its_actions_and_their_own_word_wins():
    shared = """
        connector: notes
        headers: { Notes-Version: "2", Accept: application/json }
        replies: [{ match: "code == 'busy'", category: transient }]
        fixtures: { "429": { status: 429 }, "5xx": { status: 503 } }
        actions:
          - { id: add, method: POST, headers: { notes-version: "1" }, replies: [{ status: 409, category: validation }],
              fixtures: { "5xx": { status: 500 } } }
          - { id: read, method: GET }
          - { id: count, code_file: count.py }
    """
    reading = read("\n".join(line[8:] for line in shared.splitlines()[1:]), format="yaml")
    assert reading.errors == []
    add, plain, python = (reading.manifest.actions[name].raw for name in ("add", "read", "count"))
    assert add["headers"] == {"notes-version": "1", "Accept": "application/json"}
    assert [entry["category"] for entry in add["replies"]] == ["validation", "transient"]
    assert add["fixtures"] == {"429": {"status": 429}, "5xx": {"status": 500}}
    assert (plain["headers"]["Notes-Version"], plain["fixtures"]["5xx"]) == ("2", {"status": 503})
    assert "headers" not in python
    assert "headers" not in reading.manifest.canonical["actions"][1]  # the digest is of what was written


def test_further_parameters_of_the_consent_screen_leave_the_flow_its_own():
    text = "connector: notes\nauth: {{ type: oauth2, authorize_params: {{ {}: x }} }}\nactions: []\n"
    assert read(text.format("access_type"), format="yaml").errors == []
    for name in ("state", "redirect_uri", "client_id", "code_challenge", "scope"):
        assert [finding.code for finding in read(text.format(name), format="yaml").errors] == ["bad-key"], name


def test_a_scope_is_mapped_to_what_the_vendor_is_asked_for():
    auth = "{{ type: oauth2, scopes: [notes.all], scope_map: {{ notes.read: [{}] }} }}"
    text = f"connector: notes\nauth: {auth}\nactions: []\n"
    assert read(text.format("notes.all"), format="yaml").errors == []
    assert [finding.code for finding in read(text.format("notes.al"), format="yaml").errors] == ["bad-reference"]
