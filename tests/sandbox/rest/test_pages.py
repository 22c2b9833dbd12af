"""How a list goes on, and where it must not go."""

import pytest

from sandbox.rest import BadCall, following, items_of, most_pages
from sandbox.rest.pages import next_link
from tests.sandbox.rest.requests_of import body, request

URL = "https://api.probe.example/v1/things?size=2"
CURSOR = {"style": "cursor", "items": "data", "cursor": "paging.next", "cursor_param": "after"}
NUMBER = {"style": "page", "items": "data", "page_param": "page", "size_param": "per_page", "size": 2}
LINK = {"style": "link", "items": "data"}
IN_BODY = {"style": "link", "items": "records", "link": "nextRecordsUrl"}


def after(pagination, body, page=None, url=URL, **headers):
    return following(pagination, page, url=url, headers=headers, body=body)


@pytest.mark.parametrize(
    ("pagination", "body", "page", "token"),
    [
        (CURSOR, {"paging": {"next": "abc"}}, None, '"abc"'),
        (CURSOR, {"paging": {"next": 12}}, '"abc"', "12"),
        (CURSOR, {"paging": {"next": ""}}, None, None),
        (CURSOR, {"paging": {"next": None}}, None, None),
        (CURSOR, {}, None, None),
        (NUMBER, {"data": [1, 2]}, None, "2"),
        (NUMBER, {"data": [1, 2]}, "2", "3"),
        (NUMBER, {"data": [1]}, "2", None),
        (NUMBER, {"data": []}, "2", None),
        (NUMBER | {"first_page": 0}, {"data": [1, 2]}, None, "1"),
        (IN_BODY, {"nextRecordsUrl": "/v1/query/01g-2000"}, None, "https://api.probe.example/v1/query/01g-2000"),
        (IN_BODY, {"nextRecordsUrl": None}, None, None),
    ],
)
def test_the_next_page_is_found_where_the_manifest_says(pagination, body, page, token):
    assert after(pagination, body, page) == token


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ('<https://a.test/?p=2>; rel="next"', "https://a.test/?p=2"),
        ('<https://a.test/?p=1>; rel="prev", <https://a.test/?p=3>; rel="next"', "https://a.test/?p=3"),
        ("</x?a=1,2>; title=\"a, b\"; rel=next", "/x?a=1,2"),
        ('<?p=2>;rel="last next"', "?p=2"),
        ('<https://a.test/>; rel="NEXT"; hreflang=en', "https://a.test/"),
        ('<https://a.test/>; rel="nextish"', None),
        ('<https://a.test/>; title="rel=next"', None),
        ("<https://a.test/>", None),
        ("", None),
        ("<" * 5000, None),
    ],
)  # fmt: skip
def test_a_link_header_is_read_by_rfc_8288(header, link):
    assert next_link(header) == link


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1/things",
        "http://api.probe.example/v1/things",
        "//evil.example/",
        "https://api.probe.example:444/",
        "https://user@api.probe.example/",
        "https://[::1/",
        "javascript:alert(1)",
    ],
)
def test_a_link_to_another_place_is_refused(link):
    with pytest.raises(BadCall) as caught:
        after(LINK, {}, link=f'<{link}>; rel="next"')
    assert (caught.value.code, caught.value.category) == ("page_elsewhere", "tool_error")
    with pytest.raises(BadCall):
        request(
            "    method: GET\n    path: /things\n    inputs: {}\n    pagination: { style: link, items: data }",
            page=link,
        )


@pytest.mark.parametrize(
    ("pagination", "body", "page", "headers"),
    [
        (CURSOR, {"paging": {"next": "abc"}}, '"abc"', {}),
        (LINK, {}, None, {"link": f"<{URL}>; rel=next"}),
        (CURSOR, {"paging": {"next": ["a"]}}, None, {}),
        (CURSOR, {"paging": {"next": "a\ud800"}}, None, {}),
        (CURSOR, {"paging": {"next": "x" * 5000}}, None, {}),
        (IN_BODY, {"nextRecordsUrl": 7}, None, {}),
    ],
    ids=["same cursor", "same link", "list", "half a sign", "long", "number"],
)
def test_what_leads_nowhere_or_in_circles_is_refused(pagination, body, page, headers):
    with pytest.raises(BadCall) as caught:
        after(pagination, body, page, **headers)
    assert caught.value.category == "tool_error"


def test_entries_are_a_list_or_nothing():
    assert items_of(CURSOR, {"data": [1]}) == [1]
    assert items_of(CURSOR, {}) == items_of(CURSOR, None) == []
    with pytest.raises(BadCall) as caught:
        items_of(CURSOR, {"data": {"a": 1}})
    assert caught.value.category == "validation"


def test_pages_have_a_cap():
    assert [most_pages(CURSOR | more) for more in ({}, {"max_pages": 3}, {"max_pages": 99})] == [10, 3, 50]


LIST = "    method: GET\n    path: /things\n    inputs: { q: string? }\n    query: { q: inputs.q }\n    pagination: "
SEARCH = "    method: POST\n    path: /search\n    scopes: [things.read]\n    inputs: { q: string? }\n    pagination: "


def test_a_request_asks_for_its_page():
    cursor = LIST + "{ style: cursor, items: data, cursor: next, cursor_param: after, size_param: limit, size: 5 }"
    assert request(cursor, inputs={"q": "a"}).url.endswith("/things?limit=5&q=a")
    assert request(cursor, inputs={"q": "a"}, page='"b c"').url.endswith("/things?after=b%20c&limit=5&q=a")
    number = LIST + "{ style: page, items: data, page_param: p }"
    assert [request(number, page=page).url[-4:] for page in (None, "2")] == ["?p=1", "?p=2"]
    link = LIST + "{ style: link, items: data }"
    assert request(link, page="https://api.probe.example/v1/x?y=1").url == "https://api.probe.example/v1/x?y=1"


def test_a_search_asks_for_its_page_in_the_body():
    search = SEARCH + "{ style: cursor, items: data, cursor: next, cursor_param: start_cursor, in: body }"
    assert body(request(search, inputs={"q": "a"})) == {"q": "a"}
    assert body(request(search, inputs={"q": "a"}, page='"b"')) == {"q": "a", "start_cursor": "b"}
    assert body(request(search, page="12")) == {"start_cursor": 12}


@pytest.mark.parametrize("page", ["-1", "x", "²", "1" * 30])
def test_a_token_that_is_none_is_refused(page):
    with pytest.raises(BadCall):
        request(LIST + "{ style: page, items: data, page_param: p }", page=page)
