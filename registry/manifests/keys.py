"""Every key a manifest may have: how it is read, and what it is for.

These tables are the format. Findings about unknown keys, the reference (docs/manifests.md) and the form's sections all
come from them. Caps are what no manifest may exceed; a workspace may be stricter.
"""

from __future__ import annotations

from . import readers as r
from .operations import read_operation
from .shapes import (
    Key,
    Shape,
    choice,
    expression,
    expression_tree,
    flag,
    free_json,
    https_address,
    integer,
    items,
    mapping,
    name,
    number,
    schema,
    scope,
    text,
    version,
    version_range,
)

KINDS = ("connector", "action", "transform", "trigger", "pack")
METHODS = r.METHODS
CATEGORIES = (
    "auth_error", "rate_limit", "quota", "not_found", "validation", "tool_error", "transient", "policy_block",
)  # fmt: skip
AUTH_TYPES = ("oauth2", "api_key", "basic", "bearer", "jwt_bearer", "none")
ON_FAILURE = ("stop", "skip", "undo")
SIGNALS = ("approved", "downstream_state", "kpi", "validated")
REQUIRED_SCENARIOS = ("happy", "401", "429", "5xx")

MAX_TIMEOUT_MS = 10_000
MAX_MEMORY_MB = 256
MAX_ATTEMPTS = 10
MAX_RPM = 6_000
MAX_STEPS = 100  # of a pack
MAX_ITEMS = 1_000  # that one step goes through
MAX_CALLS = 10_000  # of one run of a pack
MIN_PACK_TIMEOUT_MS, MAX_PACK_TIMEOUT_MS = 1_000, 600_000

IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]{0,63}"

_input_name = text(64, pattern=IDENTIFIER, expected="the name of an input")
_header_name = text(64, pattern="[A-Za-z0-9-]+", expected="a header name")
_key_name = text(64, pattern=r"[A-Za-z0-9_.-]+", expected="a header or parameter name")
_field_name = text(64, pattern=r"[A-Za-z0-9_.\[\]-]+", expected="the name of a form field")
_word = text(20, pattern=r"[A-Za-z0-9_-]+", expected="one word")
_base64 = text(200_000, pattern=r"[A-Za-z0-9+/=\s]+", expected="base64")
_service = text(200, pattern=r"[A-Za-z_][A-Za-z0-9_.]*", expected="a service name")
_method = text(100, pattern=IDENTIFIER, expected="a method name")
_vendor_scope = text(200, pattern=r"[!#-\[\]-~]+", expected="a vendor's scope without blanks")  # RFC 6749 section 3.3
# What the flow itself sets stays out of a manifest's reach.
_FLOW = "response_type|client_id|redirect_uri|scope|state|nonce|code_challenge|code_challenge_method"
_authorize_param = rf"(?!(?:{_FLOW})$)[A-Za-z0-9_.-]{{1,64}}"
_CANONICAL_SCOPE = r"[a-z][a-z0-9_]{0,39}(?:\.[a-z][a-z0-9_]{0,39}){0,6}\.(?:read|write|delete)"
_step_id = text(64, pattern="[a-z][a-z0-9_]*", expected="a name of small letters, digits and _")
_step_inputs = mapping(expression_tree("inputs", "steps", "seed", "item", "index"), IDENTIFIER, "the name of an input")
_pack_time = integer(MIN_PACK_TIMEOUT_MS, MAX_PACK_TIMEOUT_MS, " ms")

COMMON = (
    Key("api", choice("v1"), "Version of this format; v1 when left out."),
    Key("kind", choice(*KINDS), "What it is. Written short as the first line: `connector: hubspot`."),
    Key("id", name(dotted=True), "Its name in the marketplace, such as `hubspot` or `gmail.send`."),
    Key("version", version, "Semantic Version; may wait until publication."),
    Key("name", text(80), "What people read on the card."),
    Key("summary", text(300), "One sentence on the card."),
    Key("publisher", name(dotted=True), "Who publishes it."),
    Key("licence", text(60), "SPDX identifier of the licence.", ("license",)),
    Key("homepage", https_address, "Where to read more."),
    Key("keywords", items(name(), 20, ordered=False), "Words to be found by."),
    Key("docs", text(20_000, multiline=True), "Longer description in Markdown."),
)

