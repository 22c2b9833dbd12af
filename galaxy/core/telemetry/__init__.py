"""What Galaxy tells other systems of itself: traces by OTLP, figures for Prometheus; and whose trace a call continues.

traceparent.py reads what comes in, otlp.py writes spans as OpenTelemetry has them, tallies.py counts what was lost,
prometheus.py answers ``/metrics``. docs/observability.md tells the rules.
"""

from django.conf import settings


def exports_traces() -> bool:
    """Whether there is a collector to send traces to; asked without importing the SDK, which only the sender needs."""
    return bool(settings.OTLP_ENDPOINT)
