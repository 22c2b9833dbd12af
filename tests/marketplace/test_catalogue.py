"""``load_catalog``: everything or nothing, safe to run twice, and plain about what is wrong."""

import shutil
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from marketplace.catalogue import read_catalogue
from marketplace.evidence.models import Evidence
from marketplace.evidence.standing import standing_of
from marketplace.models import Listing
from registry.models import Extension, Version
from tests.registry.samples import connector, pack

pytestmark = pytest.mark.django_db


def load(path):
    """Runs the command; returns (what it printed, what it complained of or "")."""
    out, err = StringIO(), StringIO()
    try:
        call_command("load_catalog", path=path, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), f"{err.getvalue()}{error}"
    return out.getvalue(), ""


def entry(path, level="verified", publisher="Galaxy"):
    return f"  - {{ path: {path}, publisher: {publisher}, level: {level}, changes: First release. }}\n"


@pytest.fixture
def catalogue(tmp_path):
    """A connector with documentation and a pack that needs it."""
    for path, manifest in (("packs/things.keep", pack()), ("connectors/acme", connector())):
        folder = tmp_path / path
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(manifest.canonical_text, encoding="utf-8")
    (tmp_path / "connectors/acme/docs.md").write_bytes(b"# Acme")
    (tmp_path / "connectors/acme/.DS_Store").write_bytes(b"junk")
    index = f"extensions:\n{entry('packs/things.keep')}{entry('connectors/acme', 'enterprise')}"
    (tmp_path / "index.yaml").write_text(index, encoding="utf-8")
    return tmp_path


def test_everything_is_published_and_listed(catalogue):
    assert load(catalogue) == ("Catalogue: 2 extensions, 2 versions (2 new), 2 listings.\n", "")
    listing = Listing.objects.get(extension__slug="acme")
    assert (listing.level, listing.summary) == ("enterprise", "Keeps things.")
    assert listing.version.changes == "First release."
    assert [file.path for file in listing.version.files.all()] == ["docs.md"]
    assert Listing.objects.get(extension__slug="things.keep").scopes == ["things.write"]
    read = [one for one in standing_of(listing.version.digest, listing.level) if one.rule.code == "reviewed"]
    assert [(one.state, one.evidence.note) for one in read] == [("proven", "Part of the catalogue that Galaxy ships")]


def test_a_second_run_changes_nothing(catalogue):
    load(catalogue)
    before = set(Version.objects.values_list("pk", "digest"))
    assert load(catalogue) == ("Catalogue: 2 extensions, 2 versions (0 new), 2 listings.\n", "")
    assert set(Version.objects.values_list("pk", "digest")) == before
    assert Evidence.objects.filter(rule="reviewed").count() == 2


def test_the_index_may_change_its_judgement(catalogue):
    load(catalogue)
    index = catalogue / "index.yaml"
    index.write_text(index.read_text().replace("enterprise", "community"))
    load(catalogue)
    assert Listing.objects.get(extension__slug="acme").level == "community"


def test_other_bytes_under_the_same_number_are_refused_and_nothing_else_is_loaded(catalogue):
    load(catalogue)
    (catalogue / "connectors/acme/docs.md").write_bytes(b"# Other")
    (catalogue / "packs/things.keep/manifest.json").write_text(pack(version="1.1.0").canonical_text)
    printed, complaint = load(catalogue)
    assert printed == ""
    assert "connectors/acme: acme 1.0.0 is published with other content. Raise the version" in complaint
    assert Version.objects.count() == 2


def test_findings_are_told_with_their_place_and_nothing_is_loaded(catalogue):
    folder = catalogue / "connectors/acme"
    (folder / "manifest.json").unlink()
    (folder / "manifest.yaml").write_text("connector: acme\nversion: 1.0\nactons: []\n")
    printed, complaint = load(catalogue)
    assert "connectors/acme/manifest.yaml:2:10 number-for-text" in complaint
    assert "connectors/acme/manifest.yaml:3:1 unknown-key" in complaint
    assert "Did you mean actions?" in complaint
    assert (printed, Extension.objects.count()) == ("", 0)


def index(text):
    return lambda root: (root / "index.yaml").write_text(text, encoding="utf-8")


def manifest(path, made):
    return lambda root: (root / path / "manifest.json").write_text(made.canonical_text, encoding="utf-8")


BREAKS = {
    "no-index": [lambda root: (root / "index.yaml").unlink()],
    "syntax": [index("extensions: ["), lambda root: (root / "index.yaml").write_bytes(b"\xff\xfe")],
    "wrong-shape": [index("- a"), index("extensions:\n  - text"), index("extensions:\n  - { path: [a] }")],
    "unknown-key": [index("extensions:\n  - { path: x, stars: five }")],
    "missing-key": [index("extensions:\n  - { level: verified }")],
    "bad-value": [index(f"extensions:\n{entry('connectors/acme', 'best')}")],
    "duplicate-path": [index(f"extensions:\n{entry('connectors/acme') * 2}")],
    "not-in-index": [index(f"extensions:\n{entry('connectors/acme')}")],
    "no-folder": [index(f"extensions:\n{entry('../..')}"), lambda root: shutil.rmtree(root / "connectors/acme")],
    "no-manifest": [
        lambda root: (root / "connectors/acme/manifest.json").unlink(),
        lambda root: (root / "connectors/acme/manifest.yaml").touch(),
    ],
    "link": [lambda root: (root / "connectors/acme/link.md").symlink_to("/etc/hostname")],
    "unmet-requirement": [manifest("packs/things.keep", pack(wanted="^9.0"))],
    "summary-too-long": [manifest("connectors/acme", connector(summary="x" * 201))],
}


@pytest.mark.parametrize(("code", "break_it"), [(code, act) for code, acts in BREAKS.items() for act in acts])
def test_a_broken_catalogue_is_refused_by_name(catalogue, code, break_it):
    break_it(catalogue)
    problems = read_catalogue(catalogue).problems
    assert code in {problem.code for problem in problems}
    printed, complaint = load(catalogue)
    assert (printed, Version.objects.count()) == ("", 0)
    assert f"{len(problems)} problem" in complaint


def test_the_catalogue_that_ships_loads():
    printed, complaint = load(settings.BASE_DIR / "catalog")
    assert complaint == ""
    assert printed.startswith("Catalogue: ")
    connectors = set(Extension.objects.filter(kind="connector").values_list("slug", flat=True))
    assert connectors >= {"gmail", "slack", "hubspot", "salesforce", "notion", "google-drive"}
    assert Listing.objects.get(extension__slug="lead.follow-up").scopes == ["slack.messages.write", "tasks.write"]