RETRY = Shape("retry", (
    Key("strategy", choice("exponential", "fixed", "none"), "How waits grow; waits are jittered.", required=True),
    Key("max_attempts", integer(1, MAX_ATTEMPTS), "Tries in all, the first included; at most 10."),
    Key("base_ms", integer(1, 60_000, " ms"), "First wait."),
    Key("max_ms", integer(1, 300_000, " ms"), "Longest wait."),
    Key("total_ms", integer(1, 900_000, " ms"), "Time for all tries together."),
))  # fmt: skip
RATE_LIMITS = Shape("rate_limits", (
    Key("rpm", integer(1, MAX_RPM, " calls a minute"), "Calls a minute; at most 6,000."),
    Key("rps", integer(1, 100, " calls a second"), "Calls a second."),
    Key("per_day", integer(1, 10_000_000, " calls a day"), "Calls a day."),
    Key("concurrency", integer(1, 100, " at once"), "Calls at the same time."),
    Key("when_spent", choice("wait", "refuse"), "What a call beyond them does: waits for its turn, or is refused."),
    Key("max_wait_s", integer(1, 86_400, " s"), "How long a run may wait for its turn; 900 when left out."),
))  # fmt: skip
BREAKER = Shape("breaker", (
    Key("threshold", integer(1, 100, " %"), "Share of failed calls that opens it, in per cent; 50 when left out."),
    Key("samples", integer(1, 10_000, " calls"), "Calls before it may open; 10 when left out."),
    Key("window_s", integer(10, 3_600, " s"), "Time in which calls are counted; 60 when left out."),
    Key("rest_s", integer(1, 3_600, " s"), "Time until one call may try again; 30 when left out."),
))  # fmt: skip
LOCK = Shape("lock", (
    Key("key", expression("inputs"), "Calls for which this has one value go one at a time; all when left out."),
    Key("scope", choice("action", "connection"), "Which calls are meant; this action's when left out."),
))  # fmt: skip
APPROVAL = Shape("policy.approval", (
    Key("required_for", items(r.approval_tag, 10, ordered=False), "Tags that need a person's approval.", required=True),
))  # fmt: skip
POLICY = Shape("policy", (
    Key("approval", APPROVAL, "What must be approved."),
    Key("pii_classes", items(r.data_class, 20, ordered=False), "Classes of personal data the action handles."),
))  # fmt: skip
EGRESS = Shape("egress", (
    Key("host", r.egress_host, "Exact host, or {connection.host}.", required=True),
    Key("suffix", r.host_suffix, "With {connection.host}: the domain the host must be below."),
    Key("methods", items(choice(*METHODS, upper=True), ordered=False, least=1), "HTTP methods; all when left out."),
    Key("path_prefix", r.path_prefix, "Where paths must begin; / when left out."),
))  # fmt: skip
PERMISSIONS = Shape("permissions", (
    Key("required", items(scope, 50, ordered=False), "Scopes a caller must hold.", required=True),
))  # fmt: skip
BULK = Shape("bulk", (
    Key("field", _input_name, "The input list that is counted.", required=True),
    Key("over", integer(0, 1_000_000), "More entries than this are a bulk call; 10 when left out."),
))  # fmt: skip
REPLY = Shape("replies", (
    Key("status", r.status, "Status code, or 4xx, 5xx."),
    Key("match", expression(), "JMESPath over the reply's body; true means it matches. With a status, both must."),
    Key("category", choice(*CATEGORIES), "Which error it is.", required=True),
))  # fmt: skip
PAGINATION = Shape("pagination", (
    Key("style", choice("cursor", "page", "link"), "How the next page is found.", required=True),
    Key("items", expression(), "JMESPath to the list in the body.", required=True),
    Key("in", choice("query", "body"), "Where the parameters below stand; query when left out."),
    Key("cursor", expression(), "JMESPath to the next cursor in the body."),
    Key("cursor_param", text(64), "Parameter that takes the cursor."),
    Key("page_param", text(64), "Parameter that takes the page number."),
    Key("first_page", integer(0, 1), "Number of the first page; 1 when left out."),
    Key("link", expression(), "JMESPath to the next page's address in the body; the Link header when left out."),
    Key("size_param", text(64), "Parameter that takes the page size."),
    Key("size", integer(1, 1_000), "Entries a page."),
    Key("max_pages", integer(1, 50), "Pages at most; 10 when left out, no more than 50."),
))  # fmt: skip
UPLOAD = Shape("upload", (
    Key("content", expression("inputs"), "JMESPath to the file in base64.", required=True),
    Key("media_type", expression("inputs"), "JMESPath to its media type; application/octet-stream when left out."),
    Key("filename", expression("inputs"), "JMESPath to its name, for multipart; file when left out."),
    Key("field", _field_name, "Its form field, for multipart; file when left out."),
))  # fmt: skip
_DESCRIPTION = (
    Key("proto", text(100_000, multiline=True), "Source of the .proto file; it may import files of google/protobuf."),
    Key("descriptor_set", _base64, "FileDescriptorSet in base64, in place of `proto`, with all that it imports."),
)
GRPC = Shape("grpc", (
    *_DESCRIPTION,
    Key("service", _service, "Full name of the service, with its package.", required=True),
    Key("method", _method, "Its method, which must be unary.", required=True),
))  # fmt: skip
FALLBACK = Shape("fallbacks", (
    Key("base_url", https_address, "Another endpoint."),
    Key("path", r.url_path, "Another path."),
    Key("model", text(100), "Another model, where the action calls one."),
))  # fmt: skip
READS = Shape("reads", (
    Key("action", name(), "The read action of the same connector that fetches a record.", required=True),
    Key("each", expression("inputs"), "JMESPath to a list of the inputs, where the call is about many records."),
    Key(
        "with",
        mapping(expression("inputs", "entry"), IDENTIFIER, "the name of an input"),
        "Its inputs: JMESPath over inputs, and entry of each.",
        required=True,
    ),
    Key(
        "fields",
        mapping(expression("inputs", "entry"), IDENTIFIER, "the name of an output"),
        "What its outputs would be after the call; those of the same names as inputs when left out.",
    ),
))  # fmt: skip
COST = Shape("cost", (
    Key("unit", choice("call", "token", "record"), "What is paid for.", required=True),
    Key("amount", number, "Price of one unit.", required=True),
    Key("currency", text(3, pattern="[A-Z]{3}", expected="a currency such as USD"), "ISO 4217."),
    Key(
        "count",
        expression("inputs", "outputs"),
        "How many units one call used: JMESPath over inputs and outputs as they are stored. When left out, 1 for a "
        "call, the entries of the list that bulk counts for records, and none for tokens.",
    ),
))  # fmt: skip
SIMULATION = Shape("simulation", (
    Key("answer", expression_tree("inputs", "seed"), "Outputs: JMESPath over inputs and seed."),
    Key("code_file", r.code_file, "Python that answers, in place of `answer`."),
    Key("latency_ms", integer(0, MAX_TIMEOUT_MS, " ms"), "How long it takes."),
))  # fmt: skip
FIXTURE = Shape("fixtures", (
    Key("inputs", free_json, "What the call is made with."),
    Key("outputs", free_json, "What must come out (transforms)."),
    Key("status", integer(100, 599), "Status of the reply."),
    Key("headers", mapping(text(1_000), r"[A-Za-z0-9-]{1,64}", "a header name", 50), "Headers of the reply."),
    Key("body", free_json, "Body of the reply."),
    Key("latency_ms", integer(0, 60_000, " ms"), "How long the reply takes."),
))  # fmt: skip
FIXTURES = mapping(FIXTURE, r"[a-z0-9][a-z0-9_]{0,39}", "a scenario such as happy or 429", 40)
HEADERS = mapping(r.header_value, r"[A-Za-z0-9-]{1,64}", "a header name", 30)

