"""What the shipped catalogue promises, checked on the manifests alone: no database, no gate, no network."""

import json
from pathlib import Path

import pytest

from registry.manifests import publishable, read
from registry.manifests.functions import evaluate, evaluate_fields, evaluate_tree
from registry.manifests.misfits import misfits
from registry.manifests.schemas import validator
from sandbox import rest, transforms
from sandbox.retry import category_of

CATALOG = Path(__file__).parents[2] / "catalog"
SCENARIOS = {"happy", "empty", "401", "403", "404", "422", "429", "5xx", "slow"}
SIX = {"gmail", "google-drive", "hubspot", "notion", "salesforce", "slack"}
NOW = "2026-01-03T16:00:00Z"


def manifests():
    for path in sorted(CATALOG.glob("*/*/manifest.yaml")):
        yield path, read(path.read_bytes(), filename=path.name)


READINGS = list(manifests())
MANIFESTS = {reading.manifest.id: reading.manifest for _, reading in READINGS if reading.manifest}
CONNECTORS = [manifest for manifest in MANIFESTS.values() if manifest.kind == "connector"]
ACTIONS = [
    pytest.param(action, id=f"{owner.id}.{action.id}") for owner in CONNECTORS for action in owner.actions.values()
]
TRANSFORMS = [pytest.param(manifest, id=manifest.id) for manifest in MANIFESTS.values() if manifest.kind == "transform"]
PACKS = [pytest.param(manifest, id=manifest.id) for manifest in MANIFESTS.values() if manifest.kind == "pack"]


@pytest.mark.parametrize(("path", "reading"), [pytest.param(*pair, id=pair[0].parent.name) for pair in READINGS])
def test_a_manifest_is_ready_to_publish(path, reading):
    assert reading.errors == []
    assert publishable(reading.manifest) == []
    assert path.parent.name == reading.manifest.id
    assert [finding.code for finding in reading.findings if finding.code != "post-as-read"] == []


def test_the_six_connectors_are_there():
    assert {manifest.id for manifest in CONNECTORS} == SIX


@pytest.mark.parametrize("manifest", [pytest.param(manifest, id=manifest.id) for manifest in CONNECTORS])
def test_a_connector_reads_writes_and_does_something_that_must_be_approved(manifest):
    actions = manifest.actions.values()
    assert len(actions) >= 5
    assert {action.effect for action in actions} == {"read", "write", "delete"}
    assert any(action.destructive or action.bulk for action in actions)
    for action in actions:
        if action.destructive:
            assert "delete" in action.approval_tags, action.id


@pytest.mark.parametrize("manifest", [pytest.param(manifest, id=manifest.id) for manifest in CONNECTORS])
def test_a_check_reads_and_needs_nothing(manifest):
    action = manifest.actions[manifest.canonical["health"]["action"]]
    assert (action.effect, action.inputs.get("required", [])) == ("read", [])


@pytest.mark.parametrize("manifest", [pytest.param(manifest, id=manifest.id) for manifest in CONNECTORS])
def test_every_call_lies_within_the_hosts_people_consent_to(manifest):
    entries = manifest.canonical["egress"]
    host, _, base = manifest.canonical["base_url"].removeprefix("https://").partition("/")
    for action in manifest.actions.values():
        path = f"/{base}{action.path}" if base else action.path
        assert any(
            entry["host"] == host and action.method in entry["methods"] and path.startswith(entry["path_prefix"])
            for entry in entries
        ), action.id


@pytest.mark.parametrize("manifest", [pytest.param(manifest, id=manifest.id) for manifest in CONNECTORS])
def test_every_scope_is_one_of_the_vendors(manifest):
    """Notion knows no scopes: what a connection may do is set where the integration is made."""
    auth = manifest.canonical["auth"]
    mapped = auth.get("scope_map", {})
    assert set(mapped) == (set(manifest.scopes) if auth.get("scopes") else set())
    signing_in = {"oauth", "refresh_token", "openid", "https://www.googleapis.com/auth/userinfo.email"}
    assert {scope for needed in mapped.values() for scope in needed} == set(auth.get("scopes", ())) - signing_in


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_says_what_happens_in_every_scenario(action):
    assert set(action.fixtures) >= SCENARIOS
    assert action.summary
    assert action.name != action.id
    assert 150 <= action.simulation["latency_ms"] <= 600
    # With the header the vendor says that nothing was done, so that even a write may be repeated.
    assert (action.fixtures["5xx"]["status"], "Retry-After" in action.fixtures["5xx"]["headers"]) == (503, True)
    assert action.fixtures["slow"]["latency_ms"] > 2000


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("scenario", ["happy", "empty"])
def test_a_vendors_reply_gives_valid_outputs(action, scenario):
    assert_valid(action.outputs, outputs_of(action, action.fixtures[scenario]))


