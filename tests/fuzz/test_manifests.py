"""Whatever is given for a manifest: findings with a place and a way out, or one whose canonical text is itself."""

import json
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from registry.manifests import CODES, from_form, load, read
from tests.fuzz.edits import edited
from tests.fuzz.profile import examples, soon
from tests.registry.manifests.test_one_digest import CONNECTORS, dump_yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests" / "registry" / "manifests" / "fixtures"
DOCUMENTS = sorted([*FIXTURES.glob("*.yaml"), *(ROOT / "catalog").rglob("manifest.yaml")])
YAML = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
SMALL = [text for text in YAML if len(text) < 4_000]
JSON = [read(text).manifest.canonical_text for text in SMALL if read(text).manifest]
CODE = [path.read_text(encoding="utf-8") for path in [*FIXTURES.glob("*.py"), *(ROOT / "catalog").rglob("*.py")]]
PIECES = [
    "{", "}", "[", "]", "[]", "?", ":", ": ", ",", "|", "(a|b)[]", "string", "string?", "'", '"', "\\", "\n", "\n  ",
    "- ", "#", "# inputs: {", "&a ", "*a", "!!t ", "<<: ", "---\n", "\t", "é", "\u202e", "\U0001f600", "\0", "1e999",
    "-0", "0x1", "1.20", "9" * 30, "null", "~", "true", "{connection.host}", "https://", "127.0.0.1", "*.x.com",
    "$ref", "..",
    "%2e", "a.b", "^1", "when: ", "__proto__: ", "def run(inputs, ctx):\n", "import os\n", "\\u0000", "\\ud800",
]  # fmt: skip


def sound(reading, text: str | bytes | None = None) -> None:
    """Findings of the table, in order, each with what to do and, in a text, with a place that is there."""
    assert (reading.manifest is None) == bool(reading.errors)
    for finding in reading.errors:
        assert finding.code in CODES
        assert finding.message and finding.fix and finding.why
        if text is not None:
            lines = (text if isinstance(text, str) else text.decode("utf-8", "replace")).replace("\r\n", "\n")
            lines = lines.replace("\r", "\n").split("\n")
            assert finding.column >= 1, finding
            assert 1 <= finding.line <= len(lines) + 1, finding
            if finding.line <= len(lines):
                assert finding.column <= len(lines[finding.line - 1]) + 2, (finding, lines[finding.line - 1])
    if reading.manifest is not None:
        own = read(reading.manifest.canonical_text, format="json")
        assert own.errors == []
        assert own.manifest.digest == reading.manifest.digest
        assert load(json.loads(reading.manifest.canonical_text)) == reading.manifest
        assert read(dump_yaml(reading.manifest.canonical), format="yaml").manifest.digest == own.manifest.digest


@examples(120)
@given(edited(SMALL, PIECES))
def test_yaml_and_shorthand(text):
    sound(soon(read, text, format="yaml"), text)


@examples(60)
@given(edited(JSON, PIECES))
def test_json(text):
    sound(soon(read, text, format="json"), text)


@examples(60)
@given(edited(CODE, PIECES))
def test_a_python_file(text):
    sound(soon(read, text, format="python", filename="x.py"), text)


@examples(60)
@given(st.one_of(st.binary(max_size=300), edited([text.encode() for text in SMALL], [b"\xff", b"\xc0\xaf", b"\0"])))
@example(b"\xef\xbb\xbfconnector: a")
@example(b"x" * 300_000)
def test_bytes(raw):
    sound(soon(read, raw), raw)


FLOW = st.recursive(
    st.sampled_from(
        ["string", "int?", "a|b", "(a|b)[]", "email[]", "''", '"x"', "1", "", "a b", "x: y", "&a", "*a", "!t"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: "[" + ", ".join(some) + "]")
        | st.lists(st.tuples(st.sampled_from(["a", "b?", "'c'", "", "a.b", "type"]), inner), max_size=3).map(
            lambda pairs: "{ " + ", ".join(f"{key}: {value}" for key, value in pairs) + " }"
        )
        | st.tuples(inner, st.sampled_from(["[]", "?", "[]?", " []", ":", "[][]"])).map("".join)
    ),
    max_leaves=8,
)


@examples(150)
@given(FLOW, st.sampled_from(["inputs", "outputs", "policy", "records"]))
def test_shorthand_of_types(flow, key):
    text = f"action: a.b\n{key}: {flow}\n"
    sound(soon(read, text, format="yaml"), text)


# Texts alone: a bare null, true or 5 is a text to YAML where a text is wanted, and none to JSON (docs/manifests.md).
WRITTEN = st.recursive(
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "type", "x.y"]), inner),
    max_leaves=5,
)


def broken(value, place: int, part):
    """``value`` with the ``place``-th of its inner values replaced by ``part``."""
    left = [place]

    def walk(inner):
        left[0] -= 1
        if left[0] < 0:
            left[0] = 1_000_000
            return part
        if isinstance(inner, dict):
            return {key: walk(item) for key, item in inner.items()}
        return [walk(item) for item in inner] if isinstance(inner, list) else inner

    return {key: walk(item) for key, item in value.items()}


@examples(30)
@given(CONNECTORS, st.integers(0, 25), WRITTEN)
def test_what_is_refused_in_one_form_is_refused_in_each(data, place, part):
    data = broken(data, place, part)
    if any(value is None or value == "" or (isinstance(value, str) and not value.strip()) for value in data.values()):
        return  # a field left empty is a field that a form does not send
    by_json, by_yaml = read(json.dumps(data), format="json"), read(dump_yaml(data), format="yaml")
    by_form = from_form(data)
    for reading in (by_json, by_yaml, by_form):
        sound(reading)
    assert {reading.manifest and reading.manifest.digest for reading in (by_json, by_yaml, by_form)} == {
        by_json.manifest and by_json.manifest.digest
    }