ACTION_KEYS = (
    Key("runner", choice("rest", "grpc", "python"), "What runs it; rest when left out."),
    Key("method", choice(*METHODS, upper=True), "HTTP method."),
    Key("path", r.url_path, "Path below base_url; {name} takes an input."),
    Key(
        "query",
        mapping(expression("inputs"), r"[^\s=&#]{1,64}", "a query parameter"),
        "Query parameters: JMESPath over inputs; a list repeats its name. Left out, for GET, HEAD and DELETE without a "
        "body: all inputs that the path does not use.",
    ),
    Key("headers", HEADERS, "Constant headers; of a gRPC call its metadata."),
    Key(
        "body",
        expression_tree("inputs"),
        "Body: JMESPath over inputs. Left out, but for GET, HEAD and DELETE: all inputs that path, query and upload do "
        "not use.",
    ),
    Key(
        "body_format",
        choice("json", "form", "multipart", "related", "raw"),
        "How the body is sent; json when left out. multipart is form-data, related JSON and a file, raw the file.",
    ),
    Key("upload", UPLOAD, "The file that is sent: with multipart, related or raw."),
    Key("idempotency_header", r.own_header, "Header that takes a key by which the vendor does a call once."),
    Key(
        "response",
        expression_tree("status", "headers", "body", "items", "more"),
        "Outputs: JMESPath over status, headers and body; with pagination over items (of all pages) and more (whether "
        "there were further ones) too. Left out: the body, or items and more.",
    ),
    Key(
        "response_format",
        choice("json", "text", "bytes"),
        "How a reply is read; json when left out. bytes gives {content, media_type, size} with the content in base64.",
    ),
    Key("pagination", PAGINATION, "How lists go on."),
    Key("grpc", GRPC, "The call of a gRPC action."),
    Key("code_file", r.code_file, "The file of a Python action."),
    Key(
        "inputs",
        schema(closed=True),
        "What it takes. Further names are refused. Left out in a gRPC action: as its message has it.",
        ("request_schema",),
    ),
    Key(
        "outputs",
        schema(closed=False),
        "What it gives. Further fields may come. Left out in a gRPC action: as its message has it.",
        ("response_schema",),
    ),
    Key(
        "renamed_from",
        mapping(text(64, pattern=IDENTIFIER, expected="the name of an input"), IDENTIFIER, "the name of an input", 50),
        "Inputs by their new name with the one they had in the version before, so that stored inputs are carried over.",
    ),
    Key("errors", items(r.status, 60, ordered=False), "Statuses it answers with on failure."),
    Key("replies", items(REPLY, 60), "Which reply is which error, first match first."),
    Key("scopes", items(scope, 50, ordered=False), "Scopes this action needs; the connector's when left out."),
    Key("idempotent", flag, "Whether a second identical call does nothing more; true for GET and HEAD when left out."),
    Key("destructive", flag, "Whether it destroys something; true for deletes."),
    Key("bulk", BULK, "When a call counts as bulk."),
    Key("undo", name(dotted=True), "The action that takes it back."),
    Key("reads", READS, "How the records it changes are read, so that an approver sees them before and after."),
    Key(
        "narrow",
        items(_input_name, 20, ordered=False),
        "Inputs that an approver may make smaller: lists lose entries, numbers become lower, what is optional is left "
        "out. The list that bulk counts always may.",
    ),
    Key("audience", choice("human", "agent", "both"), "Who may call it; both when left out."),
    Key("policy", POLICY, "Approvals and personal data."),
    Key("rate_limits", RATE_LIMITS, "Its own limits."),
    Key("lock", LOCK, "Which calls go one at a time."),
    Key("breaker", BREAKER, "Its own circuit breaker."),
    Key("retry", RETRY, "Its own retries."),
    Key("timeout_ms", integer(1, MAX_TIMEOUT_MS, " ms"), "Time for one call; at most 10,000."),
    Key("memory_mb", integer(16, MAX_MEMORY_MB, " MB"), "Memory of a Python action; at most 256."),
    Key("fallbacks", items(FALLBACK, 5), "Where else to try."),
    Key("cost", COST, "What a call costs."),
    Key("simulation", SIMULATION, "How it answers without an account."),
    Key("fixtures", FIXTURES, "Recorded replies by scenario."),
)
ACTION = Shape("actions", (
    Key("id", name(), "Its name within the connector.", required=True),
    Key("name", text(80), "What people read."),
    Key("summary", text(300), "One sentence."),
    *ACTION_KEYS,
))  # fmt: skip

