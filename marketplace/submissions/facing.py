"""What stands between a draft and a submission: checks, name and number, the same for form, API and desk."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from galaxy.core.models import User, Workspace
from marketplace.checks import Checked, Context, check
from marketplace.desk import desk as marketplace_desk
from marketplace.submissions.errors import NoDesk, NotReady
from registry.errors import AlreadyPublished, NameTaken
from registry.manifests import Finding, Manifest, version_digest
from registry.models import Extension, Publisher
from registry.semver import DRAFT

PUBLIC, PRIVATE = "public", "private"
MOST_SUMMARY = 200  # of a card


@dataclass(frozen=True)
class Order:
    """What an author asks for: ``desk`` decides, ``owner`` publishes it for all (None: the private catalogue of the
    workspace), ``changes`` say what is new, ``support`` where people get help (an address or a link), ``security_fix``
    which hole it closes, if it closes one."""

    desk: Workspace
    owner: Publisher | None = None
    changes: str = ""
    support: str = ""
    security_fix: str = ""

    @property
    def publisher(self) -> str:
        """The name that stands on its card."""
        return self.owner.name if self.owner else self.desk.name[:80]


@dataclass(frozen=True)
class Prepared:
    manifest: Manifest
    files: dict[str, bytes]
    findings: list[Finding]
    digest: str


def desk_for(workspace: Workspace, catalogue: str) -> Workspace:
    """Who decides what ``workspace`` submits for the catalogue, public or private. Raises NoDesk."""
    if catalogue == PRIVATE:
        return workspace
    found = marketplace_desk()
    if found is None:
        raise NoDesk("There is no marketplace that reviews yet, so nothing can be submitted to all.")
    return found


def publishers_for(user: User, workspace: Workspace) -> QuerySet[Publisher]:
    """The publishers of the workspace that ``user`` may publish for."""
    return Publisher.objects.filter(workspace=workspace, team__user=user).order_by("name")


def checked_for(workspace: Workspace, text: str, files: Mapping[str, bytes], publisher: str) -> Checked:
    """The one list of findings, as its author and its reviewer see it."""
    return check(text, files, Context(publisher, workspace))


def ready(workspace: Workspace, text: str, files: Mapping[str, bytes], order: Order) -> Prepared:
    """What ``workspace`` would hand in. Raises NotReady, NameTaken or AlreadyPublished."""
    checked = checked_for(workspace, text, files, order.publisher)
    if checked.manifest is not None:
        check_free(checked.manifest, version_digest(checked.manifest, checked.files), order)
    open_ones = checked.obstacles
    if checked.manifest is None or open_ones:
        first = open_ones[0]
        where = f"Line {first.line}: " if first.line else ""
        more = f" {len(open_ones) - 1} more." if len(open_ones) > 1 else ""
        raise NotReady(f"It is not ready. {where}{first.message} {first.fix}{more}")
    manifest = checked.manifest
    if DRAFT.search(manifest.version or ""):
        raise NotReady(f"{manifest.version} is the number of a draft.", None, "Give it a number of its own, as 1.0.0.")
    if len(manifest.summary) > MOST_SUMMARY:
        raise NotReady(f"The summary has {len(manifest.summary)} characters; a card takes {MOST_SUMMARY}.")
    return Prepared(manifest, checked.files, checked.findings, version_digest(manifest, checked.files))


def check_free(manifest: Manifest, digest: str, order: Order) -> None:
    """Raises NameTaken where another has the name, AlreadyPublished where the number is out already."""
    names = Extension.objects.public()
    if order.owner is None:
        if names.filter(slug=manifest.id).exists():
            raise NameTaken(f"{manifest.id} is the name of an extension in the marketplace.")
        names = Extension.objects.filter(workspace=order.desk)
    found = names.filter(slug=manifest.id).first()
    if found is None:
        return
    if found.kind != manifest.kind or (order.owner is not None and found.owner_id != order.owner.pk):
        raise NameTaken(f"{manifest.id} is the {found.kind} of {found.publisher} already.")
    stands = found.versions.filter(number=manifest.version).first()
    if stands is not None:
        other = "" if stands.digest == digest else " with other content"
        raise AlreadyPublished(f"{manifest.id} {manifest.version} is published{other} already.")
