"""Each kind of difference between two releases is found, at its level; nothing differs from itself."""

from copy import deepcopy
from itertools import pairwise

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from registry.compat import CODES, CONSENT, least_bump
from registry.compat.flows import takes_all_of
from registry.compat.reasons import LEVELS
from registry.manifests import load
from registry.semver import satisfies
from tests.extensions import PACK, PROBE, TIDY, manifest_of

CATALOGUE = sorted((settings.BASE_DIR / "catalog").rglob("manifest.yaml"))
TRIGGER = (
    "trigger: probe.told\nversion: 1.0.0\nsummary: Told.\n"
    "source: { type: webhook, signature: hmac_sha256, header: X-Sig }\noutputs: { id: string }\n"
)
HOST = {"methods": ["GET", "POST"], "path_prefix": "/v1", "host": "api.probe.example"}


def action(name, **changes):
    """A change of the probe's action: None takes a key away."""

    def change(canonical):
        row = next(one for one in canonical["actions"] if one["id"] == name)
        for key, value in changes.items():
            row.pop(key, None)
            if value is not None:
                row[key] = value

    return change


def whole(**changes):
    def change(canonical):
        for key, value in changes.items():
            canonical.pop(key, None)
            if value is not None:
                canonical[key] = value

    return change


def field(action, part, name, schema, required=None):
    """Another schema of a field of the probe's action; None takes it away."""

    def change(canonical):
        row = next(one for one in canonical["actions"] if one["id"] == action)
        properties, needed = row[part].setdefault("properties", {}), row[part].setdefault("required", [])
        properties.pop(name, None)
        if schema is not None:
            properties[name] = schema
        if name in needed and (schema is None or required is False):
            needed.remove(name)
        if required and name not in needed:
            needed.append(name)

    return change


def step(at, **changes):
    def change(canonical):
        if changes:
            canonical["steps"][at] |= changes
        else:
            del canonical["steps"][at]

    return change


def drop(name):
    def change(canonical):
        canonical["actions"] = [one for one in canonical["actions"] if one["id"] != name]

    return change


