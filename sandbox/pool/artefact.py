"""The compiled guest: where it lies, what it is called, and whether it may be trusted."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".galaxy"
GUEST = ROOT / "sandbox" / "guest"
TOOLS = ("componentize-py", "wasmtime", "tzdata")
COMPILED, FACTS = "guest.cwasm", "facts.json"

# Of the engine; a compiled guest fits exactly these. Epochs end a run from outside; NaN bits and relaxed vector
# operations, which WebAssembly leaves open, are fixed, since equal runs give equal bytes. The stack must stay well
# below that of the thread (8 MiB).
ENGINE_OPTIONS: dict[str, Any] = {
    "epoch_interruption": True,
    "cranelift_nan_canonicalization": True,
    "wasm_relaxed_simd_deterministic": True,
    "max_wasm_stack": 1 << 20,
}


class BuildError(Exception):
    """The guest could not be built or is not to be trusted; one sentence."""


@dataclass(frozen=True)
class Artefact:
    """A compiled guest that was checked. ``digest`` is the SHA-256 of the component, and names the interpreter in
    what runs record; ``compiled_digest`` that of the machine code, whose file ``path`` is."""

    path: Path
    digest: str
    compiled_digest: str


def guest_directory() -> Path:
    """Where a guest is built: ``guest`` in the data directory, for all data directories below ``.galaxy`` in that."""
    data = Path(os.environ.get("GALAXY_DATA_DIR") or HOME).absolute()
    return (HOME if data.is_relative_to(HOME) else data) / "guest"


def find() -> Artefact:
    """The guest for these sources and this machine, built for this data directory or for the checkout. Raises
    BuildError where there is none."""
    name = key()
    for directory in (guest_directory(), HOME / "guest"):
        with contextlib.suppress(FileNotFoundError):
            return load(directory / name)
    raise BuildError("The Python sandbox is not built: run make guest.")


def key() -> str:
    """Names sources, tools, engine options and machine. Machine code fits the processor that it was compiled on."""
    digest = hashlib.sha256()
    for path in sorted(path for path in GUEST.rglob("*") if path.suffix in (".py", ".wit")):
        digest.update(f"{path.relative_to(GUEST)}\0".encode() + path.read_bytes() + b"\0")
    versions = {tool: importlib.metadata.version(tool) for tool in TOOLS}
    digest.update(json.dumps([versions, ENGINE_OPTIONS, platform.machine(), _processor()], sort_keys=True).encode())
    return digest.hexdigest()[:32]


def _processor() -> str:
    """The features of the processor, as the kernel lists them (``flags`` on x86_64, ``Features`` on aarch64)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def load(place: Path) -> Artefact:
    """What lies in ``place``, after its hash and its owner were checked. Raises FileNotFoundError or BuildError.

    The file is machine code that workers map and run, so nobody but us (or root) may be able to write it.
    """
    facts = json.loads((place / FACTS).read_bytes())
    path = place / COMPILED
    for part in (place, path):
        found = part.stat()
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
            raise BuildError(f"{part} can be written by others: remove it, then run make guest.")
    if file_digest(path) != facts["compiled_digest"]:
        raise BuildError(f"{path} was changed after it was built: remove it, then run make guest.")
    return Artefact(path, facts["digest"], facts["compiled_digest"])


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
