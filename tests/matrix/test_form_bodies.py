"""Every form of the marketplace and of what moves versions, with odd texts in each of its fields: never a defect."""

import pytest
from django.db import transaction

from tests.matrix.routes import PEOPLE, table
from tests.matrix.test_matrix import address, form

AREAS = (
    "marketplace:",
    "workshop:",
    "submissions:",
    "retiring:",
    "registry:",
    "bundles:",
    "reviews:",
    "policies:change",
)
TAKEN = {200, 302, 422}
ROWS = [
    row
    for row in table()
    if row.method == "POST"
    and row.route.startswith((*AREAS, "sandbox:upgrade", "sandbox:preview"))
    and TAKEN & set(row.answers.values())
]
# What PostgreSQL keeps not, and what looks like a number to isdigit() while int() reads it not.
ODD = ["a\0b", "9" * 5_000 + "\u00b2"]
WORDS = {"to": ODD[0], "q": ODD[0], "page": ODD[1], "days": ODD[1], "tab": ODD[0], "state": ODD[0]}


@pytest.mark.asvs("2.2.2")
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_no_text_in_a_form_or_in_its_address_breaks_it(row, workspace, things, browser_of):
    """A defect would be raised here, not answered."""
    person = next(one for one in PEOPLE if row.answers[one] in TAKEN)
    client, url = browser_of(person), address(row.route, things, "meridian")
    correct = form(row.route, things)
    for odd in ODD:
        for name in [*correct, "reason"]:
            value = [odd] if isinstance(correct.get(name), list) else odd
            with transaction.atomic():
                response = client.post(url, correct | {name: value})
                transaction.set_rollback(True)
            assert response.status_code < 500, (name, odd[:9])
    assert client.get(url, WORDS).status_code < 500


@pytest.mark.asvs("1.4.2")
@pytest.mark.parametrize(
    "path",
    [
        "publications/probe/{}/deprecation/",
        "publications/probe/{}/yanking/",
        "publications/probe/{}/signature/",
        "publications/probe/{}/statement/",
        "quarantine/probe/{}/",
        "marketplace/probe/reviews/of/{}/",
    ],
)
def test_no_number_of_a_version_in_an_address_breaks_a_page(path, workspace, things, browser_of):
    for odd in ("%00", "1.0.0%00", "9" * 5_000, "%EF%BC%91.0.0", "1.0.0%0A", "1.0.0-rc.1", "%F0%9F%A6%8A"):
        for person in ("owner", "creator"):
            answer = browser_of(person).get(f"/w/{workspace.slug}/{path.format(odd)}")
            assert answer.status_code in (403, 404), (odd[:9], person)
