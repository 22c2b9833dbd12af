"""Addresses and correct bodies of the vault's routes: a secret of Meridian in use, with its next value staged."""

from galaxy.core.vault.services import create_secret, stage_version

BINDING = {"hosts": ["api.example.com"], "places": ["header"]}
VALUE = {"value": "a value of mine", "hosts": "api.example.com", "places": ["header"]}


def secrets(workspace, admin) -> dict:
    secret = create_secret(workspace, name="crm-key", purpose="Calls the CRM.", value="a value", **BINDING, actor=admin)
    stage_version(secret, value="the next value", **BINDING, actor=admin)
    return {"secret": secret}


def place(route: str, things: dict) -> dict:
    secret = {"pk": things["secret"].pk}
    return {
        "core:secret-detail": secret,
        "core:secret-staging": secret,
        "core:secret-shredding": secret,
        "core:secret-test": secret | {"number": 2},
        "core:secret-switch": secret | {"number": 2},
        "core:secret-retirement": secret | {"number": 2},
    }.get(route, {})


def body(route: str) -> dict:
    return {
        "core:secret-create": VALUE | {"name": "another-key", "purpose": "Calls somebody else."},
        "core:secret-staging": VALUE,
        "core:secret-test": {"address": "https://api.example.com/"},
        "core:secret-shredding": {"name": "crm-key"},
    }.get(route, {})
