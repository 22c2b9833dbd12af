"""What a workspace has for itself: published like every version, and nothing to anybody else."""

from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError

from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from marketplace.errors import NotPublic
from marketplace.services import list_extension
from registry.errors import NameInUse, NameTaken, NotInstallable, NotInstalled, NotPublishable, StillInstalled
from registry.models import Connection, Extension, Installation, Version, VersionFile
from registry.services import (
    install,
    publish_draft,
    resolve,
    uninstall,
    verified_file,
    verified_manifest,
    withdraw_draft,
)
from tests.registry.samples import connector, manifest_of, pack, publish, transform

PYTHON = """
action: acme.run
version: 1.0.0
summary: Runs.
code_file: run.py
inputs: { title: string }
outputs: { title: string }
permissions: { required: [things.read] }
simulation: { answer: { title: inputs.title } }
fixtures:
  happy: { status: 200, body: { title: a } }
  "401": { status: 401, body: {} }
  "429": { status: 429, body: {} }
  5xx: { status: 503, body: {} }
"""


@pytest.fixture
def draft(workspace, creator):
    return publish_draft(connector(), workspace=workspace, files={"docs.md": b"# Acme"}, actor=creator)


@contextmanager
def within(other):
    verified_manifest.cache_clear()  # what this process has checked before is not what another workspace may read
    with workspace_scope([other.pk]):
        yield


def test_a_draft_is_a_version_like_every_other(draft, workspace, creator):
    assert (draft.number, draft.workspace, draft.extension.workspace) == ("1.0.0-draft.1", workspace, workspace)
    assert verified_manifest(draft.digest).version == "1.0.0-draft.1"
    assert verified_file(draft.digest, "docs.md") == b"# Acme"
    event = AuditEvent.objects.get(action="draft.published")
    assert (event.actor_id, event.target_id) == (str(creator.pk), str(draft.pk))
    with pytest.raises(DatabaseError, match="cannot change"), transaction.atomic():
        Version.objects.filter(pk=draft.pk).update(changes="Other.")


def test_only_who_writes_extensions_publishes_one(workspace, member):
    with pytest.raises(NotGranted):
        publish_draft(connector(), workspace=workspace, actor=member)
    assert not Extension.objects.exists()


def test_numbers_count_up_and_the_same_bytes_stay_one_version(draft, workspace, creator):
    def again(**more):
        return publish_draft(connector(**more), workspace=workspace, files={"docs.md": b"# Acme"}, actor=creator)

    assert again() == draft
    assert again(summary="Keeps other things.").number == "1.0.0-draft.2"
    assert again(version="1.0.0-draft.2", summary="Third.").number == "1.0.0-draft.3"
    assert again(version="2.0.0-beta.1").number == "2.0.0-beta.1.draft.4"
    assert Version.objects.filter(extension=draft.extension).count() == 4


def test_what_cannot_be_published_for_all_cannot_be_a_draft_either(workspace, creator):
    with pytest.raises(NotPublishable, match="summary"):
        publish_draft(manifest_of("connector: acme\nactions: []\n"), workspace=workspace, actor=creator)
    with pytest.raises(NotPublishable, match="not there"):
        publish_draft(manifest_of(PYTHON), workspace=workspace, actor=creator)


def test_the_number_of_a_draft_is_never_published_for_all(db):
    with pytest.raises(NotPublishable, match="number of a draft"):
        publish(connector(version="1.0.0-draft.1"))


def test_another_workspace_sees_nothing_of_it(draft, other_workspace, stranger):
    with within(other_workspace):
        for model in (Extension, Version, VersionFile):
            assert not model.objects.exists(), model
        with pytest.raises(NotInstalled):
            verified_manifest(draft.digest)
        with pytest.raises(NotInstallable):
            install(other_workspace, draft.extension, version=draft, actor=stranger)
        with pytest.raises(DatabaseError, match="belongs to another workspace"), transaction.atomic():
            Installation.objects.create(workspace=other_workspace, extension=draft.extension, installed_by=stranger)
    with workspace_scope([]):
        assert not Extension.objects.exists()


def test_another_workspace_can_neither_write_into_it_nor_take_it(draft, workspace, other_workspace):
    with within(other_workspace):
        assert Extension.objects.filter(pk=draft.extension_id).update(name="Mine") == 0
        with pytest.raises(DatabaseError, match="belongs to another"), transaction.atomic():
            Version.objects.create(
                extension=draft.extension, number="9.9.9", sort_key="9", manifest={}, digest="0" * 64
            )
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            Extension.objects.create(workspace=workspace, kind="pack", slug="planted", name="Planted", publisher="x")
    with pytest.raises(DatabaseError, match="belongs to another"), transaction.atomic():
        Extension.objects.filter(pk=draft.extension_id).update(workspace=None)


def test_one_name_is_free_in_every_workspace_and_nobody_learns_of_the_others(draft, other_workspace, stranger):
    with within(other_workspace):
        theirs = publish_draft(connector(), workspace=other_workspace, files={"docs.md": b"# Acme"}, actor=stranger)
        assert (theirs.number, theirs.digest) == ("1.0.0-draft.1", draft.digest)
        assert theirs.extension_id != draft.extension_id
    with workspace_scope([]):
        assert publish(connector()).extension.slug == "acme"


