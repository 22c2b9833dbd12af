"""Lists of several pages, files that are sent and fetched: over real connections, to a peer that counts."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.models import CallRecord
from tests.core.egress.peers import answer, saying
from tests.sandbox.live.conftest import finished
from tests.sandbox.live.manifests import API, LISTS
from tests.sandbox.live.test_live_calls import as_json

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def lists(meridian, cast, connect):
    connect(LISTS)
    return lambda action, **inputs: finished(meridian, cast["admin"], f"lists.{action}", inputs)


class Pages:
    """A peer's script: page after page by cursor, and with ``fails`` (status, Retry-After) before page ``at``, once."""

    def __init__(self, count: int, *, at: int = 0, status: int = 0):
        self.count, self.at, self.status = count, at, status
        self.asked: list[str] = []

    def __call__(self, request: bytes, send) -> None:
        query = parse_qs(urlsplit(request.split(b" ")[1].decode()).query)
        number = int(query.get("after", ["1"])[0])
        self.asked.append(str(number))
        if number == self.at and self.status:
            self.status, status = 0, self.status
            send(as_json({}, status))
            return
        following = str(number + 1) if number < self.count else None
        send(as_json({"data": [{"name": f"n{number}"}], "next": following, "total": self.count}))


def test_a_list_is_read_to_its_end(lists, peer):
    peer.script = pages = Pages(2)
    run = lists("by_cursor", q="a b")
    assert run.outputs == {"names": ["n1", "n2"], "more": False, "total": 2}
    assert pages.asked == ["1", "2"]
    assert all(b"q=a%20b" in request for request in peer.requests)
    (attempt,) = CallRecord.objects.get(run=run).exchanges
    assert [(one["page"], one["status"]) for one in attempt["requests"]] == [(1, 200), (2, 200)]


def test_a_list_without_end_stops_at_its_cap_and_says_that_there_is_more(lists, peer):
    peer.script = Pages(99)
    assert lists("by_cursor").outputs == {"names": ["n1", "n2", "n3"], "more": True, "total": 99}
    assert len(peer.requests) == 3


def test_a_page_that_fails_is_asked_for_again_and_not_those_before_it(lists, peer):
    peer.script = pages = Pages(3, at=2, status=429)
    run = lists("by_cursor")
    assert (run.state, run.outputs["names"]) == ("succeeded", ["n1", "n2", "n3"])
    assert pages.asked == ["1", "2", "2", "3"]
    first, second = CallRecord.objects.get(run=run).exchanges
    assert (first["category"], len(first["requests"]), second["category"]) == ("rate_limit", 2, "")


def test_nothing_of_a_list_that_breaks_off_is_kept(lists, peer):
    peer.script = Pages(3, at=2, status=404)
    run = lists("by_cursor")
    assert (run.state, run.error_category, run.outputs) == ("failed", "not_found", None)


def test_a_circle_of_pages_ends(lists, peer):
    peer.script = saying(as_json({"data": [], "next": "same"}))
    run = lists("by_cursor")
    assert (run.state, run.error["error_code"], len(peer.requests)) == ("failed", "pages_in_circles", 2)


def test_a_link_header_leads_on_at_the_same_place_only(lists, peer):
    replies = [
        as_json([{"a": 1}], Link='</linked?page=2>; rel="next"'),
        as_json([{"a": 2}], Link=f'<https://{API}/linked?page=1>; rel="prev"'),
    ]
    peer.script = lambda request, send: send(replies[len(peer.requests) - 1])
    assert lists("by_link").outputs == {"items": [{"a": 1}, {"a": 2}], "more": False}
    assert peer.requests[1].startswith(b"GET /linked?page=2 HTTP/1.1")
    peer.requests.clear()
    peer.script = saying(as_json([], Link='<https://evil.example/linked?page=2>; rel="next"'))
    run = lists("by_link")
    assert (run.error_category, run.error["error_code"], len(peer.requests)) == ("tool_error", "page_elsewhere", 1)


def test_a_file_comes_as_base64_and_goes_as_it_is(lists, peer):
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    peer.script = saying(answer(content, Content_Type="image/png"))
    run = lists("download", key="f1")
    assert run.outputs == {"content": base64.b64encode(content).decode(), "media_type": "image/png", "size": 264}
    peer.script = saying(as_json({"id": "f2"}))
    assert lists("upload", name="a.png", content=base64.b64encode(content).decode()).state == "succeeded"
    assert content in peer.requests[1] and b'{"name":"a.png"}' in peer.requests[1]
    assert b"Content-Type: multipart/related; boundary=" in peer.requests[1]


def test_a_file_that_is_too_large_is_refused_and_not_half_kept(lists, peer):
    peer.script = saying(answer(bytes(900_000), Content_Type="image/png"))
    run = lists("download", key="f1")
    assert (run.error_category, run.error["error_code"], run.outputs) == ("tool_error", "response_too_large", None)
    assert "720 KiB" in run.error["sentence"]


def test_an_error_instead_of_a_file_is_read_as_an_error(lists, peer):
    peer.script = saying(answer(json.dumps({"error": "gone"}), 404, Content_Type="application/json"))
    run = lists("download", key="f1")
    assert (run.error_category, run.error["status"]) == ("not_found", 404)
