"""Names that look like those of others. Each name that is taken is kept with its skeleton and the keys near it."""

from collections.abc import Iterable, Iterator

from marketplace.checks.models import KnownName
from marketplace.checks.notes import Subject
from registry.manifests import Finding
from registry.models import Extension
from registry.names import SHORTEST, is_near, keys, skeleton

MOST_CANDIDATES = 200  # looked at for one name


def findings(subject: Subject) -> Iterator[Finding]:
    manifest, publisher = subject.manifest, _publisher_of(subject)
    if manifest.id:
        yield from _of_extension(subject, manifest.id, publisher)
    if publisher:
        twin = _twin(KnownName.Kind.PUBLISHER, publisher)
        if twin:
            yield subject.at("look-alike-publisher", "publisher", message=f"{publisher} looks like {twin}.")


def remember(extensions: Iterable[Extension]) -> int:
    """Keep the names of these public extensions and of their publishers; safe to call again. Returns how many are
    new. Called by ``list_extension``, and after listings were made in bulk."""
    wanted: dict[tuple[str, str], None] = {}
    for one in extensions:
        if one.workspace_id is None:
            wanted |= {(KnownName.Kind.EXTENSION, one.slug): None, (KnownName.Kind.PUBLISHER, one.publisher): None}
    rows = [KnownName(kind=kind, name=name, skeleton=skeleton(name), keys=keys(name)) for kind, name in wanted]
    before = KnownName.objects.count()
    KnownName.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    return KnownName.objects.count() - before


def _of_extension(subject: Subject, name: str, publisher: str) -> Iterator[Finding]:
    own = Extension.objects.public().filter(slug=name).values_list("publisher", flat=True).first()
    if own is not None:
        if publisher and own != publisher:
            message = f"{name} is the extension of {own} already."
            yield subject.at("name-taken", "id", message=message)
        return
    twin = _twin(KnownName.Kind.EXTENSION, name)
    if twin:
        yield subject.at("look-alike-name", "id", message=f"{name} looks like {twin}, which is somebody else's.")
        return
    if near := _near(name):
        yield subject.at("similar-name", "id", message=f"{name} is one letter away from {near}.")


def _twin(kind: str, name: str) -> str | None:
    """A known name other than ``name`` that looks the same."""
    bare = skeleton(name)
    if len(bare) < SHORTEST:
        return None
    alike = KnownName.objects.filter(kind=kind, skeleton=bare)
    names = list(alike.order_by("name").values_list("name", flat=True)[:MOST_CANDIDATES])
    return None if name in names else next(iter(names), None)


def _near(name: str) -> str | None:
    if len(skeleton(name)) < SHORTEST + 1:  # of four letters many are one away
        return None
    near = KnownName.objects.filter(keys__overlap=keys(name)).order_by("name")  # by one index: there are two kinds only
    candidates = near.values_list("kind", "name")[:MOST_CANDIDATES]
    wanted = (one for kind, one in candidates if kind == KnownName.Kind.EXTENSION)
    return next((one for one in wanted if is_near(one, name)), None)


def _publisher_of(subject: Subject) -> str:
    return subject.context.publisher or subject.manifest.canonical.get("publisher", "")
