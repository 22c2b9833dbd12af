"""Processes import Galaxy without looking for garbage, and look for it afterwards."""

import subprocess
import sys

import pytest

from tests.processes import ROOT, environment

WEB = """
import gc
import galaxy.wsgi
print(gc.isenabled(), gc.get_freeze_count() > 100_000, "sandbox.views" in __import__("sys").modules)
"""
WORKER = """
import gc
from celery.signals import celeryd_init, worker_init
from galaxy.celery import app
celeryd_init.send(sender=None)
was_off = not gc.isenabled()
app.loader.init_worker()
worker_init.send(sender=None)
print(gc.isenabled(), gc.get_freeze_count() > 100_000, was_off)
"""


@pytest.mark.parametrize("program", [WEB, WORKER], ids=["web", "worker"])
def test_what_was_imported_is_not_looked_at_again(db, program):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, env=environment(), text=True, capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == (["True", "True", "True"], "")
