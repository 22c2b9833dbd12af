"""The door of the guest. This file runs inside WebAssembly (CPython of componentize-py, wasm32-wasi).

What stands at module level runs once, when the guest is built; its effect is stored in the artefact, so that every run
starts from exactly this state.
"""

import datetime
import gc
import importlib
import importlib.resources
import json
import random
import re
import traceback
import zoneinfo

import wit_world
from componentize_py_types import Err
from wit_world.imports import host

from sandbox.guest.modules import HELPERS, MODULES
from sandbox.guest.running import Failed, run

for name in MODULES + HELPERS:
    importlib.import_module(name)

# ZoneInfo looks into its own weak cache before it looks for files: load every zone now, and keep it alive.
zoneinfo.reset_tzpath(to=())
NAMES = importlib.resources.files("tzdata").joinpath("zones").read_text().split()
ZONES = {name: zoneinfo.ZoneInfo(name) for name in NAMES}
zoneinfo.available_timezones = lambda: set(ZONES)

# What CPython makes at first use is made now.
re.compile(r"\d+").match("1")
json.loads(json.dumps({"a": [1, 2.5, "x"]}))
datetime.datetime.strptime("2024-01-01", "%Y-%m-%d")
traceback.format_exception(ValueError("x"))
"x".encode("idna")

gc.collect()
gc.freeze()


class WitWorld(wit_world.WitWorld):
    def run(self, code: str, inputs: str, context: str) -> str:
        told = json.loads(context)
        random.seed(told["seed"])
        try:
            return run(code, json.loads(inputs), told, host)
        except Failed as failed:
            raise Err(json.dumps(failed.facts)) from None