AUTH = Shape("auth", (
    Key("type", choice(*AUTH_TYPES), "How a connection proves itself.", required=True),
    Key("scopes", items(_vendor_scope, 100, ordered=False), "The vendor's own scopes, in its spelling."),
    Key(
        "scope_map",
        mapping(items(_vendor_scope, 20, ordered=False), _CANONICAL_SCOPE, "a scope such as crm.tasks.write"),
        "Which of the vendor's scopes each scope of an action needs; none where the vendor asks for no right.",
    ),
    Key("authorize_url", https_address, "Consent screen."),
    Key("token_url", https_address, "Token endpoint."),
    Key("revoke_url", https_address, "Revocation endpoint."),
    Key(
        "revoke_with",
        choice("client", "token"),
        "What proves a revocation: the client (RFC 7009), or the token as a bearer's; the client when left out.",
    ),
    Key("issuer", https_address, "Issuer, where the vendor has discovery."),
    Key("grant", choice("authorization_code", "client_credentials"), "OAuth 2 grant; the first when left out."),
    Key(
        "authorize_params",
        mapping(text(200), _authorize_param, "a further parameter of the consent screen", 20),
        "Further parameters of the consent screen, such as access_type: offline.",
    ),
    Key(
        "token_endpoint_auth_method",
        choice("client_secret_post", "client_secret_basic"),
        "How the client proves itself at the token endpoint (RFC 7591); client_secret_post when left out.",
    ),
    Key("token_body", choice("form", "json"), "How the token endpoint is asked; form (RFC 6749) when left out."),
    Key("pkce", flag, "Whether the vendor takes PKCE (RFC 7636); true when left out."),
    Key("scope_separator", choice("space", "comma"), "What stands between scopes; a space when left out."),
    Key("audience", text(300), "Audience of the token."),
    Key(
        "account",
        expression(),
        "JMESPath over the token endpoint's answer, without its tokens: how the account is called. "
        "email || preferred_username || name when left out.",
    ),
    Key("in", choice("header", "query"), "Where an API key goes; header when left out."),
    Key("name", _key_name, "Header or parameter of an API key."),
    Key("prefix", _word, "Word before the key, such as Bearer."),
))  # fmt: skip
CONNECTION_KEYS = (
    Key("auth", AUTH, "How a connection proves itself."),
    Key("base_url", https_address, "Where its paths begin."),
    Key("egress", items(r.egress_entry(EGRESS), 30, ordered=False), "Every host it may reach."),
    Key("permissions", PERMISSIONS, "What a caller must hold."),
)
HEALTH = Shape("health", (
    Key("action", name(), "A read action that tells whether the vendor answers.", required=True),
    Key("every_s", integer(60, 86_400, " s"), "Seconds between checks."),
))  # fmt: skip
STEP = Shape("steps", (
    Key("id", _step_id, "Its name for later steps.", required=True),
    Key("use", name(dotted=True), "What it calls: an extension, or `connector.action`.", required=True),
    Key("with", _step_inputs, "Inputs: JMESPath over inputs and steps; of a loop over item and index as well."),
    Key("when", expression("inputs", "steps", "item", "index"), "Runs only when this is true; each item of its own."),
    Key("each", expression("inputs", "steps"), "JMESPath to a list: it runs once for each item. Needs most."),
    Key("most", integer(1, MAX_ITEMS, " items"), "Items of a loop at most; a run with more fails before the first."),
    Key("timeout_ms", _pack_time, "Time for the whole step with its tries, but not while it waits for a person."),
    Key(
        "on_failure",
        choice(*ON_FAILURE),
        "What its failure does: stop ends the run, skip leaves its outputs null and goes on, undo takes back what the "
        "steps before it did and ends the run. stop when left out.",
    ),
    Key("summary", text(300), "One sentence."),
))  # fmt: skip
OUTCOME = Shape("outcome", (
    Key("name", name(), "What the run was for.", required=True),
    Key("success", expression("inputs", "steps"), "True when it was reached.", required=True),
    Key("signal", choice(*SIGNALS), "What proves it.", required=True),
))  # fmt: skip
SAMPLE = Shape("sample", (Key("inputs", free_json, "Inputs for a first run in Sim Mode.", required=True),))
SOURCE = Shape("source", (
    Key("type", choice("webhook", "schedule"), "What starts it.", required=True),
    Key("cron", text(100, pattern=r"[0-9*/,\- ]{9,100}", expected="five cron fields"), "When, in five cron fields."),
    Key("timezone", r.timezone, "Time zone of the schedule; UTC when left out."),
    Key("signature", choice("standard_webhooks", "hmac_sha256", "none"), "How a webhook proves itself."),
    Key("header", _header_name, "Header of an hmac_sha256 signature."),
    Key("debounce_ms", integer(0, 3_600_000, " ms"), "Quiet time that joins events."),
))  # fmt: skip
REQUIRES = mapping(version_range, r"[a-z][a-z0-9_.-]{0,99}", "the name of an extension", 50)

