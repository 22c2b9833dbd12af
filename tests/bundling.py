"""Bundles of another Galaxy for tests: published and signed there by a key of its own, and nothing of it left here."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.db import transaction
from django.test import override_settings

from galaxy.core.vault.signing import VERSIONS, SigningKeys, make_signing_keys
from marketplace.bundles.exporting import bundle_of
from marketplace.bundles.layout import Bundle
from marketplace.bundles.models import BundleSource
from marketplace.bundles.sources import trust_source
from marketplace.bundles.trusting import root_of
from marketplace.bundles.writing import write_bundle
from marketplace.services import list_extension
from registry.manifests import Manifest
from registry.signing.keys import current
from tests.registry.samples import publish


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """Another instance, whose marketplace has a first key of its own in ``folder``, by its id; what is done there is
    undone at the end."""
    file = folder / "elsewhere" / "marketplace.json"
    make_signing_keys(file, VERSIONS)
    keys = SigningKeys(file, VERSIONS)
    its_own = {"GALAXY_MARKETPLACE_KEYS": str(file), "GALAXY_MARKETPLACE_ROOTS": [keys.current]}
    with override_settings(**its_own), transaction.atomic():
        current(keys, new_root=True)
        yield keys.current
        transaction.set_rollback(True)


def foreign(
    folder: Path,
    *manifests: Manifest,
    publisher: str = "Orbit Works",
    level: str = "verified",
    files: Mapping[str, bytes] | None = None,
) -> Bundle:
    """The last of ``manifests`` as a bundle of elsewhere, each with ``files``."""
    with elsewhere(folder) as root:
        for manifest in manifests:
            version = publish(manifest, publisher, files=files, changes="Better.")
            list_extension(version, level=level, summary=manifest.summary)
        bundle = bundle_of(version)
    return replace(bundle, keys=tuple(key for key in bundle.keys if key.id == root))


def bytes_of(bundle: Bundle) -> bytes:
    return write_bundle(bundle)


def key_text(bundle: Bundle) -> str:
    """The first key of who signed it, in base64."""
    return base64.b64encode(root_of(bundle).public).decode()


def trusted(bundle: Bundle, actor=None, name: str = "Head office") -> BundleSource:
    """The marketplace that signed ``bundle``, trusted here; by an operator where ``actor`` is None."""
    return trust_source(name=name, public=key_text(bundle), reason="Told by phone.", actor=actor)
