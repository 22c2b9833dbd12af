"""Addresses and correct bodies of the routes of publishers: a name of Meridian's, claimed by the creator."""

import base64
import itertools
from uuid import UUID

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
    if route in ("registry:key-revocation", "registry:key-retirement"):
        return {"key": things["publisher_key"].pk}
    if route.startswith("api:publisher-key-re"):
        return {"pk": things["publisher"].pk, "key": things["publisher_key"].pk}
    if route == "registry:name-claim-detail":
        return {"pk": UUID(int=1)}
    if route == "registry:publisher-team-removal":
        return {"pk": things["publisher"].pk, "member": things["author"].pk}
    if route.endswith(":publisher-list") or ":publisher-" not in route:
        return {}
    return {"pk": things["publisher"].pk}


def body(route: str, things: dict) -> dict:
    return {
        "registry:publisher-list": {"name": f"Claimed {next(_numbers)}"},
        "registry:publisher-domain": {"domain": "works.example"},
        "registry:publisher-team": {"user": things["membership"].user_id, "role": "author"},
        "registry:publisher-keys": {"public": _public()},
        "registry:publisher-vouch": {"reason": "Known."},
        "registry:publisher-signing": {"end": "1"},
        "registry:key-revocation": {"reason": "Lost."},
        "registry:name-claim-create": {"name": "Nobody has this", "plea": "It is ours."},
        "registry:name-claim-detail": {"answer": "grant", "reason": "It is theirs."},
        "api:publisher-key-list": {"public": _public()},
        "api:publisher-key-revocation": {"reason": "Lost."},
        "api:publisher-signing": {"since": None},
    }.get(route, {})


def _public() -> str:
    """32 bytes in base64, others each time: nobody verifies by them."""
    return base64.b64encode(next(_numbers).to_bytes(32, "big")).decode()
