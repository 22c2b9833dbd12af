"""Inputs and replies to try with: those of fixtures, else made up from the schema."""

import ast
import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from registry.manifests import ActionSpec
from registry.manifests.misfits import misfits
from registry.manifests.schemas import validator
from registry.openapi.samples import sample

_FILE = base64.b64encode(b"A file to try with.").decode()
_SIGNS = "1aAx-"


def inputs_of(action: ActionSpec, scenario: str = "happy") -> dict[str, Any]:
    """The inputs of the fixture, else of the happy one, else made up: all fields where that fits, else what is
    required."""
    for name in (scenario, "happy"):
        if "inputs" in action.fixtures.get(name, {}):
            return action.fixtures[name]["inputs"]
    whole = _made_up(action.inputs)
    whole |= _upload_of(action)
    if not misfits(whole, action.inputs):
        return whole
    return {name: value for name, value in whole.items() if name in action.inputs.get("required", ())}


def reply_of(action: ActionSpec, scenario: str) -> dict[str, Any]:
    return {"status": 200} | action.fixtures.get(scenario, {})


def recording_path(action: str, scenario: str, files: Mapping[str, bytes]) -> str:
    """The file with the recorded exchanges of a Python action's scenario, "" where there is none."""
    paths = (f"fixtures/{action}.{scenario}.json", f"fixtures/{scenario}.json")
    return next((path for path in paths if path in files), "")


def recording_of(action: str, scenario: str, files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The exchanges of ``recording_path``. Raises ValueError for a file that holds none."""
    found = json.loads(files[recording_path(action, scenario, files)])
    if not isinstance(found, list) or not all(isinstance(one, dict) and "url" in one for one in found):
        raise ValueError("It holds no list of exchanges.")
    return found


def secret_names(code: str) -> list[str]:
    """The secrets that a file of Python asks for by a written name; 32 at most."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "secrets"
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        and node.slice.value.isidentifier()
    }
    return sorted(found)[:32]


def _upload_of(action: ActionSpec) -> dict[str, str]:
    """The inputs that hold a file and its media type, which no schema says."""
    upload, plain = action.raw.get("upload", {}), {"content": _FILE, "media_type": "text/plain"}
    named = {part: upload[part].removeprefix("inputs.") for part in plain if part in upload}
    return {name: plain[part] for part, name in named.items() if name in action.inputs.get("properties", {})}


def _made_up(schema: dict[str, Any]) -> dict[str, Any]:
    made = sample(_written_out(schema, schema, 0))
    return made if isinstance(made, dict) else {}


def _written_out(part: Any, root: dict[str, Any], depth: int) -> Any:
    """Without references, of which none leads in a circle."""
    if isinstance(part, list):
        return [_written_out(one, root, depth) for one in part]
    if not isinstance(part, dict) or depth > 40:
        return part
    if "$ref" in part:
        return _written_out(root.get("$defs", {}).get(part["$ref"].removeprefix("#/$defs/"), {}), root, depth + 1)
    if "pattern" in part and "enum" not in part and (text := _matching(part["pattern"])):
        return {"const": text}
    return {key: _written_out(value, root, depth + 1) for key, value in part.items() if key != "$defs"}


@lru_cache(maxsize=256)
def _matching(pattern: str) -> str:
    """A text of one sign repeated that matches, as many ids and codes do; "" where none does."""
    fits = validator({"type": "string", "pattern": pattern}).is_valid
    return next((sign * count for sign in _SIGNS for count in range(1, 41) if fits(sign * count)), "")
