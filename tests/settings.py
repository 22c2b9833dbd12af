"""Galaxy's settings with the environment of the tests: servers of their own, quick and forgetful ones.

pytest-django reads the settings before any conftest, so this is where the environment is set.
"""

import os
from pathlib import Path

os.environ["GALAXY_TESTING"] = "1"
os.environ["GALAXY_ENV"] = "development"
os.environ.setdefault("GALAXY_DATA_DIR", str(Path(__file__).resolve().parent.parent / ".galaxy" / "test"))
os.environ.setdefault("GALAXY_EMBEDDED_FAST", "1")
# What tests publish is signed in their own process, with a key that tests/conftest.py makes once.
os.environ["GALAXY_MARKETPLACE_KEYS"] = str(Path(os.environ["GALAXY_DATA_DIR"]) / "marketplace-keys.json")
# Each test process rings at its own door, so that no worker hears another test's runs.
os.environ["GALAXY_QUEUE_PREFIX"] = f"test-{os.getpid()}-"

from galaxy.settings import *  # noqa: F403  (all of them, as settings are)
