"""Rows of the sandbox: runs, triggers that start them, what both left behind; and how connections fare: breakers,
health, open issues."""

from sandbox.models.counting import Counts
from sandbox.models.gate import Destination, Rehearsal
from sandbox.models.golden import GoldenFlow, GoldenNight
from sandbox.models.health import CheckSchedule, VersionFigure
from sandbox.models.metrics import Charge, RollUp, RollUpQuerySet, Uncounted, Unsent
from sandbox.models.resilience import Breaker, BreakerEvent, HealthCheck, Hold, Issue
from sandbox.models.runs import (
    CallRecord,
    Category,
    Execution,
    ExecutionQuerySet,
    OutboxMessage,
    Outcome,
    Run,
    RunPayload,
    RunQuerySet,
    Span,
)
from sandbox.models.triggers import Trigger, TriggerDelivery, TriggerFiring, TriggerKey, TriggerTally
from sandbox.models.upgrades import InputMigration, UpgradePreview, UpgradeReport

__all__ = [
    "Breaker",
    "BreakerEvent",
    "CallRecord",
    "Category",
    "Charge",
    "CheckSchedule",
    "Counts",
    "Destination",
    "Execution",
    "ExecutionQuerySet",
    "GoldenFlow",
    "GoldenNight",
    "HealthCheck",
    "Hold",
    "InputMigration",
    "Issue",
    "OutboxMessage",
    "Outcome",
    "Rehearsal",
    "RollUp",
    "RollUpQuerySet",
    "Run",
    "RunPayload",
    "RunQuerySet",
    "Span",
    "Trigger",
    "TriggerDelivery",
    "TriggerFiring",
    "TriggerKey",
    "TriggerTally",
    "Uncounted",
    "Unsent",
    "UpgradePreview",
    "UpgradeReport",
    "VersionFigure",
]
