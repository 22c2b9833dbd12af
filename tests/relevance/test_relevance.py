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


@pytest.mark.parametrize("text", ["", "seed"])
def test_pages_lead_through_all_that_fits_once_and_back_again(made, workspace, admin, text):
    def walk(place, to, other):
        pages = []
        while True:
            found = search(Search(q=text, place=place), workspace=workspace, user=admin)
            assert bool(getattr(found, other)) == bool(place and (pages or other == "previous"))
            pages.append([hit.listing_id for hit in found.hits])
            last, place = place, getattr(found, to)
            if not place:
                return pages, last

    pages, last = walk("", "next", "previous")
    seen = [one for page in pages for one in page]
    assert len(seen) == len(set(seen)) == LISTINGS
    again, _ = walk(last, "previous", "next")
    assert [one for page in again[::-1] for one in page] == seen
