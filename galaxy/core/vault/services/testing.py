"""Trying a staged value out before anything depends on it. Who can do that registers here; sandboxd is the one."""

from collections.abc import Callable
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.models import SecretVersion, User
from galaxy.core.permissions import require
from galaxy.core.vault.errors import VaultClosed, WrongStage
from galaxy.core.vault.services.leases import lease


class Finding(NamedTuple):
    """Whether the other side took the value, and one sentence on what it answered, without the value."""

    passed: bool
    sentence: str


TRIAL = "test"  # stands for the run in the lease of a trial, so that no lease of a run is good for one

Tester = Callable[[str, str], Finding]  # (lease of the version, https address of a bound host)

_testers: list[Tester] = []


def register_tester(tester: Tester) -> None:
    """``tester`` sends one request that carries the leased value; it runs where leases can be opened."""
    _testers[:] = [tester]


def can_test(version: SecretVersion) -> bool:
    """Whether somebody here tries values out, and this one may stand in a header, which is where a trial puts it."""
    return bool(_testers) and SecretVersion.Place.HEADER in version.places


def test_version(version: SecretVersion, *, address: str, actor: User) -> Finding:
    """Try a staged version against ``address``, an https address of a host it is bound to; noted on it and audited.

    Raises NotGranted, WrongStage, VaultClosed where nobody here can test, or what the tester raises.
    """
    require(actor, "core.manage_secret", version.secret)
    if version.stage != SecretVersion.Stage.STAGED:
        raise WrongStage(f"{version} is not staged, so there is nothing to try before it is used.")
    if not _testers:
        raise VaultClosed("Nothing here can try a secret out.")
    token = lease(
        version.secret,
        run_id=TRIAL,
        purpose="Test before the switch",
        extension="Galaxy",
        action="test",
        version=version,
    )
    finding = _testers[0](token, address)
    with transaction.atomic():
        version.tested_by, version.tested_at = actor, timezone.now()
        version.test_passed, version.test_said = finding.passed, finding.sentence[:300]
        version.save(update_fields=["tested_by", "tested_at", "test_passed", "test_said"])
        after = {"version": version.number, "passed": finding.passed, "answer": version.test_said}
        audit.record("secret.version_tested", actor=actor, target=version.secret, after=after)
    return finding
