"""A bundle made here is believed by whoever trusts the key, without asking anybody, and by nobody else."""

import json
from dataclasses import replace

import pytest

from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from marketplace.bundles.exporting import NotExportable, bundle_of, export_version
from marketplace.bundles.reading import read_bundle
from marketplace.bundles.trusting import believed_keys, root_of, why_not_trusted
from marketplace.services import list_extension
from registry.models import SigningKey, Version
from registry.services import publish_draft
from tests.extensions import manifest_of
from tests.registry.samples import connector, pack, publish


def offered(manifest):
    version = publish(manifest)
    list_extension(version, level="verified", summary=manifest.summary)
    return version


@pytest.fixture
def acme(workspace):
    return offered(connector())


@pytest.fixture
def bundle(acme):
    return bundle_of(acme)


def test_what_is_exported_is_believed_by_whoever_trusts_its_root(workspace, admin, acme):
    name, content = export_version(workspace, acme, actor=admin)
    found = read_bundle(content)
    assert name == "acme-1.0.0.galaxy"
    assert (found.wanted.digest, found.wanted.level, found.wanted.publisher) == (
        acme.digest,
        "verified",
        acme.extension.publisher,
    )
    assert why_not_trusted(found, {root_of(found).id}) == ""
    event = AuditEvent.objects.get(action="bundle.exported")
    assert event.actor_id == str(admin.pk)


def test_what_a_pack_requires_comes_along_before_it(workspace, acme):
    follow = offered(pack())
    assert [one.manifest.id for one in bundle_of(follow, workspace).versions] == ["acme", "things.keep"]


@pytest.mark.parametrize("roots", [set(), {"0" * 12}])
def test_it_is_believed_by_nobody_else(bundle, roots):
    assert why_not_trusted(bundle, roots)


def test_a_key_that_is_revoked_there_or_here_counts_for_nothing(bundle):
    root = root_of(bundle)
    assert "revoked" in why_not_trusted(replace(bundle, keys=(replace(root, revoked=True),)), {root.id})
    assert why_not_trusted(bundle, {root.id}, revoked={root.id})


@pytest.mark.parametrize(
    "change",
    [
        {"signatures": ()},
        {"publisher": "Somebody Else"},
        {"digest": "0" * 64},
        {"files": {"docs.md": b"# Slipped in"}},
    ],
)
def test_what_is_not_what_was_signed_is_not_believed(bundle, change):
    altered = replace(bundle, versions=(replace(bundle.wanted, **change),))
    assert why_not_trusted(altered, {root_of(bundle).id})


def test_a_signature_of_another_version_is_none_of_this_one(bundle):
    other = bundle_of(offered(connector("other")))
    mixed = replace(bundle, versions=(replace(bundle.wanted, signatures=other.wanted.signatures),))
    assert "does not hold" in why_not_trusted(mixed, {root_of(bundle).id})


def test_a_key_under_a_trusted_id_has_to_be_that_key(bundle):
    root = root_of(bundle)
    assert why_not_trusted(replace(bundle, keys=(replace(root, public=b"k" * 32),)), {root.id})
    assert why_not_trusted(replace(bundle, keys=(replace(root, introduction="galaxy"),)), {root.id})


def test_two_keys_under_one_id_are_believed_by_nobody(bundle, monkeypatch):
    """48 bits of an id are found again by who wants to; a stored bundle's keys are looked at by this alone."""
    root, other = root_of(bundle), b"k" * 32
    monkeypatch.setattr("marketplace.bundles.trusting.id_of", lambda public: root.id)
    assert not believed_keys(replace(bundle, keys=(replace(root, public=other), root)), {root.id})


def test_whoever_installs_nothing_exports_nothing(workspace, member, acme):
    with pytest.raises(NotGranted):
        export_version(workspace, acme, actor=member)


def test_a_draft_and_a_yanked_version_do_not_leave(workspace, admin, creator, acme):
    draft = publish_draft(connector("mine"), workspace=workspace, actor=creator)
    Version.objects.filter(pk=acme.pk).update(status=Version.Status.YANKED)
    for version in (draft, Version.objects.get(pk=acme.pk)):
        with pytest.raises(NotExportable):
            export_version(workspace, version, actor=admin)


def test_all_keys_of_the_marketplace_go_along(bundle):
    assert [key.id for key in bundle.keys] == list(SigningKey.objects.values_list("pk", flat=True))


def test_what_requires_itself_or_each_other_is_packed_once(workspace):
    offered(connector())
    one = offered(pack("things.one", needs="acme"))
    two = pack("things.two", needs="acme")
    circle = manifest_of(text_with(two, "things.three"))
    for manifest in (circle, manifest_of(text_with(pack("things.three", needs="acme"), "things.two"))):
        version = offered(manifest)
    own = offered(manifest_of(text_with(pack("things.own", needs="acme"), "things.own")))
    assert [packed.manifest.id for packed in bundle_of(version).versions] == ["acme", "things.two", "things.three"]
    assert [packed.manifest.id for packed in bundle_of(own).versions] == ["acme", "things.own"]
    assert bundle_of(one)


def text_with(manifest, slug):
    """The manifest, requiring ``slug`` as well."""
    more = {**manifest.canonical, "requires": {**manifest.requires, slug: "*"}}
    return json.dumps(more)
