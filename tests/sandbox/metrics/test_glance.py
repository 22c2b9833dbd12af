"""At a glance: by bounds and a few sketches, the same as from adding up all of them."""

import random
from collections import defaultdict
from decimal import Decimal
from itertools import product
from uuid import UUID, uuid4

import pytest
from django.db import connection

from sandbox.metrics.ended import Key, Sums
from sandbox.metrics.glance import glance_at
from sandbox.metrics.reading import figures_of
from sandbox.metrics.stored import write_rollups
from sandbox.metrics.target_list import SORTS, TargetLines
from sandbox.metrics.windows import window_of
from sandbox.models import RollUp
from tests.extensions import installed
from tests.playhouse import staged
from tests.sandbox.health.calls import CHECKED

BUDGETS = {"action": 2_000, "transform": 300, "pack": 1_000}


@pytest.fixture
@staged
def pulses(workspace, admin):
    return installed(workspace, admin, CHECKED, CHECKED.replace("pulse", "tempo").replace("Pulse", "Tempo"))


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_all_figures_say(workspace, pulses, seed):
    rng = random.Random(seed)
    window = window_of(rng.choice(["24h", "7d", "30d"]))
    _fill(workspace, window, [one.pk for one in pulses], rng)
    for simulated in (False, True):
        for only in (None, [pulses[0].pk], [uuid4()]):
            every = figures_of(workspace, window, simulated=simulated, installations=only)
            timed = [one for one in every if one.budget_ms and one.p95_ms is not None]
            for most in (1, 3, 10):
                found = glance_at(workspace, window, slowest=most, simulated=simulated, installations=only)
                worst = sorted(timed, key=lambda one: -one.slowness)[:most]
                assert [one.slowness for one in found.slowest] == [one.slowness for one in worst]
                assert all(one in every for one in found.slowest)
                assert len({(one.installation, one.target) for one in found.slowest}) == len(worst)
                assert found.slow == sum(one.is_slow for one in every)
                assert found.targets == sum(one.budget_ms is not None for one in every)
                for name in ("calls", "good", "bad"):
                    assert getattr(found, name) == sum(getattr(one, name) for one in every)
                assert (found.spent, found.charged) == _money(every)


@pytest.mark.parametrize("seed", range(4))
def test_a_page_of_targets_is_that_of_all_figures_sorted(workspace, admin, pulses, seed):
    rng = random.Random(seed)
    window = window_of(rng.choice(["24h", "7d", "30d"]))
    _fill(workspace, window, [one.pk for one in pulses], rng)
    orders = {
        "slow": lambda one: -one.slowness,
        "failing": lambda one: -(one.error_rate or 0),
        "busy": lambda one: (-one.calls, one.target),
    }
    assert orders.keys() == SORTS.keys()
    for simulated, words, (sort, order) in product((False, True), ("", "1"), orders.items()):
        every = figures_of(workspace, window, simulated=simulated)
        every = sorted((one for one in every if words in one.target), key=order)
        lines = TargetLines(workspace, admin, window, words=words, sort=sort, simulated=simulated)
        assert len(lines) == len(every)
        for first, after in ((0, 1), (0, 3), (2, 5), (3, len(every)), (0, len(every))):
            assert [line.figures for line in lines[first:after]] == every[first:after]


def test_nothing_ran(workspace, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = glance_at(workspace, window_of("7d"), slowest=10)
    assert (found.targets, found.slow, found.slowest, found.calls, found.total) == (0, 0, [], 0, {})


def test_few_sketches_are_read_where_few_could_be_slow(workspace, pulses):
    window = window_of("7d")
    added = {}
    for at in range(60):
        sums = Sums()
        sums.latency.add(1.05**at)
        sums.numbers.update({"calls": 1, "good": 1})
        added["day", window.starts[0], _key(pulses[0].pk, "action", f"pulse.a{at}")] = sums
    write_rollups(workspace.pk, {}, added)
    asked = []

    def note(execute, sql, params, many, context):
        asked.append(params)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        found = glance_at(workspace, window, slowest=5)
    assert [one.target for one in found.slowest] == [f"pulse.a{at}" for at in (59, 58, 57, 56, 55)]
    assert len(asked) == 3 and all(len(some["names"]) < 10 for some in asked[1:])


def _fill(workspace, window, installations, rng):
    added = {}
    for at in range(rng.randint(1, 40)):
        kind = rng.choice(list(BUDGETS))
        key = _key(rng.choice(installations), kind, f"t{at}", simulated=rng.random() < 0.3)
        middle = BUDGETS[kind] * rng.choice([0.2, 0.9, 1.0, 1.1, 3.0])
        for start in rng.sample(window.starts, rng.randint(1, min(window.length, 5))):
            for version in rng.sample([key.version, uuid4()], 1 if rng.random() < 0.8 else 2):
                added[window.period, start, key._replace(version=_known(version, key.version))] = _sums(rng, middle)
    other = Key(False, "", "", None, None)
    added[window.period, window.starts[-1], other] = _sums(rng, 5_000)
    write_rollups(workspace.pk, {}, added)
    assert RollUp.objects.filter(workspace=workspace).count() == len(added)


def _known(version: UUID | None, known: UUID | None) -> UUID | None:
    """A version of none is another one, and needs no row."""
    return version if version == known else None


def _key(installation, kind, target, *, simulated=False):
    version = RollUp._meta.get_field("installation").related_model.objects.get(pk=installation).pin.version_id
    return Key(simulated, kind, target, installation, version)


def _sums(rng, middle):
    sums, calls = Sums(), rng.randint(1, 30)
    for _ in range(calls if rng.random() < 0.9 else 0):
        sums.latency.add(middle * rng.lognormvariate(0, rng.choice([0.01, 0.5])))
    bad = rng.randint(0, calls)
    sums.numbers.update({"calls": calls, "good": calls - bad, "bad": bad})
    if rng.random() < 0.3:
        sums.charge("call", Decimal(calls), rng.choice(["EUR", "USD", ""]), Decimal(rng.randint(1, 999)) / 1000)
    return sums


def _money(every):
    spent, charged = defaultdict(lambda: defaultdict(Decimal)), defaultdict(int)
    for one in every:
        for currency, amount in one.money.items():
            spent[one.installation][currency] += amount
        if one.money:
            charged[one.installation] += one.good
    return {pk: dict(money) for pk, money in spent.items()}, dict(charged)
