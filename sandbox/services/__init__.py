"""The one gate. ``invoke`` is the only way in, ``perform`` is what a worker does with what came through.

The twelve steps of a call, each a function of its own, in this order:

====  ==================  ============================================
 1    resolve_call        admission: workspace, caller, version, mode
 2    validate_inputs     admission
 3    decide              admission, and again at the claim (recheck)
 4    seek_approval       asking: find one that matches, or ask
 5    charge_budget       execution
 6    claim               claiming: consume the approval, take the run
 7    execute             execution: attempts, back-off
 8    classify            execution: a reply becomes a category or none
 9    validate_outputs    execution
10    redact_outputs      execution
11    store               ending: run, spans, call record
12    audit_result        ending: in the same transaction as 11
====  ==================  ============================================
"""

from sandbox.services.admission import invoke
from sandbox.services.doorbells import ring
from sandbox.services.lifecycle import (
    approval_was_decided,
    cancel_run,
    cancel_runs_of,
    forget_kept_inputs,
    reconcile,
    settle_run,
)
from sandbox.services.performing import perform

__all__ = [
    "approval_was_decided",
    "cancel_run",
    "cancel_runs_of",
    "forget_kept_inputs",
    "invoke",
    "perform",
    "reconcile",
    "ring",
    "settle_run",
]
