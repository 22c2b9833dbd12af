"""An installed connector with calls that were recorded, and versions of it to move to."""

import pytest

from policies.services.changes import ask_upgrade
from registry.gates import ReplayFirst
from registry.services import install
from sandbox.models import UpgradePreview
from sandbox.services import invoke
from sandbox.services.performing import perform
from sandbox.upgrades.previews import work_on
from tests.extensions import PROBE, publish
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    version = publish(PROBE)
    one = install(workspace, version.extension, version=version, actor=admin)
    return type(one).objects.select_related("workspace", "extension", "pin__version__extension").get(pk=one.pk)


@pytest.fixture
def newer():
    """``newer(*pairs, number="2.0.0")``: the connector with parts of its text replaced, published."""

    def made(*pairs, number="2.0.0"):
        text = PROBE.replace("version: 1.0.0", f"version: {number}")
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        return publish(text)

    return made


@pytest.fixture
def called(workspace, admin, probe):
    """``called("create", key="a")``: a simulated call that was made and recorded."""

    def made(action, **inputs):
        run = invoke(workspace, actor=admin, target=f"probe.{action}", inputs=inputs, simulate=True)
        return perform(run.pk)

    return made


@pytest.fixture
def replayed():
    """``replayed(client, url, **fields)``: the form of a preview sent, its calls replayed; the page of the report."""

    def made(client, url, **fields):
        client.post(url, fields)
        row = UpgradePreview.objects.latest("asked_at")
        return client.get(work_on(row.pk).report.get_absolute_url())

    return made


@pytest.fixture
def asked_after():
    """``asked_after(installation, version, actor=…)``: asked for, its calls replayed, and asked for again."""

    def made(installation, version, **said):
        with pytest.raises(ReplayFirst):
            ask_upgrade(installation, version, **said)
        work_on(UpgradePreview.objects.latest("asked_at").pk)
        return ask_upgrade(installation, version, **said)

    return made
