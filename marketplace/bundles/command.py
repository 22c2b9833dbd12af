"""``manage.py extension bundle``: export, look, trust and import, for who runs Galaxy; nobody's permission is asked."""

import base64
import hashlib
import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from galaxy.core.management.workspaces import workspaces_named
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import Workspace
from galaxy.core.scope import workspace_scope
from galaxy.core.terminal import calm_line
from galaxy.core.vault.signing import PUBLIC_BYTES
from marketplace.bundles.exporting import bundle_of
from marketplace.bundles.importing import ImportedAlready, hand_in, import_bundle
from marketplace.bundles.layout import MAX_BYTES, SUFFIX, Bundle
from marketplace.bundles.models import BundleSource
from marketplace.bundles.reading import read_bundle
from marketplace.bundles.sources import trust_source
from marketplace.bundles.speaking import hush, let_speak
from marketplace.bundles.trusting import root_of, roots_of, why_not_trusted
from marketplace.bundles.writing import write_bundle
from registry.models import Version
from registry.signing import operator_keys

Say = Callable[[str], Any]
_FINGERPRINT = re.compile(r"[0-9a-fA-F]{64}")


def add_bundle_verbs(parser: ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True)
    export = acts.add_parser("export", help="Write a version and what it requires to one file, with its signatures.")
    export.add_argument("slug")
    export.add_argument("--number", help="which version; the newest that can be installed where it is left out")
    export.add_argument("--out", type=Path, help="the file (default: SLUG-NUMBER.galaxy here)")
    look = acts.add_parser("look", help="Say what a bundle holds; exit status 1 where it is not to be trusted.")
    look.add_argument("file", type=Path)
    look.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="KEY",
        help="a key to trust, whole: its 32 bytes in base64, or their SHA-256 in 64 hex digits",
    )
    trust = acts.add_parser("trust", help="Trust another marketplace: what it signed may be imported here.")
    trust.add_argument("public", help="its first public key, in base64, as it was told you")
    trust.add_argument("--name", required=True, help="what it is called here")
    trust.add_argument("--reason", required=True, help="how you came to know the key")
    speaks = acts.add_parser("speaks", help="Let a trusted marketplace speak for the shipped catalogue, or no more.")
    speaks.add_argument("key", help="the short name of its first key")
    speaks.add_argument("--reason", required=True, help="why it does, or does no more")
    speaks.add_argument("--end", action="store_true", help="take it back")
    taking = acts.add_parser("import", help="Publish what a bundle holds and is new here: all of it or nothing.")
    taking.add_argument("file", type=Path)
    taking.add_argument("--workspace", metavar="SLUG", help="into its own catalogue, in the place of the marketplace")


def handle(act: str, say: Say, **options: Any) -> None:
    """Raises CommandError, or SystemExit where a look finds no trust."""
    verbs: dict[str, Callable[..., None]] = {
        "export": _export,
        "look": _look,
        "trust": _trust,
        "speaks": _speaks,
        "import": _import,
    }
    verbs[act](say, **options)


def _export(say: Say, *, slug: str, number: str | None, out: Path | None, **options: Any) -> None:
    found = Version.objects.installable().public().filter(extension__slug=slug)
    version = (found.filter(number=number) if number else found).first()
    if version is None:
        raise CommandError(f"Nothing called {slug} {number or ''}".strip() + " is published.")
    bundle = bundle_of(version)
    out = out or Path(f"{version.extension.slug}-{version.number}{SUFFIX}")
    try:
        out.write_bytes(write_bundle(bundle))
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
    say(f"{out}: {_listed(bundle)}. Whoever takes it in trusts key {_root(bundle)}.")
    if (root := root_of(bundle)) is not None:
        say(f"The whole of that key, to be told by another way than the file: {base64.b64encode(root.public).decode()}")
        say(f"Its fingerprint, where that is easier to read out: {hashlib.sha256(root.public).hexdigest()}")


