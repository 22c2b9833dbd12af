"""Texts made to break a reader: each is answered with findings, soon."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.manifests import CODES, from_form, read

DEADLINE_S = 3

SCHEMA_BOMB = json.dumps(
    {
        "action": "a.b",
        "inputs": {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/d0"}},
            "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 9} for n in range(20)}
            | {"d20": {"type": "string"}},
        },
    }
)
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


@pytest.mark.asvs("1.3.12", "15.2.2")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * 5_000_000, "too-large"),
        (b"x" * 5_000_000, "too-large"),
        ("é" * 200_000, "too-large"),
        (BOMB, "alias"),
        (SCHEMA_BOMB, "bad-schema"),
        ("connector: a\nactions: " + "[" * 200_000, "too-deep"),
        ("connector: a\nactions: " + "{a: " * 50_000, "too-deep"),
        ("connector: a\nx: {a: string[], b: " + "[" * 200_000, "too-deep"),
        ("connector: a\nx:\n" + "".join(f"{' ' * n}-\n" for n in range(1, 500)), "too-deep"),
        ("[" * 200_000, "too-deep"),
        ('{"a":' * 40_000, "too-deep"),
        ("[" + "1," * 100_000 + "1]", "too-many-values"),
        ("connector: a\nactions: [" + "1," * 100_000 + "1]", "too-many-values"),
        ("connector: a\nx: {t: s[], v: [" + "1," * 100_000 + "1]}", "too-many-values"),
        ('{"n": ' + "9" * 200_000 + "}", "number-range"),
        ('{"n": 1e999}', "number-range"),
        ("\ufeffconnector: a\n", "encoding"),
        (b"\xef\xbb\xbfconnector: a\n", "encoding"),
        ("connector: a\n".encode("utf-16"), "encoding"),
        ("connector: a\n".encode("utf-32-le"), "encoding"),
        ("connector: é\n".encode("latin-1"), "encoding"),
        (b"connector: a\xed\xa0\x80\n", "encoding"),
        (b"connector: \xc0\xaf\n", "encoding"),
        ("connector: a\x00b\n", "encoding"),
        ("connector: a\x1b[31m\n", "encoding"),
        ("connector: a\ud800\n", "encoding"),
        ("connector: a\u202eb\n", "encoding"),
        ("connector: a\u2028b\n", "encoding"),
        ('{"connector": "a\\u0000"}', "encoding"),
        ('{"connector": "a\\ud800"}', "encoding"),
        ('connector: "a\\0b"\nactions: []\n', "encoding"),
        ('connector: "a\\u202e"\nactions: []\n', "encoding"),
        ('connector: a\nx: { t: s[], v: "a\\0b" }\n', "encoding"),
        ("action: a.b\ninputs: { a: { type: string, pattern: '" + "(" * 150 + "' } }\n", "bad-pattern"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: '" + "(" * 900 + "' }]\n", "bad-expression"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: '" + "!" * 900 + "' }]\n", "bad-expression"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: '" + "a||" * 300 + "a' }]\n", "bad-expression"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: '" + "a" * 1001 + "' }]\n", "over-cap"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: '" + "a|" * 499 + "a' }]\n", "bad-expression"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: 'a" + "[*]" * 330 + "' }]\n", "bad-expression"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: '" + "a." * 499 + "a' }]\n", "bad-reference"),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: '" + "&" * 900 + "a' }]\n", "bad-expression"),
        ("action: a.b\nsummary: " + "x" * 301 + "\n", "over-cap"),
        ("action: a.b\n" + "k" * 200_000 + ": x\n", "syntax"),
        ("action: a.b\n" + "".join(f"k{n}: x\n" for n in range(9_000)), "unknown-key"),
        ("\t" * 200_000, "tab"),
        ("a:\n" + "\tb: c\n" * 40_000, "tab"),
        ("@", "syntax"), ("`", "syntax"), ("%", "syntax"), ("!", "tag"), ("*", "syntax"), ("&", "syntax"),
        ("}", "syntax"), ("connector: }\n", "syntax"), ("connector: {a: b: c: d}\n", "shorthand"),
        ("connector: {a: string [] }\n", "shorthand"), ("connector: {a: 'string'[] }\n", "shorthand"),
        ("connector: {a: b[] c: d}\n", "shorthand"), ("connector: {a: string[ }\n", "shorthand"),
        ("connector: {a: {b: int}[]? }\n", "shorthand"), ("connector: {t: s[], a: 1, a: 2}\n", "duplicate-key"),
        ("connector: {t: s[], a: &x 1}\n", "alias"), ("connector: {t: s[], a: !x 1}\n", "tag"),
        ("connector: {t: s[], b}\n", "shorthand"), ("connector: {t: s[], <<: b}\n", "alias"),
    ],
)  # fmt: skip
def test_hostile_text_is_answered_soon(text, code):
    began = time.thread_time()
    reading = read(text)
    took = time.thread_time() - began
    assert reading.manifest is None
    assert code in [finding.code for finding in reading.findings]
    assert len(reading.findings) <= 100 + bool(reading.left_out)
    assert took < DEADLINE_S


@pytest.mark.asvs("1.3.12")
@pytest.mark.parametrize("before", ["", "action: a.b\ninputs: { a: string[], b: "])
def test_one_sign_over_and_over_costs_no_more_than_its_length(before):
    for sign in [
        "- ",
        "? ",
        "a: ",
        "{",
        "[",
        "]",
        "[a, ",
        "'",
        '"',
        "\\",
        "|\n",
        "&a ",
        "*a ",
        "!a ",
        "string[]",
        "{a: b[]}, ",
        "é",
    ]:
        began = time.perf_counter()
        reading = read(before + sign * (200_000 // len(sign.encode())), format="yaml")
        assert reading.manifest is None
        assert time.perf_counter() - began < DEADLINE_S


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("def run(inputs, ctx):\n    return (\n", "python-syntax"),
        ("def run(inputs, ctx):\n  x\n y\n", "python-syntax"),
        ("x = 1\n", "python-run"),
        ("def run(inputs):\n    pass\n", "python-run"),
        ("def run(a, b, c):\n    pass\n", "python-run"),
        ("async def run(inputs, ctx):\n    pass\n", "python-run"),
        ("class A:\n    def run(self, ctx):\n        pass\n", "python-run"),
        ("def run(inputs, ctx):\n    pass\ndef run(inputs, ctx):\n    pass\n", "python-run"),
        ("# timeout_ms: 20000\ndef run(inputs, ctx):\n    pass\n", "over-cap"),
        ("# egress: ['http://a.example.com']\ndef run(inputs, ctx):\n    pass\n", "egress-not-https"),
        ("# perms: [drive]\ndef run(inputs, ctx):\n    pass\n", "bad-scope"),
        ("# api: v2\ndef run(inputs, ctx):\n    pass\n", "bad-value"),
        ("# api: v1\n# api: v1\ndef run(inputs, ctx):\n    pass\n", "duplicate-key"),
        ("# timeout_m: 20\ndef run(inputs, ctx):\n    pass\n", "unknown-key"),
        ("x = " + "(" * 5_000 + "\ndef run(inputs, ctx):\n    pass\n", "python-syntax"),
        ("x = " + "-" * 100_000 + "1\ndef run(inputs, ctx):\n    pass\n", "python-syntax"),
        ("# transform: t\n# egress: [a.example.com]\ndef run(inputs, ctx):\n    pass\n", "unknown-key"),
    ],
)
def test_a_bad_python_file_is_a_finding_and_is_never_run(source, code):
    reading = read(source, format="python", filename="x.py")
    assert reading.manifest is None
    assert code in [finding.code for finding in reading.findings]


def test_a_python_fault_has_its_line():
    reading = read("# perms: [drive.read]\n\ndef run(inputs, ctx):\n    return )\n", format="python")
    assert [(finding.line, finding.column) for finding in reading.findings] == [(4, 12)]
    reading = read("# timeout_ms: 5\n#  egress: [ 'localhost' ]\ndef run(inputs, ctx):\n    pass\n", format="python")
    assert [(finding.code, finding.line, finding.column) for finding in reading.findings] == [
        ("egress-localhost", 2, 14)
    ]


@pytest.mark.asvs("1.3.2")
def test_reading_a_python_file_runs_nothing(tmp_path):
    witness = tmp_path / "witness"
    source = f"open({str(witness)!r}, 'w')\ndef run(inputs, ctx, x=open({str(witness)!r}, 'w')):\n    pass\n"
    read(source, format="python", filename="x.py")
    assert not witness.exists()


def sound(reading):
    """Findings of the table, in order, and a manifest exactly when none is an error."""
    assert all(finding.code in CODES for finding in reading.findings)
    assert (reading.manifest is None) == bool(reading.errors)
    places = [(finding.line, finding.column) for finding in reading.findings]
    assert places == sorted(places)


FORMATS = st.sampled_from(["yaml", "json", "python", None])
PIECES = st.lists(
    st.sampled_from([
        "connector: a\n", "actions: ", "- id: x\n", "  ", "{ ", " }", "[", "]", "string[]", "string?", ": ", ", ", "a",
        '"b"', "'c'", "# api: v1\n", "def run(inputs, ctx):\n", "    pass\n", "|\n", "&x ", "*x", "!!t ", "<<", "1.20",
        "\n", "\t", "?", "--- ", "é", "0x1", "true", "policy", "inputs", "steps", "action: a.b\n", "pack: p\n",
        "transform: t\n", "\\u0000",
    ]),
    max_size=30,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300), PIECES.map("".join)), FORMATS)
def test_no_text_raises(text, format):
    sound(read(text, format=format))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from([
    "connector", "action", "pack", "transform", "trigger", "kind", "id", "version", "inputs", "outputs", "steps",
    "actions", "auth", "egress", "policy", "bulk", "retry", "fixtures", "simulation", "requires", "outcome", "source",
    "path", "method", "scopes", "query", "body", "replies", "grpc", "undo", "auth.type", "actions.0.id", "actions.1.id",
    "fixtures.401.status", "permissions.required",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(KEYS, JSON | st.text(max_size=30), max_size=8))
def test_no_form_and_no_json_raises(data):
    sound(from_form(data))
    sound(read(json.dumps(data), format="json"))


def test_a_form_of_odd_values_is_a_finding():
    deep: list = []
    for _ in range(5_000):
        deep = [deep]
    dotted = {"action": "a.b", "x" + ".0" * 5_000: "1"}
    nested: dict = {}
    for _ in range(5_000):
        nested = {"0": nested}
    forms = [
        dotted, {"action": "a.b", "actions.0": nested}, {"action": "a.b", "inputs": deep}, {"action": b"a"}, {1: 2},
        {"action": object()}, {},
    ]  # fmt: skip
    for data in forms:
        sound(from_form(data))
        assert from_form(data).errors
