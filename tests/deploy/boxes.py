"""Containers as the rules see them, whichever file says how they are started."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEYS = "/srv/galaxy/keys/"
# What a process may be given of what opens, signs or owns, and nobody else.
ITS_OWN = {
    "GALAXY_KMS": {"sandboxd"},
    "GALAXY_MARKETPLACE_KEYS": {"sandboxd", "prepare"},
    "GALAXY_SIGNING_KEYS": {"sequencer"},
    "DATABASE_OWNER_URL": {"prepare"},
    "METRICS_TOKEN": {"web"},
    "GALAXY_ACCOUNTS_KEY": {"web", "prepare"},
    "EMAIL_HOST_PASSWORD": {"web", "worker"},
}
# Folders of keys, below KEYS, and who is given them: "keys" makes them.
FOLDERS = {
    "vault": {"sandboxd", "keys"},
    "marketplace": {"sandboxd", "prepare", "keys"},
    "trail": {"sequencer", "keys"},
}
SECRET = {
    *("SECRET_KEY", "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CELERY_BROKER_URL", "METRICS_TOKEN"),
    *("GALAXY_ACCOUNTS_KEY", "EMAIL_HOST_PASSWORD", "PAA_MODEL_KEY", "POSTGRES_PASSWORD", "PGPASSWORD"),
}
REQUIRED = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "ALLOWED_HOSTS"}
SERVES = {"web", "worker", "beat", "sequencer", "sandboxd"}
ONCE = {"prepare", "keys", "roles"}


@dataclass
class Box:
    """One container. ``process`` is what docs/deployment.md calls it, or the name of a server that is not ours."""

    name: str
    process: str
    image: str
    command: list[str]
    is_ours: bool
    user: str = ""
    read_only_root: bool = False
    drops: list[str] = field(default_factory=list)
    gains_nothing: bool = False
    limits: set[str] = field(default_factory=set)
    is_probed: bool = False
    env: dict[str, str] = field(default_factory=dict)  # as the process finds it; files of secrets by NAME_FILE
    mounts: dict[str, str] = field(default_factory=dict)  # path -> volume
    read_only_mounts: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        return name in self.env or f"{name}_FILE" in self.env


def faults(box: Box) -> list[str]:
    """What is wrong with a container, a sentence each."""
    found = [*_confinement(box)]
    if box.is_ours:
        found += [*_what_it_is_given(box), *_settings(box)]
    found += [f"{name} stands in the file" for name in sorted(SECRET & set(box.env)) if not _is_made_up(box)]
    return [f"{box.name}: {fault}" for fault in found]


def _is_made_up(box: Box) -> bool:
    """The making of keys reaches nothing, so what the settings ask for is made up there."""
    return box.process == "keys" and box.networks == set()


def _confinement(box: Box):
    uid = box.user.partition(":")[0]
    if not uid.isdigit() or uid == "0":
        yield "runs as root, or as whoever the image says"
    if not box.read_only_root:
        yield "may write to its root"
    if box.drops != ["ALL"]:
        yield "keeps capabilities"
    if not box.gains_nothing:
        yield "may gain privileges"
    if missing := {"cpu", "memory"} - box.limits:
        yield f"has no limit of {' and '.join(sorted(missing))}"
    if not box.is_probed and box.process not in ONCE | UNPROBED.keys():
        yield "is not probed"
    if re.search(r"(:latest|^[^:@]+)$", box.image) and not box.is_ours:
        yield f"runs whichever {box.image} is newest"


# Why a container that serves has no probe.
UNPROBED = {"collector": "its image holds one program and nothing to ask it with; who sends notices, and goes on"}


def _what_it_is_given(box: Box):
    for name, whose in ITS_OWN.items():
        if box.has(name) and box.process not in whose:
            yield f"is given {name}"
    for path in box.mounts:
        for folder, whose in FOLDERS.items():
            if f"{path}/".startswith(f"{KEYS}{folder}/") and box.process not in whose:
                yield f"is given {path}"
        if f"{path}/".startswith(KEYS) and box.process != "keys" and path not in box.read_only_mounts:
            yield f"may write to {path}"
        if f"{path}/" == KEYS:
            yield "is given every key"
        if path == "/srv/galaxy/checkpoints" and box.process != "sequencer" and path not in box.read_only_mounts:
            yield "may write to the copies of checkpoints"
    if "outside" in box.networks and box.process != "sandboxd":
        yield "reaches the internet"


def _settings(box: Box):
    known = known_settings()
    for name in sorted(box.env):
        if name not in known and not (name.endswith("_FILE") and name.removesuffix("_FILE") in known):
            yield f"no setting is called {name}"
    if box.process not in ("keys", "roles"):
        for name in sorted(REQUIRED):
            if not box.has(name):
                yield f"lacks {name}"
    for name, whose in (("GALAXY_KMS", "sandboxd"), ("GALAXY_SIGNING_KEYS", "sequencer")):
        if box.process == whose and not box.has(name):
            yield f"lacks {name}"
    if box.process == "web" and box.env.get("GALAXY_REQUIRE_SECOND_FACTOR") != "true":
        yield "lets people in by their password alone"


@cache
def known_settings() -> frozenset[str]:
    """Every name that the settings read from the environment, and those that Django and our packages do."""
    files = ("galaxy/settings.py", "galaxy/core/sso/configuration.py")
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in files)
    ours = frozenset(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|DEBUG)"', text))
    return ours | {"DJANGO_SETTINGS_MODULE", "AWS_REGION"}


def image_environment() -> dict[str, str]:
    """What the image says by itself (deploy/Containerfile)."""
    last = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    block = re.search(r"(?m)^ENV ((?:.*\\\n)*.*)$", last)
    return dict(word.split("=", 1) for word in block[1].replace("\\\n", " ").split())


def documented_commands() -> dict[str, str]:
    """process -> command, from the table of docs/deployment.md."""
    text = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    table = text.partition("## Processes")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| ([\w ]+?) \| `([^`]+)` \|", table)
    return {"prepare" if name == "once per release" else name: command for name, command in rows}
