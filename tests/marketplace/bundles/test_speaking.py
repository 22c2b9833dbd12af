"""What came with Galaxy is continued by the one marketplace that may speak for it, and nobody else's extension is."""

import json
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from galaxy.core.errors import Invalid
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import scope_with
from galaxy.core.sessions import BEGAN
from galaxy.core.vault.signing import VERSIONS, SigningKeys
from marketplace.bundles.importing import NotImportable, hand_in, import_bundle, look_into
from marketplace.bundles.models import BundleSource
from marketplace.bundles.sources import revoke_source
from marketplace.bundles.speaking import NotSo, hush, let_speak
from marketplace.bundles.trusting import why_not_trusted
from registry.models import Extension, Version
from registry.publishers.claiming import claim_name
from registry.services.publishing import publish_private
from registry.signing.statements import Statement
from tests.bundling import bytes_of, foreign, trusted
from tests.registry.samples import connector, publish

WHY = "Head office carries the catalogue."
NEWER = connector(version="1.1.0")


@pytest.fixture
def shipped(db):
    """As ``load_catalog`` leaves it."""
    version = publish(connector(), "Galaxy")
    Extension.objects.filter(pk=version.extension_id).update(is_shipped=True)
    return version


@pytest.fixture
def bundle(shipped, tmp_path):
    """The next release, of the catalogue of the marketplace that signed it."""
    return foreign(tmp_path, NEWER, publisher="Galaxy")


def handed_in(desk, bundle):
    return hand_in(desk.workspace, content=bytes_of(bundle), name="b.galaxy", actor=desk.reviewer)[0]


def seen(desk, bundle):
    with scope_with(desk.workspace.pk):
        return look_into(handed_in(desk, bundle))


def imported(desk, bundle):
    with scope_with(desk.workspace.pk):
        return import_bundle(handed_in(desk, bundle), actor=desk.reviewer)


def saying(bundle, folder, catalogue):
    """The same, signed anew by the same key as of another ``catalogue``, or of none."""
    text = replace(statement_of(bundle), catalogue=catalogue).text
    keys = SigningKeys(folder / "elsewhere" / "marketplace.json", VERSIONS)
    signed = [
        replace(one, statement=text, signature=keys.sign(one.key, text.encode())) for one in bundle.wanted.signatures
    ]
    return replace(bundle, versions=(replace(bundle.wanted, signatures=tuple(signed)),))


def statement_of(bundle) -> Statement:
    return Statement.read(next(one.statement for one in bundle.wanted.signatures if one.role == "marketplace"))


def test_the_statement_names_the_catalogue_and_a_private_one_names_none(bundle, workspace, admin):
    assert statement_of(bundle).catalogue == bundle.keys[0].id
    assert json.loads(statement_of(bundle).text)["type"] == "galaxy.version/2"
    own = publish_private(connector("ours"), workspace=workspace, published_by=admin)
    said = Statement.read(own.signatures.get().statement)
    assert said.catalogue == "" and json.loads(said.text)["type"] == "galaxy.version/1"


def test_it_is_continued_once_the_source_speaks_for_it(desk, bundle, shipped):
    source = trusted(bundle)
    look = seen(desk, bundle)
    assert look.wanted.state == "taken" and "does not speak for the shipped catalogue here" in look.why_not
    let_speak(source, reason=WHY, actor=desk.reviewer)
    imported(desk, bundle)
    made = Version.objects.get(number="1.1.0")
    assert made.extension_id == shipped.extension_id
    with scope_with(desk.workspace.pk):
        assert AuditEvent.objects.filter(action="bundle_source.speaks_for_shipped").count() == 1


def test_taken_back_nothing_further_comes_though_the_newest_came_from_there(desk, bundle, tmp_path):
    source, reviewer = trusted(bundle), desk.reviewer
    let_speak(source, reason=WHY, actor=reviewer)
    imported(desk, bundle)
    hush(source, reason="No more.", actor=reviewer)
    further = foreign(tmp_path, connector(version="1.2.0"), publisher="Galaxy")
    assert "does not speak" in seen(desk, further).why_not
    let_speak(source, reason=WHY, actor=reviewer)
    assert seen(desk, further).wanted.state == "new"
    revoke_source(source, reason="Stolen.", reach="installs", actor=reviewer)
    assert "not trusted any more" in seen(desk, further).why_not


@pytest.mark.parametrize(
    ("catalogue", "why"), [("", "not signed as of the catalogue"), ("0123456789ab", "as of the catalogue of 0123")]
)
def test_what_is_signed_of_no_catalogue_or_of_anothers_does_not_do(desk, bundle, tmp_path, catalogue, why):
    """As signed before catalogues were said, by a workspace of theirs for itself, or by one who says to be another."""
    source = trusted(bundle)
    let_speak(source, reason=WHY, actor=None)
    claimed = saying(bundle, tmp_path, catalogue)
    assert not why_not_trusted(claimed, {source.key_id}), "its signature holds all the same"
    look = seen(desk, claimed)
    assert (look.wanted.state, look.source) == ("taken", source) and why in look.why_not
    with pytest.raises(NotImportable):
        imported(desk, claimed)