def test_a_workspace_has_one_name_once(draft, workspace):
    with pytest.raises(IntegrityError, match="extension_slug_once_private"), transaction.atomic():
        Extension.objects.create(workspace=workspace, kind="pack", slug="acme", name="Acme", publisher="x")


def test_a_draft_takes_no_name_of_the_marketplace(workspace, creator):
    publish(connector())
    for manifest in (connector(), transform("acme.create_thing")):
        with pytest.raises(NameTaken):
            publish_draft(manifest, workspace=workspace, actor=creator)
    publish(transform("beta.create_thing"))
    with pytest.raises(NameTaken, match=r"beta\.create_thing"):
        publish_draft(connector("beta"), workspace=workspace, actor=creator)


def test_a_draft_of_another_kind_takes_another_name(draft, workspace, creator):
    with pytest.raises(NameTaken, match="is a connector"):
        publish_draft(transform("acme"), workspace=workspace, actor=creator)


def test_a_name_that_is_published_for_all_later_leaves_the_draft_as_it_is(draft, workspace, creator, admin):
    held = install(workspace, draft.extension, version=draft, actor=creator)
    public = publish(connector())
    assert resolve(workspace, "acme.create_thing").installation == held
    with pytest.raises(NameTaken, match="marketplace"):
        publish_draft(connector(summary="Next."), workspace=workspace, actor=creator)
    with pytest.raises(NameInUse, match="acme"):
        install(workspace, public.extension, version=public, actor=admin)
    uninstall(held, actor=creator)
    here = install(workspace, public.extension, version=public, actor=admin)
    assert resolve(workspace, "acme.create_thing").installation == here
    with pytest.raises(NameInUse):
        install(workspace, draft.extension, version=draft, actor=admin)


def test_no_two_installed_answer_to_one_call(workspace, creator, admin):
    draft = publish_draft(connector(), workspace=workspace, actor=creator)
    install(workspace, draft.extension, version=draft, actor=admin)
    public = publish(transform("acme.create_thing"))
    with pytest.raises(NameInUse, match="an action of the connector acme"):
        install(workspace, public.extension, version=public, actor=admin)


def test_a_name_beside_an_installed_action_is_found_from_the_other_side_too(workspace, creator, admin):
    draft = publish_draft(connector(), workspace=workspace, actor=creator)
    public = publish(transform("acme.create_thing"))
    install(workspace, public.extension, version=public, actor=admin)
    with pytest.raises(NameInUse, match=r"acme\.create_thing"):
        install(workspace, draft.extension, version=draft, actor=admin)


def test_the_marketplace_lists_no_draft(draft):
    with pytest.raises(NotPublic):
        list_extension(draft, level="community", summary="Keeps things.")


def test_makers_hold_what_only_simulates_and_no_longer_once_it_is_connected(draft, workspace, creator, member, admin):
    with pytest.raises(NotGranted):
        install(workspace, draft.extension, version=draft, actor=member)
    held = install(workspace, draft.extension, version=draft, actor=creator)
    Connection.objects.filter(installation=held).update(status="authenticated")
    with pytest.raises(NotGranted):
        uninstall(held, actor=creator)
    uninstall(held, actor=admin)


def test_a_pack_of_ones_own_is_installed_by_who_installs(workspace, creator, admin):
    for manifest in (connector(), transform()):
        one = publish_draft(manifest, workspace=workspace, actor=creator)
        install(workspace, one.extension, version=one, actor=creator)
    flow = publish_draft(pack(wanted="1.0.0-draft.1"), workspace=workspace, actor=creator)
    with pytest.raises(NotGranted):
        install(workspace, flow.extension, version=flow, actor=creator)
    assert install(workspace, flow.extension, version=flow, actor=admin).is_active


def test_an_old_draft_goes_off_the_list_unless_something_is_pinned_to_it(draft, workspace, creator, member):
    held = install(workspace, draft.extension, version=draft, actor=creator)
    with pytest.raises(StillInstalled):
        withdraw_draft(draft, actor=creator)
    uninstall(held, actor=creator)
    with pytest.raises(NotGranted):
        withdraw_draft(draft, actor=member)
    withdraw_draft(draft, actor=creator)
    draft.refresh_from_db()
    assert (draft.status, AuditEvent.objects.filter(action="draft.withdrawn").count()) == ("yanked", 1)
    with pytest.raises(NotInstallable):
        install(workspace, draft.extension, version=draft, actor=creator)
    assert publish_draft(connector(), workspace=workspace, files={"docs.md": b"# Acme"}, actor=creator) != draft


@pytest.mark.parametrize("table", ["registry_extension", "registry_version", "registry_versionfile"])
def test_the_wall_holds_for_plain_sql(table, draft, other_workspace):
    def seen():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            return cursor.fetchone()[0]

    assert seen() == 1
    with within(other_workspace):
        assert seen() == 0
