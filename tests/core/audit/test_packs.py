"""Export packs: what stands in them, what verify.py makes of them, and that nothing in them can be changed unseen."""

import csv
import io
import json
import subprocess
import sys
from array import array
from datetime import UTC, datetime
from types import SimpleNamespace

import jsonschema_rs
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from galaxy.core.audit import Actor, commitment
from galaxy.core.audit.packs import making, rows, verify
from galaxy.core.audit.packs.redaction import checked
from galaxy.core.audit.packs.selection import Selection, sealed_size, select
from galaxy.core.audit.proofs import leaf_hash, node_hash, root_of
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditDetail, AuditEvent
from tests.sealing import seal

ASKED_AT = datetime(2026, 11, 22, 13, 26, tzinfo=UTC)
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "＝1",
    'a"b,c\nd',
    "émoji 🙂 \\ \u2028",
    "'",
    "",
]


@pytest.fixture
def trail(workspace, owner, write, sequencer):
    """A sealed trail of every kind of value, twenty events long at least; returns its size."""
    chain = Actor.of(owner).through("agent", "a1", "=Agent").through("version", "v", "HubSpot 1.2.0")
    for number, text in enumerate(HOSTILE):
        workspace.name = text or "Crate"
        write(f"box.n{number}", actor=chain if number % 2 else owner, after={"text": text}, before={"text": None})
    values = {"half": 0.5, "tiny": 1e-7, "huge": 1e300, "big": 2**60, "minus": -0.0, "deep": {"é": [1, {"🙂": None}]}}
    write("box.numbers", actor=None, simulated=True, **values)
    for number in range(8):
        write("crate.opened", after={"number": number, "by": f"person{number}@example.test"}, note="Full")
    seal(sequencer, workspace)
    return sealed_size(workspace)


@pytest.fixture
def make(workspace, trail, tmp_path):
    """``make(filters, redacted=…)``: the folder of a finished pack."""
    made = iter(range(99))

    def folder(filters=None, *, redacted=(), with_sheet=True, size=trail):
        path = tmp_path / f"pack-{next(made)}"
        path.mkdir()
        order = making.Order(
            workspace,
            "An auditor",
            datetime(2026, 11, 22, 13, 26, tzinfo=UTC),
            filters or {},
            list(redacted),
            with_sheet,
        )
        chosen = select(workspace, order.filters, size)
        for _ in making.write_events(path, order, chosen):
            pass
        making.complete(path, order, chosen)
        return path

    return folder


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / verify.EVENTS).read_bytes().splitlines()]


def test_a_whole_trail_verifies(make, trail):
    folder = make()
    report = verify.Pack(folder).verify()
    fields = sum(len(line["fields"]) for line in lines(folder))
    assert (report["events"], report["opened"], report["left_out"], report["purged"]) == (trail, fields, 0, 0)
    assert (report["first"], report["last"], report["size"]) == (0, trail - 1, trail)
    assert (folder / "proofs").read_bytes() == b""
    assert any("Nothing is missing" in line for line in verify.sentences(report))


@pytest.mark.parametrize(
    ("filters", "redacted"),
    [
        ({"action": "box."}, ()),
        ({"action": "crate.opened"}, ()),
        ({"action": "box.numbers"}, ()),
        ({"actor_kind": "agent"}, ("names",)),
        ({"action": "nothing."}, ()),
        ({}, ("names", "emails")),
        ({}, ("changes", "details")),
        ({"outcome": "simulated"}, ("before.text", "after.text", "request_id")),
    ],
)
def test_filtered_and_redacted_packs_verify(make, filters, redacted):
    folder = make(filters, redacted=redacted)
    report = verify.Pack(folder).verify()
    assert report["events"] == len(lines(folder))
    assert (report["left_out"] > 0) is bool(redacted)


