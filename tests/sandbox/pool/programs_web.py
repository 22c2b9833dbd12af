"""Ordinary programs: HTTP by ``ctx.http`` against recorded answers. Each function is one file of a creator."""

EXCHANGES = [
    {"method": "GET", "url": "https://api.example.com/items", "status": 200, "body": {"items": [{"id": 1}, {"id": 2}]}},
    {
        "method": "POST",
        "url": "https://api.example.com/items",
        "status": 201,
        "headers": {"Location": "/items/3"},
        "body": {"id": 3},
    },
    {"method": "PUT", "url": "https://api.example.com/items/3", "status": 200, "body": "ok"},
    {"method": "PATCH", "url": "https://api.example.com/items/3", "status": 200, "body": {"id": 3, "name": "é"}},
    {"method": "DELETE", "url": "https://api.example.com/items/3", "status": 204, "body": ""},
    {"method": "GET", "url": "https://api.example.com/missing", "status": 404, "body": {"error": "no such thing"}},
    {"method": "GET", "url": "https://api.example.com/picture", "status": 200, "body_base64": "iVBORw0KGgoAAAD/"},
]


def get_json(inputs, ctx):
    reply = ctx.http.get("https://api.example.com/items", params={"q": "a b&c", "page": 2, "none": None})
    return [reply.status, reply.ok, [item["id"] for item in reply.json()["items"]]]


def post_json(inputs, ctx):
    reply = ctx.http.post("https://api.example.com/items", json={"name": "é"}, headers={"Accept": "application/json"})
    return [reply["status"], reply.headers["LOCATION"], reply.headers.get("x"), reply.json()]


def other_methods(inputs, ctx):
    url = "https://api.example.com/items/3"
    replies = [ctx.http.put(url, data="text"), ctx.http.patch(url, data={"a": [1, 2]}), ctx.http.delete(url)]
    return [[reply.status, reply.text] for reply in replies]


def generic_request(inputs, ctx):
    reply = ctx.http.request("get", "https://api.example.com/items", timeout=2.5)
    return [reply.status, len(reply.content)]


def not_found(inputs, ctx):
    reply = ctx.http.get("https://api.example.com/missing")
    return [reply.status, reply.ok, reply.json()["error"]]


def bytes_of_a_picture(inputs, ctx):
    reply = ctx.http.get("https://api.example.com/picture")
    return [list(reply.content[:4]), reply.text.startswith("\ufffdPNG")]


def refused_host(inputs, ctx):
    try:
        ctx.http.get("https://elsewhere.example.com/")
    except PermissionError as error:
        return [error.code, str(error), error.was_sent]


def unknown_secret(inputs, ctx):
    try:
        ctx.secrets["NONE"]
    except KeyError as error:
        return str(error)


def urls(inputs, ctx):
    from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

    parts = urlsplit("https://user@example.com:8080/a/b?x=1&x=2&y=%C3%A9#frag")
    return [
        parts.hostname,
        parts.port,
        parse_qs(parts.query),
        urljoin("https://a.b/c/d", "../e"),
        quote("a b/é"),
        urlencode({"a": [1, 2]}, doseq=True),
    ]


def paging(inputs, ctx):
    found, page = [], 1
    while page <= 3:
        reply = ctx.http.get("https://api.example.com/items", params={"page": page})
        found += [item["id"] + 10 * page for item in reply.json()["items"]]
        page += 1
    return found
