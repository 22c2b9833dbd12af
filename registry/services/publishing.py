"""Publishing: a manifest and its files become a version that never changes."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import cast

from django.db import connection, transaction

from galaxy.core import audit
from galaxy.core.models import User, Workspace, WorkspaceModel
from galaxy.core.permissions import require
from registry.compat import require_high_enough
from registry.errors import AlreadyPublished, NameTaken, NotInstallable, NotPublishable, StillInstalled
from registry.manifests import Manifest, load, publishable, version_digest
from registry.manifests.code_files import code_findings, code_names
from registry.models import Extension, Kind, Pin, Publisher, SharedQuerySet, Version, VersionFile
from registry.publishers.naming import publisher_named
from registry.publishers.news import tell_team
from registry.semver import DRAFT, sort_key
from registry.signing import sign_release

MAX_FILE_BYTES = 256 * 1024
MAX_FILES_BYTES = 1024 * 1024
_RENAME = "Name it otherwise in its first line, and publish it again."
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)


@transaction.atomic
def publish_version(
    manifest: Manifest,
    *,
    files: Mapping[str, bytes] | None = None,
    publisher: Publisher | str,
    published_by: User | None = None,
    changes: str = "",
    security_fix: str = "",
) -> Version:
    """Publish one immutable release for all, signed by the marketplace; the extension is made when it is new.

    ``publisher`` as a text is a name of the people who run Galaxy, made when it is new; another's is refused.
    ``files`` maps a path within the version to its bytes; ``security_fix`` says which hole it closes, if it closes one.
    The same number with the same bytes answers the version that stands already. Raises NotPublishable, AlreadyPublished
    (same number, other bytes), NameTaken, or VersionTooLow where what changed takes a higher number (registry.compat).

    What workspaces have for themselves is not asked: a private extension keeps nobody from a name, nor tells of itself.
    """
    files = files or {}
    name = publisher if isinstance(publisher, str) else publisher.name
    _check_publishable(manifest, files, name)
    if DRAFT.search(manifest.version or ""):
        raise NotPublishable(f"{manifest.version} is the number of a draft. Publish it under a number of its own.")
    _one_at_a_time()
    extension = Extension.objects.public().filter(slug=manifest.id).first()
    if extension is None:
        owner = publisher_named(publisher) if isinstance(publisher, str) else publisher
        extension = Extension(kind=manifest.kind, slug=manifest.id, publisher=owner.name, owner=owner)
    elif (extension.kind, extension.publisher) != (manifest.kind, name):
        raise NameTaken(f"{manifest.id} is the {extension.kind} of {extension.publisher} already.")
    elif stands := extension.versions.filter(number=manifest.version).first():
        if stands.digest != version_digest(manifest, files):
            raise AlreadyPublished(f"{manifest.id} {manifest.version} is published with other content.")
        sign_release(stands)
        return stands
    else:
        require_high_enough(extension, manifest, files)
    _check_names(manifest, Extension.objects.public())
    return _store(extension, manifest, files, published_by, changes, security_fix)


@transaction.atomic
def publish_private(
    manifest: Manifest,
    *,
    workspace: Workspace,
    files: Mapping[str, bytes] | None = None,
    published_by: User | None,
    changes: str = "",
    security_fix: str = "",
) -> Version:
    """Publish a release in the private catalogue of ``workspace``: numbered as it says, and no other workspace's.

    Who may is the caller's to know. Raises as ``publish_version`` does.
    """
    files = files or {}
    _check_publishable(manifest, files, workspace.name[:80])
    if DRAFT.search(manifest.version or ""):
        raise NotPublishable(f"{manifest.version} is the number of a draft. Publish it under a number of its own.")
    _one_at_a_time()
    names = Extension.objects.open_to(workspace)
    if names.public().filter(slug=manifest.id).exists():
        raise NameTaken(f"{manifest.id} is the name of an extension in the marketplace.", _RENAME)
    extension = names.filter(slug=manifest.id).first()
    if extension is None:
        extension = Extension(kind=manifest.kind, slug=manifest.id, workspace=workspace)
    elif extension.kind != manifest.kind:
        raise NameTaken(f"{manifest.id} is a {extension.kind} of this workspace already.", _RENAME)
    elif stands := extension.versions.filter(number=manifest.version).first():
        if stands.digest != version_digest(manifest, files):
            raise AlreadyPublished(f"{manifest.id} {manifest.version} is published with other content.")
        return stands
    else:
        require_high_enough(extension, manifest, files)
    _check_names(manifest, names)
    extension.publisher = workspace.name[:80]
    return _store(extension, manifest, files, published_by, changes, security_fix)


@transaction.atomic
def publish_draft(
    manifest: Manifest, *, workspace: Workspace, files: Mapping[str, bytes] | None = None, actor: User
) -> Version:
    """Publish a version that ``workspace`` has for itself alone, numbered ``X.Y.Z-draft.N`` whatever the text says.

    Immutable and named by its digest like every version. What is the newest already is answered as it stands. Raises
    NotGranted, NotPublishable, or NameTaken by a public extension or by another kind of the workspace's own.
    """
    require(actor, "core.write_extension", workspace)
    files = files or {}
    base = DRAFT.sub("", manifest.version or "0.1.0")
    _check_publishable(_numbered(manifest, base), files, workspace.name[:80])
    _one_at_a_time()
    names = Extension.objects.open_to(workspace)
    if names.public().filter(slug=manifest.id).exists():
        raise NameTaken(f"{manifest.id} is the name of an extension in the marketplace.", _RENAME)
    extension = names.filter(slug=manifest.id).first()
    if extension is None:
        extension = Extension(kind=manifest.kind, slug=manifest.id, workspace=workspace)
    elif extension.kind != manifest.kind:
        raise NameTaken(f"{manifest.id} is a {extension.kind} of this workspace already.", _RENAME)
    newest = extension.versions.installable().order_by("-published_at").first()
    if newest and newest.digest == version_digest(_numbered(manifest, newest.number), files) and _base(newest) == base:
        return newest
    _check_names(manifest, names)
    number = f"{base}{'.' if '-' in base else '-'}draft.{extension.versions.count() + 1}"
    if len(number) > 64:
        raise NotPublishable(f"{number} has {len(number)} characters; a version has at most 64.")
    extension.publisher = workspace.name[:80]
    version = _store(extension, _numbered(manifest, number), files, actor, "")
    facts = {"extension": extension.slug, "version": number, "digest": version.digest}
    audit.record("draft.published", actor=actor, target=_in_workspace(version), after=facts)
    return version


@transaction.atomic
def withdraw_draft(version: Version, *, actor: User) -> None:
    """Take a private version off the list: nobody installs it any more, and what ran on it keeps pointing at it.

    Raises NotGranted, or StillInstalled while an installation is pinned to it.
    """
    if version.workspace is None:
        raise NotInstallable(f"{version} is everybody's, so no workspace withdraws it.")
    require(actor, "core.write_extension", version.workspace)
    version = Version.objects.select_for_update(of=("self",)).select_related("extension").get(pk=version.pk)
    if Pin.objects.in_workspace(version.workspace).filter(version=version).exists():
        raise StillInstalled(f"{version} is installed.")
    if version.status == Version.Status.YANKED:
        return
    Version.objects.filter(pk=version.pk).update(status=Version.Status.YANKED)
    facts = {"extension": version.extension.slug, "version": version.number, "digest": version.digest}
    audit.record("draft.withdrawn", actor=actor, target=_in_workspace(version), before=facts)


def _store(
    extension: Extension,
    manifest: Manifest,
    files: Mapping[str, bytes],
    published_by: User | None,
    changes: str,
    security_fix: str = "",
) -> Version:
    number = manifest.version or ""  # a publishable one has its number
    key = sort_key(number)
    if not extension.versions.filter(sort_key__gt=key).exists():
        extension.name = manifest.name  # the newest release says what people read
    extension.save()
    version = Version.objects.create(
        workspace=extension.workspace,
        extension=extension,
        number=number,
        sort_key=key,
        manifest=manifest.canonical,
        manifest_digest=manifest.digest,
        digest=version_digest(manifest, files),
        changes=changes,
        security_fix=security_fix,
        published_by=published_by,
    )
    VersionFile.objects.bulk_create(
        VersionFile(
            workspace=extension.workspace,
            version=version,
            path=path,
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for path, content in files.items()
    )
    sign_release(version)
    _ask_publisher(version)
    return version


def _ask_publisher(version: Version) -> None:
    """Tell the team of a publisher that demands its own signature that this one waits for it."""
    owner = version.extension.owner
    if owner is not None and owner.demands(version.published_at):
        tell_team(owner, "version_unsigned", note=f"Nobody installs {version} before one of you signs it.")


def _numbered(manifest: Manifest, number: str) -> Manifest:
    return load({**manifest.canonical, "version": number})


def _in_workspace(version: Version) -> WorkspaceModel:
    """A private version as what it is: a row of a workspace, with nothing of that type to say so."""
    return cast(WorkspaceModel, version)


def _base(version: Version) -> str:
    return DRAFT.sub("", version.number)


def file_problems(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[str]:
    """Why these files cannot go with the manifest, each in a sentence."""
    yield from (f"{path} is not a plain relative path of at most 200 characters." for path in files if not fits(path))
    yield from (f"{path} is larger than 256 KiB." for path, content in files.items() if len(content) > MAX_FILE_BYTES)
    if sum(map(len, files.values())) > MAX_FILES_BYTES:
        yield "Its files are larger than 1 MiB together."
    yield from (f"The file {name} is named and not there." for name in code_names(manifest) if name not in files)


def _check_publishable(manifest: Manifest, files: Mapping[str, bytes], publisher: str) -> None:
    problems = [f"{finding.message} {finding.fix}" for finding in publishable(manifest)]
    for what, value, limit in (("name", manifest.id, 80), ("publisher", publisher, 80)):
        if not 0 < len(value) <= limit:
            problems.append(f"The {what} has 1 to {limit} characters.")
    problems += file_problems(manifest, files)
    for one in code_findings(manifest, files):
        if one.severity == "error":
            problems.append(f"{one.file}, line {one.line}: {one.message} {one.fix}")
    if problems:
        sentence = f"{manifest.id or 'It'} cannot be published: {problems[0]}"
        raise NotPublishable(sentence, {"manifest": " ".join(problems)})


def fits(path: str) -> bool:
    return len(path) <= 200 and _PATH.fullmatch(path) is not None


def _one_at_a_time() -> None:
    """Whether a name is free depends on all names together (see ``_check_names``), which no constraint can say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('registry.publish_version'))")


def _check_names(manifest: Manifest, known: SharedQuerySet) -> None:
    """``a.b`` means action b of connector a, so none of ``known`` may bear that name as well. Raises NameTaken."""
    if manifest.kind == Kind.CONNECTOR:
        names = [f"{manifest.id}.{action}" for action in manifest.actions]
        if taken := known.filter(slug__in=names).values_list("slug", flat=True).first():
            raise NameTaken(f"{taken} is an extension, so {manifest.id} cannot have an action of that name.")
    owner, _, action = manifest.id.rpartition(".")
    having = Version.objects.filter(extension__in=known.filter(slug=owner, kind=Kind.CONNECTOR))
    if owner and having.filter(manifest__actions__contains=[{"id": action}]).exists():
        raise NameTaken(f"{manifest.id} is an action of the connector {owner}.")
