"""What a dashboard tells of all targets of a time, without adding up the times of each.

What 95 in 100 calls of a target keep within lies between the least and the most that its roll-ups say by themselves: a
percentile of all together is never beyond those of its parts. So PostgreSQL finds by these bounds of which targets the
verdict or the place among the slowest is open, and of those alone the sketches are added up. What comes out is what
``figures_of`` says of all, to the last digit (tests/sandbox/metrics/test_glance.py).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from galaxy.core.models import Workspace
from sandbox.metrics.reading import BUDGETS_MS, SLOW, Figures, figures_of, split
from sandbox.metrics.sketch import merged
from sandbox.metrics.windows import Window

Money = dict[str, Decimal]

_TOLD = """
WITH told AS MATERIALIZED (
    SELECT installation_id, target, kind, calls, good, bad, p95_ms, cost FROM sandbox_rollup
    WHERE workspace_id = %(workspace)s AND period = %(period)s AND start >= %(since)s AND start < %(until)s
        AND is_simulated = %(simulated)s
        AND (%(installations)s::uuid[] IS NULL OR installation_id = ANY (%(installations)s::uuid[]))
), targets AS MATERIALIZED (
    SELECT *, least / budget AS at_least, most / budget AS at_most FROM (
        SELECT installation_id, target, min(p95_ms) AS least, max(p95_ms) AS most, sum(calls) AS calls,
            sum(good) AS good, sum(bad) AS bad, bool_or(cost <> '{}') AS costs,
            CASE min(kind) WHEN 'action' THEN %(action)s WHEN 'transform' THEN %(transform)s END::float8 AS budget
        FROM told GROUP BY installation_id, target
    ) one
), bar AS (
    SELECT at_least FROM targets WHERE at_least IS NOT NULL ORDER BY 1 DESC OFFSET %(slowest)s - 1 LIMIT 1
), judged AS (
    SELECT *, coalesce(
        at_most >= coalesce((SELECT at_least FROM bar), 0) OR at_most > 1 AND at_least <= 1, false
    ) AS is_open FROM targets WHERE budget IS NOT NULL
), spent AS (
    SELECT installation_id, currency, sum(amount::numeric) AS amount
    FROM told, jsonb_each_text(cost -> 'money') AS one(currency, amount) WHERE cost <> '{}' GROUP BY 1, 2
)
SELECT j.*, t.*, s.* FROM
    (SELECT count(*), count(*) FILTER (WHERE NOT is_open AND at_least > 1),
        array_agg(installation_id) FILTER (WHERE is_open), array_agg(target) FILTER (WHERE is_open) FROM judged) j,
    (SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(good), 0)::bigint, coalesce(sum(bad), 0)::bigint,
        array_agg(installation_id) FILTER (WHERE costs), array_agg(good::bigint) FILTER (WHERE costs) FROM targets) t,
    (SELECT array_agg(installation_id), array_agg(currency), array_agg(amount) FROM spent) s
"""


_OPEN = """
SELECT installation_id, target, min(kind), sum(calls), string_agg(latency, ''), array_agg(octet_length(latency))
FROM sandbox_rollup
WHERE workspace_id = %(workspace)s AND period = %(period)s AND start >= %(since)s AND start < %(until)s
    AND is_simulated = %(simulated)s
    AND (installation_id, target) IN (SELECT * FROM unnest(%(places)s::uuid[], %(names)s::text[]))
GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Glance:
    """``targets`` have a budget, and ``slow`` of them take longer; ``slowest`` are the worst of those that were timed.

    ``calls``, ``good`` and ``bad`` are those of everything that ran. ``spent`` is {installation: money}, the key None
    for "other", and ``charged`` how many calls of such targets succeeded.
    """

    targets: int
    slow: int
    slowest: list[Figures]
    calls: int
    good: int
    bad: int
    spent: dict[UUID | None, Money]
    charged: dict[UUID | None, int]

    @property
    def total(self) -> Money:
        found: Money = defaultdict(Decimal)
        for money in self.spent.values():
            for currency, amount in money.items():
                found[currency] += amount
        return dict(found)


def glance_at(
    workspace: Workspace,
    window: Window,
    *,
    slowest: int,
    simulated: bool = False,
    installations: Iterable[UUID] | None = None,
) -> Glance:
    """Everything that ran within ``window`` in three queries, with the ``slowest`` targets one by one.

    ``installations`` leaves out all others, as ``figures_of`` does.
    """
    only = None if installations is None else [str(one) for one in installations]
    chosen: dict[str, Any] = {
        "workspace": workspace.pk,
        "period": window.period,
        "since": window.since,
        "until": window.until,
        "simulated": simulated,
        "installations": only,
        "slowest": slowest,
        **BUDGETS_MS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, chosen)
        (targets, surely_slow, places, names, calls, good, bad, payers, charged, spenders, currencies, amounts) = (
            cursor.fetchone()
        )
        looked_at: list[tuple[float, int, str, UUID]] = []
        if places:
            cursor.execute(_OPEN, chosen | {"places": [str(one) for one in places], "names": names})
            for installation, target, kind, number, *packed in cursor.fetchall():
                p95 = merged(split(*packed)).quantile(SLOW) or 0.0
                looked_at.append((-p95 / BUDGETS_MS[kind], -number, target, installation))
    worst = [(installation, target) for *_, target, installation in sorted(looked_at)[:slowest]]
    found = figures_of(workspace, window, simulated=simulated, targets=worst) if worst else []
    spent: dict[UUID | None, Money] = defaultdict(dict)
    for installation, currency, amount in zip(spenders or (), currencies or (), amounts or (), strict=True):
        spent[installation][currency] = amount
    numbers: dict[UUID | None, int] = defaultdict(int)
    for installation, number in zip(payers or (), charged or (), strict=True):
        numbers[installation] += number
    return Glance(
        targets=targets,
        slow=surely_slow + sum(slowness < -1 for slowness, *_ in looked_at),
        slowest=sorted(found, key=lambda one: -one.slowness),
        calls=calls,
        good=good,
        bad=bad,
        spent=dict(spent),
        charged=dict(numbers),
    )
