"""Addresses and correct bodies of the routes of bundles: one of a Galaxy that is trusted, handed in by the admin."""

import base64
import tempfile
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile

from marketplace.bundles.importing import hand_in
from tests.bundling import bytes_of, foreign, trusted
from tests.registry.samples import connector

OF_UPLOAD = ("upload-detail", "upload-import", "upload-removal", "bundle-detail", "bundle-import", "bundle-removal")
OF_SOURCE = ("bundles:source-revocation", "bundles:source-speaking")
OF_LISTING = ("bundles:bundle-export", "api:listing-bundle")


def bundles(workspace, admin) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        bundle = foreign(Path(folder), connector("faraway"))
        other = foreign(Path(folder), connector("farther"))
    row, _ = hand_in(workspace, content=bytes_of(bundle), name="faraway.galaxy", actor=admin)
    return {
        "bundle": row,
        "bundle_source": trusted(bundle),
        "bundle_content": base64.b64encode(bytes_of(other)).decode(),
    }


def place(route: str, things: dict) -> dict:
    space, _, name = route.partition(":")
    if space in ("bundles", "api") and name in OF_UPLOAD:
        return {"pk": things["bundle"].pk}
    if route in OF_LISTING:
        return {"slug": "probe.tidy"}
    return {"pk": things["bundle_source"].pk} if route in OF_SOURCE else {}


def body(route: str, things: dict) -> dict:
    content = things["bundle_content"]
    return {
        "bundles:bundle-list": {"file": SimpleUploadedFile("farther.galaxy", base64.b64decode(content))},
        "bundles:source-list": {"name": "Head office", "public": "A" * 43 + "=", "reason": "Told by phone."},
        "bundles:source-speaking": {"act": "begin", "reason": "They carry it."},
        "bundles:source-revocation": {"reach": "installs", "reason": "Stolen."},
        "api:listing-bundle": {"version": "1.0.0"},
        "api:bundle-list": {"content": content, "name": "farther.galaxy"},
    }.get(route, {})