MANIFESTS: dict[str, Shape] = {
    "connector": Shape("a connector", (
        *COMMON,
        *CONNECTION_KEYS,
        Key("rate_limits", RATE_LIMITS, "Limits of the connection."),
        Key("retry", RETRY, "Retries of all actions."),
        Key("breaker", BREAKER, "When calls of an action are held back."),
        Key("health", HEALTH, "How health is checked."),
        Key(
            "grpc",
            Shape("grpc of a connector", _DESCRIPTION),
            "`proto` or `descriptor_set` of all its gRPC actions that bring none.",
        ),
        Key("headers", HEADERS, "Constant headers of all REST actions; an action's own win."),
        Key("replies", items(REPLY, 60), "Which reply is which error in all actions, after an action's own."),
        Key("fixtures", FIXTURES, "Recorded replies that all actions share; an action's own win."),
        Key("actions", items(ACTION, 200), "What it can do.", required=True),
    )),
    "action": Shape("an action", (*COMMON, *CONNECTION_KEYS, *ACTION_KEYS)),
    "transform": Shape("a transform", (
        *COMMON,
        Key("inputs", schema(closed=True), "The record it takes."),
        Key("outputs", schema(closed=False), "The record it gives."),
        Key("steps", items(read_operation, 100), "Operations in order."),
        Key("code_file", r.code_file, "The file of a Python transform, in place of steps."),
        Key("timeout_ms", integer(1, MAX_TIMEOUT_MS, " ms"), "Time for one run; at most 10,000."),
        Key("memory_mb", integer(16, MAX_MEMORY_MB, " MB"), "Memory of a Python transform; at most 256."),
        Key("fixtures", FIXTURES, "Examples: inputs and the outputs that must come of them."),
    )),
    "trigger": Shape("a trigger", (
        *COMMON,
        Key("source", SOURCE, "What starts it.", required=True),
        Key("outputs", schema(closed=False), "The event it hands on."),
        Key("fixtures", FIXTURES, "Sample events."),
    )),
    "pack": Shape("a pack", (
        *COMMON,
        Key("requires", REQUIRES, "Extensions it needs, with version ranges."),
        Key("inputs", schema(closed=True), "What a run begins with."),
        Key("steps", items(STEP, MAX_STEPS, least=1), "Calls in order, at most 100.", required=True),
        Key("timeout_ms", _pack_time, "Time for a whole run, but not while it waits for a person."),
        Key("max_calls", integer(1, MAX_CALLS, " calls"), "Calls of one run with those of loops; 1,000 when left out."),
        Key("outcome", OUTCOME, "What a run is for."),
        Key("sample", SAMPLE, "A first run."),
    )),
}  # fmt: skip

# The parts above in the order the reference tells them.
SECTIONS = (
    ACTION, AUTH, EGRESS, PERMISSIONS, POLICY, APPROVAL, RATE_LIMITS, LOCK, BREAKER, RETRY, BULK, READS, REPLY,
    PAGINATION, UPLOAD, GRPC, FALLBACK, COST, SIMULATION, FIXTURE, HEALTH, STEP, OUTCOME, SAMPLE, SOURCE,
)  # fmt: skip
