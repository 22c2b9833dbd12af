"""How good the search is, on questions whose answers follow from what the listings were made of."""

import pytest

from marketplace.search.engine import Search, search
from marketplace.seeding.concepts import concepts
from marketplace.seeding.making import id_of, make_listings
from tests.playhouse import staged
from tests.relevance.measures import measured
from tests.relevance.queries import queries

LISTINGS = 1_500


@pytest.fixture
@staged
def made(workspace):
    make_listings(LISTINGS, with_cards=False)
    return concepts(LISTINGS)


def test_three_hundred_questions_are_answered_in_a_good_order_and_typos_understood(made, workspace, admin):
    numbers = {id_of(one): one.number for one in made}

    def ask(text):
        return [numbers[hit.listing_id] for hit in search(Search(q=text), workspace=workspace, user=admin).hits]

    asked = queries(made)
    assert len(asked) >= 200
    gains, recall = measured(asked, made, ask)
    assert gains["all"] >= 0.9, gains
    assert recall >= 0.95
    assert min(gains.values()) >= 0.75, gains  # no manner of asking is left behind
