"""How much is at stake in a request: what may be told in a digest, and what takes a reason for a yes as well."""

from django.db import models

from policies.models import Approval


class Risk(models.TextChoices):
    LOW = "low", "Low"
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"


def risk_of(approval: Approval) -> Risk:
    """Low: nothing changes anywhere, by a read or a simulation, and few records at that. High: live, and it deletes or
    concerns many records at once. What is not known is not low."""
    grave = approval.is_bulk or approval.effect == "delete"
    if grave:
        return Risk.NORMAL if approval.simulated else Risk.HIGH
    return Risk.LOW if approval.simulated or approval.effect == "read" else Risk.NORMAL