def test_a_filter_chooses_and_says_so(make, trail):
    report = verify.Pack(folder := make({"action": "crate."})).verify()
    assert {line["action"] for line in lines(folder)} == {"crate.opened"} and report["events"] == 8
    assert report["filter"] == "event crate"
    spread = verify.Pack(make({"actor_kind": "agent"})).verify()
    assert any("other events may lie between them" in line for line in verify.sentences(spread))
    assert any("Nothing is missing" in line for line in verify.sentences(report)), "they are one run"


def test_what_is_left_out_leaves_its_commitment_and_nothing_else(make):
    folder = make(redacted=["names", "emails", "before.text"])
    text = (folder / verify.EVENTS).read_text() + (folder / verify.SHEET).read_text()
    assert "@example.test" not in text and "HubSpot" not in text and "=Agent" not in text
    for line in lines(folder):
        gone = set(line["commitments"]) - set(line["fields"])
        assert {"actor.chain", "target.label"} <= gone and set(line["salts"]) == set(line["fields"])
        assert "salt" not in line


def test_only_fields_and_classes_can_be_left_out():
    assert checked(["data.note", "names", "names"]) == ["data.note", "names"]
    with pytest.raises(Invalid, match="nothing called salaries"):
        checked(["salaries"])


def test_each_line_is_what_the_schema_says(make):
    schema = json.loads((make() / "schema.json").read_text())
    validator = jsonschema_rs.Draft202012Validator(schema)
    for folder in (make(), make(redacted=["names"])):
        for line in lines(folder):
            validator.validate(line)
    broken = lines(make())[0] | {"more": 1}
    assert not validator.is_valid(broken)


@pytest.mark.asvs("1.2.10")
def test_no_cell_is_a_formula_and_every_cell_is_there(make, trail):
    folder = make()
    rows = list(csv.DictReader(io.StringIO((folder / verify.SHEET).read_bytes().decode(), newline="")))
    assert len(rows) == trail and list(rows[0]) == list(verify.COLUMNS)
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell[:1] in verify.FORMULA and cell]
    for text in HOSTILE:
        shown = f"'{text}" if text and text[0] in verify.FORMULA else text or "Crate"
        assert shown in {row["target"] for row in rows}
    for row, line in zip(rows, lines(folder), strict=True):
        assert json.loads(row["fields"]) == line["fields"] and row["id"] == str(line["id"])
    assert "'=Agent" in {row["actor"] for row in rows}


def test_the_footer_has_rows_and_digest_and_the_sums_are_those_of_sha256sum(make, trail):
    folder = make()
    footer = dict(line.split(": ") for line in (folder / verify.FOOTER).read_text().splitlines())
    assert footer == {"rows": str(trail), "sha256": making.digest_of(folder / verify.SHEET)}
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and "FAILED" not in checked.stdout and checked.stdout.count(": OK") == 10


def test_without_a_sheet_there_is_none(make):
    folder = make(with_sheet=False)
    assert not (folder / verify.SHEET).exists() and not (folder / verify.FOOTER).exists()
    verify.Pack(folder).verify()


def test_the_page_says_what_is_in_it_and_escapes_it(make, workspace):
    workspace.name = "<b>Meridian</b>"
    text = (make({"action": "box."}, redacted=["names"]) / "what-this-proves.html").read_text()
    assert "<b>Meridian" not in text and "&lt;b&gt;Meridian" in text
    assert "no other event fits" in text and "Names of people" in text and "--key galaxy.audit/" in text
    assert "This pack is the whole trail" in (make() / "what-this-proves.html").read_text()


# --- The verifier, by itself -------------------------------------------------------------------------------------


def run(folder, *arguments):
    """verify.py of the pack as an auditor runs it: no site, no environment, from elsewhere."""
    return subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py", folder, *arguments],
        cwd="/", capture_output=True, text=True, check=False, env={},
    )  # fmt: skip


