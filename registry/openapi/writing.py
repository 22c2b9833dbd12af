"""A manifest as YAML text that the manifest reader takes as it is meant: what could be read in two ways is quoted."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

from registry.manifests.nodes import MAX_NUMBER_CHARS, MAX_SAFE_INTEGER, looks_like_number

# Words, names and paths; whatever any version of YAML could take for something else is quoted.
_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./{}-]*(?: [A-Za-z0-9_.()/-]+)*", re.ASCII)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)  # lists stand indented below their key


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    is_bare = _BARE.fullmatch(value) and value.lower() not in _WORDS and not looks_like_number(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if is_bare else '"')


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", _decimal(value))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def is_plain_number(value: float) -> bool:
    """Whether a manifest keeps ``value`` as it is: within what a double holds exactly, and no power of ten needed."""
    return abs(value) <= MAX_SAFE_INTEGER and len(_decimal(value)) <= MAX_NUMBER_CHARS


def _decimal(value: float) -> str:
    """As decimals alone: which exponents make a number is what versions of YAML disagree about."""
    return f"{Decimal(repr(value)):f}"


def as_yaml(manifest: dict[str, Any]) -> str:
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
