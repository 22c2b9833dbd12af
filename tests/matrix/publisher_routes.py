"""Addresses and correct bodies of the routes of publishers: a name of Meridian's, claimed by the creator."""

import base64
import itertools

from galaxy.core.models import User, Workspace
from registry.models import Publisher, PublisherMember, SigningKey
from registry.publishers.claiming import add_to_team, claim_name
from registry.publishers.keys import add_key
from registry.publishers.proving import set_domain

_numbers = itertools.count(1)


def publishers(
    workspace: Workspace, creator: User, author: User
) -> dict[str, Publisher | PublisherMember | SigningKey]:
    publisher = claim_name(workspace, name="Meridian Works", actor=creator)
    set_domain(publisher, domain="meridian.example", actor=creator)
    publisher.refresh_from_db()
    return {
        "publisher": publisher,
        "author": add_to_team(publisher, user=author, role="author", actor=creator),
        "publisher_key": add_key(publisher, public=_public(), actor=creator),
    }


def place(route: str, things: dict) -> dict:
    if route == "registry:key-revocation":
        return {"key": things["publisher_key"].pk}
    if route == "registry:publisher-team-removal":
        return {"pk": things["publisher"].pk, "member": things["author"].pk}
    return {"pk": things["publisher"].pk} if route.startswith("registry:publisher-") and "list" not in route else {}


def body(route: str, things: dict) -> dict:
    return {
        "registry:publisher-list": {"name": f"Claimed {next(_numbers)}"},
        "registry:publisher-domain": {"domain": "works.example"},
        "registry:publisher-team": {"user": things["membership"].user_id, "role": "author"},
        "registry:publisher-keys": {"public": _public()},
        "registry:publisher-vouch": {"reason": "Known."},
        "registry:key-revocation": {"reason": "Lost."},
    }.get(route, {})


def _public() -> str:
    """32 bytes in base64, others each time: nobody verifies by them."""
    return base64.b64encode(next(_numbers).to_bytes(32, "big")).decode()
