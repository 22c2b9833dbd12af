"""Requests of one made-up action, for the tests of what it sends."""

import json

from registry.manifests import read
from sandbox.rest import Prepared, build

HEAD = """
connector: probe
version: 1.0.0
base_url: {base_url}
egress:
  - {{ host: api.probe.example }}
  - {{ host: eu.probe.example }}
  - {{ host: "{{connection.host}}", suffix: tenants.example }}
permissions: {{ required: [things.read, things.write] }}
actions:
  - id: act
    outputs: {{ id: string }}
"""


def spec_of(text: str, base_url: str = "https://api.probe.example/v1"):
    """(ActionSpec, Manifest) of the keys in ``text``, which are indented as those of an action."""
    reading = read(HEAD.format(base_url=base_url) + text)
    assert reading.manifest, [finding.message for finding in reading.findings]
    return reading.manifest.actions["act"], reading.manifest


def request(text: str, *, base_url: str = "https://api.probe.example/v1", inputs=None, **options) -> Prepared:
    spec, manifest = spec_of(text, base_url)
    return build(spec, manifest, inputs or {}, **options)


def body(prepared: Prepared):
    return json.loads(prepared.body)
