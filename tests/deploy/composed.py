"""deploy/compose/compose.yaml as Docker's compose reads it: variables put in, anchors merged."""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.boxes import ROOT, Box

FOLDER = ROOT / "deploy" / "compose"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
OURS = {"keys", "prepare", "web", "worker", "beat", "sequencer", "web-sandboxd", "worker-sandboxd"}


class Missing(Exception):
    """A variable that has to be given is not."""


def interpolated(text: str, given: dict[str, str]) -> str:
    """As the compose specification says it (12, Interpolation): ${A}, ${A:-otherwise}, ${A:?why}, $$ for a dollar."""

    def put(found: re.Match) -> str:
        name, kind, rest = found.groups()
        if value := given.get(name):
            return value
        if kind == "?" or kind is None:
            raise Missing(f"{name}: {rest or 'is not set'}")
        return rest

    return VARIABLE.sub(put, text.replace("$$", "\0")).replace("\0", "$")


def example() -> dict[str, str]:
    lines = (FOLDER / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def read(*names: str, given: dict[str, str] | None = None) -> dict[str, Any]:
    """The files laid over one another: maps are merged, and of networks the last list holds."""
    found: dict[str, Any] = {}
    for name in names or ("compose.yaml",):
        text = (FOLDER / name).read_text(encoding="utf-8")
        uncommented = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        found = _over(found, yaml.safe_load(interpolated(uncommented, example() if given is None else given)))
    return found


def _over(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {name: _over(under.get(name), value) for name, value in over.items()}
    return over


def boxes(found: dict[str, Any]) -> dict[str, Box]:
    return {name: _box(name, service) for name, service in found["services"].items()}


def _box(name: str, service: dict[str, Any]) -> Box:
    volumes = [one.split(":") for one in service.get("volumes", [])]
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    return Box(
        name=name,
        process="sandboxd" if name.endswith("-sandboxd") else name,
        image=service["image"],
        command=service.get("command", []),
        is_ours=name in OURS,
        user=str(service.get("user", "")),
        read_only_root=service.get("read_only") is True,
        drops=service.get("cap_drop", []) if not service.get("cap_add") and not service.get("privileged") else [],
        gains_nothing="no-new-privileges:true" in service.get("security_opt", []),
        limits={"cpu" if one == "cpus" else one for one in limits},
        is_probed="test" in service.get("healthcheck", {}),
        env={key: str(value) for key, value in service.get("environment", {}).items()},
        mounts={path: source for source, path, *_ in volumes},
        read_only_mounts={path for _, path, *mode in volumes if mode == ["ro"]},
        networks=set() if service.get("network_mode") == "none" else set(service.get("networks", ["default"])),
    )


def host_files(found: dict[str, Any]) -> set[Path]:
    """Files beside compose.yaml that it mounts."""
    sources = {one.split(":")[0] for service in found["services"].values() for one in service.get("volumes", [])}
    return {FOLDER / source for source in sources if source.startswith(".")}
