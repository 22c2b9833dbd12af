"""A made-up connector that is called live: an action of each kind, on hosts that stand for peers of this machine."""

API, ELSEWHERE, SLOW = "api.live.example", "other.live.example", "slow.live.example"
EXPIRED, UNNAMED = "expired.live.example", "unnamed.live.example"
CLOSED, SILENT = "closed.live.example", "silent.live.example"
TENANT = "acme.tenants.example"

FIXTURES = """
      happy: { status: 200, body: { id: x1 } }
      "401": { status: 401, body: {} }
      "429": { status: 429, body: {} }
      "5xx": { status: 502, body: {} }
"""
_COMMON = f"""
    outputs: {{ id: string }}
    simulation: {{ answer: {{ id: "'simulated'" }} }}
    fixtures: {FIXTURES}"""


def connector(
    name: str,
    actions: str,
    *,
    base_url: str = f"https://{API}",
    auth: str = "type: none",
    retry: str = "",
    more: str = "",
) -> str:
    """A connector whose ``actions`` are YAML of a list."""
    retry = retry or "{ strategy: exponential, max_attempts: 3, base_ms: 1, max_ms: 2 }"
    hosts = ", ".join(f"{{ host: {host} }}" for host in (API, ELSEWHERE, SLOW, EXPIRED, UNNAMED, CLOSED, SILENT))
    return f"""
connector: {name}
version: 1.0.0
name: Live
summary: A made-up system for tests of live calls.
auth: {{ {auth} }}
base_url: "{base_url}"
egress: [{hosts}, {{ host: "{{connection.host}}", suffix: tenants.example }}]
permissions: {{ required: [things.read, things.write] }}
retry: {retry}
{more}
actions:
{actions}
"""


LIVE = connector(
    "live",
    f"""
  - id: look_up
    method: GET
    path: /things/{{key}}
    inputs: {{ key: string, fields: "string[]?", deep: bool? }}
    query: {{ fields: inputs.fields, deep: inputs.deep }}
    scopes: [things.read]{_COMMON}
  - id: put
    method: PUT
    path: /things/{{key}}
    inputs: {{ key: string, title: string? }}
    idempotent: true
    scopes: [things.write]{_COMMON}
  - id: create
    method: POST
    path: /things
    inputs: {{ key: string, title: string?, tags: "string[]?" }}
    body: {{ name: inputs.key, properties: {{ title: inputs.title, tags: inputs.tags }} }}
    scopes: [things.write]{_COMMON}
  - id: pay
    method: POST
    path: /payments
    inputs: {{ key: string }}
    idempotency_header: Idempotency-Key
    scopes: [things.write]{_COMMON}
""",
)
LISTS = connector(
    "lists",
    f"""
  - id: by_cursor
    method: GET
    path: /things
    inputs: {{ q: string? }}
    query: {{ q: inputs.q }}
    pagination: {{ style: cursor, items: data, cursor: next, cursor_param: after, max_pages: 3 }}
    response: {{ names: "items[].name", more: more, total: body.total }}
    outputs: {{ names: "string[]", more: bool, total: int? }}
    scopes: [things.read]
    simulation: {{ answer: {{ names: "['s']", more: "`false`" }} }}
    fixtures: {FIXTURES}
  - id: by_link
    method: GET
    path: /linked
    inputs: {{}}
    pagination: {{ style: link, items: "@" }}
    outputs: {{ items: "object[]", more: bool }}
    scopes: [things.read]
    simulation: {{ answer: {{ items: "`[]`", more: "`false`" }} }}
    fixtures: {FIXTURES}
  - id: download
    method: GET
    path: /files/{{key}}
    inputs: {{ key: string }}
    response_format: bytes
    outputs: {{ content: string, media_type: string, size: int }}
    scopes: [things.read]
    simulation: {{ answer: {{ content: "'AA=='", media_type: "'a/b'", size: "`1`" }} }}
    fixtures: {FIXTURES}
  - id: upload
    method: POST
    path: /files
    inputs: {{ name: string, content: string }}
    body_format: related
    upload: {{ content: inputs.content, media_type: "'image/png'" }}
    body: {{ name: inputs.name }}
    scopes: [things.write]{_COMMON}
""",
)