TEXT, NUMBER = {"type": "string"}, {"type": "number"}
# What changes, the codes it must bring, and the least step: one row for each code there is.
MUTATIONS = [
    (PROBE, field("create", "inputs", "owner", None), {"input-removed"}, "major"),
    (PROBE, field("create", "inputs", "size", NUMBER, True), {"input-required"}, "major"),
    (PROBE, field("create", "inputs", "key", NUMBER), {"input-retyped"}, "major"),
    (PROBE, field("create", "inputs", "key", TEXT | {"maxLength": 9}), {"input-narrowed"}, "major"),
    (PROBE, field("create", "inputs", "key", TEXT | {"enum": ["a"]}), {"enum-narrowed"}, "major"),
    (PROBE, field("create", "inputs", "size", NUMBER), {"input-added"}, "minor"),
    (PROBE, field("create", "inputs", "key", TEXT, False), {"input-widened"}, "minor"),
    (PROBE, field("create", "outputs", "id", None), {"output-removed"}, "major"),
    (PROBE, field("create", "outputs", "id", TEXT, False), {"output-optional"}, "major"),
    (PROBE, field("create", "outputs", "id", NUMBER), {"output-retyped"}, "major"),
    (PROBE, field("create", "outputs", "id", {}), {"output-retyped"}, "major"),
    (PROBE, field("look_up", "outputs", "more", TEXT), {"output-added"}, "minor"),
    (PROBE, field("create", "outputs", "id", TEXT | {"maxLength": 9}), {"output-narrowed"}, "minor"),
    (PROBE, drop("put"), {"action-removed"}, "major"),
    (PROBE, action("put", method="PATCH"), {"method-changed"}, "major"),
    (PROBE, action("put", path="/other"), {"path-changed"}, "major"),
    (PROBE, action("put", runner="grpc"), {"call-changed"}, "major"),
    (PROBE, whole(base_url="https://api.probe.example/v2"), {"base-url-changed"}, "major"),
    (PROBE, whole(auth={"type": "basic"}), {"auth-changed"}, "major"),
    (PROBE, action("look_up", scopes=["things.read", "things.write"]), {"action-scope-added"}, "major"),
    (PROBE, whole(kind="action", id="probe"), {"kind-changed"}, "major"),
    (PROBE, action("put", errors=[401, 429]), {"errors-changed"}, "major"),
    (PROBE, action("put", errors=[401, 409, 429, "5xx"]), {"errors-added"}, "minor"),
    (PROBE, whole(replies=[{"status": 409, "category": "validation"}]), {"errors-added"}, "minor"),
    (PROBE, action("put", idempotent=False), {"idempotency-weakened"}, "major"),
    (PROBE, action("create", idempotent=True), {"idempotency-added"}, "minor"),
    (PROBE, action("create", undo=None), {"undo-removed"}, "major"),
    (PROBE, action("create", undo="put"), {"undo-changed"}, "minor"),
    (PROBE, action("put", audience="human"), {"audience-narrowed"}, "major"),
    (PROBE, action("put", simulation=None), {"behaviour-changed"}, "major"),
    (PROBE, action("put", rate_limits={"rpm": 5}), {"limits-tightened"}, "minor"),
    (PROBE, action("put", timeout_ms=500), {"limits-tightened"}, "minor"),
    (PROBE, action("put", cost={"unit": "call", "amount": 2}), {"cost-raised"}, "minor"),
    (PROBE, action("put", destructive=True), {"asks-more"}, "minor"),
    (PROBE, action("announce", bulk={"field": "to", "over": 1}), {"asks-more"}, "minor"),
    (PROBE, whole(permissions={"required": ["things.read", "things.write", "users.read"]}), {"scope-added"}, "minor"),
    (PROBE, whole(egress=[HOST, HOST | {"host": "other.probe.example"}]), {"host-added"}, "minor"),
    (PROBE, whole(egress=[{"suffix": "probe.example", "host": "{connection.host}"}]), {"host-added"}, "minor"),
    (PROBE, field("create", "inputs", "born", TEXT | {"x-data-class": "birth_date"}), {"class-added"}, "minor"),
    (PROBE, field("create", "inputs", "owner", TEXT), {"class-dropped", "input-widened"}, "minor"),
    (PROBE, action("put", policy={"pii_classes": ["health"]}), {"class-added"}, "minor"),
    (PROBE, action("remove", destructive=False), {"asks-less"}, "minor"),
    (PROBE, action("announce", bulk=None), {"asks-less"}, "minor"),
    (PROBE, action("announce", bulk={"field": "to", "over": 50}), {"asks-less"}, "minor"),
    (PROBE, action("announce", policy=None), {"asks-less"}, "minor"),
    (PROBE, whole(permissions={"required": ["things.read"]}), {"manifest-changed"}, "patch"),
    (PROBE, whole(summary="Says it otherwise."), {"manifest-changed"}, "patch"),
    (PROBE, action("put", fixtures={"happy": {"status": 200}}), {"manifest-changed"}, "patch"),
    (TIDY, whole(steps=[]), set(), "patch"),
    (
        TIDY,
        whole(fixtures={"happy": {"inputs": {"name": "A", "on": "2026-01-02"}, "outputs": {"title": "B"}}}),
        {"behaviour-changed"},
        "major",
    ),
    (PACK, whole(requires={"probe": "^1.0", "probe.tidy": "^1.0", "slack": "^1.0"}), {"requirement-added"}, "major"),
    (PACK, whole(requires={"probe": "^1.2", "probe.tidy": "^1.0"}), {"requirement-narrowed"}, "major"),
    (PACK, whole(requires={"probe": ">=1.0 <3", "probe.tidy": "^1.0"}), {"requirement-widened"}, "minor"),
    (PACK, whole(requires={"probe": "^1.0"}), {"requirement-dropped"}, "minor"),
    (PACK, step(2), {"step-removed"}, "major"),
    (PACK, step(3, use="probe.put"), {"call-added", "step-removed"}, "major"),
    (PACK, whole(outcome={"name": "other", "success": "`true`", "signal": "kpi"}), {"outcome-changed"}, "major"),
    (PACK, step(1, each="inputs.people", most=5), {"loop-changed"}, "major"),
    (PACK, step(1, on_failure="undo"), {"failure-changed"}, "minor"),
    (PACK, step(1, timeout_ms=5_000), {"limits-tightened"}, "minor"),
    (PACK, whole(timeout_ms=60_000), {"limits-tightened"}, "minor"),
    (PACK, whole(max_calls=999), {"limits-tightened"}, "minor"),
    (PACK, whole(max_calls=2_000), {"manifest-changed"}, "patch"),
    (TRIGGER, whole(source={"type": "webhook", "signature": "none"}), {"source-changed"}, "major"),
    (
        TRIGGER,
        whole(source={"type": "webhook", "signature": "hmac_sha256", "header": "X-Sig", "debounce_ms": 9}),
        {"schedule-changed"},
        "minor",
    ),
]  # fmt: skip
# Those that are the other way round: what the mutation takes away is there afterwards.
REVERSED = [
    (PROBE, drop("put"), {"action-added"}, "minor"),
    (PROBE, whole(permissions={"required": ["things.read", "users.read"]}), {"scope-dropped"}, "patch"),
    (PROBE, lambda canonical: canonical["egress"].append(HOST | {"host": "b.example"}), {"host-dropped"}, "patch"),
    (PROBE, whole(egress=[HOST]), {"reach-widened"}, "minor"),
    (PROBE, action("create", body={"key": "inputs.key"}), {"field-sent"}, "minor"),
    (PROBE, action("create", reads={"action": "look_up", "with": {"key": "inputs.key"}}), {"review-weakened"}, "minor"),
    (PROBE, action("put", audience="human"), {"asks-less"}, "minor"),
    (PACK, step(1, on_failure="undo"), {"compensation-dropped"}, "major"),
    (PACK, step(1, each="inputs.people", most=5), {"loop-changed"}, "major"),
    (PROBE, whole(replies=[{"status": 409, "category": "validation"}]), {"errors-changed"}, "major"),
    (PROBE, field("create", "inputs", "key", TEXT | {"enum": ["a"]}), {"input-widened"}, "minor"),
    (PROBE, field("create", "outputs", "id", TEXT | {"enum": ["a"]}), {"output-widened"}, "major"),
    (
        TIDY,
        lambda canonical: canonical["steps"].append({"op": "redact", "args": {"classes": ["email"], "mode": "mask"}}),
        {"redaction-weakened"},
        "major",
    ),
]  # fmt: skip
INPUT_CLOSED = {"$schema": "x", "type": "object", "additionalProperties": True, "properties": {"key": TEXT}}


