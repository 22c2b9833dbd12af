"""What is refused, with its code, its line and its column, and what is not a fault."""

import json

import pytest

from registry.manifests import CODES, publishable, read

HEAD = "connector: a\nactions: []\n"


def codes(text, **options):
    return [finding.code for finding in read(text, **options).findings]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("connector: a\nversion: 1.20\nactions: []\n", "number-for-text", 2, 10),
        ("connector: a\nversion: 1.2\nactions: []\n", "number-for-text", 2, 10),
        ("connector: a\nversion: '1.2'\nactions: []\n", "bad-version", 2, 10),
        ("connector: a\nversion: v1.2.0\nactions: []\n", "bad-version", 2, 10),
        ("connector: a\nversion: 1.2.0+b1\nactions: []\n", "bad-version", 2, 10),
        ("connector: a\nversion: 01.2.0\nactions: []\n", "bad-version", 2, 10),
        ("connector: a\nversion: \uff11.2.0\nactions: []\n", "bad-version", 2, 10),
        ("connector: a\nversion: 1.\u0662.0\nactions: []\n", "bad-version", 2, 10),
        ('pack: a\nversion: 1.2.0\nrequires: { b: "^\uff11.0" }\nsteps: []\n', "bad-range", 3, 16),
        ('{"connector": "a",\n "version": 1.20, "actions": []}', "number-for-text", 2, 13),
        ("connector: a\nactions: []\nactions: []\n", "duplicate-key", 3, 1),
        ('{"connector": "a", "actions": [],\n "actions": []}', "duplicate-key", 2, 2),
        ("connector: a\nactions: []\nretrys: { strategy: fixed }\n", "unknown-key", 3, 1),
        ("connector: a\nactions: []\nretry: { strategy: fixed, max_atempts: 3 }\n", "unknown-key", 3, 27),
        ("connector: a\nactions: []\nretry: { strategy: fixed, max_attempts: 11 }\n", "over-cap", 3, 41),
        ("connector: a\nactions: []\nrate_limits: { rpm: 1000000 }\n", "over-cap", 3, 21),
        ("connector: a\nactions: []\nrate_limits: { rpm: 0 }\n", "bad-value", 3, 21),
        ("connector: a\nactions: []\nrate_limits: { rpm: '5' }\n", "wrong-shape", 3, 21),
        ("connector: a\nactions: []\npermissions: { required: [tasks] }\n", "bad-scope", 3, 27),
        ("connector: a\nactions: []\npermissions: { required: [read.write] }\n", "bad-scope", 3, 27),
        ("connector: Hub Spot\nactions: []\n", "bad-name", 1, 12),
        ("connector: a\n", "missing-key", 1, 1),
        ("connector: a\nactions: {}\n", "wrong-shape", 2, 10),
        ("conector: a\nactions: []\n", "missing-key", 1, 1),
        ("kind: gadget\nid: a\n", "bad-value", 1, 7),
        ("connector: a\npack: b\nactions: []\n", "duplicate-key", 2, 1),
        ("connector: a\nactions:\n\t- id: b\n", "tab", 3, 1),
        ("connector: a\nactions:\n  - id: b\n  \tpath: /x\n", "tab", 4, 3),
        ("connector: &x a\nactions: []\n", "alias", 1, 12),
        ("connector: a\nactions: []\nretry: &r { strategy: fixed }\nrate_limits: *r\n", "alias", 3, 8),
        ("connector: a\nactions: []\nretry: { <<: {}, strategy: fixed }\n", "alias", 3, 10),
        ("connector: !!str a\nactions: []\n", "tag", 1, 12),
        ("connector: !!python/object/apply:os.system ['true']\nactions: []\n", "tag", 1, 12),
        ("%TAG ! tag:x,2000:\n---\nconnector: a\nactions: []\n", "tag", 1, 1),
        ("connector: a\nactions: []\n---\nconnector: b\n", "multiple-documents", 3, 1),
        ("connector: a\nactions: []\n? [x]\n: y\n", "bad-key", 3, 3),
        ("connector: a\nactions: []\n__proto__: {}\n", "bad-key", 3, 1),
        ('{"connector": "a", "actions": [], "__proto__": {}}', "bad-key", 1, 35),
        ("connector: a\n  actions: []\n", "syntax", 2, 10),
        ("connector: 'a\nactions: []\n", "syntax", 3, 1),
        ('{"connector": "a",}', "syntax", 1, 19),
        ('{"connector": NaN}', "syntax", 1, 15),
        ('{"connector": -Infinity}', "syntax", 1, 15),
        ('{"connector": "a"} x', "syntax", 1, 20),
        ('{"connector": 01}', "syntax", 1, 15),
        ("{'connector': 1}", "syntax", 1, 2),
        ("", "empty", 1, 1),
        ("# only a comment\n\n", "empty", 1, 1),
        ("just words\n", "wrong-shape", 1, 1),
        ("- a\n- b\n", "wrong-shape", 1, 1),
        ("pack: p\nsteps: [{ id: a, use: x.y, with: { z: steps.b.id } }]\n", "bad-reference", 2, 39),
        ("pack: p\nsteps: [{ id: a, use: x.y, with: { z: steps.a.id } }]\n", "bad-reference", 2, 39),
        ("pack: p\nsteps: [{ id: a, use: x.y, with: { z: 'a b' } }]\n", "bad-expression", 2, 42),
        ("pack: p\nsteps: [{ id: a, use: x.y, with: { z: hello } }]\n", "bad-reference", 2, 39),
        ("pack: p\nsteps: [{ id: a, use: x.y }, { id: a, use: x.y }]\n", "duplicate-id", 2, 36),
        ("pack: p\nsteps: [{ id: a, use: x.y, with: { z: item.id } }]\n", "bad-reference", 2, 39),
        ("pack: p\nsteps: [{ id: a, use: x.y, when: index }]\n", "bad-reference", 2, 34),
        ("pack: p\nsteps: [{ id: a, use: x.y, each: item, most: 5 }]\n", "bad-reference", 2, 34),
        ("pack: p\nsteps: [{ id: a, use: x.y, each: steps.a, most: 5 }]\n", "bad-reference", 2, 34),
        ("pack: p\nsteps: [{ id: a, use: x.y, each: [a], most: 5 }]\n", "wrong-shape", 2, 34),
        ("pack: p\nsteps: [{ id: a, use: x.y, each: inputs.l }]\n", "missing-key", 2, 9),
        ("pack: p\nsteps: [{ id: a, use: x.y, most: 5 }]\n", "unknown-key", 2, 34),
        ("pack: p\nsteps: [{ id: a, use: x.y, each: inputs.l, most: 1001 }]\n", "over-cap", 2, 50),
        ("pack: p\nsteps: [{ id: a, use: x.y, each: inputs.l, most: 0 }]\n", "bad-value", 2, 50),
        ("pack: p\nsteps: [{ id: a, use: x.y, timeout_ms: 999 }]\n", "bad-value", 2, 40),
        ("pack: p\nsteps: [{ id: a, use: x.y, on_failure: retry }]\n", "bad-value", 2, 40),
        ("pack: p\ntimeout_ms: 600001\nsteps: [{ id: a, use: x.y }]\n", "over-cap", 2, 13),
        ("pack: p\nmax_calls: 10001\nsteps: [{ id: a, use: x.y }]\n", "over-cap", 2, 12),
        ("pack: p\nsteps: [{ id: a, use: x.y }]\noutcome: { name: n, signal: kpi }\n", "missing-key", 3, 10),
        ("pack: p\nsteps: [{ id: a, use: x.y }]\noutcome: { name: n, success: steps.a }\n", "missing-key", 3, 10),
        ("pack: p\nrequires: { x: one }\nsteps: [{ id: a, use: x.y }]\n", "bad-range", 2, 16),
        ("pack: p\nrequires: { z: ^1.0 }\nsteps: [{ id: a, use: x.y }]\n", "bad-reference", 3, 23),
        ("pack: p\ninputs: { lead: object }\nsteps: [{ id: a, use: x.y, when: inputs.led }]\n", "bad-reference", 3, 34),
        ("transform: t\nsteps: [{ redakt: { classes: [email], mode: mask } }]\n", "unknown-key", 2, 11),
        ("transform: t\nsteps: [{ redact: { classes: [emil], mode: mask } }]\n", "unknown-class", 2, 31),
        ("transform: t\nsteps: [{ redact: { classes: [email], mode: blur } }]\n", "bad-value", 2, 45),
        ("transform: t\ninputs: { a: string }\nsteps: [{ normalize_text: { field: b } }]\n", "bad-reference", 3, 36),
        ("transform: t\nsteps: [{ normalize_date: { field: b, timezone: Mars/Base } }]\n", "bad-reference", 2, 49),
        ("transform: t\ninputs: { a: string }\noutputs: { b: string }\nsteps: []\n", "bad-reference", 3, 15),
        ("transform: t\nsteps: []\ncode_file: x.py\n", "duplicate-key", 3, 12),
        ("trigger: t\nsource: { type: webhook, cron: '0 8 * * 1' }\n", "unknown-key", 2, 32),
        ("trigger: t\nsource: { type: schedule }\n", "missing-key", 2, 9),
        ("trigger: t\nsource: { type: schedule, cron: '0 8 * * 1 2' }\n", "bad-value", 2, 33),
        ("connector: a\nactions: [{ id: b }, { id: b }]\n", "duplicate-id", 2, 28),
        ("connector: a\nactions: [{ id: b, undo: c }]\n", "bad-reference", 2, 26),
        ("connector: a\nactions: [{ id: b }]\nhealth: { action: c }\n", "bad-reference", 3, 19),
        ("connector: a\nactions: [{ id: b, method: POST }]\nhealth: { action: b }\n", "bad-value", 3, 19),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(text, code, line, column):
    reading = read(text)
    assert reading.manifest is None
    found = [(finding.code, finding.line, finding.column) for finding in reading.errors]
    assert (code, line, column) in found


