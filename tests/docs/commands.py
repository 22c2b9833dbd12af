"""docs/reference/commands.md: every command of ours, with what it takes."""

import argparse
from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class

from tests.docs.tables import NOTE, ROOT, table

_BEGINNING = """# Commands

{note}

In a checkout a command runs as `.venv/bin/python manage.py NAME`, which starts the embedded servers where they do not
run; in a container as `python manage.py NAME`. Every command takes `--help`, and Django's own options besides those
below. Exit status 0 means that it was done; anything else comes with one sentence on standard error.

"""
# What Django gives every command.
_DJANGOS = {
    "help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks",
}  # fmt: skip


def our_commands() -> dict[str, argparse.ArgumentParser]:
    """{name: its parser}, of apps that lie in this repository; those that take another's place are left to Django."""
    paths = {one.name: one.path for one in apps.get_app_configs()}
    ours = {name: app for name, app in get_commands().items() if isinstance(app, str) and _is_ours(paths.get(app, ""))}
    found = {}
    for name, app in sorted(ours.items()):
        found[name] = load_command_class(app, name).create_parser("manage.py", name)
    return found


def _is_ours(path: str) -> bool:
    return path.startswith(ROOT.as_posix()) and "site-packages" not in path


def page() -> str:
    lines = [_BEGINNING.format(note=NOTE)]
    for name, parser in our_commands().items():
        lines += [f"## {name}", "", parser.description or "", "", *_of(parser, f"manage.py {name}")]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


def _of(parser: argparse.ArgumentParser, typed: str) -> Iterator[str]:
    own = [one for one in parser._actions if one.dest not in _DJANGOS]
    verbs = next((one for one in own if isinstance(one, argparse._SubParsersAction)), None)
    arguments = [one for one in own if one is not verbs]
    if verbs is None or arguments:
        yield from [f"`{' '.join([typed, *map(_typed, arguments)])}`", ""]
    if any(one.help or one.choices or one.default for one in arguments):
        yield from table(("argument", "what it is"), ((f"`{_name(one)}`", _about(one)) for one in arguments))
    if verbs is not None:
        helps = {one.dest: one.help or "" for one in verbs._choices_actions}
        for verb, inner in verbs.choices.items():
            yield from [
                f"**{typed.removeprefix('manage.py ')} {verb}**: {helps.get(verb, inner.description or '')}",
                "",
            ]
            yield from _of(inner, f"{typed} {verb}")


def _name(one: argparse.Action) -> str:
    return ", ".join(one.option_strings) or str(one.metavar or one.dest)


def _typed(one: argparse.Action) -> str:
    if not one.option_strings:
        word = str(one.metavar or one.dest.upper())
        return f"[{word}]" if one.nargs in ("?", "*") else word
    value = "" if one.nargs == 0 else f" {one.metavar or one.dest.upper()}"
    text = f"{one.option_strings[-1]}{value}"
    return text if one.required else f"[{text}]"


def _about(one: argparse.Action) -> str:
    told = (one.help or "") % {"default": one.default, "prog": "manage.py"}
    said = [told.strip().rstrip(".")] if told else []
    if one.choices:
        said.append("one of " + ", ".join(f"`{choice}`" for choice in one.choices))
    if one.default and one.default not in (True, argparse.SUPPRESS) and one.option_strings and "default" not in told:
        said.append(f"`{_anywhere(one.default)}` when left out")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _anywhere(default: object) -> str:
    """A default without the place of this checkout in it."""
    text = str(default).replace(str(settings.EMAIL_FILE_PATH.parent), "GALAXY_DATA_DIR")
    return text.replace(f"{ROOT.as_posix()}/", "")
