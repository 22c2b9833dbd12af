"""Sealed workers that run creators' Python: a fresh WebAssembly instance for each run, in a process that the operating
system holds as well. Needs nothing of Django, so that it can stand alone in the one process that has secrets.

    with Pool(2) as pool:
        outcome = pool.run(Job(workspace="...", code=source, inputs={}, seed=1, now=now), broker)
"""

from sandbox.pool.limits import Limits
from sandbox.pool.outcome import Broker, Job, Outcome, SandboxUnavailable
from sandbox.pool.pool import Pool, Walls

REQUIRED, REDUCED = Walls.REQUIRED, Walls.REDUCED

__all__ = ["REDUCED", "REQUIRED", "Broker", "Job", "Limits", "Outcome", "Pool", "SandboxUnavailable", "Walls"]