def test_a_bare_python_says_pass_with_counts_or_fail_with_the_place(make, trail):
    folder = make()
    done = run(folder)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "PASS") and f"{trail} events" in done.stdout
    key = (folder / "keys").read_text().strip()
    assert run(folder, "--key", key).returncode == 0 and "Compare" not in run(folder, "--key", key).stdout
    data = (folder / verify.EVENTS).read_bytes()
    (folder / verify.EVENTS).write_bytes(data.replace(b"person3@example", b"person4@example"))
    failed = run(folder)
    assert failed.returncode == 1 and failed.stderr == ""
    assert failed.stdout == (
        f"FAIL events.ndjson, line {trail - 4}, field after.by: its value is not what was committed to\n"
    )


def test_another_key_is_not_believed(make):
    folder = make()
    name, _, _ = (folder / "keys").read_text().partition("+")
    with pytest.raises(verify.Broken, match="none of the keys signed it"):
        verify.Pack(folder, f"{name}+00000000+{'A' * 43}=").verify()


def broken(folder, name, data):
    """What the verifier says of the pack with ``data`` as its file ``name``."""
    path = folder / name
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        verify.Pack(folder).verify()
    except verify.Broken as found:
        return found
    finally:
        path.write_bytes(before)
    return None


@pytest.mark.parametrize("redacted", [(), ("names", "after.text")])
def test_one_byte_changed_anywhere_is_found_and_its_line_named(make, redacted):
    folder = make({"actor_kind": "agent"}, redacted=redacted)
    looked_at = 0
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for number, at in enumerate(range(0, len(data), max(1, len(data) // 40))):
            changed = data[:at] + bytes([data[at] ^ (0x01, 0x20, 0x80)[number % 3]]) + data[at + 1 :]
            found = broken(folder, path.name, changed)
            own = data[:at].count(b"\n") + 1
            assert found is not None and found.line, (path.name, at, str(found))
            if path.name not in (verify.EVENTS, verify.SHEET):
                assert found.file in (path.name, verify.SUMS) and abs(found.line - own) <= 1, (path.name, str(found))
            looked_at += 1
    assert looked_at > 400


@pytest.mark.parametrize("filters", [{}, {"actor_kind": "agent"}])
def test_several_processes_find_what_one_does(make, monkeypatch, filters):
    monkeypatch.setattr(verify, "BLOCK_BYTES", 4000)
    folder = make(filters)
    assert verify.Pack(folder).verify(processes=3) == verify.Pack(folder).verify()
    for name in (verify.EVENTS, verify.SHEET):
        data = (folder / name).read_bytes()
        for at in (len(data) // 7, len(data) // 2, len(data) - 9):
            (folder / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            said = []
            for processes in (1, 3):
                with pytest.raises(verify.Broken) as found:
                    verify.Pack(folder).verify(processes=processes)
                said.append(str(found.value))
            assert said[0] == said[1]
        (folder / name).write_bytes(data)


def test_whatever_a_forged_pack_leads_to_it_is_a_fail(make):
    folder = make()
    (folder / "manifest.json").write_text("[]")
    digests = {name: making.digest_of(folder / name) for name in (verify.EVENTS, verify.SHEET)}
    (folder / verify.SUMS).write_text("".join(making._sums(folder, digests)))
    failed = run(folder)
    assert (failed.returncode, failed.stderr) == (1, "") and failed.stdout.startswith("FAIL it cannot be read")


def rewritten(folder, change) -> bytes:
    """The lines of a pack after ``change(list of lines)``."""
    raw = (folder / verify.EVENTS).read_bytes().splitlines(keepends=True)
    return b"".join(change(raw))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda raw: raw[:3] + raw[4:], 4),
        (lambda raw: raw[:-1], -1),
        (lambda raw: [*raw[:3], raw[4], raw[3], *raw[5:]], 4),
        (lambda raw: [*raw[:3], raw[3], *raw[3:]], 5),
        (lambda raw: [], 0),
        (lambda raw: [*raw, b"{}\n"], 1),
        (lambda raw: [*raw[:2], b"\n", *raw[2:]], 3),
    ],
)
def test_lines_dropped_swapped_doubled_or_added_are_found(make, trail, change, line):
    folder = make(with_sheet=False)
    found = broken(folder, verify.EVENTS, rewritten(folder, change))
    assert found is not None and found.file == verify.EVENTS
    assert found.line == (line if line not in (-1, 1) else trail + line)


@pytest.mark.parametrize(
    ("with_leaf", "said"), [(False, "line 6, field leaf: the event is not what was sealed"), (True, "does not lead to")]
)
def test_a_line_written_anew_by_somebody_who_knows_how_is_found(make, with_leaf, said):
    """Value, salt, commitment and digests all fit together, in the second case the hash of the leaf as well."""
    folder = make(with_sheet=False)
    all_lines = lines(folder)
    line = all_lines[5]
    line["fields"]["after.text"] = "something else"
    salt = bytes.fromhex(line["salt"])
    line["commitments"]["after.text"] = commitment(salt, "after.text", "something else")
    raw = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in all_lines]
    if with_leaf:
        data = {name: line[name] for name in verify.IN_LEAF} | {"id": str(line["id"]), "v": 1}
        data["occurred_at"] = verify.moment(line["occurred_at"])
        line["leaf"] = leaf_hash(rfc8785.dumps(data)).hex()
        raw[5] = json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
    (folder / verify.EVENTS).write_text("".join(raw))
    sums = (folder / verify.SUMS).read_text().splitlines()
    digest = making.digest_of(folder / verify.EVENTS)
    sums = [f"{digest}  {verify.EVENTS}" if one.endswith(f"  {verify.EVENTS}") else one for one in sums]
    (folder / verify.SUMS).write_text("\n".join(sums) + "\n")
    with pytest.raises(verify.Broken) as found:
        verify.Pack(folder).verify()
    assert said in str(found.value)


def test_a_line_of_the_sheet_that_differs_is_named_with_its_column(make):
    folder = make()
    data = (folder / verify.SHEET).read_bytes()
    found = broken(folder, verify.SHEET, data.replace(b"crate.opened", b"crate.closed", 1))
    first = next(number for number, line in enumerate(data.split(b"\n"), 1) if b"crate.opened" in line)
    assert (found.file, found.line, found.field) == (verify.SHEET, first, "action")


# --- Parts of the verifier ---------------------------------------------------------------------------------------


def test_canonical_json_is_that_of_rfc_8785():
    values = [
        0.0, -0.0, 1.0, 1e21, 1e20, 123456789012345680000.0, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308, 0.1, 100.5,
        333333333.3333333, 1e23, -1.5e-9, 9007199254740991, True, None, "\x00\x1f\"\\\u2028é🙂\x7f", [], {},
        {"\ufb33": 1, "🙂": 2, "a": [1, {"b": None}], "": 3}, [0.5, {"z": 1e300, "y": -2}],
    ]  # fmt: skip
    for value in values:
        assert verify.canonical(value).encode() == rfc8785.dumps(value)
    assert verify.canonical(10**20) == "100000000000000000000" and verify.canonical(10**22) == "1e+22"


@pytest.mark.asvs("11.6.1")
def test_ed25519_agrees_with_cryptography():
    """RFC 8032, section 7.1, and what its authors' own warnings are about."""
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert verify.is_signed(b"", signature, public)
    assert not verify.is_signed(b"x", signature, public)
    order = verify._ORDER
    shifted = int.from_bytes(signature[32:], "little") + order
    assert not verify.is_signed(b"", signature[:32] + shifted.to_bytes(32, "little"), public), "malleable"
    for at in range(0, 64, 7):
        flipped = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        assert not verify.is_signed(b"", flipped, public)
    assert not verify.is_signed(b"", signature, b"\xff" * 32) and not verify.is_signed(b"", b"", public)
    for number in range(5):
        key, message = Ed25519PrivateKey.generate(), b"m" * number
        assert verify.is_signed(message, key.sign(message), key.public_key().public_bytes_raw())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 11])
