"""A vault that is open in this process, with its root key in a file of the test's own."""

import pytest

from galaxy.core.models import SecretVersion
from galaxy.core.vault.services import create_secret

CANARY = "sk-live-7f3b-Canary/42+ü"
HOSTS, PLACES = ["api.example.com"], ["header"]


@pytest.fixture
def api_key(vault, workspace, admin):
    """The secret "crm-key" of Meridian, for the headers of requests to api.example.com."""
    return create_secret(
        workspace, name="crm-key", purpose="Calls the CRM.", value=CANARY, hosts=HOSTS, places=PLACES, actor=admin
    )


@pytest.fixture
def version(api_key):
    return SecretVersion.objects.select_related("secret", "key").get(secret=api_key)
