"""What was lost of traces, for ``manage.py doctor`` and the page for staff."""

from galaxy.core.ops.conditions import GOOD, WARN, Condition
from galaxy.core.telemetry.tallies import BATCHES_FAILED, SPANS_DROPPED, SPANS_LOST, tallies

NAME = "traces"


def traces() -> Condition:
    lost = tallies()
    said = []
    if lost[SPANS_LOST]:
        said.append(f"{lost[SPANS_LOST]:,} spans could not be stored")
    if lost[SPANS_DROPPED]:
        said.append(f"{lost[SPANS_DROPPED]:,} were dropped, since their collector was away")
    if not said:
        return Condition(NAME, GOOD, "No span was lost.")
    failed = f" {lost[BATCHES_FAILED]:,} tries to send failed." if lost[BATCHES_FAILED] else ""
    return Condition(
        NAME,
        WARN,
        f"{', and '.join(said)}.{failed}",
        "The runs themselves are whole; their pages and your collector lack these spans.",
        "Look at the space and the partitions of PostgreSQL, and at the collector in OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
