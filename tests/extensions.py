"""Small extensions that tests install: made-up ones, so that a change to the catalogue breaks no test of the gate."""

from functools import cache

from galaxy.core.models import User, Workspace
from registry.manifests import Manifest, read
from registry.models import Installation, Version
from registry.services import install, publish_version

_FIXTURES = """
      happy: { status: 200, body: { id: x1 } }
      empty: { status: 200, body: { id: x0 } }
      "401": { status: 401, body: { message: expired } }
      "429": { status: 429, headers: { Retry-After: "7" }, body: {} }
      "5xx": { status: 502, body: {} }
      slow: { latency_ms: 40 }
"""
PROBE = f"""
connector: probe
version: 1.0.0
name: Probe
summary: A made-up system for tests.
auth: {{ type: bearer }}
base_url: https://api.probe.example
egress: [{{ host: api.probe.example, methods: [GET, POST, PUT, DELETE], path_prefix: / }}]
permissions: {{ required: [things.read, things.write, things.delete] }}
retry: {{ strategy: exponential, max_attempts: 3, base_ms: 100 }}
actions:
  - id: look_up
    name: Look up a thing
    method: GET
    path: /things/{{key}}
    request_schema: {{ key: string }}
    response_schema: {{ id: string }}
    scopes: [things.read]
    errors: [401, 404, 429, 5xx]
    simulation: {{ answer: {{ id: "fake_id('thing-', inputs.key)" }} }}
    fixtures: {_FIXTURES}
  - id: create
    name: Create a thing
    method: POST
    path: /things
    request_schema: {{ key: string, owner: email? }}
    response_schema: {{ id: string, owner: email? }}
    scopes: [things.write]
    errors: [401, 429, 5xx]
    undo: remove
    simulation: {{ answer: {{ id: "fake_id('thing-', inputs.key)", owner: inputs.owner }} }}
    fixtures: {_FIXTURES}
  - id: put
    name: Put a thing
    method: PUT
    path: /things
    idempotent: true
    request_schema: {{ key: string }}
    response_schema: {{ id: string }}
    scopes: [things.write]
    errors: [401, 429, 5xx]
    simulation: {{ answer: {{ id: "fake_id('thing-', inputs.key)" }} }}
    fixtures: {_FIXTURES}
  - id: remove
    name: Remove a thing
    method: DELETE
    path: /things
    request_schema: {{ key: string }}
    response_schema: {{ id: string }}
    scopes: [things.delete]
    errors: [401, 404, 429, 5xx]
    simulation: {{ answer: {{ id: "fake_id('thing-', inputs.key)" }} }}
    fixtures: {_FIXTURES}
  - id: announce
    name: Announce things
    method: POST
    path: /announcements
    request_schema: {{ to: "string[]" }}
    response_schema: {{ id: string }}
    scopes: [things.write]
    bulk: {{ field: to, over: 2 }}
    policy: {{ approval: {{ required_for: [bulk_send] }} }}
    errors: [401, 429, 5xx]
    simulation: {{ answer: {{ id: "fake_id('a-', inputs.to)" }} }}
    fixtures: {_FIXTURES}
  - id: broken
    name: Answer with the wrong shape
    method: GET
    path: /broken
    request_schema: {{}}
    response_schema: {{ id: string }}
    scopes: [things.read]
    errors: [401, 429, 5xx]
    simulation: {{ answer: {{ name: "'no id'" }} }}
    fixtures: {_FIXTURES}
"""
TIDY = """
transform: probe.tidy
version: 1.0.0
name: Tidy
summary: A made-up transform for tests.
inputs: { name: string, on: string }
outputs: { title: string, day: date }
steps:
  - normalize_date: { field: on }
  - map_fields: { title: name, day: on }
  - validate: outputs
fixtures:
  happy: { inputs: { name: A, on: "2026-01-02" }, outputs: { title: A, day: "2026-01-02" } }
"""
PACK = """
pack: probe.flow
version: 1.0.0
name: Probe flow
summary: A made-up pack for tests.
requires: { probe: ^1.0, probe.tidy: ^1.0 }
inputs: { name: string, on: string, remove: bool? }
steps:
  - { id: tidy, use: probe.tidy, with: { name: inputs.name, on: inputs.on } }
  - { id: make, use: probe.create, with: { key: steps.tidy.title } }
  - { id: drop, use: probe.remove, when: inputs.remove, with: { key: steps.make.id } }
  - { id: look, use: probe.look_up, with: { key: steps.make.id } }
outcome: { name: thing_made, success: steps.look.id, signal: downstream_state }
sample: { inputs: { name: A, on: "2026-01-02" } }
"""


@cache
def manifest_of(text: str) -> Manifest:
    reading = read(text)
    assert reading.manifest, [f"{finding.line}: {finding.message} {finding.fix}" for finding in reading.findings]
    return reading.manifest


def publish(text: str) -> Version:
    manifest = manifest_of(text)
    return publish_version(manifest, publisher="Tests")


def installed(workspace: Workspace, admin: User, *texts: str) -> list[Installation]:
    """The extensions written in ``texts``, published and installed in ``workspace``, in order."""
    return [install(workspace, version.extension, version=version, actor=admin) for version in map(publish, texts)]
