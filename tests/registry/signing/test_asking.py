"""Who has no key asks sandboxd, which looks for itself at what it signs."""

import pytest

from galaxy.core.errors import DomainError
from registry.errors import NotVouched
from registry.services import publish_draft
from registry.signing import signers, verify
from registry.signing.sweeping import sign_waiting
from sandbox.sandboxd import releases
from sandbox.sandboxd.client import Unreachable
from sandbox.sandboxd.service import Service
from tests.registry.samples import connector, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(monkeypatch):
    """Digests that an approved submission names, as the marketplace would answer."""
    digests: set[str] = set()
    monkeypatch.setattr(signers, "_readers", [lambda version: version.digest in digests])
    return digests


@pytest.fixture
def sandboxd(settings, monkeypatch):
    """The marketplace's keys are sandboxd's alone, and the socket between is left out: the same frames arrive.

    ``sandboxd["up"]`` says whether it answers.
    """
    path, state = settings.GALAXY_MARKETPLACE_KEYS, {"up": True}
    settings.GALAXY_MARKETPLACE_KEYS = ""
    service = Service(None)

    def ask(op, body, *, seconds):
        if not state["up"]:
            raise Unreachable("The sandbox of this host does not answer.")
        settings.GALAXY_MARKETPLACE_KEYS = path
        try:
            return service.handle(op, body)
        finally:
            settings.GALAXY_MARKETPLACE_KEYS = ""

    monkeypatch.setattr(releases, "ask", ask)
    monkeypatch.setattr("sandbox.sandboxd.service.close_old_connections", lambda: None)
    return state


def test_what_was_approved_is_signed_after_the_commit(sandboxd, approved, django_capture_on_commit_callbacks):
    approved.add(publish(connector()).digest)
    with django_capture_on_commit_callbacks(execute=True):
        version = publish(connector())
    assert version.signatures.count() == 1
    verify(version)


def test_what_nobody_approved_is_not_signed_whoever_asks(sandboxd, approved):
    version = publish(connector())
    with pytest.raises(DomainError) as refused:
        releases.ask_for_signature(version.pk, None)
    assert refused.value.code == "not_released"
    approved.add("0" * 64)
    with pytest.raises(DomainError):
        releases.ask_for_signature(version.pk, None)
    assert not version.signatures.exists()


def test_a_version_waits_while_sandboxd_is_away_and_is_signed_when_it_is_back(
    sandboxd, approved, django_capture_on_commit_callbacks
):
    sandboxd["up"] = False
    with django_capture_on_commit_callbacks(execute=True):
        version = publish(connector())
    approved.add(version.digest)
    with pytest.raises(NotVouched):
        verify(version)
    assert sign_waiting() == 0
    sandboxd["up"] = True
    assert sign_waiting() == 1
    verify(version)
    assert sign_waiting() == 0


def test_the_sweep_leaves_drafts_alone_and_names_no_other_workspaces_versions_wrongly(
    sandboxd, approved, workspace, creator
):
    draft = publish_draft(connector(), workspace=workspace, actor=creator)
    approved.add(draft.digest)
    assert sign_waiting() == 0
    with pytest.raises(DomainError, match="no such version"):
        releases.ask_for_signature(draft.pk, None)


@pytest.mark.parametrize("body", [{}, {"version": "x", "workspace": ""}, {"version": 1, "workspace": "", "text": "a"}])
def test_a_request_that_says_more_or_less_is_refused(sandboxd, body):
    with pytest.raises(DomainError) as refused:
        Service(None).handle("version.sign", body)
    assert refused.value.code == "bad_order"
