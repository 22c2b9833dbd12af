"""What another Galaxy signed comes in where its first key is trusted, runs simulated, and nothing else of it counts."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import scope_with, workspace_scope
from marketplace.bundles.importing import (
    MOST_WAITING,
    ImportedAlready,
    NotImportable,
    TooManyWaiting,
    drop_old_uploads,
    hand_in,
    import_bundle,
    look_into,
)
from marketplace.bundles.models import BundleSource, BundleUpload, ImportedVersion
from marketplace.bundles.reading import BadBundle
from marketplace.bundles.released import is_imported
from marketplace.bundles.sources import AlreadyTrusted, revoke_source, trust_source
from marketplace.models import Listing
from marketplace.services import install_listing, plan_installation
from registry.errors import Quarantined
from registry.manifests import read
from registry.models import Extension, Publisher, Quarantine, SigningKey, Version
from registry.services import install
from registry.services.publishing import publish_private
from registry.services.quarantining import tell_of_quarantine
from registry.signing import verify
from sandbox.services import invoke, perform
from tests.bundling import bytes_of, foreign, trusted
from tests.registry.samples import connector, pack, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def bundle(workspace, tmp_path):
    return foreign(tmp_path, connector(), pack())


@pytest.fixture
def uploaded(workspace, admin, bundle):
    return hand_in(workspace, content=bytes_of(bundle), name="acme.galaxy", actor=admin)[0]


def imported(workspace, bundle, actor):
    return import_bundle(hand_in(workspace, content=bytes_of(bundle), name="b", actor=actor)[0], actor=actor)


def test_a_bundle_of_elsewhere_is_imported_installed_and_runs_simulated(workspace, admin, bundle, uploaded):
    """F106. Nothing of the sender is here but the key that somebody told."""
    assert not Extension.objects.filter(slug__in=["acme", "things.keep"]).exists()
    source = trusted(bundle)
    assert not SigningKey.objects.filter(pk=source.key_id).exists()
    look = look_into(uploaded)
    assert (look.source, look.why_not, [one.state for one in look.versions]) == (source, "", ["new", "new"])
    row = import_bundle(uploaded, actor=admin)
    listing = Listing.objects.get(extension__slug="things.keep")
    assert (listing.workspace, listing.level) == (workspace, "community")
    for version in Version.objects.filter(extension__workspace=workspace):
        verify(version)
    seen = plan_installation(workspace, listing).seen
    installation = install_listing(workspace, listing, seen=seen, actor=admin)
    assert [one.digest for one in bundle.versions] == seen
    assert installation.pin.version.digest == bundle.wanted.digest
    run = invoke(workspace, actor=admin, target="things.keep", inputs={"title": "Call"})
    run = perform(run.pk)
    assert (run.state, run.mode) == ("succeeded", "simulated"), run.error
    event = AuditEvent.objects.get(action="bundle.imported")
    assert event.actor_id == str(admin.pk)
    assert (
        row.sha256
        == hashlib.sha256(bytes_of(bundle)).hexdigest()
        in str(AuditDetail.objects.get(event_id=event.pk).fields)
    )


def test_the_same_bytes_twice_are_told_and_nothing_is_done(workspace, admin, bundle, uploaded):
    trusted(bundle)
    again, is_new = hand_in(workspace, content=bytes_of(bundle), name="other", actor=admin)
    assert (again.pk, is_new) == (uploaded.pk, False)
    import_bundle(uploaded, actor=admin)
    with pytest.raises(ImportedAlready, match=r"imported before by Admin"):
        import_bundle(uploaded, actor=admin)
    again, is_new = hand_in(workspace, content=bytes_of(bundle), name="other", actor=admin)
    assert (again.pk, is_new, again.content) == (uploaded.pk, False, None)
    assert ImportedVersion.objects.count() == 2


def test_nobody_is_believed_who_was_not_entered(workspace, admin, bundle, uploaded, tmp_path):
    assert "not trusted here" in look_into(uploaded).why_not
    trusted(foreign(tmp_path / "third", connector("other")), name="Somebody else")
    with pytest.raises(NotImportable, match="not trusted here"):
        import_bundle(uploaded, actor=admin)
    assert not Version.objects.filter(extension__slug="acme").exists()


@pytest.mark.parametrize("change", [{"signatures": ()}, {"publisher": "Somebody Else"}, {"number": None}])
def test_a_bundle_that_was_tampered_with_is_refused_whole(workspace, admin, bundle, change):
    trusted(bundle)
    if "number" in change:
        change = {"signatures": bundle.versions[0].signatures}
    altered = replace(bundle, versions=(bundle.versions[0], replace(bundle.wanted, **change)))
    row = hand_in(workspace, content=bytes_of(altered), name="b", actor=admin)[0]
    with pytest.raises(NotImportable):
        import_bundle(row, actor=admin)
    assert not Version.objects.filter(extension__slug__in=["acme", "things.keep"]).exists()


def test_a_key_with_the_short_name_of_a_trusted_one_is_not_it(workspace, admin, bundle, uploaded):
    """Twelve characters can be found by trying; the whole key is what was entered."""
    BundleSource.objects.create(name="X", key_id=trusted_id(bundle), public=b"k" * 32, reason="Told.")
    assert "not trusted here" in look_into(uploaded).why_not


def trusted_id(bundle):
    return bundle.keys[0].id


def test_the_same_number_with_other_bytes_is_refused(workspace, admin, bundle, tmp_path):
    other = foreign(tmp_path, connector(summary="Another."), level="community")
    trusted(bundle)
    imported(workspace, bundle, admin)
    row = hand_in(workspace, content=bytes_of(other), name="b", actor=admin)[0]
    look = look_into(row)
    assert (look.wanted.state, look.why_not) == (
        "other",
        "acme 1.0.0 is here already with other content. A number is published once.",
    )
    with pytest.raises(NotImportable):
        import_bundle(row, actor=admin)


def test_what_is_here_already_is_left_as_it_is(workspace, admin, tmp_path):
    first, both = foreign(tmp_path, connector()), foreign(tmp_path, connector(), pack())
    trusted(first)
    imported(workspace, first, admin)
    row = hand_in(workspace, content=bytes_of(both), name="b", actor=admin)[0]
    assert [one.state for one in look_into(row).versions] == ["here", "new"]
    import_bundle(row, actor=admin)
    assert row.versions.get().version.extension.slug == "things.keep"
    with pytest.raises(NotImportable, match="here already, byte for byte"):
        import_bundle(hand_in(workspace, content=bytes_of(replaced(both)), name="c", actor=admin)[0], actor=admin)


def replaced(bundle):
    """The same with other bytes of the file itself."""
    return replace(bundle, versions=tuple(replace(one, changes="Other words.") for one in bundle.versions))


def test_a_workspace_takes_no_name_of_the_marketplace(workspace, admin, bundle, uploaded):
    publish(connector("acme", "2.0.0"))
    trusted(bundle)
    look = look_into(uploaded)
    assert [one.state for one in look.versions] == ["taken", "new"]
    assert "imported at the desk" in look.why_not


def test_an_import_continues_what_came_from_there_and_nothing_else(workspace, admin, tmp_path):
    first, second = foreign(tmp_path, connector()), foreign(tmp_path, connector(version="1.1.0"))
    source = trusted(first)
    imported(workspace, first, admin)
    assert look_into(hand_in(workspace, content=bytes_of(second), name="b", actor=admin)[0]).wanted.state == "new"
    publish_private(connector(version="1.0.1"), workspace=workspace, published_by=admin)
    look = look_into(BundleUpload.objects.get(imported_at=None))
    assert look.wanted.state == "taken"
    assert look.why_not == f"Acme 1.0.1 was published here, and only what came from {source} is continued by it."
    with pytest.raises(NotImportable):
        import_bundle(BundleUpload.objects.get(imported_at=None), actor=admin)


def test_nobody_comes_after_a_publisher_who_is_proven_here(desk, tmp_path):
    """A marketplace signs what its workspaces publish under their own names, and one may be called like ours."""
    publish(connector("acme", "1.0.0"), "Orbit Works")
    same, other = foreign(tmp_path, connector(version="1.1.0")), foreign(tmp_path, connector("another"))
    trusted(same)
    with workspace_scope([desk.workspace.pk]):
        for bundle, words in ((same, "was published here"), (other, "a publisher who is proven here")):
            row = hand_in(desk.workspace, content=bytes_of(bundle), name="b", actor=desk.reviewer)[0]
            look = look_into(row)
            assert look.wanted.state == "taken" and words in look.why_not
            with pytest.raises(NotImportable):
                import_bundle(row, actor=desk.reviewer)


def test_only_those_who_install_import(workspace, member, creator, approver, bundle, uploaded):
    trusted(bundle)
    for person in (member, creator, approver):
        with pytest.raises(NotGranted):
            hand_in(workspace, content=bytes_of(bundle), name="b", actor=person)
        with pytest.raises(NotGranted):
            import_bundle(uploaded, actor=person)


@pytest.mark.asvs("5.2.4")
def test_so_many_wait_and_no_more_are_kept(workspace, admin, bundle):
    waiting = {"workspace": workspace, "name": "b", "size_bytes": 1, "uploaded_by": admin}
    contents = [bytes([number]) for number in range(MOST_WAITING)]
    BundleUpload.objects.bulk_create(
        BundleUpload(**waiting, content=one, sha256=hashlib.sha256(one).hexdigest()) for one in contents
    )
    with pytest.raises(TooManyWaiting, match="10 bundles wait"):
        hand_in(workspace, content=bytes_of(bundle), name="b", actor=admin)
    assert BundleUpload.objects.count() == MOST_WAITING


def test_what_is_no_bundle_is_not_kept(workspace, admin):
    with pytest.raises(BadBundle):
        hand_in(workspace, content=b"PK\x03\x04 nothing", name="b", actor=admin)
    assert not BundleUpload.objects.exists()


def test_what_is_left_for_a_day_goes(workspace, admin, uploaded):
    assert drop_old_uploads() == 0
    assert drop_old_uploads(timezone.now() + timedelta(hours=25)) == 1
    assert not BundleUpload.objects.exists()
    assert AuditEvent.objects.get(action="bundle.dropped").actor_kind == "system"


def test_what_was_imported_and_whom_it_came_from_stays(workspace, admin, bundle, uploaded):
    source = trusted(bundle)
    import_bundle(uploaded, actor=admin)
    for change in (
        lambda: BundleUpload.objects.update(name="other"),
        lambda: BundleUpload.objects.all().delete(),
        lambda: ImportedVersion.objects.update(level="enterprise"),
        lambda: BundleSource.objects.update(name="other"),
        lambda: BundleSource.objects.filter(pk=source.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_sandboxd_believes_the_senders_signature_and_nothing_else(workspace, admin, bundle, uploaded):
    trusted(bundle)
    import_bundle(uploaded, actor=admin)
    version = Version.objects.get(extension__slug="acme")
    assert is_imported(version)
    for name, value in (("digest", "0" * 64), ("manifest_digest", "0" * 64), ("number", "1.0.1")):
        altered = Version.objects.select_related("extension").get(pk=version.pk)
        setattr(altered, name, value)
        assert not is_imported(altered)
    native = publish(connector("native"))
    kept = ImportedVersion.objects.filter(version=version).get()
    kept.pk, kept._state.adding, kept.version, kept.digest = None, True, native, native.digest
    kept.save(force_insert=True)  # what a web process that was broken into could write
    assert not is_imported(native)


def test_a_source_that_is_revoked_stops_what_came_from_it(workspace, admin, bundle, uploaded):
    source = trusted(bundle)
    import_bundle(uploaded, actor=admin)
    version = Version.objects.get(extension__slug="acme")
    assert revoke_source(source, reason="Its keys were stolen.", reach="installs", actor=None) == 2
    assert not is_imported(version)
    with pytest.raises(Quarantined, match="Head office"):
        install(workspace, version.extension, version=version, actor=admin)
    later = hand_in(workspace, content=bytes_of(replaced(bundle)), name="b", actor=admin)[0]
    assert look_into(later).why_not == "Head office is not trusted any more: Its keys were stolen."
    assert trusted(bundle, name="Head office, again").pk != source.pk


def test_who_holds_what_came_from_it_is_told_though_nobody_else_sees_that_version(workspace, admin, bundle, uploaded):
    source = trusted(bundle)
    import_bundle(uploaded, actor=admin)
    version = Version.objects.get(extension__slug="acme")
    installation = install(workspace, version.extension, version=version, actor=admin)
    revoke_source(source, reason="Its keys were stolen.", reach="calls", actor=None)
    opened = list(Quarantine.objects.values_list("pk", flat=True))
    with workspace_scope():
        assert sum(map(tell_of_quarantine, opened)) == 1
    assert AuditEvent.objects.filter(action="quarantine.opened", target_id=str(installation.pk)).exists()
    version.refresh_from_db()
    assert version.quarantine == Version.Held.STOPPED


def test_code_comes_along_and_is_checked_here(workspace, admin, tmp_path):
    text = (
        "transform: shout.text\nversion: 1.0.0\nname: Shout\nsummary: Says it loudly.\ncode_file: shout.py\n"
        "inputs: { text: string }\noutputs: { text: string }\n"
        "fixtures: { happy: { inputs: { text: a }, outputs: { text: A } } }\n"
    )
    code = b'def run(inputs, ctx):\n    return {"text": inputs["text"].upper()}\n'
    bundle = foreign(tmp_path, read(text, format="yaml").manifest, files={"shout.py": code})
    trusted(bundle)
    row = hand_in(workspace, content=bytes_of(bundle), name="b", actor=admin)[0]
    assert (look_into(row).wanted.state, look_into(row).wanted.checked.errors) == ("new", [])
    import_bundle(row, actor=admin)
    assert bytes(Version.objects.get(extension__slug="shout.text").files.get().content) == code


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"public": "AAAA"}, "public"),
        ({"public": "no base64!"}, "public"),
        ({"name": "\n"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"reason": " "}, "reason"),
    ],
)
def test_a_source_has_a_key_a_name_and_a_reason(workspace, fields, wrong):
    said = {"name": "Head office", "public": "A" * 43 + "=", "reason": "Told by phone."} | fields
    with pytest.raises(Invalid) as refused:
        trust_source(actor=None, **said)
    assert set(refused.value.fields) == {wrong}


def test_a_key_is_trusted_once_and_never_ones_own(workspace, bundle):
    trusted(bundle)
    with pytest.raises(AlreadyTrusted):
        trusted(bundle)
    publish(connector("native"))
    own = SigningKey.objects.get(owner="marketplace")
    with pytest.raises(Invalid) as refused:
        trust_source(name="We", public=own.public_text, reason="Us.", actor=None)
    assert "own" in refused.value.fields["public"]


def test_the_desk_imports_into_the_marketplace(desk, tmp_path):
    """``desk`` is the marketplace's workspace with people; its reviewer imports."""
    bundle = foreign(tmp_path, connector("acme"), publisher="Faraway Works")
    reviewer = desk.reviewer
    with scope_with(desk.workspace.pk):
        trusted(bundle, reviewer)
        row = imported(desk.workspace, bundle, reviewer)
        assert AuditEvent.objects.filter(action="bundle_source.trusted", actor_id=str(reviewer.pk)).exists()
    listing = Listing.objects.get(extension__slug="acme")
    assert (listing.workspace, listing.level, listing.extension.publisher) == (None, "community", "Faraway Works")
    publisher = Publisher.objects.get(name="Faraway Works")
    assert (publisher.workspace, publisher.is_proven) == (None, False)
    with scope_with(desk.workspace.pk):
        kept = row.versions.get()
    assert (kept.level, kept.publisher) == ("verified", "Faraway Works")