ACTION = "action: a.b\n"


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("inputs: { to: strng }", "unknown-type"),
        ("inputs: { to: list }", "unknown-type"),
        ("inputs: { to: string|int }", "ambiguous-type"),
        ("inputs: { to: a|b[] }", "ambiguous-type"),
        ("inputs: { to: { type: string } }", "ambiguous-type"),
        ("inputs: { to: { type: string, title: string } }", "ambiguous-type"),
        ("inputs: { to: [string, int] }", "unknown-type"),
        ("inputs: { first-name: string }", "bad-key"),
        ("inputs: { a: { type: string, pattern: '(?=x)y' } }", "bad-pattern"),
        ("inputs: { a: { type: string, pattern: '(a)\\1' } }", "bad-pattern"),
        (f"inputs: {{ a: {{ type: string, pattern: '{'a' * 201}' }} }}", "bad-pattern"),
        ("inputs: { a: { type: string, minLenght: 3 } }", "unknown-key"),
        ("inputs: { a: { type: string, id: strng } }", "unknown-type"),
        ("inputs: { a: { $ref: 'https://example.com/x.json' } }", "bad-schema"),
        ("inputs: { type: object, properties: { a: { $ref: '#/$defs/b' } } }", "bad-reference"),
        ("inputs: { type: object, properties: {}, $defs: { b: { $ref: '#/$defs/b' } } }", "bad-schema"),
        ("inputs: { $schema: 'http://json-schema.org/draft-07/schema#', type: object, properties: {} }", "bad-schema"),
        ("inputs: { type: object, properties: { a: { type: string, x-data-class: emial } } }", "unknown-class"),
        ("inputs: { type: object, properties: { a: { type: string, minLength: -1 } } }", "bad-schema"),
        ("inputs: { type: object, properties: { a: { typ: string } } }", "unknown-key"),
        ("inputs: { a: { $ref: '#/$defs/b', $defs: { b: { type: string } } } }", "bad-schema"),
        ("inputs: { a: { type: array, items: { $ref: '#/$defs/b' } } }", "bad-schema"),
        ("inputs: { $schema: 'https://json-schema.org/draft/2020-12/schema' }", "bad-schema"),
        ("inputs: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: array }", "bad-schema"),
        ("method: DELETE\npath: /x\nscopes: [x.read]", "effect-mismatch"),
        ("method: PATCH\npath: /x\nscopes: [x.read]", "effect-mismatch"),
        ("method: DELETE\npath: /x\ndestructive: false", "effect-mismatch"),
        ("method: FETCH", "bad-value"),
        ("path: x", "bad-path"),
        ("path: /a/../b", "bad-path"),
        ("path: /a/%2e%2e/b", "bad-path"),
        ("path: /a?b=c", "bad-path"),
        ("path: //evil.example/a", "bad-path"),
        ("path: '/{{ x }}'", "bad-path"),
        ("inputs: { a: string }\npath: /x/{b}", "bad-reference"),
        ("inputs: { a: string? }\npath: /x/{a}", "bad-reference"),
        ("inputs: { a: string }\nquery: { q: inputs.b }", "bad-reference"),
        ("inputs: { a: string }\nbody: { q: { r: [inputs.b] } }", "bad-reference"),
        ("query: { q: secrets.b }", "bad-reference"),
        ("headers: { Authorization: x }", "bad-header"),
        ("headers: { X-Forwarded-For: x }", "bad-header"),
        ("timeout_ms: 10001", "over-cap"),
        ("memory_mb: 512", "over-cap"),
        ("timeout_ms: 5s", "wrong-shape"),
        ("timeout_ms: 99999999999999999999999", "number-range"),
        ("idempotent: yes", "wrong-shape"),
        ("errors: [nope]", "bad-value"),
        ("policy: { approval: { required_for: [send_mail] } }", "bad-tag"),
        ("inputs: { a: string }\npolicy: { approval: { required_for: [bulk_send] } }", "bulk-field"),
        ("inputs: { a: string[], b: string[] }\npolicy: { approval: { required_for: [bulk_send] } }", "bulk-field"),
        ("inputs: { a: string }\nbulk: { field: a }", "bulk-field"),
        ("runner: python\npath: /x", "unknown-key"),
        ("fixtures: { happy: { body: { n: 1e3 } } }", "ambiguous-value"),
        ("fixtures: { happy: { body: { n: 017 } } }", "ambiguous-value"),
        ("fixtures: { happy: { body: { n: 1_000 } } }", "ambiguous-value"),
        ("fixtures: { happy: { body: { n: 9007199254740993 } } }", "number-range"),
        ("egress: [api.example.com]\nbase_url: https://www.example.com", "egress-missing-host"),
        ("base_url: http://api.example.com", "egress-not-https"),
        ("base_url: https://user:pw@api.example.com", "egress-host"),
        ("summary: ''", "bad-value"),
    ],
)  # fmt: skip
def test_a_fault_of_an_action_is_named(rest, code):
    assert code in codes(ACTION + rest + "\n")


