"""Texts that a draft begins with: small, complete enough to publish, and meant to be written over."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Starter:
    value: str
    label: str
    about: str
    text: str


_FIXTURES = """\
      "401": { status: 401, body: { message: expired } }
      "429": { status: 429, headers: { Retry-After: "5" }, body: {} }
      5xx: { status: 503, body: {} }
"""
_REST = f"""\
connector: my-tasks
version: 0.1.0
name: My tasks
summary: Keeps tasks in a system of ours.
licence: Apache-2.0
docs: Adds tasks to the list of a system of ours. Connect it with a token that may write tasks.
auth: {{ type: bearer }}
base_url: https://api.example.com/v1
egress: [{{ host: api.example.com, methods: [POST], path_prefix: /v1 }}]
rate_limits: {{ rpm: 60 }}
retry: {{ strategy: exponential, max_attempts: 3 }}
actions:
  - id: create_task
    name: Create a task
    summary: Adds one task to the list.
    method: POST
    path: /tasks
    inputs: {{ title: string, due_at: datetime? }}
    outputs: {{ id: string, title: string }}
    errors: [401, 429, 5xx]
    scopes: [my-tasks.tasks.write]
    simulation: {{ answer: {{ id: "fake_id('t-', inputs.title)", title: inputs.title }} }}
    fixtures:
      happy: {{ inputs: {{ title: Call Ada }}, status: 200, body: {{ id: t-1, title: Call Ada }} }}
{_FIXTURES}"""
_GRPC = f"""\
connector: my-tasks-grpc
version: 0.1.0
name: My tasks over gRPC
summary: Keeps tasks in a system of ours.
licence: Apache-2.0
docs: Reads tasks from a system of ours. Connect it with a token that may read tasks.
auth: {{ type: bearer }}
base_url: https://grpc.example.com
egress: [{{ host: grpc.example.com, methods: [POST], path_prefix: /tasks.v1.Tasks }}]
actions:
  - id: get_task
    name: Get a task
    summary: Reads one task by its id.
    runner: grpc
    grpc:
      service: tasks.v1.Tasks
      method: GetTask
      proto: |
        syntax = "proto3";
        package tasks.v1;
        message GetTaskRequest {{ string id = 1; }}
        message Task {{ string id = 1; string title = 2; }}
        service Tasks {{ rpc GetTask(GetTaskRequest) returns (Task); }}
    inputs: {{ id: string }}
    outputs: {{ id: string, title: string }}
    errors: [401, 404, 429, 5xx]
    scopes: [my-tasks-grpc.tasks.read]
    simulation: {{ answer: {{ id: inputs.id, title: "'Call Ada'" }} }}
    fixtures:
      happy: {{ inputs: {{ id: t-1 }}, status: 200, body: {{ id: t-1, title: Call Ada }} }}
{_FIXTURES}"""
_TRANSFORM = """\
transform: my-leads.clean
version: 0.1.0
name: Clean my leads
summary: Brings names and dates of a lead into one form.
licence: Apache-2.0
docs: Gives the name of a lead under one key, and the day it came as a date.
inputs: { name: string, created: string }
outputs: { full_name: string, created: date }
steps:
  - normalize_date: { field: created, timezone: UTC }
  - map_fields: { full_name: name, created: created }
  - validate: outputs
fixtures:
  happy: { inputs: { name: Ada, created: "2026-01-31" }, outputs: { full_name: Ada, created: "2026-01-31" } }
"""
_PACK = """\
pack: my-leads.welcome
version: 0.1.0
name: Welcome my leads
summary: Cleans a lead, and says when its name and date are in order.
licence: Apache-2.0
docs: Takes a lead as somebody typed it, and hands on its full name and the day it came.
requires: { leads.clean: ^1.0 }
inputs: { name: name, created: string }
steps:
  - { id: clean, use: leads.clean, with: { name: inputs.name, created: inputs.created } }
outcome: { name: lead_cleaned, success: steps.clean.full_name, signal: validated }
sample: { inputs: { name: ada LOVELACE, created: 3 Jan 2026 } }
"""

STARTERS = (
    Starter("rest", "REST connector", "Calls an HTTP API: methods, paths, inputs and outputs.", _REST),
    Starter("grpc", "gRPC connector", "Calls a gRPC service described by its proto source.", _GRPC),
    Starter("transform", "Transform", "Works on a record, step by step, inside Galaxy.", _TRANSFORM),
    Starter("pack", "Pack", "Calls actions and transforms one after the other, to reach an outcome.", _PACK),
    Starter("empty", "Empty text", "Paste a manifest in YAML or JSON, or a Python file.", ""),
)
TEXTS = {starter.value: starter.text for starter in STARTERS}