def test_a_root_is_found_from_any_leaves_and_the_hashes_of_the_rest(size, monkeypatch):
    leaves = [leaf_hash(bytes([number])) for number in range(size)]

    def subtree(level, index):
        return node_hash(subtree(level - 1, 2 * index), subtree(level - 1, 2 * index + 1)) if level else leaves[index]

    monkeypatch.setattr(making, "StoredTree", lambda *args, **kwargs: SimpleNamespace(subtree=subtree))
    for chosen in range(1 << size):
        places = [place for place in range(size) if chosen >> place & 1]
        some, written = [(place, leaves[place]) for place in places], []
        making.write_proofs(written.append, SimpleNamespace(pk=None), Selection(size, array("q", places)))
        others = [bytes.fromhex(line) for line in written]
        assert verify.fold(iter(some), iter(others), size) == root_of(size, subtree)
        with pytest.raises(StopIteration):
            verify.fold(iter(some), iter([*others, bytes(32)]), size)
        if others:
            with pytest.raises(StopIteration):
                verify.fold(iter(some), iter(others[:-1]), size)


# --- Writing ------------------------------------------------------------------------------------------------------


def test_a_pack_that_was_interrupted_anywhere_is_the_same_byte_for_byte(make, workspace, trail, tmp_path, monkeypatch):
    whole = make()
    monkeypatch.setattr(rows, "FIRST", 3)
    monkeypatch.setattr(rows, "STEP", 4)
    order = making.Order(workspace, "An auditor", ASKED_AT)
    chosen = Selection(trail)
    folder = tmp_path / "resumed"
    folder.mkdir()
    done, written, rounds = 0, {}, 0
    while done < trail:
        done, written = next(making.write_events(folder, order, chosen, done=done, written=written))
        with (folder / verify.EVENTS).open("ab") as torn:  # what a killed worker wrote and nobody counted
            torn.write(b'{"position": 99, "torn')
        rounds += 1
    assert rounds > 5
    for _ in making.write_events(folder, order, chosen, done=done, written=written):
        pass
    making.complete(folder, order, chosen)
    for path in whole.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes(), path.name
    zips = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for source, target in zip((whole, folder), zips, strict=True):
        making.pack(source, target, "audit", order.asked_at)
    assert zips[0].read_bytes() == zips[1].read_bytes()