def test_the_nearest_known_word_is_offered():
    for text, expected in [
        (HEAD + "retrys: {}\n", "retry"),
        (ACTION + "inputs: { to: strng }\n", "string"),
        (ACTION + "inputs: { to: boolean }\n", "bool"),
        (ACTION + "policy: { pii_classes: [emial] }\n", "email"),
        ("transform: t\nsteps: [{ redakt: {} }]\n", "redact"),
    ]:
        assert expected in read(text).errors[0].fix


def test_all_faults_are_told_at_once_and_in_order():
    text = "action: A B\nversion: 1.20\ntimeout_ms: 99999\nsumary: x\negress: [127.0.0.1]\n"
    lines = [finding.line for finding in read(text).errors]
    assert lines == [1, 2, 3, 4, 5]


def test_findings_say_why_and_how_and_use_codes_of_the_table():
    for finding in read("action: a.b\ntimeout_ms: 99999\nmethod: POST\npath: /x\nscopes: [x.read]\n").findings:
        assert finding.code in CODES
        assert finding.message and finding.fix and finding.path
        assert set(finding.as_dict()) == {"code", "line", "column", "message", "fix", "severity", "path", "why", "file"}


def test_a_note_does_not_stop_a_manifest():
    reading = read("action: a.b\nmethod: POST\npath: /search\nscopes: [x.read]\n")
    assert [(finding.code, finding.severity) for finding in reading.findings] == [("post-as-read", "note")]
    assert reading.manifest is not None and reading.manifest.actions["a.b"].effect == "read"


