"""The commands that the documents tell, in one form each: what a shell would be given, without where Python lies."""

import re
from pathlib import Path

from tests.docs.tables import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "THREAT_MODEL.md",
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "reference"),
]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SHELL = {"", "sh", "console", "bash", "shell"}
_PYTHON = r"(?:\.venv/bin/)?python3?"
_BEGINS = re.compile(
    rf"(?:[A-Z_]+=\S+ )*(?:make \w|manage\.py|{_PYTHON} (?:-m|\S+\.py)|curl|openssl|pg_\w+|unzip|base64|docker)"
)


def told_commands() -> dict[str, set[str]]:
    """{command: documents that tell it}."""
    found: dict[str, set[str]] = {}
    for path in DOCUMENTS:
        for command in commands_of(path):
            found.setdefault(command, set()).add(path.relative_to(ROOT).as_posix())
    return found


def commands_of(path: Path) -> list[str]:
    """Those of one document: in blocks, indented, and in running text, where they stand between backquotes."""
    text = path.read_text(encoding="utf-8")
    lines: list[str] = []
    for _, language, body in _FENCE.findall(text):
        if language in _SHELL:
            lines += _joined(body)
    prose = _FENCE.sub("", text)
    for block in re.findall(r"(?:^    \S.*\n(?:^     .*\n)*)+", prose, re.MULTILINE):
        lines += _joined(block)
    lines += re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"\n(?!\n)", " ", prose))
    return [plain(line) for line in lines if _BEGINS.match(line.strip())]


def shell_blocks(path: Path) -> list[str]:
    """Whole blocks, to be given to a shell."""
    return [body for _, language, body in _FENCE.findall(path.read_text(encoding="utf-8")) if language == "sh"]


def plain(line: str) -> str:
    """Blanks as one, without remark, surroundings and the place of Python."""
    line = " ".join(re.sub(r"\s+# .*$", "", line).split())
    line = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line)
    return re.sub(rf"^{_PYTHON} (?=manage\.py)", "", re.sub(r"^\.venv/bin/python ", "python ", line))


def _joined(body: str) -> list[str]:
    return re.sub(r"\\\n\s*", " ", body).splitlines()