def test_a_catalogue_that_was_written_in_afterwards_is_no_signature(desk, bundle, tmp_path):
    let_speak(trusted(bundle), reason=WHY, actor=None)
    plain = saying(bundle, tmp_path, "")
    forged = [replace(one, statement=statement_of(bundle).text) for one in plain.wanted.signatures]
    packed = replace(plain.wanted, signatures=tuple(forged))
    assert "does not hold" in seen(desk, replace(plain, versions=(packed,))).why_not


def test_of_anybody_elses_extension_it_continues_none(desk, shipped, tmp_path):
    publish(connector("ours"), "Local Works")
    came = foreign(tmp_path / "other", connector("theirs"), publisher="Orbit Works")
    trusted(came, name="Another")
    imported(desk, came)
    for slug, publisher, why in (
        ("ours", "Local Works", "was published here"),
        ("theirs", "Orbit Works", "came from Another"),
    ):
        bundle = foreign(tmp_path, connector(slug, "1.1.0"), publisher=publisher)
        if not BundleSource.objects.filter(key_id=bundle.keys[0].id).exists():
            let_speak(trusted(bundle), reason=WHY, actor=None)
        look = seen(desk, bundle)
        assert look.wanted.state == "taken" and why in look.why_not


def test_once_somebody_here_publishes_it_no_bundle_comes_after_them(desk, workspace, creator, tmp_path):
    owner = claim_name(workspace, name="Local Works", actor=creator)
    version = publish(connector(), owner)
    Extension.objects.filter(pk=version.extension_id).update(is_shipped=True)
    bundle = foreign(tmp_path, NEWER, publisher=owner)
    let_speak(trusted(bundle), reason=WHY, actor=None)
    assert "who submits their own work" in seen(desk, bundle).why_not


def test_a_workspace_takes_none_into_its_own_catalogue(workspace, admin, bundle):
    let_speak(trusted(bundle), reason=WHY, actor=None)
    row = hand_in(workspace, content=bytes_of(bundle), name="b", actor=admin)[0]
    assert "imported at the desk" in look_into(row).why_not
    with pytest.raises(NotImportable):
        import_bundle(row, actor=admin)


def test_only_the_desk_says_so_with_a_reason_and_once(desk, bundle, admin):
    source, reviewer = trusted(bundle), desk.reviewer
    with pytest.raises(NotGranted):
        let_speak(source, reason=WHY, actor=admin)
    with pytest.raises(Invalid):
        let_speak(source, reason=" ", actor=reviewer)
    with pytest.raises(NotSo):
        hush(source, reason=WHY, actor=reviewer)
    let_speak(source, reason=WHY, actor=reviewer)
    with pytest.raises(NotSo):
        let_speak(source, reason=WHY, actor=reviewer)
    with pytest.raises(DatabaseError), transaction.atomic():
        BundleSource.objects.filter(pk=source.pk).update(speaks_reason="")
    with pytest.raises(DatabaseError), transaction.atomic():
        BundleSource.objects.filter(pk=source.pk).update(name="Another")


def test_the_page_says_what_it_means_and_asks_who_one_is(desk, bundle, client_of):
    source, reviewer = trusted(bundle), desk.reviewer
    browser = client_of(reviewer)
    page = reverse("bundles:source-speaking", args=[desk.workspace.slug, source.pk])
    assert "What a workspace there publishes for itself does not" in browser.get(page).text
    assert browser.post(page, {"reason": ""}).status_code == 422
    late = client_of(reviewer)
    session = late.session
    session[BEGAN] -= 3600
    session.save()
    assert late.post(page, {"reason": WHY}).url == reverse("core:proof")
    assert browser.post(page, {"reason": WHY}).status_code == 302
    source.refresh_from_db()
    assert source.speaks_for_shipped and source.speaks_by == reviewer
    listed = browser.get(reverse("bundles:source-list", args=[desk.workspace.slug])).text
    assert "Speaks for the shipped catalogue" in listed and WHY in listed
    said = browser.get(page).text
    assert "Take it back" in said and f"{reviewer} let it" in said and f"“{WHY}”" in said
    assert browser.post(page, {"act": "begin", "reason": WHY}).status_code == 409, "sent twice, it takes nothing back"
    assert browser.post(page, {"act": "end", "reason": "Over."}).status_code == 302
    source.refresh_from_db()
    assert not source.speaks_for_shipped


def test_a_shell_says_so_and_takes_it_back(bundle, capsys):
    source = trusted(bundle)
    call_command("extension", "bundle", "speaks", source.key_id, "--reason", WHY)
    source.refresh_from_db()
    assert source.speaks_for_shipped and "speaks for the shipped catalogue" in capsys.readouterr().out
    call_command("extension", "bundle", "speaks", source.key_id, "--reason", "Over.", "--end")
    source.refresh_from_db()
    assert not source.speaks_for_shipped


def test_the_command_that_loads_the_catalogue_marks_what_came_with_galaxy(db):
    call_command("load_catalog")
    assert Extension.objects.public().filter(is_shipped=True).count() == Extension.objects.public().count()
    assert marketplace_workspace() is None
