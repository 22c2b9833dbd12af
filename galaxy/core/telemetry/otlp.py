"""Spans as OpenTelemetry has them, sent by OTLP over HTTP. Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

Ids of spans follow from those of stored ones, so that what is sent twice, after a kill, is the same span twice. The
SDK reads its usual variables for what is not said here (headers, certificates, compression).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

from django.conf import settings
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

_SCOPE = InstrumentationScope("galaxy")
_PATH = "/v1/traces"
Value = str | int | float | bool


@dataclass(frozen=True)
class Told:
    """A span to be sent. ``parent_id`` is that of a stored span, ``remote_parent`` a caller's, 16 digits of hex."""

    id: UUID
    trace_id: str
    name: str
    started_at: datetime
    duration_ms: float
    parent_id: UUID | None = None
    remote_parent: str = ""
    is_error: bool = False
    calls_out: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)


def send(spans: Sequence[Told]) -> bool:
    """Send ``spans``; returns whether the collector took them. Tries for a few seconds, and never raises."""
    if not spans:
        return True
    resource = _resource(settings.OTLP_SERVICE_NAME)
    return _exporter(settings.OTLP_ENDPOINT).export([_readable(span, resource) for span in spans]) is (
        SpanExportResult.SUCCESS
    )


def span_id_of(stored: UUID) -> int:
    """The id of a stored span in a trace: 64 bits of its hash, never 0."""
    return int.from_bytes(blake2b(stored.bytes, digest_size=8).digest()) or 1


def _readable(told: Told, resource: Resource) -> ReadableSpan:
    trace_id, flags = int(told.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
    parent = None
    if told.parent_id:
        parent = SpanContext(trace_id, span_id_of(told.parent_id), is_remote=False, trace_flags=flags)
    elif told.remote_parent:
        parent = SpanContext(trace_id, int(told.remote_parent, 16), is_remote=True, trace_flags=flags)
    began = int(told.started_at.timestamp() * 1_000_000) * 1_000
    return ReadableSpan(
        name=told.name,
        context=SpanContext(trace_id, span_id_of(told.id), is_remote=False, trace_flags=flags),
        parent=parent,
        resource=resource,
        attributes=dict(told.attributes),
        kind=SpanKind.CLIENT if told.calls_out else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR if told.is_error else StatusCode.UNSET),
        start_time=began,
        end_time=began + int(told.duration_ms * 1_000_000),
        instrumentation_scope=_SCOPE,
    )


@lru_cache(maxsize=1)
def _resource(service: str) -> Resource:
    return Resource({"service.name": service})


@lru_cache(maxsize=1)
def _exporter(endpoint: str) -> OTLPSpanExporter:
    return OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _PATH, timeout=5)
