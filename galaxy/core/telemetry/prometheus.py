"""``/metrics`` for Prometheus: figures of all workspaces together, for whoever holds METRICS_TOKEN, and no name of any.

Without a token set there is no such page. Sources are added by the floors that know them.
"""

from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from galaxy.core.telemetry.tallies import tallies

Source = Callable[[], Iterable[Metric]]
_sources: list[Source] = []


def add_source(source: Source) -> None:
    """Called once, when the app of ``source`` is ready."""
    if source not in _sources:
        _sources.append(source)


class _Collector:
    def collect(self) -> Iterator[Metric]:
        for source in (_lost, *_sources):
            yield from source()


@require_safe
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of this moment in Prometheus' text form."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        return HttpResponse(
            "Send METRICS_TOKEN as a bearer token.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
        )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())  # type: ignore[arg-type]  # of which only collect() is called
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _lost() -> Iterator[Metric]:
    words = "Spans that were lost, and batches that could not be sent, since they are counted."
    found = CounterMetricFamily("galaxy_telemetry_lost", words, labels=["what"])
    for name, number in tallies().items():
        found.add_metric([name], number)
    yield found
