"""Do, then undo: the same state as before, as far as two requests can show it (EXTENSIBILITY: undo contract).

The action is called and answered by its happy fixture. What it was given and what it gave fill the undo, as the button
after a run does. The undo's request then has to be about the very record: an id that the action gave, or one that both
were given; and where it deletes what was made, it has to delete it in the place where it was made.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from galaxy.core.egress.transport import Outgoing
from registry.manifests import ActionSpec
from registry.manifests.misfits import misfits
from sandbox.contract_tests.bench import Tried, tried
from sandbox.contract_tests.checks import Bench, Failed
from sandbox.contract_tests.examples import inputs_of, reply_of

_MAKES = frozenset({"POST", "PUT"})


def undoes(bench: Bench) -> None:
    action = bench.spec
    undo = bench.manifest.actions.get(action.undo or "")
    if undo is None or action.runner == "python" or undo.runner == "python":
        return  # of another extension, or of code: that it exists is what can be said
    done = bench.call("happy")
    if done.reply is None:
        raise Failed("the action to succeed", done.words)
    given = _filled(action, undo, done)
    taken = tried(bench.manifest, undo, given, [reply_of(undo, "happy")])
    if taken.reply is None or not taken.sent:
        raise Failed(f"{undo.id} to succeed", taken.words)
    _same_record(action, undo, done, taken, given)


def _filled(action: ActionSpec, undo: ActionSpec, done: Tried) -> dict[str, Any]:
    """The inputs of the undo, by the names of what the action gave, else of what it was given."""
    outputs = done.reply.outputs if done.reply and isinstance(done.reply.outputs, dict) else {}
    known = {**inputs_of(action), **{name: value for name, value in outputs.items() if value is not None}}
    given = {name: known[name] for name in undo.inputs.get("properties", {}) if name in known}
    if wrong := misfits(given, undo.inputs):
        place, sentence = next(iter(wrong.items()))
        raise Failed(f"the inputs of {undo.id} from what {action.id} knows", f"{place or 'they'}: {sentence}")
    return given


def _same_record(action: ActionSpec, undo: ActionSpec, done: Tried, taken: Tried, given: dict[str, Any]) -> None:
    request = taken.sent[0]
    carried = {text for text in _texts(given) if _carries(request, text)}
    outputs = done.reply.outputs if done.reply else None
    made = set(_texts(outputs)) & carried
    shared = {text for text in carried if _carries(done.sent[0], text)}
    if undo.inputs.get("required") and not made | shared:
        raise Failed(f"{undo.id} to name the record that {action.id} was about", "a request that names none of it")
    if undo.method == "DELETE" and action.method in _MAKES and made:
        _same_place(action, undo, done.sent[0], request, made)


def _same_place(action: ActionSpec, undo: ActionSpec, made_by: Outgoing, request: Outgoing, made: set[str]) -> None:
    """A record lies below the collection that it was sent to: what is deleted elsewhere leaves it where it is."""
    *above, last = _segments(request)
    collection = above[-1] if above else ""
    if last in made and collection not in _segments(made_by):
        where = "/".join(_segments(made_by))
        raise Failed(f"what {action.id} made at /{where} to be gone", f"{undo.id} deletes /{collection}/…")


def _segments(request: Outgoing) -> list[str]:
    return [unquote(part) for part in urlsplit(request.shown_url).path.split("/") if part]


def _carries(request: Outgoing, text: str) -> bool:
    return text in unquote(request.shown_url) or text.encode() in request.body


def _texts(value: Any) -> Iterator[str]:
    """The plain values that could name a record."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str | int) and not isinstance(value, bool) and str(value):
        yield str(value)