@pytest.mark.parametrize("action", ACTIONS)
def test_samples_fill_every_output(action):
    """So none is read from a name that no reply has; what vendors send is held to them in tests/oracles."""
    replies = [outputs_of(action, action.fixtures[name]) for name in ("happy", "refused") if name in action.fixtures]
    filled = [set(_filled(outputs)) for outputs in replies]
    assert set().union(*filled) >= set(_declared(action.outputs))


def _filled(outputs):
    for name, value in outputs.items():
        if value not in (None, []):
            yield name
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            yield from (f"{name}[].{key}" for entry in value for key in entry if entry[key] is not None)


def _declared(schema):
    for name, part in schema["properties"].items():
        yield name
        if part.get("type") == "array":
            yield from (f"{name}[].{key}" for key in part["items"].get("properties", ()))


CATEGORIES = {
    "401": "auth_error", "403": "auth_error", "404": "not_found", "409": "validation", "422": "validation",
    "429": "rate_limit", "throttled": "rate_limit", "quota": "quota", "locked": "transient", "conflict": "transient",
    "refused": "validation", "several": "validation", "5xx": "transient",
}  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
def test_a_failure_falls_into_its_category(action):
    """What several vendors or actions lack, such as a daily quota, is looked at where they have it."""
    expected = {name: said for name, said in CATEGORIES.items() if name in SCENARIOS or name in action.fixtures}
    found = {}
    for name in expected:
        fixture = action.fixtures[name]
        found[name] = category_of(fixture["status"], action.raw.get("replies", ()), fixture["body"])
    assert found == expected


def test_every_failure_on_file_is_looked_at_above():
    named = {name for action in ACTIONS for name in action.values[0].fixtures}
    assert named - {"happy", "empty", "slow"} == CATEGORIES.keys()


@pytest.mark.parametrize(
    ("connector", "status", "body", "expected"),
    [
        ("slack", 200, {"ok": False, "error": "token_expired"}, "auth_error"),
        ("slack", 200, {"ok": False, "error": "account_inactive"}, "auth_error"),
        ("slack", 200, {"ok": False, "error": "not_in_channel"}, "not_found"),
        ("slack", 200, {"ok": False, "error": "ratelimited"}, "rate_limit"),
        ("slack", 200, {"ok": False, "error": "message_limit_exceeded"}, "quota"),
        ("slack", 200, {"ok": False, "error": "fatal_error"}, "transient"),
        ("slack", 200, {"ok": False, "error": "a_word_of_tomorrow"}, "validation"),
        ("slack", 200, {"ok": True}, None),
        ("slack", 200, {"ok": False, "error": "already_reacted"}, None),
        ("slack", 200, {"ok": False, "error": "no_reaction"}, None),
        ("gmail", 403, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}, "rate_limit"),
        ("gmail", 403, {"error": {"errors": [{"reason": "domainPolicy"}]}}, "auth_error"),
        ("google-drive", 403, {"error": {"errors": [{"reason": "storageQuotaExceeded"}]}}, "quota"),
        ("google-drive", 403, {"error": {"errors": [{"reason": "numChildrenInNonRootLimitExceeded"}]}}, "quota"),
        ("google-drive", 403, {"error": {"errors": [{"reason": "fileNotDownloadable"}]}}, "validation"),
        ("google-drive", 403, {"error": {"errors": [{"reason": "exportSizeLimitExceeded"}]}}, "validation"),
        ("google-drive", 403, {"error": {"errors": [{"reason": "insufficientFilePermissions"}]}}, "auth_error"),
        ("google-drive", 403, "<html>", "auth_error"),
        ("hubspot", 477, {}, "transient"),
        ("hubspot", 401, {"category": "EXPIRED_AUTHENTICATION"}, "auth_error"),
        ("hubspot", 429, {"policyName": "DAILY"}, "quota"),
        ("hubspot", 429, {"policyName": "SECONDLY"}, "rate_limit"),
        ("notion", 409, {"code": "conflict_error"}, "transient"),
        ("notion", 503, {"code": "database_connection_unavailable"}, "transient"),
        ("salesforce", 400, [{"errorCode": "DUPLICATES_DETECTED"}], "validation"),
        ("salesforce", 400, [{"errorCode": "QUERY_TIMEOUT"}], "transient"),
        ("salesforce", 403, [{"errorCode": "API_DISABLED_FOR_ORG"}], "auth_error"),
        ("salesforce", 403, [{"errorCode": "STORAGE_LIMIT_EXCEEDED"}], "quota"),
        ("salesforce", 403, {"not": "a list"}, "auth_error"),
    ],
)
def test_a_word_of_the_vendor_means_one_thing(connector, status, body, expected):
    replies = MANIFESTS[connector].canonical["replies"]
    assert category_of(status, replies, body) == expected


