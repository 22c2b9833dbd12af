"""Small publishable manifests, and versions made of them."""

from registry.manifests import Manifest, read
from registry.models import Version
from registry.services import publish_version

ACTION = """
  - id: {id}
    summary: {summary}
    method: {method}
    path: /things
    inputs: {{ title: string, owner: email? }}
    outputs: {{ id: string }}
    scopes: [{scope}]
    simulation: {{ answer: {{ id: inputs.title }} }}
    fixtures:
      happy: {{ status: 200, body: {{ id: t1 }} }}
      "401": {{ status: 401, body: {{}} }}
      "429": {{ status: 429, headers: {{ Retry-After: "2" }}, body: {{}} }}
      5xx: {{ status: 503, body: {{}} }}
"""


def manifest_of(text: str) -> Manifest:
    reading = read(text, format="yaml")
    assert reading.manifest is not None, reading.findings
    return reading.manifest


def action(id: str = "create_thing", scope: str = "things.write", method: str = "POST", summary: str = "Does it."):
    return ACTION.format(id=id, scope=scope, method=method, summary=summary)


def connector(slug: str = "acme", version: str = "1.0.0", *actions: str, name: str = "", summary: str = "") -> Manifest:
    actions = actions or (action(),)
    return manifest_of(
        f"connector: {slug}\nversion: {version}\nname: {name or slug.title()}\n"
        f"summary: {summary or 'Keeps things.'}\nauth: {{ type: api_key }}\nbase_url: https://api.acme.example\n"
        f"egress: [{{ host: api.acme.example }}]\nactions:{''.join(actions)}"
    )


def transform(slug: str = "things.clean", version: str = "1.0.0", name: str = "Clean things") -> Manifest:
    return manifest_of(
        f"transform: {slug}\nversion: {version}\nname: {name}\nsummary: Tidies a thing.\n"
        "inputs: { title: string }\noutputs: { title: string }\n"
        "steps:\n  - map_fields: { title: title }\n"
        "fixtures: { happy: { inputs: { title: a }, outputs: { title: a } } }\n"
    )


def pack(slug: str = "things.keep", version: str = "1.0.0", wanted: str = "^1.0", needs: str = "acme") -> Manifest:
    return manifest_of(
        f"pack: {slug}\nversion: {version}\nname: Keep things\nsummary: Keeps a thing.\n"
        f"requires: {{ {needs}: {wanted} }}\ninputs: {{ title: string }}\n"
        f"steps:\n  - {{ id: make, use: {needs}.create_thing, with: {{ title: inputs.title }} }}\n"
        "outcome: { name: thing_kept, success: steps.make.id, signal: downstream_state }\n"
        "sample: { inputs: { title: a } }\n"
    )


def publish(manifest: Manifest, publisher: str = "Orbit Works", **more) -> Version:
    return publish_version(manifest, publisher=publisher, **more)
