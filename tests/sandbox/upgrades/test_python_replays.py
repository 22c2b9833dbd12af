"""Recorded calls of transforms in Python, replayed behind the walls of the sandbox."""

import pytest

from galaxy.core.scope import workspace_scope
from registry.models import Installation
from registry.services import install
from sandbox.services import invoke
from sandbox.services.performing import perform
from sandbox.upgrades.report import preview
from tests.sandbox.python_extensions import publish_python
from tests.sandboxd import Sandboxd

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
SHAPES = {
    "inputs": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    "outputs": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    "fixtures": {"happy": {"inputs": {"name": "a"}, "outputs": {"name": "A"}}},
}


@pytest.fixture(scope="module")
def standing(django_db_setup):
    found = Sandboxd()
    found.start("--size", "1")
    yield found
    found.close()


def tidy(act: str, number: str):
    code = f"# transform: tidy.names\n\ndef run(inputs, ctx):\n    return {{'name': inputs['name'].{act}}}\n"
    return publish_python(code, id="tidy.names", number=number, **SHAPES)


def test_both_versions_are_run_on_what_was_recorded_and_a_missing_sandbox_is_told(standing, cast, settings, tmp_path):
    workspace, admin = cast["meridian"], cast["admin"]
    settings.SANDBOXD_SOCKET = standing.socket
    old, same, other = tidy("title()", "1.0.0"), tidy("strip().title()", "1.0.1"), tidy("upper()", "1.0.2")
    with workspace_scope([workspace.pk]):
        made = install(workspace, old.extension, version=old, actor=admin)
        one = Installation.objects.select_related("workspace", "extension", "pin__version__extension").get(pk=made.pk)
        run = perform(invoke(workspace, actor=admin, target="tidy.names", inputs={"name": "ada"}).pk)
        assert run.outputs == {"name": "Ada"}
        report = preview(one, same, actor=admin)
        assert (report.calls, report.same, report.unknown, report.is_way_back) == (1, 1, 0, True)
        report = preview(one, other, actor=admin)
        assert (report.differs, report.same) == (1, 0)
        assert report.content["actions"][0]["findings"][0]["text"] == "It answers otherwise in name."
        settings.SANDBOXD_SOCKET = tmp_path / "nobody"
        report = preview(one, same, actor=admin)
        assert (report.unknown, report.same) == (1, 0)
        assert "was not replayed. The sandbox" in report.content["actions"][0]["findings"][0]["text"]