def test_words_and_numbers_are_typed_by_where_they_stand():
    text = ACTION + (
        "name: no\n"
        "fixtures:\n"
        "  401: { status: 401, body: { error: no, on: off, day: 2026-01-01, n: 1.50, t: true, z: null, q: '3' } }\n"
    )
    manifest = read(text).manifest
    assert manifest is not None
    assert manifest.name == "no"
    assert manifest.canonical["fixtures"]["401"]["body"] == {
        "error": "no", "on": "off", "day": "2026-01-01", "n": 1.5, "t": True, "z": None, "q": "3",
    }  # fmt: skip


def test_line_ends_of_other_systems_change_nothing():
    text = "action: a.b\nsummary: hello\n"
    digests = {read(text.replace("\n", end)).manifest.digest for end in ("\n", "\r\n", "\r")}
    assert len(digests) == 1


def test_one_tag_and_one_scope_however_their_words_are_ordered():
    one = read(
        ACTION
        + "inputs: { to: string[] }\npolicy: { approval: { required_for: [send_bulk] } }\nscopes: [write.tasks]\n"
    )
    two = read(
        ACTION
        + "inputs: { to: string[] }\npolicy: { approval: { required_for: [bulk_send] } }\nscopes: [tasks.write]\n"
    )
    assert one.manifest == two.manifest is not None


@pytest.mark.asvs("1.3.7")
def test_templates_and_markup_are_plain_text():
    text = '{{ 7*7 }} {% include "/etc/passwd" %} <script>alert(1)</script> ${jndi:ldap://x}'
    manifest = read(json.dumps({"action": "a.b", "summary": text})).manifest
    assert manifest is not None and manifest.summary == text


def test_a_draft_says_what_publication_needs():
    manifest = read("pack: p\nversion: 1.0.0\nsteps: [{ id: a, use: x.y }]\n").manifest
    assert manifest is not None and manifest.is_draft
    assert manifest.missing == ("summary", "requires", "outcome", "sample")
    assert [(finding.code, finding.path) for finding in publishable(manifest)] == [
        ("unpublishable", path) for path in manifest.missing
    ]


def test_a_check_of_health_has_no_inputs():
    text = "connector: a\nactions: [{{ id: b, method: GET, inputs: {{ k: {} }} }}]\nhealth: {{ action: b }}\n"
    assert codes(text.format("int?")) == []
    finding = next(one for one in read(text.format("int")).findings if one.code == "bad-value")
    assert (finding.line, finding.message) == (3, "b needs k, and a check has no inputs.")
