"""Settings from the environment: small readers that fail loudly and accept ``NAME_FILE`` for secrets."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


class SettingError(ImproperlyConfigured):
    """A setting in the environment cannot be used; the sentence names it and says what would do."""


def env_str(name: str, default: str = "") -> str:
    """The text of ``name``; where ``NAME_FILE`` is set, the stripped text of that file."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
    return os.environ.get(name, default)


def env_bool(name: str, default: bool) -> bool:
    text = env_str(name).lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} is {text!r}; write true or false.")


def env_int(name: str, default: int) -> int:
    text = env_str(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise SettingError(f"{name} is {text!r}; write a whole number.") from error


def env_list(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Comma-separated words of ``name``."""
    text = env_str(name)
    return [word.strip() for word in text.split(",") if word.strip()] if text else list(default)


def env_secret(name: str, *, development: str | None) -> str:
    """A secret: from ``name`` or ``NAME_FILE``; ``development`` stands in where it may, else SettingError."""
    text = env_str(name)
    if text:
        return text
    if development is not None:
        return development
    raise SettingError(f"{name} is not set. Set it, or {name}_FILE to the path of a file that holds it.")
