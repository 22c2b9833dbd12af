"""How the sandbox of this host stands: for readiness, ``manage.py doctor``, the page for staff and pages of Python."""

from galaxy.core.errors import DomainError
from galaxy.core.ops.conditions import GOOD, UNKNOWN, WARN, Condition
from sandbox.sandboxd.client import CONNECT_S, ask

NAME = "sandbox"
_WITHOUT = "Actions and transforms written in Python do not run; everything else goes on."


def sandbox() -> Condition:
    try:
        health = ask("health", {}, seconds=CONNECT_S)
    except DomainError:
        return Condition(
            NAME,
            UNKNOWN,
            "sandboxd does not answer on this host.",
            f"{_WITHOUT} No secret can be stored or used.",
            "Start it with manage.py sandboxd, as a process of its own beside web and workers.",
        )
    if not health["python"]:
        return Condition(
            NAME,
            WARN,
            f"Python does not run on this host: {health['why']}",
            _WITHOUT,
            "Give the host what is missing (docs/sandbox.md says where which wall holds), then restart sandboxd.",
        )
    if health["reduced"]:
        missing = ", ".join(wall["name"] for wall in health["walls"] if not wall["in_force"])
        return Condition(
            NAME,
            WARN,
            f"Python runs here behind WebAssembly alone, without {missing}.",
            "One mistake in the WebAssembly runtime is enough for code to get out.",
            "Run untrusted code only where every wall is up, and take SANDBOX_REDUCED away.",
        )
    if not health["vault"]:
        return Condition(
            NAME,
            WARN,
            "sandboxd was given no root key, so the vault is closed.",
            "Python runs, without secrets: none can be stored or used.",
            "Set GALAXY_KMS for sandboxd, and for no other process (docs/vault.md).",
        )
    return Condition(
        NAME, GOOD, f"Python runs behind every wall, {health['size']} runs at a time, and the vault is open."
    )


def trouble() -> Condition | None:
    """What somebody who is about to run Python should know; None where all is well."""
    condition = sandbox()
    return None if condition.state == GOOD else condition