def _look(say: Say, *, file: Path, root: list[str], **options: Any) -> None:
    bundle = read_bundle(_content(file))
    say(f"{_listed(bundle)}. Signed by the marketplace whose first key is {_root(bundle)}.")
    why = why_not_trusted(bundle, _named(bundle, root))
    nobody = "You named no key that you trust, so nothing of it is believed. Give the whole key with --root."
    say((why if root else nobody) if why else "Every version is vouched for by a key that you trust.")
    if why:
        raise SystemExit(1)


def _named(bundle: Bundle, given: list[str]) -> set[str]:
    """The ids in ``bundle`` of the keys that were given whole: 48 bits of an id are found again by who wants to.

    Raises CommandError for what is no whole key; a key that is not in the bundle stands for an id that is not either.
    """
    known = {key.public: key.id for key in roots_of(bundle)}
    known |= {hashlib.sha256(public).digest(): id for public, id in known.items()}
    found = set()
    for text in given:
        plain = "".join(text.split())
        try:
            raw = bytes.fromhex(plain) if _FINGERPRINT.fullmatch(plain) else base64.b64decode(plain, validate=True)
        except ValueError:
            raw = b""
        if len(raw) != PUBLIC_BYTES:
            how = "Give its 32 bytes in base64 or their SHA-256 in hex, as export prints them."
            raise CommandError(f"{text[:100]} is no whole key. {how}")
        found.add(known.get(raw, ""))
    return found


def _trust(say: Say, *, public: str, name: str, reason: str, **options: Any) -> None:
    source = trust_source(name=name, public=public, reason=reason, actor=None)
    say(f"{source} is trusted, by key {source.key_id}: what it signed may be imported.")


def _speaks(say: Say, *, key: str, reason: str, end: bool, **options: Any) -> None:
    found = list(BundleSource.objects.trusted().filter(key_id=key)[:2])
    if len(found) != 1:
        raise CommandError(f"{'No' if not found else 'More than one'} trusted marketplace has key {key}.")
    (hush if end else let_speak)(found[0], reason=reason, actor=None)
    more = "no more" if end else "now: its bundles continue what came with Galaxy"
    say(f"{found[0]} speaks for the shipped catalogue {more}.")


def _import(say: Say, *, file: Path, workspace: str | None, **options: Any) -> None:
    content = _content(file)
    for place in _catalogues(workspace):
        upload, _ = hand_in(place, content=content, name=file.name, actor=None)
        try:
            with _keys():
                row = import_bundle(upload, actor=None)
        except ImportedAlready as error:
            say(f"{error} {error.next_step}")
            return
        for one in row.versions.select_related("version__extension").order_by("version__extension__slug"):
            say(f"{one.version} ({one.digest[:12]}) is in {'the marketplace' if place.is_marketplace else place} now.")
        say(f"It came from {row.source}. Levels stay behind: each begins as community.")


def _catalogues(slug: str | None) -> Iterator[Workspace]:
    """The workspace of that name, or the desk, in scope while it is handled. Raises CommandError."""
    if slug:
        yield from workspaces_named([slug])
        return
    desk = marketplace_workspace()
    if desk is None:
        raise CommandError("There is no desk yet: manage.py marketplace desk makes it. Or name a --workspace.")
    with workspace_scope([desk.pk]):
        yield desk


def _keys() -> AbstractContextManager[None]:
    """Sign at once where this command may; otherwise sandboxd is asked after the commit, and looks for itself."""
    return operator_keys() if settings.GALAXY_MARKETPLACE_KEYS or not settings.HARDENED else nullcontext()


def _content(file: Path) -> bytes:
    """One byte more than may be is enough to be refused."""
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error


def _listed(bundle: Bundle) -> str:
    return ", ".join(f"{one} ({calm_line(one.level)}, {one.digest[:12]})" for one in bundle.versions)


def _root(bundle: Bundle) -> str:
    root = root_of(bundle)
    return root.id if root else "none"
