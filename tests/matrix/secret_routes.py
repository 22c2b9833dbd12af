"""Addresses and correct bodies of the vault's routes: a secret of Meridian in use, with its next value staged."""

from galaxy.core.vault.services import create_secret, stage_version
from registry.models import SecretUse

BINDING = {"hosts": ["api.example.com"], "places": ["header"]}
VALUE = {"value": "a value of mine", "hosts": "api.example.com", "places": ["header"]}


def secrets(workspace, admin, installation) -> dict:
    secret = create_secret(workspace, name="crm-key", purpose="Calls the CRM.", value="a value", **BINDING, actor=admin)
    stage_version(secret, value="the next value", **BINDING, actor=admin)
    use = SecretUse.objects.create(
        workspace=workspace, installation=installation, secret=secret, name="KEY", given_by=admin
    )
    return {"secret": secret, "use": use}


def place(route: str, things: dict) -> dict:
    secret, installation = {"pk": things["secret"].pk}, {"pk": things["installation"].pk}
    return {
        "registry:live-mode": installation,
        "registry:secret-use-create": installation,
        "registry:secret-use-removal": installation | {"use": things["use"].pk},
        "core:secret-detail": secret,
        "core:secret-staging": secret,
        "core:secret-shredding": secret,
        "core:secret-test": secret | {"number": 2},
        "core:secret-switch": secret | {"number": 2},
        "core:secret-retirement": secret | {"number": 2},
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    return {
        "registry:live-mode": {"live": "on"},
        "registry:secret-use-create": {"secret": str(things["secret"].pk), "name": "TOKEN"},
        "core:secret-create": VALUE | {"name": "another-key", "purpose": "Calls somebody else."},
        "core:secret-staging": VALUE,
        "core:secret-test": {"address": "https://api.example.com/"},
        "core:secret-shredding": {"name": "crm-key"},
    }.get(route, {})
