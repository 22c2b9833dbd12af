"""Equal jobs give equal bytes, whatever the code asks of clocks and dice."""

import json

from tests.sandbox.pool.jobs import NOW, job

EVERYTHING = """
import datetime, random, secrets, time, uuid

def run(inputs, ctx):
    before = time.perf_counter()
    time.sleep(90)
    return {
        "random": [random.random(), random.sample(range(1000), 5), secrets.token_hex(8), str(uuid.uuid4())],
        "clock": [time.time(), time.monotonic(), str(datetime.datetime.now()), time.perf_counter() - before],
        "order": [str(set("abcdefgh")), hash("x"), repr(object()), id(inputs)],
        "ctx": [ctx.now.isoformat(), ctx.run_id],
    }
"""


def written(outcome):
    record = outcome.as_dict()
    del record["measured"]
    return json.dumps(record, sort_keys=True)


def test_the_same_run_twice_gives_the_same_bytes(pool, peer):
    outcomes = [pool.run(job(EVERYTHING, workspace=name), peer) for name in ("a", "a", "b", "c")]
    assert outcomes[0].status == "ok"
    assert len({written(outcome) for outcome in outcomes}) == 1


def test_another_seed_gives_another_run(pool, peer):
    one, other = (pool.run(job(EVERYTHING, seed=seed), peer).output for seed in (1, "another"))
    assert not set(map(str, one["random"])) & set(map(str, other["random"]))
    assert one["order"][1] == other["order"][1]


def test_the_clock_is_the_run_s_own(pool, peer):
    output = pool.run(job(EVERYTHING), peer).output
    assert output["ctx"] == [NOW.isoformat(), "run-1"]
    assert 90 <= output["clock"][0] - NOW.timestamp() < 90.1
    assert 90 <= output["clock"][3] < 90.1


def test_the_outcome_names_the_interpreter_and_its_limits(pool, peer):
    outcome = pool.run(job("return 1", limits={"cpu_ms": 70}), peer)
    assert outcome.artefact == pool.artefact.digest
    assert outcome.limits["cpu_ms"] == 70


def test_one_run_leaves_nothing_for_the_next(pool, peer):
    plant = "import inspect, json\ndef run(inputs, ctx):\n    json.dumps = None\n    inspect.builtins.PLANTED = 1\n"
    assert pool.run(job(plant), peer).status == "error"
    look = (
        "import inspect, json\ndef run(inputs, ctx):\n    return [json.dumps(1), 'PLANTED' in dir(inspect.builtins)]\n"
    )
    assert pool.run(job(look), peer).output == ["1", False]
