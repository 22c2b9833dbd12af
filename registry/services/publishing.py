"""Publishing: a manifest and its files become a version that never changes."""

import hashlib
import re
from collections.abc import Iterator, Mapping

from django.db import connection, transaction

from galaxy.core.models import User
from registry.errors import AlreadyPublished, NameTaken, NotPublishable
from registry.manifests import Manifest, publishable, version_digest
from registry.models import Extension, Kind, Version, VersionFile
from registry.semver import sort_key

MAX_FILE_BYTES = 256 * 1024
MAX_FILES_BYTES = 1024 * 1024
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)


@transaction.atomic
def publish_version(
    manifest: Manifest,
    *,
    files: Mapping[str, bytes] | None = None,
    publisher: str,
    published_by: User | None = None,
    changes: str = "",
) -> Version:
    """Publish one immutable release; the extension is made when it is new.

    ``files`` maps a path within the version to its bytes. The same number with the same bytes answers the version
    that stands already. Raises NotPublishable, AlreadyPublished (same number, other bytes) or NameTaken.
    """
    files = files or {}
    _check_publishable(manifest, files, publisher)
    digest, number = version_digest(manifest, files), manifest.version or ""  # a publishable one has its number
    _one_at_a_time()
    extension = Extension.objects.filter(slug=manifest.id).first()
    if extension is None:
        extension = Extension(kind=manifest.kind, slug=manifest.id, publisher=publisher)
    elif (extension.kind, extension.publisher) != (manifest.kind, publisher):
        raise NameTaken(f"{manifest.id} is the {extension.kind} of {extension.publisher} already.")
    elif stands := extension.versions.filter(number=number).first():
        if stands.digest != digest:
            raise AlreadyPublished(f"{manifest.id} {number} is published with other content.")
        return stands
    _check_names(manifest)
    key = sort_key(number)
    if not extension.versions.filter(sort_key__gt=key).exists():
        extension.name = manifest.name  # the newest release says what people read
    extension.save()
    version = Version.objects.create(
        extension=extension,
        number=number,
        sort_key=key,
        manifest=manifest.canonical,
        manifest_digest=manifest.digest,
        digest=digest,
        changes=changes,
        published_by=published_by,
    )
    VersionFile.objects.bulk_create(
        VersionFile(version=version, path=path, content=content, sha256=hashlib.sha256(content).hexdigest())
        for path, content in files.items()
    )
    return version


def _check_publishable(manifest: Manifest, files: Mapping[str, bytes], publisher: str) -> None:
    problems = [f"{finding.message} {finding.fix}" for finding in publishable(manifest)]
    for what, value, limit in (("name", manifest.id, 80), ("publisher", publisher, 80)):
        if not 0 < len(value) <= limit:
            problems.append(f"The {what} has 1 to {limit} characters.")
    problems += (f"{path} is not a plain relative path of at most 200 characters." for path in files if not _fits(path))
    problems += (f"{path} is larger than 256 KiB." for path, content in files.items() if len(content) > MAX_FILE_BYTES)
    if sum(map(len, files.values())) > MAX_FILES_BYTES:
        problems.append("Its files are larger than 1 MiB together.")
    problems += (f"The file {name} is named and not there." for name in _code_files(manifest) if name not in files)
    if problems:
        sentence = f"{manifest.id or 'It'} cannot be published: {problems[0]}"
        raise NotPublishable(sentence, {"manifest": " ".join(problems)})


def _fits(path: str) -> bool:
    return len(path) <= 200 and _PATH.fullmatch(path) is not None


def _code_files(manifest: Manifest) -> Iterator[str]:
    for holder in (manifest.canonical, *manifest.canonical.get("actions", ())):
        for place in (holder, holder.get("simulation", {})):
            if name := place.get("code_file"):
                yield name


def _one_at_a_time() -> None:
    """Whether a name is free depends on all names together (see ``_check_names``), which no constraint can say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('registry.publish_version'))")


def _check_names(manifest: Manifest) -> None:
    """``a.b`` means action b of connector a, so no extension may bear that name as well. Raises NameTaken."""
    if manifest.kind == Kind.CONNECTOR:
        names = [f"{manifest.id}.{action}" for action in manifest.actions]
        if taken := Extension.objects.filter(slug__in=names).values_list("slug", flat=True).first():
            raise NameTaken(f"{taken} is an extension, so {manifest.id} cannot have an action of that name.")
    owner, _, action = manifest.id.rpartition(".")
    having = Version.objects.filter(extension__slug=owner, extension__kind=Kind.CONNECTOR)
    if owner and having.filter(manifest__actions__contains=[{"id": action}]).exists():
        raise NameTaken(f"{manifest.id} is an action of the connector {owner}.")
