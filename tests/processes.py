"""What processes that tests start need to find this test's own database and queue."""

import os
from pathlib import Path

from django.conf import settings
from django.db import connections

ROOT = Path(__file__).resolve().parents[1]


def environment(**more: str) -> dict[str, str]:
    """That of this process, pointed at its test database; ``more`` is put over it."""
    database = connections["default"].settings_dict
    host = (database["OPTIONS"].get("host") or database["HOST"]).replace("/", "%2F")
    found = {
        "DJANGO_SETTINGS_MODULE": "galaxy.settings",
        "DATABASE_URL": f"postgresql://{database['USER']}@{host}/{database['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
        "PYTHONPATH": str(ROOT),
    }
    return os.environ | found | more