def test_a_selection_is_kept_and_found_again(tmp_path, workspace, trail):
    for chosen in (Selection(trail), select(workspace, {"action": "box."}, trail)):
        chosen.keep(tmp_path / "chosen")
        assert Selection.kept(tmp_path / "chosen") == chosen


def test_what_is_sealed_later_is_in_a_later_pack(make, write, workspace, sequencer, trail):
    write("box.later")
    seal(sequencer, workspace)
    assert len(lines(make())) == trail and len(lines(make(size=trail + 1))) == trail + 1


def test_a_workspace_without_a_seal_has_no_packs(workspace):
    with pytest.raises(Conflict, match="sealed yet"):
        sealed_size(workspace)


def test_an_altered_event_fails_in_its_pack(make, workspace, trail, monkeypatch):
    """As somebody would see it who exports what a superuser has edited."""
    event = AuditEvent.objects.filter(action="crate.opened").first()
    detail = AuditDetail.objects.get(event_id=event.pk)
    folder = make()
    label = detail.fields["data.note"]
    changed = (folder / verify.EVENTS).read_bytes().replace(f'"data.note": "{label}"'.encode(), b'"data.note": "Fill"')
    found = broken(folder, verify.EVENTS, changed)
    assert (found.file, found.field) == (verify.EVENTS, "data.note")
