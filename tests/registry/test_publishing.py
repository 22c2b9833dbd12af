"""A release is published once, under one name, and never changes."""

import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from hypothesis import given
from hypothesis import strategies as st
from semantic_version import Version as SemVer

from registry.errors import AlreadyPublished, NameTaken, NotPublishable
from registry.manifests import version_digest
from registry.models import Extension, Version, VersionFile
from registry.semver import sort_key
from tests.registry.samples import action, connector, manifest_of, publish, transform

pytestmark = pytest.mark.django_db


def test_a_version_is_named_by_the_digest_of_its_manifest_and_files():
    manifest, files = connector(), {"docs.md": b"# Acme"}
    version = publish(manifest, files=files, changes="First.")
    assert (version.extension.slug, version.extension.kind, version.number) == ("acme", "connector", "1.0.0")
    assert version.digest == version_digest(manifest, files) != manifest.digest == version.manifest_digest
    assert [(file.path, bytes(file.content)) for file in version.files.all()] == [("docs.md", b"# Acme")]


def test_the_same_bytes_again_answer_the_version_that_stands():
    first = publish(connector())
    assert publish(connector()) == first
    assert Version.objects.count() == 1


@pytest.mark.parametrize("other", [{"files": {"docs.md": b"x"}}, {}], ids=["other files", "other manifest"])
def test_the_same_number_with_other_bytes_is_refused(other):
    publish(connector())
    manifest = connector() if other else connector(summary="Keeps other things.")
    with pytest.raises(AlreadyPublished, match=r"acme 1\.0\.0"):
        publish(manifest, **other)
    assert Version.objects.count() == 1


def test_a_published_version_cannot_be_changed_and_its_status_can():
    version = publish(connector())
    for change in ({"number": "9.9.9"}, {"digest": "0" * 64}, {"manifest": {}}, {"changes": "x"}):
        with pytest.raises(DatabaseError, match="published and cannot change"), transaction.atomic():
            Version.objects.filter(pk=version.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        version.delete()
    Version.objects.filter(pk=version.pk).update(status="yanked")
    version.refresh_from_db()
    assert (version.status, version.number) == ("yanked", "1.0.0")


def test_a_file_of_a_version_cannot_be_changed():
    publish(connector(), files={"docs.md": b"a"})
    for act in (lambda: VersionFile.objects.update(content=b"b"), lambda: VersionFile.objects.all().delete()):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            act()


def test_an_extension_cannot_be_called_like_an_action_of_a_connector():
    publish(connector("acme", "1.0.0", action("create_thing")))
    with pytest.raises(NameTaken, match=r"acme\.create_thing is an action"):
        publish(transform("acme.create_thing"))
    assert publish(transform("acme.other")).extension.slug == "acme.other"


def test_a_connector_cannot_add_an_action_called_like_an_extension():
    publish(transform("acme.create_thing"))
    with pytest.raises(NameTaken, match=r"acme\.create_thing is an extension"):
        publish(connector("acme"))
    assert not Extension.objects.filter(slug="acme").exists()


def test_a_name_belongs_to_its_publisher_and_kind():
    publish(connector("acme"))
    with pytest.raises(NameTaken, match="Orbit Works"):
        publish(connector("acme", "1.1.0"), publisher="Somebody Else")
    with pytest.raises(NameTaken, match="connector"):
        publish(transform("acme", "1.1.0"))


def test_a_draft_is_not_published_and_the_refusal_says_what_is_missing():
    draft = manifest_of("connector: acme\nactions:\n  - { id: go, method: POST, path: /go }\n")
    with pytest.raises(NotPublishable) as refusal:
        publish(draft)
    assert "version" in refusal.value.fields["manifest"]
    assert not Extension.objects.exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a//b", ".hidden", "a/../b", "a\\b", "x" * 201, ""])
def test_a_file_stays_within_its_version(path):
    with pytest.raises(NotPublishable, match="plain relative path"):
        publish(connector(), files={path: b""})


def test_large_files_are_refused():
    with pytest.raises(NotPublishable, match="256 KiB"):
        publish(connector(), files={"big.bin": b"x" * (256 * 1024 + 1)})
    with pytest.raises(NotPublishable, match="1 MiB"):
        publish(connector(), files={f"{n}.bin": b"x" * (256 * 1024) for n in range(5)})


def test_the_newest_release_says_what_an_extension_is_called():
    publish(connector("acme", "2.0.0", name="Acme Two"))
    publish(connector("acme", "1.9.0", name="Acme One"))
    assert Extension.objects.get().name == "Acme Two"
    assert [version.number for version in Version.objects.all()] == ["2.0.0", "1.9.0"]


_numbers = st.integers(0, 10**12).map(str)
_identifiers = st.one_of(_numbers, st.from_regex(r"[0-9A-Za-z-]{0,8}[A-Za-z-]", fullmatch=True))
_versions = st.builds(
    lambda core, pre: ".".join(core) + (f"-{'.'.join(pre)}" if pre else ""),
    st.lists(_numbers, min_size=3, max_size=3),
    st.lists(_identifiers, max_size=4),
)


@given(_versions, _versions)
def test_sort_keys_order_as_semantic_versions_do(one, other):
    by_rule = (SemVer(one) > SemVer(other)) - (SemVer(one) < SemVer(other))
    by_text = (sort_key(one) > sort_key(other)) - (sort_key(one) < sort_key(other))
    assert by_text == by_rule


def test_the_longest_version_fits_its_column():
    longest = "0.0.0-" + ".".join("a" * 29)
    assert len(longest) <= 64
    assert len(sort_key(longest)) <= Version._meta.get_field("sort_key").max_length