def mutated(text, change):
    before = manifest_of(text)
    canonical = deepcopy(before.canonical)
    change(canonical)
    return before, load(canonical)


@pytest.mark.parametrize(("text", "change", "codes", "level"), MUTATIONS)
def test_every_kind_of_change_is_found_at_its_level(text, change, codes, level):
    bump = least_bump(*mutated(text, change))
    assert codes <= {one.code for one in bump.reasons}
    assert bump.level == level
    assert bump.needs_consent == bool(CONSENT & {one.code for one in bump.reasons})


@pytest.mark.parametrize(("text", "change", "codes", "level"), REVERSED)
def test_and_so_it_is_the_other_way_round(text, change, codes, level):
    before, after = mutated(text, change)
    bump = least_bump(after, before)
    assert codes <= {one.code for one in bump.reasons}
    assert bump.level == level


def test_every_code_has_its_row():
    told = {code for _, _, codes, _ in (*MUTATIONS, *REVERSED) for code in codes}
    assert told | {"input-closed", "files-changed"} == CODES.keys()
    open_to_all = mutated(PROBE, action("put", inputs=INPUT_CLOSED))[1]
    closed = mutated(PROBE, action("put", inputs=INPUT_CLOSED | {"additionalProperties": False}))[1]
    assert "input-closed" in {one.code for one in least_bump(open_to_all, closed).of("major")}
    same = manifest_of(PROBE)
    assert [one.code for one in least_bump(same, same, {"a.py": b"1"}, {"a.py": b"2"}).reasons] == ["files-changed"]


@pytest.mark.parametrize("path", CATALOGUE, ids=lambda path: path.parent.name)
def test_nothing_differs_from_itself(path):
    manifest = manifest_of(path.read_text())
    assert least_bump(manifest, load(deepcopy(manifest.canonical)), {"a": b"1"}, {"a": b"1"}).level == "none"


@trying(max_examples=150, deadline=None)
@given(st.data())
def test_small_steps_lead_nowhere_that_one_step_may_not(data):
    """What two releases may do one after the other, one release may do at the greater of their two steps."""
    text = data.draw(st.sampled_from([PROBE, TIDY, PACK]))
    changes = [change for one, change, _, _ in (*MUTATIONS, *REVERSED) if one is text]
    canonical = deepcopy(manifest_of(text).canonical)
    row = [load(deepcopy(canonical))]
    for change in data.draw(st.lists(st.sampled_from(changes), min_size=2, max_size=2)):
        try:
            change(canonical)
        except (StopIteration, IndexError, KeyError):  # an earlier change took away what this one changes
            continue
        row.append(load(deepcopy(canonical)))
    if data.draw(st.booleans()):
        row.reverse()
    steps = [LEVELS.index(least_bump(one, other).level) for one, other in pairwise(row)]
    assert LEVELS.index(least_bump(row[0], row[-1]).level) <= max(steps, default=0)


@pytest.mark.parametrize(
    ("wide", "narrow", "is_wider"),
    [
        ("^1.0", "^1.2", True),
        ("^1.2", "^1.0", False),
        (">=1.0 <3", "^2.1", True),
        ("~1.2", "^1.2", False),
        ("^0.2", "0.2.3", True),
        ("^0.3", "^0.2", False),
        ("1.x || 3.x", "^3.1", True),
        ("1.x || 3.x", ">=1", False),
    ],
)
def test_a_range_is_wider_where_it_takes_all_of_the_other(wide, narrow, is_wider):
    assert takes_all_of(wide, narrow) == is_wider
    numbers = [f"{major}.{minor}.{patch}" for major in range(4) for minor in range(4) for patch in range(4)]
    lost = [one for one in numbers if satisfies(one, narrow) and not satisfies(one, wide)]
    assert bool(lost) != is_wider
