"""Asks a service of known vulnerabilities after each locked package, by pip-audit. No answer is no good answer, and
neither is one that leaves packages out."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SERVICES = (("pypi", "PyPI's advisories"), ("osv", "OSV"))
TIMEOUT_S = 15


class Known(NamedTuple):
    """A known vulnerability of a locked package; ``fixed`` are the versions without it."""

    package: str
    version: str
    id: str
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        cure = f"update to {self.fixed[-1]}" if self.fixed else "no version without it is known"
        return f"{self.package} {self.version}: {self.id}, {cure}."


class Unanswered(Exception):
    """No service answered; the message says which, and why."""


def audit(lock: Path, osv_url: str = "") -> tuple[str, list[Known]]:
    """Who answered, and what is known of what ``lock`` names for this machine. Raises Unanswered.

    ``osv_url``: a service that speaks OSV's language, asked instead of the public ones: a copy within a closed network.
    """
    services = (("osv", osv_url),) if osv_url else SERVICES
    reasons = []
    for service, name in services:
        found = _ask(lock, service, osv_url)
        if isinstance(found, list):
            return name, found
        reasons.append(f"{name}: {found}")
    raise Unanswered("; ".join(reasons))


def _ask(lock: Path, service: str, osv_url: str) -> list[Known] | str:
    """What it knows, or why it said nothing."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [
            sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip",
            "--progress-spinner", "off", "--vulnerability-service", service, "--timeout", str(TIMEOUT_S),
            "--format", "json", "--output", answer, "--cache-dir", Path(folder) / "cache",
        ]  # fmt: skip
        command += ["--osv-url", osv_url] if osv_url else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not answer.is_file():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return lines[-1][:200] if lines else f"it ended with {done.returncode}"
        answered = json.loads(answer.read_text(encoding="utf-8"))["dependencies"]
    # pip-audit leaves out what a service does not know, and calls the rest clean.
    unknown = [package["name"] for package in answered if "skip_reason" in package]
    if unknown or not answered:
        return f"it knows nothing of {len(unknown)} packages of {len(answered)}, such as {', '.join(unknown[:3])}"
    return list(_known(answered))


def _known(answered: list[dict]) -> Iterable[Known]:
    for package in answered:
        for one in package.get("vulns", []):
            yield Known(package["name"], package["version"], one["id"], tuple(one.get("fix_versions", [])))
