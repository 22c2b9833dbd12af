"""Python actions and transforms that tests publish: small files, with what publication asks for added."""

from registry.manifests import load, read
from registry.models import Publisher, Version
from registry.services import publish_version

FIXTURES = {
    "happy": {"status": 200, "body": {"title": "Plan"}},
    "401": {"status": 401, "body": {}},
    "429": {"status": 429, "headers": {"Retry-After": "1"}, "body": {}},
    "5xx": {"status": 502, "body": {}},
}


def publish_python(
    code: str,
    *,
    id: str,
    scopes: list[str] | None = None,
    number: str = "1.0.0",
    publisher: Publisher | str = "Tests",
    **more,
) -> Version:
    """The file as a published version; ``more`` are keys of the manifest, over what its header says."""
    reading = read(code, filename=f"{id}.py")
    assert reading.manifest, reading.findings
    canonical = reading.manifest.canonical | {
        "id": id,
        "version": number,
        "summary": "A made-up Python extension for tests.",
        "code_file": f"{id}.py",
    }
    if canonical["kind"] == "action":
        canonical |= {"simulation": {"answer": {"title": "'Simulated'"}}, "fixtures": FIXTURES}
        canonical.setdefault("outputs", {"type": "object"})
        canonical.setdefault("inputs", {"type": "object"})
        if scopes:
            canonical["permissions"] = {"required": scopes}
    else:
        canonical |= {"fixtures": {"happy": {"inputs": {}, "outputs": {}}}}
    canonical |= more
    return publish_version(load(canonical), files={f"{id}.py": code.encode()}, publisher=publisher)