@pytest.mark.parametrize("action", ACTIONS)
def test_a_reply_that_is_fine_is_no_failure(action):
    fixture = action.fixtures["happy"]
    assert category_of(fixture["status"], action.raw.get("replies", ()), fixture.get("body")) is None


@pytest.mark.parametrize("action", ACTIONS)
def test_a_request_carries_every_input(action):
    """Each input reaches the path, the query or the body; one that went nowhere would be asked for in vain."""
    names = set(action.inputs.get("properties", {}))
    given = example(action.inputs, "analytical")
    used = {name for name in names if f"{{{name}}}" in action.path}
    for part in (action.raw.get("query", {}), action.raw.get("body", "inputs"), action.raw.get("upload", {})):
        before = json.dumps(evaluate_tree(part, {"inputs": given}, now=NOW))
        for name in names - used:
            without = {key: value for key, value in given.items() if key != name} | changed(action.inputs, name)
            if json.dumps(evaluate_tree(part, {"inputs": without}, now=NOW)) != before:
                used.add(name)
    assert used == names


@pytest.mark.parametrize("action", ACTIONS)
def test_a_simulated_answer_is_valid_and_follows_the_input(action):
    first, second = (example(action.inputs, word) for word in ("analytical", "difference"))
    assert_valid(action.inputs, first)
    answers = [simulate(action, inputs) for inputs in (first, second, first)]
    for answer in answers:
        assert_valid(action.outputs, answer)
    assert answers[0] == answers[2]
    says_more_than_done = any(not isinstance(value, bool) for value in answers[0].values())
    if says_more_than_done and action.inputs.get("properties"):
        assert answers[0] != answers[1]


@pytest.mark.parametrize("action", ACTIONS)
def test_an_undo_can_be_called_with_what_the_action_knows(action):
    if action.undo:
        owner = next(manifest for manifest in CONNECTORS if action in manifest.actions.values())
        undo = owner.actions[action.undo]
        known = {*action.inputs.get("properties", {}), *action.outputs["properties"]}
        assert set(undo.inputs["required"]) <= known


@pytest.mark.parametrize("manifest", TRANSFORMS)
def test_a_transform_does_what_its_examples_say(manifest):
    assert len(manifest.canonical["fixtures"]) >= 2
    for fixture in manifest.canonical["fixtures"].values():
        assert_valid(manifest.inputs, fixture["inputs"])
        assert transform(manifest, fixture["inputs"]) == fixture["outputs"]


@pytest.mark.parametrize("manifest", PACKS)
def test_a_pack_requires_what_the_catalogue_holds(manifest):
    for step in manifest.steps:
        assert step["use"] in MANIFESTS or step["use"].rpartition(".")[0] in MANIFESTS
    assert set(manifest.requires) <= set(MANIFESTS)


@pytest.mark.parametrize("manifest", PACKS)
def test_a_pack_reaches_its_outcome_and_another_example_changes_every_step(manifest):
    examples = json.loads((CATALOG / "packs" / manifest.id / "examples.json").read_text())
    assert len(examples) >= 2
    assert manifest.canonical["sample"]["inputs"] == examples[0]["inputs"]
    runs = [run_pack(manifest, example["inputs"]) for example in examples]
    for steps in runs:
        assert evaluate(manifest.canonical["outcome"]["success"], {"inputs": {}, "steps": steps})
        assert set(steps) == {step["id"] for step in manifest.steps}
    for step in manifest.steps:
        assert len({json.dumps(steps[step["id"]], sort_keys=True) for steps in runs}) == len(runs), step["id"]


def test_hubspot_still_is_what_its_first_authors_wrote():
    create_task = MANIFESTS["hubspot"].actions["create_task"]
    assert (create_task.method, create_task.path) == ("POST", "/crm/v3/objects/tasks")
    assert create_task.inputs["required"] == ["subject"]
    assert {"subject", "due_at", "owner_id"} <= set(create_task.inputs["properties"])
    assert create_task.outputs["required"] == ["id", "link"]
    assert set(create_task.errors) == {401, 403, 404, 429, "5xx"}
    assert MANIFESTS["hubspot"].canonical["rate_limits"] == {"rpm": 120}


def test_an_email_to_many_is_counted():
    send = MANIFESTS["gmail"].actions["send"]
    assert (send.bulk, send.approval_tags) == ({"field": "to", "over": 10}, ("bulk_send",))
    others = {name: part for name, part in send.inputs["properties"].items() if part["type"] == "array"}
    del others["to"]
    assert all(part["maxItems"] <= 10 for part in others.values())  # nobody is added past the count


