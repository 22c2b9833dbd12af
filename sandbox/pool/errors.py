"""How a run of Python can fail: the closed list of codes, each with its category, one sentence and one next step.

Categories are those of the gate. ``{message}`` in a sentence is a text of the creator's code or of Python, shortened
and made plain; it is put in by ``str.format`` as a value and never read as a template.
"""

from dataclasses import dataclass
from typing import Any

FIX = "Correct the file at that line, then submit it again."
LOWER = "Make the code do less in one run, or split the work over several."
SHRINK = "Return less, or only what the next step needs."


@dataclass(frozen=True)
class Meaning:
    category: str
    sentence: str
    next_step: str


def _creator(sentence: str, next_step: str = FIX) -> Meaning:
    return Meaning("tool_error", sentence, next_step)


def _output(sentence: str, next_step: str = SHRINK) -> Meaning:
    return Meaning("validation", sentence, next_step)


ERRORS: dict[str, Meaning] = {
    # The file.
    "code_too_large": _creator("The file is larger than 256 KiB.", "Shorten the file, or split it into actions."),
    "code_not_text": _creator(
        "The file is not valid text: {message}.", "Save the file as UTF-8, then submit it again."
    ),
    "syntax_error": _creator("The file is not Python: {message}."),
    "run_missing": _creator("The file defines no function run.", "Add def run(inputs, ctx): to the file."),
    "run_signature": _creator(
        "run cannot be called as run(inputs, ctx): {message}.", "Write it as def run(inputs, ctx):."
    ),
    "import_refused": _creator(
        "{message} is not among the modules that may be imported.", "Use a module of the list in docs/sandbox.md."
    ),
    # The run.
    "exception": _creator("{type}: {message}"),
    "action_error": _creator(
        "The action ended itself with {message}.", "See what the action's page says about this code."
    ),
    "refused": Meaning("policy_block", "{message}", "Declare the host in the file's egress line, or call another."),
    "recursion_limit": _creator("The code calls itself too deeply."),
    "exited": _creator("The code tried to end the process instead of returning a value."),
    "time_limit": _creator("The run took longer than its {limit} ms.", LOWER),
    "cpu_limit": _creator("The run computed for longer than its {limit} ms.", LOWER),
    "memory_limit": _creator("The run needed more memory than its {limit} bytes.", LOWER),
    "value_too_large": _creator("The run handed over a text of more than 2 MiB at once.", LOWER),
    "crashed": _creator("The interpreter of this run broke; nothing else was touched.", LOWER),
    "http_calls_limit": Meaning("quota", "The run made more than its {limit} HTTP calls.", LOWER),
    "http_bytes_limit": Meaning("quota", "The run moved more than its {limit} bytes over HTTP.", LOWER),
    "sign_limit": Meaning("quota", "The run asked for more than 100 signatures.", LOWER),
    "http_malformed": _creator("A request could not be read: {message}."),
    "not_for_transforms": Meaning(
        "policy_block",
        "A transform has neither network nor secrets.",
        "Make it an action, or work on the inputs alone.",
    ),
    # The output.
    "output_too_large": _output("The output is larger than its {limit} bytes."),
    "output_too_deep": _output("The output has more than {limit} levels of lists and objects, or holds itself."),
    "output_not_json": _output(
        "The output is not plain JSON: {message}.", "Return texts, numbers, lists and objects only."
    ),
    "output_number": _output(
        "The output holds a number that is not finite or beyond 2**53.", "Return such a number as a text."
    ),
    "output_text": _output(
        "A text of the output cannot be stored: {message}.", "Return valid text, or base64 of the bytes."
    ),
    # The inputs.
    "inputs_too_large": Meaning("validation", "The inputs are larger than 1 MiB.", "Send fewer records in one call."),
    "inputs_not_plain": Meaning("validation", "The inputs are not plain JSON: {message}.", "Send plain JSON."),
    # The walls.
    "sandbox_violation": Meaning(
        "policy_block",
        "The code reached for something that the sandbox forbids, and was ended at once.",
        "Do not run this version again before its code was looked at.",
    ),
    "protocol_violation": Meaning(
        "policy_block",
        "The run spoke to the sandbox as no honest run does, and was ended at once.",
        "Do not run this version again before its code was looked at.",
    ),
    "worker_lost": Meaning("transient", "The worker that did this run ended under it.", "Run it again."),
    "quarantined": Meaning(
        "policy_block",
        "The marketplace stopped this version while it ran.",
        "Move it to another version, or wait until the marketplace has looked into it.",
    ),
    "sandbox_unavailable": Meaning(
        "transient", "Python does not run here: {message}", "An administrator sees under Sandbox which wall is missing."
    ),
}

# What the guest may say of itself. Everything else is found out here, outside of it.
FROM_GUEST = frozenset(
    {"syntax_error", "run_missing", "run_signature", "import_refused", "exception", "action_error", "refused"}
    | {"recursion_limit", "exited", "memory_limit"}
    | {"output_too_large", "output_too_deep", "output_not_json", "output_number", "output_text"}
)


def describe(code: str, **values: Any) -> dict[str, Any]:
    """{code, category, sentence, next_step, line, http_status, type, trace} of an error; the last four are filled in
    by who knows them."""
    meaning = ERRORS[code]
    return {
        "code": code,
        "category": meaning.category,
        "sentence": meaning.sentence.format(**{"message": "", "type": "", "limit": "", **values}),
        "next_step": meaning.next_step,
        "line": None,
        "http_status": None,
        "type": "",
        "trace": [],
    }
