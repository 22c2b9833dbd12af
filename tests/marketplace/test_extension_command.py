"""What a creator does from a shell."""

import base64
import io
import json

import pytest
from django.core.management import CommandError, call_command

from marketplace.services import list_extension
from registry.models import Version
from registry.signing import verify
from tests.bundling import bytes_of, foreign, key_text
from tests.registry.samples import connector, publish

pytestmark = pytest.mark.django_db


def run(*args) -> tuple[str, int]:
    """What the command printed, and its exit status."""
    out = io.StringIO()
    try:
        call_command("extension", *map(str, args), stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


@pytest.mark.parametrize("starter", ["rest", "grpc", "transform"])
def test_a_new_folder_can_be_checked_at_once(tmp_path, starter):
    folder = tmp_path / "acme-tasks"
    run("new", folder, "--from", starter)
    printed, status = run("check", folder)
    assert (status, printed.splitlines()[-1]) == (0, "No errors.")
    assert "my-" not in (folder / "manifest.yaml").read_text()
    assert 'name: "Acme tasks"' in (folder / "manifest.yaml").read_text()


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path):
    (tmp_path / "manifest.yaml").write_text("mine")
    with pytest.raises(CommandError, match="not empty"):
        run("new", tmp_path)
    assert (tmp_path / "manifest.yaml").read_text() == "mine"


def test_what_is_wrong_is_printed_with_its_place_and_its_fix(tmp_path):
    run("new", tmp_path / "one")
    manifest = tmp_path / "one" / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("title: string,", "title: strnig,"))
    printed, status = run("check", tmp_path / "one")
    assert status == 1
    assert "manifest.yaml:18:22 unknown-type" in printed
    assert "fix:" in printed
    found = json.loads(run("check", tmp_path / "one", "--json")[0])["findings"]
    assert [one["code"] for one in found if one["severity"] == "error"] == ["unknown-type"]


def test_a_python_file_alone_is_checked_as_what_it_is(tmp_path):
    (tmp_path / "title.py").write_text("import os\n\ndef run(inputs, ctx):\n    return {}\n")
    assert "title.py:1:1 python-import" in run("check", tmp_path / "title.py")[0]


def test_a_link_in_a_folder_is_refused(tmp_path):
    run("new", tmp_path / "one")
    (tmp_path / "one" / "passwords").symlink_to("/etc/passwd")
    with pytest.raises(CommandError, match="is a link"):
        run("check", tmp_path / "one")


@pytest.mark.parametrize("there", ["", "manifest.yaml manifest.json"])
def test_a_folder_without_one_manifest_is_refused(tmp_path, there):
    for name in there.split():
        (tmp_path / name).write_text("{}")
    with pytest.raises(CommandError, match="manifest"):
        run("check", tmp_path)


def test_a_bundle_is_written_and_looked_at(tmp_path, workspace):
    version = publish(connector())
    list_extension(version, level="verified", summary="Keeps things.")
    out = tmp_path / "acme.galaxy"
    printed, _ = run("bundle", "export", "acme", "--out", out)
    root = printed.splitlines()[0].rstrip(".").rpartition(" ")[2]
    assert f"acme 1.0.0 (verified, {version.short_digest})" in printed
    whole, fingerprint = (line.rpartition(" ")[2] for line in printed.splitlines()[1:])
    assert len(base64.b64decode(whole)) == 32 and fingerprint.startswith(root)
    for told in (whole, fingerprint, fingerprint.upper()):
        assert run("bundle", "look", out, "--root", told) == (
            f"acme 1.0.0 (verified, {version.short_digest}). Signed by the marketplace whose first key is {root}.\n"
            "Every version is vouched for by a key that you trust.\n",
            0,
        )
    assert run("bundle", "look", out)[1] == 1
    assert run("bundle", "look", out, "--root", "0" * 64)[1] == 1
    for short in (root, fingerprint[:-1], whole[:-4], "", "*"):
        with pytest.raises(CommandError, match="no whole key"):
            run("bundle", "look", out, "--root", short)
    out.write_bytes(out.read_bytes()[:-40])
    with pytest.raises(CommandError, match="cannot be read as a ZIP"):
        run("bundle", "look", out, "--root", whole)


def test_what_is_not_published_makes_no_bundle(tmp_path, workspace):
    with pytest.raises(CommandError, match="Nothing called"):
        run("bundle", "export", "nothing", "--out", tmp_path / "x")


@pytest.mark.django_db(databases=["default", "owner"])
def test_a_bundle_of_elsewhere_is_trusted_and_imported_from_a_shell(tmp_path, workspace, desk):
    bundle = foreign(tmp_path, connector("faraway"), publisher="Faraway Works")
    file = tmp_path / "faraway.galaxy"
    file.write_bytes(bytes_of(bundle))
    with pytest.raises(CommandError, match="not trusted here"):
        run("bundle", "import", file)
    printed, _ = run("bundle", "trust", key_text(bundle), "--name", "Head office", "--reason", "Told by phone.")
    assert printed == f"Head office is trusted, by key {bundle.keys[0].id}: what it signed may be imported.\n"
    with pytest.raises(CommandError, match="32 bytes"):
        run("bundle", "trust", "AAAA", "--name", "Another", "--reason", "Told.")
    printed, _ = run("bundle", "import", file)
    digest = bundle.wanted.digest[:12]
    assert printed.splitlines()[0] == f"Faraway 1.0.0 ({digest}) is in the marketplace now."
    assert "imported before" in run("bundle", "import", file)[0]
    with pytest.raises(CommandError, match="no workspace named"):
        run("bundle", "import", file, "--workspace", "nowhere")
    verify(Version.objects.get(extension__slug="faraway"))
