"""Whatever a file does wrong has its code, its category, one sentence, and the line where there is one."""

import pytest

from sandbox.models import Category
from sandbox.pool.errors import ERRORS, FROM_GUEST
from tests.sandbox.pool.conftest import Peer
from tests.sandbox.pool.jobs import job

RUN = "def run(inputs, ctx):\n"

# name: (file, code, line, part of the sentence)
WRONG = {
    "syntax": (f"{RUN}    return {{", "syntax_error", 2, "is not Python: '{' was never closed"),
    "indentation": ("def run(inputs, ctx):\nreturn 1\n", "syntax_error", 2, "expected an indented block"),
    "null": ("x = '\0'\n", "code_not_text", None, "null character"),
    "surrogate": ("x = '\ud800'\n", "code_not_text", None, "surrogate"),
    "megabyte": ("#" * (1 << 20) + "\n", "code_too_large", None, "larger than 256 KiB"),
    "deep": (f"x = {'(' * 5000}{')' * 5000}\n", "syntax_error", None, "it is nested too deeply"),
    "nothing": ("\n", "run_missing", None, "defines no function run"),
    "no_function": ("run = 3\n", "run_missing", None, "defines no function run"),
    "arity": ("x = 1\ndef run(inputs):\n    pass\n", "run_signature", 2, "too many positional arguments"),
    "async": ("async def run(inputs, ctx):\n    pass\n", "run_signature", 1, "it is async"),
    "import": ("import json\nimport socket\n", "import_refused", 2, "socket is not among the modules"),
    "import_in_run": (f"{RUN}    import os.path\n", "import_refused", 2, "os.path is not among the modules"),
    "exception": (f"{RUN}    return inputs['a']['b']\n", "exception", 2, "Line 2: KeyError: 'a'"),
    "in_a_helper": (f"def f():\n    return 1 / 0\n{RUN}    return f()\n", "exception", 2, "division by zero"),
    "in_a_module": (f"import json\n{RUN}    json.loads('{{')\n", "exception", 3, "JSONDecodeError: Expecting property"),
    "recursion": (f"{RUN}    return run(inputs, ctx)\n", "recursion_limit", 2, "calls itself too deeply"),
    "exit": (f"{RUN}    raise SystemExit(0)\n", "exited", 2, "tried to end the process"),
    "set": (f"{RUN}    return {{1}}\n", "output_not_json", None, "Object of type set is not JSON serializable"),
    "bytes": (f"{RUN}    return b'x'\n", "output_not_json", None, "bytes is not JSON serializable"),
    "generator": (f"{RUN}    yield 1\n", "output_not_json", None, "generator is not JSON serializable"),
    "nan": (f"{RUN}    return [float('nan')]\n", "output_number", None, "not finite"),
    "huge": (f"{RUN}    return 10 ** 17\n", "output_number", None, "beyond 2**53"),
    "lone": (f"{RUN}    return '\\ud800'\n", "output_text", None, "half of a surrogate pair"),
    "nul": (f"{RUN}    return '\\0'\n", "output_text", None, "a null character"),
    "itself": (f"{RUN}    x = []\n    x.append(x)\n    return x\n", "output_too_deep", None, "or holds itself"),
    "levels": (f"{RUN}    return eval('[' * 33 + ']' * 33)\n", "output_too_deep", None, "more than 32"),
    "size": (f"{RUN}    return 'x' * 10 ** 7\n", "output_too_large", None, "larger than its 1048576 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_told_what_is_wrong(pool, peer, name):
    code, expected, line, part = WRONG[name]
    outcome = pool.run(job(code), peer)
    error = outcome.error
    assert (outcome.status, outcome.output) == ("error", None)
    assert (error["code"], error["line"]) == (expected, line)
    assert part in error["sentence"]
    assert error["next_step"] and error["category"] == ERRORS[expected].category
    assert not outcome.sent


def test_the_pool_is_as_healthy_after_as_before(pool, peer):
    assert pool.run(job("return 32"), peer).output == 32


def test_every_category_is_one_of_the_gate():
    assert {meaning.category for meaning in ERRORS.values()} <= set(Category.values)
    assert set(ERRORS) >= FROM_GUEST


@pytest.mark.parametrize(
    ("raised", "code", "category", "status"),
    [
        ("ActionError('drive_api_failed', 503)", "drive_api_failed", "transient", 503),
        ("ActionError('no_such_file', 404)", "no_such_file", "not_found", 404),
        ("ActionError('not_signed_in', 401)", "not_signed_in", "auth_error", 401),
        ("ActionError('too_fast', 429)", "too_fast", "rate_limit", 429),
        ("ActionError('odd')", "odd", "tool_error", None),
        ("ActionError('memory_limit', 10 ** 9)", "action_error", "tool_error", None),
        ("ActionError('no code \\n at all', '404')", "action_error", "tool_error", None),
    ],
)
def test_an_action_ends_itself_with_a_code_of_its_own_and_none_of_ours(pool, peer, raised, code, category, status):
    error = pool.run(job(f"raise {raised}"), peer).error
    assert (error["code"], error["category"], error["http_status"]) == (code, category, status)
    assert error["sentence"].startswith(f"Line 2: The action ended itself with {code}")


def test_a_call_that_was_refused_is_told_in_the_words_of_the_broker(pool):
    refusing = Peer(
        {
            "error": "host_not_allowed",
            "category": "policy_block",
            "message": "evil.test is not declared.",
            "was_sent": False,
        }
    )
    outcome = pool.run(job("ctx.http.get('https://evil.test/')"), refusing)
    assert outcome.error["code"] == "host_not_allowed"
    assert outcome.error["category"] == "policy_block"
    assert outcome.error["sentence"] == "Line 2: evil.test is not declared."
    assert (outcome.http_calls, outcome.sent) == (1, False)


def test_a_refusal_that_never_was_does_not_pass_for_one(pool, peer):
    error = pool.run(job("raise HttpRefused('host_not_allowed', 'The policy said so.')"), peer).error
    assert (error["code"], error["category"]) == ("exception", "tool_error")


def test_a_line_that_the_file_does_not_have_is_not_believed(pool, peer):
    code = "def run(inputs, ctx):\n    exec(compile('\\n' * 5000 + '1 / 0', 'action.py', 'exec'))\n"
    error = pool.run(job(code), peer).error
    assert (error["code"], error["line"]) == ("exception", None)


def test_the_way_to_the_error_is_told(pool, peer):
    code = "def f(x):\n    return x.missing\n\ndef run(inputs, ctx):\n    return f(3)\n"
    error = pool.run(job(code), peer).error
    assert error["trace"] == [{"line": 5, "function": "run"}, {"line": 2, "function": "f"}]
    assert error["type"] == "AttributeError"


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"a": float("inf")}, "inputs_not_plain"),
        ({"a": {1}}, "inputs_not_plain"),
        ({"a": "\ud800"}, "inputs_not_plain"),
        ({"a": "x" * (1 << 20)}, "inputs_too_large"),
    ],
)
def test_inputs_that_no_run_can_take(pool, peer, inputs, code):
    assert pool.run(job("return 1", inputs), peer).error["code"] == code


def test_a_transform_has_neither_network_nor_secrets(pool, peer):
    for name in ("http", "secrets", "sign"):
        error = pool.run(job(f"ctx.{name}", kind="transform", secrets={"A": "x"}), peer).error
        assert (
            error["sentence"] == f"Line 2: AttributeError: a transform has no ctx.{name}: it works on its inputs alone"
        )
    past = "import inspect\ndef run(inputs, ctx):\n    host = inspect.sys.modules['wit_world.imports'].host\n"
    outcome = pool.run(job(f"{past}    return host.http('{{}}')\n", kind="transform"), peer)
    assert '"not_for_transforms"' in outcome.output
    assert peer.asked == []


def test_signing_happens_outside(pool, peer):
    outcome = pool.run(job("return ctx.sign('KEY', 'hmac-sha256', 'é')"), peer)
    assert (outcome.output, peer.asked) == ("5167", [("KEY", "hmac-sha256", "é".encode())])
    assert outcome.http_calls == 0
    error = pool.run(job("ctx.sign('OTHER', 'hmac-sha256', b'x')"), peer).error
    assert (error["code"], error["sentence"]) == ("secret_not_bound", "Line 2: No such secret.")
