"""Nothing gets out: each case through the pool as it is, and a selection with walls taken away."""

import pytest

from sandbox.pool import REDUCED, Pool
from sandbox.pool.build import ensure
from tests.escape.native_worker import STEPS
from tests.escape.peers import surroundings
from tests.escape.running import GIVEN, WITHOUT_LIST, all_cases, run_case

NATIVE, BARE = "tests.escape.native_worker", "tests.escape.bare_worker"
CASES = {case["id"]: case for case in all_cases()}
# What every kind of attack is tried with where a wall is gone; each takes milliseconds.
SELECTION = ["fork", "exec-execv", "socket-raw", "importlib-fs", "read-pid1env", "write-root", "native_calls"]
BITING = ["native_calls", "native_memory", "native_names_of_files"]
SELECTION += ["native_memory", "native_forged_frames", "native_trace", "secret-return", "persist_plant"]


@pytest.fixture(scope="module")
def around():
    with surroundings() as around:
        yield around


@pytest.fixture(scope="module")
def pool():
    with Pool(1, artefact=ensure()) as pool:
        yield pool


def test_the_given_cases_are_all_there_and_as_many_again_are_ours():
    assert len(GIVEN) == 80
    assert len(CASES) == len(all_cases()) >= 140


@pytest.mark.asvs("15.2.5")
@pytest.mark.parametrize("name", CASES)
def test_a_case_is_held(pool, around, name):
    verdict, _ = run_case(pool, CASES[name], around)
    assert verdict.holes + verdict.surprises == []


@pytest.mark.asvs("15.2.5")
@pytest.mark.parametrize(
    "name", ["open_by_modules", "read-environ", "fork", "socket-tcp6", "kill-siblings", "import-hook"]
)
def test_it_is_not_the_list_of_modules_that_holds(pool, around, name):
    verdict, _ = run_case(pool, CASES[name], around, prelude=WITHOUT_LIST)
    assert verdict.holes == []


def test_the_pool_is_as_healthy_after_as_before(pool, around):
    verdict, outcome = run_case(pool, CASES["http-control"], around)
    assert (verdict.holes, verdict.surprises, outcome.output["works"]) == ([], [], True)


@pytest.fixture(scope="module")
def native():
    """Native code in a worker with every wall of the operating system."""
    with Pool(1, walls=REDUCED, program=(NATIVE, "")) as pool:
        yield pool


@pytest.mark.asvs("15.2.5")
@pytest.mark.parametrize("name", SELECTION)
def test_the_operating_system_holds_native_code(native, around, name):
    verdict, _ = run_case(native, CASES[name], around, prelude=WITHOUT_LIST)
    assert verdict.holes == []


@pytest.mark.parametrize(
    ("name", "code"), [("fork", "sandbox_violation"), ("native_forged_frames", "protocol_violation")]
)
def test_native_attacks_end_by_their_wall(native, around, name, code):
    _, outcome = run_case(native, CASES[name], around, prelude=WITHOUT_LIST)
    assert outcome.error["code"] == code


def test_the_selection_bites():
    """With the filter and the limits gone, some of it gets out: the cases can tell the difference."""
    with surroundings() as around, Pool(1, walls=REDUCED, program=(NATIVE, "seccomp,resource_limits")) as pool:
        tried = {name: run_case(pool, CASES[name], around, prelude=WITHOUT_LIST)[0] for name in BITING}
        walls = {wall["name"]: wall for wall in pool.run(*_trivial()).walls}
    assert [name for name, verdict in tried.items() if not verdict.holes] == []
    assert [name for name, wall in walls.items() if not wall["in_force"]] == ["seccomp", "resource_limits"]
    assert walls["seccomp"]["detail"] == "taken away"


def test_webassembly_holds_alone(around):
    with Pool(1, walls=REDUCED, program=(BARE, ",".join(STEPS))) as pool:
        for name in ("open_by_modules", "fork", "socket-raw", "abort_now", "one_gigabyte"):
            verdict, outcome = run_case(pool, CASES[name], around, prelude=WITHOUT_LIST)
            assert verdict.holes == []
        missing = {wall["name"] for wall in outcome.walls if not wall["in_force"]}
    assert missing == set(STEPS)


def _trivial():
    from tests.sandbox.pool.comparing import broker
    from tests.sandbox.pool.jobs import job

    return job("def run(inputs, ctx):\n    return 1\n"), broker()
