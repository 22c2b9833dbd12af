"""No action goes unproven, and docs/oracles.md says what the tests do."""

import pytest

from tests.oracles import table
from tests.oracles.__main__ import PAGE
from tests.oracles.official import OFFICIAL, action_of, next_page
from tests.oracles.shipped import ACTIONS


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_proven_by_something_that_nobody_here_wrote(name):
    assert proofs_of_strangers(name) != {}
    assert "Live run" in table.proofs_of(name)


def proofs_of_strangers(name):
    return {title: proof for title, proof in table.proofs_of(name).items() if title != "Live run"}


def test_every_action_is_made_by_the_vendors_client_and_every_list_goes_on():
    assert {action_of(name) for name in OFFICIAL} == ACTIONS.keys()
    lists = {next_page(name) for name, action in ACTIONS.items() if "pagination" in action.raw}
    assert {name for name in OFFICIAL if name.endswith(", next page")} == lists


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_case_says_all_that_the_action_takes(name):
    assert OFFICIAL[name].inputs.keys() == ACTIONS[action_of(name)].inputs.get("properties", {}).keys()


def test_the_table_names_no_action_that_is_not_shipped():
    assert {name for oracle in table.ORACLES for name in oracle.proofs} == ACTIONS.keys()


def test_the_page_is_what_the_tests_run_on():
    assert PAGE.read_text() == table.document(), "Write it anew: python -m tests.oracles --write"
