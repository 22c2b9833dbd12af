"""An auditor: searches the trail, reads a run's trace, has a pack of evidence made, and verifies it at home."""

import re
import subprocess
import sys
import zipfile

import pytest
from playwright.sync_api import expect

from galaxy.core.audit.exporting import work_on
from galaxy.core.models import ExportJob
from sandbox.services import invoke, perform
from tests.browser.journeys.acts import LOGIN, PATIENCE_MS, sign_in, sign_out
from tests.extensions import PROBE, installed
from tests.sealing import make_sequencer, seal


@pytest.fixture
def trail(workspace, admin, settings, tmp_path, monkeypatch):
    """A run, and a sealed trail that tells of it."""
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "checkpoints"
    settings.GALAXY_EXPORTS_DIR = tmp_path / "exports"
    installed(workspace, admin, PROBE)
    run = perform(invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}).pk)
    seal(make_sequencer(tmp_path, monkeypatch), workspace)
    return run


def test_from_a_search_to_a_pack_that_verifies(begin, auditor, trail, tmp_path):
    hand = begin(LOGIN)
    sign_in(hand, auditor)
    search(hand)
    read_the_trace(hand, trail)
    folder = export(hand, tmp_path)
    verified = subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py", folder], capture_output=True, text=True, check=False, cwd="/"
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "Nothing is missing" in verified.stdout
    sign_out(hand)


def search(hand):
    page = hand.page
    hand.go("Audit trail")
    hand.fill(page.get_by_role("form", name="Filter events").locator("input[name=q]"), "probe.look_up")
    hand.press(page.get_by_role("button", name="Filter", exact=True))
    events = page.get_by_role("region", name="Events")
    expect(page.get_by_text("Shown:")).to_be_visible()
    expect(events).to_contain_text("probe.look_up")
    hand.press(events.get_by_role("rowheader").get_by_role("link").first)
    expect(page.get_by_role("main")).to_contain_text("probe.look_up")


def read_the_trace(hand, run):
    page = hand.page
    hand.go("Runs")
    hand.press(page.get_by_role("main").get_by_role("link", name="probe.look_up").first)
    expect(page).to_have_url(re.compile(str(run.pk)))
    expect(page.get_by_role("main")).to_contain_text("probe.look_up")


def export(hand, tmp_path):
    """Asked for on the page, made as a worker makes it, and fetched: the folder with the events, their proof and the
    program that verifies them."""
    page = hand.page
    hand.go("Audit trail")
    hand.press(page.get_by_role("main").get_by_role("link", name="Exports"))
    hand.press(page.get_by_role("button", name="Make the pack"))
    expect(page.get_by_role("main")).to_contain_text("Queued")
    work_on(ExportJob.objects.get().pk)
    download = page.get_by_role("button", name="Download pack")
    expect(download).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_download() as waiting:
        hand.press(download)
    with zipfile.ZipFile(waiting.value.path()) as archive:
        archive.extractall(tmp_path / "fetched")
    (folder,) = (tmp_path / "fetched").iterdir()
    return folder