def test_no_label_moves_messages_to_where_gmail_deletes_them():
    """Else a change that nobody approved would do what trash_message waits for."""
    schema = MANIFESTS["gmail"].actions["label_messages"].inputs
    assert misfits({"ids": ["1"], "add": ["Label_7", "INBOX"], "remove": ["TRASH"]}, schema) == {}
    for label in ("TRASH", "SPAM"):
        assert misfits({"ids": ["1"], "add": ["Label_7", label]}, schema) == {
            "add.1": "Anything but TRASH or SPAM is expected."
        }


@pytest.mark.parametrize(
    ("name", "word", "output"),
    [("add_reaction", "already_reacted", "added"), ("remove_reaction", "no_reaction", "removed")],
)
def test_a_reaction_that_is_as_it_was_asked_for_is_done(name, word, output):
    """Both are declared idempotent, so a try whose answer got lost is made again, and meets what it has done itself."""
    action = MANIFESTS["slack"].actions[name]
    assert action.idempotent
    assert outputs_of(action, {"status": 200, "body": {"ok": False, "error": word}}) == {output: True}
    assert outputs_of(action, action.fixtures["happy"]) == {output: True}


@pytest.mark.parametrize(
    ("name", "inputs", "sent"),
    [
        (
            "google-drive.share_file",
            {"id": "1", "email": "ada@example.com", "role": "reader"},
            "sendNotificationEmail=false",
        ),
        ("google-drive.copy_file", {"id": "1", "name": "Contract"}, ' {"name":"Contract"}'),
        ("salesforce.create_records", {"records": []}, '"allOrNone":false'),
        ("hubspot.update_contact", {"id": "512", "phone": "+14155550132"}, ' {"properties":{"phone":"+14155550132"}}'),
    ],
)
def test_what_is_left_out_is_not_asked_for(name, inputs, sent):
    """The cases that are compared with the vendors' clients (tests/oracles) give every input there is."""
    connector, _, action = name.partition(".")
    manifest = MANIFESTS[connector]
    request = rest.build(manifest.actions[action], manifest, inputs, host="acme.my.salesforce.com")
    assert sent in f"{request.url} {request.body.decode()}"


def outputs_of(action, fixture):
    """A vendor's reply through the action's response mapping, as the last page of a list."""
    body, pagination = fixture.get("body"), action.raw.get("pagination")
    items = rest.items_of(pagination, body) if pagination else None
    return rest.outputs_of(
        action.raw, status=fixture["status"], headers=fixture.get("headers", {}), body=body, items=items
    )


def simulate(action, inputs):
    return evaluate_fields(action.simulation["answer"], {"inputs": inputs, "seed": 7}, seed=7, now=NOW)


def transform(manifest, inputs):
    return transforms.apply(
        list(manifest.steps), inputs, inputs_schema=manifest.inputs, outputs_schema=manifest.outputs
    )


def run_pack(manifest, inputs):
    assert_valid(manifest.inputs, inputs)
    steps = {}
    for step in manifest.steps:
        seen = {"inputs": inputs, "steps": steps}
        if "each" in step:
            items = evaluate(step["each"], seen) or []
            assert len(items) <= step["most"]
            made = [run_step(step, {**seen, "item": item, "index": at}) for at, item in enumerate(items)]
        else:
            made = run_step(step, seen)
        if made is not None:
            steps[step["id"]] = made
    return steps


def run_step(step, seen):
    if "when" in step and not evaluate(step["when"], seen):
        return None
    given = evaluate_fields(step["with"], seen, seed=7, now=NOW)
    if step["use"] in MANIFESTS:
        called = MANIFESTS[step["use"]]
        assert_valid(called.inputs, given)
        return transform(called, given)
    owner, _, name = step["use"].rpartition(".")
    action = MANIFESTS[owner].actions[name]
    assert_valid(action.inputs, given)
    outputs = simulate(action, given)
    assert_valid(action.outputs, outputs)
    return outputs


def example(schema, word):
    """An input that fits the schema, with ``word`` in it."""
    return {name: _example_value(part, word) for name, part in schema.get("properties", {}).items()}


def changed(schema, name):
    """Another valid value for one input."""
    part = schema["properties"][name]
    if "enum" in part:
        return {name: part["enum"][-1]}
    if part.get("type") == "boolean":
        return {name: False}
    return {name: _example_value({**part, "minimum": 5}, "difference")}


def _example_value(part, word):
    if "enum" in part:
        return part["enum"][0]
    match part.get("type"):
        case "integer":
            return part.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return [_example_value(part["items"], word)]
        case "object":
            return example(part, word) or {"Name": word}
    if part.get("format") == "email":
        return f"{word}@example.com"
    return f"{word}0123456789"[:15] if "pattern" in part else word


def assert_valid(schema, value):
    assert [f"{error.instance_path} {error.message}" for error in validator(schema).iter_errors(value)] == []
