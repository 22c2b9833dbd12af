"""What each gRPC code means to a run: the table, the table of the documents, and what details of an error change."""

import base64
import json
from dataclasses import replace

import grpc
import pytest

from galaxy.core.egress.grpc import HTTP_STATUS
from registry.manifests import read
from sandbox.grpc_calls import STATUSES, judged
from tests.grpc_details import quota_failure, retry_info, rpc_status
from tests.peers.warehouse import MANIFEST, PAGE

ACTIONS = read(MANIFEST).manifest.actions
READ, WRITE = ACTIONS["get_item"], ACTIONS["reserve"]
UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED


def came(code: grpc.StatusCode, message: str = "no", details: bytes = b"") -> dict:
    """An answer as the broker gives it."""
    headers = {"grpc-status": code.name}
    if details:
        headers["grpc-status-details-bin"] = base64.b64encode(details).decode()
    body = {"code": code.name, "message": message}
    return {"status": HTTP_STATUS[code], "headers": headers, "body": json.dumps(body)}


def test_every_code_but_ok_has_a_meaning():
    assert set(STATUSES) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize("code", list(STATUSES), ids=str)
def test_a_code_has_one_category_and_says_what_became_of_a_write(code):
    wrote = judged(WRITE, came(code))
    assert wrote.category == STATUSES[code].category
    assert (wrote.status, wrote.headers["grpc-status"]) == (HTTP_STATUS[code], code.name)
    assert (wrote.code, wrote.has_acted) == (f"grpc_{code.name.lower()}", STATUSES[code].has_acted)
    assert wrote.sentence.endswith(".")
    assert judged(READ, came(code)).has_acted is False


def test_a_success_has_no_category():
    answer = {"status": 200, "headers": {"grpc-status": "OK"}, "body": '{"id": "R-1"}'}
    found = judged(WRITE, answer)
    assert (found.category, found.code, found.body, found.has_acted) == ("", "", {"id": "R-1"}, True)


def test_a_no_in_the_message_of_an_ok_says_where_it_stands():
    spec = replace(WRITE, raw=WRITE.raw | {"replies": [{"match": "state == 'REFUSED'", "category": "validation"}]})
    found = judged(spec, {"status": 200, "headers": {"grpc-status": "OK"}, "body": '{"state": "REFUSED"}'})
    assert (found.category, found.code, found.has_acted) == ("validation", "refused_in_body", True)


def test_the_table_of_the_documents_is_the_table():
    lines = [line for line in PAGE.splitlines() if line.count("|") == 5]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:5]] for line in lines]
    told = {name: rest for name, *rest in rows if name.isupper()}
    done = {False: "not done", True: "perhaps done", None: "perhaps done, unless it says when to come back"}
    categories = {EXHAUSTED: "rate_limit; quota where it names one and no time"}
    assert told == {
        code.name: [str(HTTP_STATUS[code]), categories.get(code, meaning.category.value), done[meaning.has_acted]]
        for code, meaning in STATUSES.items()
    }


def test_the_reply_table_of_the_manifest_comes_first():
    named = judged(WRITE, came(grpc.StatusCode.INVALID_ARGUMENT, "No such item: CHAIR-9"))
    other = judged(WRITE, came(grpc.StatusCode.INVALID_ARGUMENT, "Too many."))
    assert (named.category, named.sentence) == ("not_found", "")  # whose own words are those of its category
    assert other.category == "validation"


@pytest.mark.parametrize(
    ("delay", "header"),
    [
        ({"seconds": 3}, "3"),
        ({"milliseconds": 1}, "1"),
        ({"seconds": 0}, "0"),
        ({"hours": 24}, "86400"),
        ({"hours": 25}, None),
        ({"seconds": -1}, None),
    ],
)
def test_a_time_to_come_back_is_a_retry_after(delay, header):
    found = judged(READ, came(EXHAUSTED, details=rpc_status(quota_failure(), retry_info(**delay))))
    assert found.headers.get("retry-after") == header
    assert found.category == ("rate_limit" if header else "quota")


@pytest.mark.parametrize("details", [b"\xff" * 20, b"\x1a\x02\x0a\x00", b"\x1a\x30\x0a\x2e" + b"x" * 46])
def test_details_that_make_no_sense_change_nothing(details):
    found = judged(READ, came(EXHAUSTED, details=details))
    assert (found.category, found.headers) == ("rate_limit", {"grpc-status": "RESOURCE_EXHAUSTED"})


def test_an_answer_that_is_no_json_without_its_secrets_has_acted_and_says_nothing():
    answer = {"status": 200, "headers": {"grpc-status": "OK"}, "body": '{"number": [redacted]}'}
    found = judged(WRITE, answer)
    assert (found.category, found.code, found.body, found.has_acted) == ("tool_error", "bad_response", None, True)
    assert judged(READ, answer).has_acted is False


def test_details_that_held_a_secret_change_nothing():
    answer = came(EXHAUSTED, details=rpc_status(retry_info(seconds=3)))
    answer["headers"]["grpc-status-details-bin"] = "CAga[redacted]AA"
    assert judged(READ, answer).headers == {"grpc-status": "RESOURCE_EXHAUSTED"}
