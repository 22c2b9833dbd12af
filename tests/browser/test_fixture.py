"""Making a fixture in a real browser: by axe at two widths and in both themes, and without JavaScript."""

import json

from tests.browser.axe import DESK, PHONE, faults
from tests.sandbox.test_run_fixture import BODY, EMAIL, heard, recorded, url  # noqa: F401  (fixtures)
from tests.sandbox.test_run_pages_sandbox import run  # noqa: F401  (a fixture)

LONG = "https://api.example.com/" + "a-long-part-of-an-address/" * 6


def test_a_fixture_is_reviewed_and_downloaded(visit, admin, recorded, url):  # noqa: F811
    recorded.append(heard(f"Spoke to somebody at {EMAIL} about it on Monday", url=LONG, status=404))
    recorded.append(heard({"k" * 80: EMAIL, "raw": "x" * 200}))
    tab = visit(url, admin, for_axe=True)
    assert faults(tab, DESK, PHONE) == []
    tab.page.close()

    tab = visit(url, admin, width=320, script=False)
    assert not tab.complaints and tab.sideways_px <= 0
    tab.page.get_by_label("body/people/0/email").check()
    with tab.page.expect_download() as waiting:
        tab.page.get_by_role("button", name="Download fixtures.json").click()
    assert waiting.value.suggested_filename == "fixtures.json"
    exchanges = json.loads(waiting.value.path().read_text())
    assert exchanges[0]["body"]["people"][0]["email"] == BODY["people"][0]["email"]
    assert EMAIL not in json.dumps(exchanges[1:])
