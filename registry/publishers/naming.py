"""Names of publishers: what one may look like, and whose it is."""

import secrets
import unicodedata

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.text import slugify

from galaxy.core.errors import Invalid
from galaxy.core.models import User, Workspace
from registry.errors import NameTaken
from registry.models import Publisher
from registry.names import skeleton

MAX_NAME = 80
_LIKE_LATIN = {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}  # scripts whose letters pass for Latin ones
_NEXT = "If it is yours by right, ask the desk for it: Publishers, Names asked for."


def publisher_named(name: str) -> Publisher:
    """The publisher of this name of the people who run Galaxy, made and vouched for where it is new.

    Raises NameTaken where a workspace has it, or where it looks like another's.
    """
    found = Publisher.objects.filter(name=name).first()
    if found is None:
        return make_publisher(name, workspace=None, proof=Publisher.Proof.STAFF, proven_at=timezone.now())
    if found.workspace_id:
        raise NameTaken(f"{name} is the name of somebody else's publisher.", _NEXT)
    return found


def make_publisher(name: str, *, workspace: Workspace | None, created_by: User | None = None, **more) -> Publisher:
    """Store a publisher under a name that is free. Raises Invalid or NameTaken."""
    check_name(name)
    row = Publisher(name=name, workspace=workspace, created_by=created_by, token=new_token(), **more)
    base = slugify(name) or "publisher"
    row.slug = base if not Publisher.objects.filter(slug=base).exists() else f"{base[:70]}-{secrets.token_hex(4)}"
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise taken(name) from error
    return row


def holder_of(name: str) -> Publisher | None:
    """The publisher that has ``name``, or one that looks like it."""
    rows = Publisher.objects.annotate(lower=Lower("name"))
    return rows.filter(lower=name.lower()).first() or rows.filter(skeleton=skeleton(name)).first()


def taken(name: str) -> NameTaken:
    """Why ``name`` cannot be had, in a sentence."""
    there = holder_of(name)
    if there is None:
        return NameTaken(f"{name} is taken.", _NEXT)
    is_same = there.name.lower() == name.lower()
    middle = "is a publisher" if is_same else f"looks like {there}, which is a publisher"
    return NameTaken(f"{there.name if is_same else name} {middle} already.", _NEXT)


def check_name(name: str) -> None:
    """Raises Invalid for a name that could not be read, or could be taken for something else."""
    if problem := why_no_name(name):
        raise Invalid(problem, {"name": problem})


def why_no_name(name: str) -> str:
    """What is wrong with ``name`` in a sentence; "" where it can be a publisher's."""
    if not 2 <= len(name) <= MAX_NAME:
        return f"A name has 2 to {MAX_NAME} characters."
    if name != " ".join(name.split()):
        return "A name has single spaces, and none before or after it."
    if any(letter in "<>" or unicodedata.category(letter)[0] == "C" for letter in name):
        return "A name has no angle brackets and no characters that cannot be seen."
    if not skeleton(name):
        return "A name has letters or digits."
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in name if letter.isalpha()}
    if len(scripts) > 1 and scripts & _LIKE_LATIN:
        return "A name keeps to the letters of one script."
    return ""


def new_token() -> str:
    return secrets.token_urlsafe(24)
