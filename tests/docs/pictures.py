"""Pictures made from text: a comment of a document says what is to be seen, and the block behind it shows that.

    <!-- picture flow          boxes one below the other; a line that begins with | stands beside the arrow
    <!-- picture nest          boxes in boxes, by indentation; "title: more" puts more on a line of its own
    <!-- picture tree 4 2      a hash tree over 4 leaves, with what proves leaf 2 in double strokes

``make docs`` draws them anew. They are plain characters, so that a terminal shows them as a browser does.
"""

import re
from pathlib import Path

_PICTURE = re.compile(r"<!-- picture (\w+)([ \d]*)\n(.*?)-->\n+```text\n(.*?)```\n", re.DOTALL)
_LEAF_WIDTH = 12


def drawn(document: str) -> str:
    """The document with each of its pictures as its comment says."""

    def one(found: re.Match[str]) -> str:
        kind, numbers, source, _ = found.groups()
        lines = {"flow": _flow, "nest": _nest, "tree": _tree}[kind](source.rstrip("\n"), numbers)
        picture = "\n".join(line.rstrip() for line in lines)
        return f"<!-- picture {kind}{numbers}\n{source}-->\n\n```text\n{picture}\n```\n"

    return _PICTURE.sub(one, document)


def count(path: Path) -> int:
    return len(_PICTURE.findall(path.read_text(encoding="utf-8")))


def _box(lines: list[str], width: int) -> list[str]:
    return [f"┌{'─' * (width + 2)}┐", *(f"│ {line.ljust(width)} │" for line in lines), f"└{'─' * (width + 2)}┘"]


def _words(line: str) -> list[str]:
    title, _, more = line.strip().partition(": ")
    return [title, *([f"  {more}"] if more else [])]


def _flow(source: str, _: str) -> list[str]:
    steps = [line for line in source.splitlines() if line.strip()]
    width = max(len(words) for line in steps if not line.startswith("|") for words in _words(line))
    lines: list[str] = []
    for at, step in enumerate(steps):
        if step.startswith("|"):
            lines.append(f"      │ {step[1:].strip()}")
            continue
        if at:
            lines.append("      ▼")
        lines += _box(_words(step), width)
    return lines


def _nest(source: str, _: str) -> list[str]:
    lines = [line for line in source.splitlines() if line.strip()]

    def level(line: str) -> int:
        return (len(line) - len(line.lstrip())) // 2

    def boxes(start: int, depth: int) -> tuple[list[str], int]:
        found: list[str] = []
        at = start
        while at < len(lines) and level(lines[at]) == depth:
            own = _words(lines[at])
            inner, at = boxes(at + 1, depth + 1)
            content = [*own, *inner]
            found += _box(content, max(map(len, content)))
        return found, at

    return boxes(0, 0)[0]


def _tree(source: str, numbers: str) -> list[str]:
    leaves, proven = map(int, numbers.split())
    names = source.split()
    rows: list[str] = []
    row, at, level = names[:leaves], proven, 0
    while row:
        width = _LEAF_WIDTH * 2**level
        sibling = at ^ 1 if len(row) > 1 else None
        marked = [
            f"╣{one}╠" if place == sibling else f"[{one}]" if place == at else f" {one} "
            for place, one in enumerate(row)
        ]
        rows.append("".join(one.center(width) for one in marked))
        if len(row) == 1:
            break
        half = width // 2
        joint = "".join(
            " " * (half - 1) + "└" + "─" * (half - 1) + "┬" + "─" * (width - half - 1) + "┘" + " " * half
            for _ in range(len(row) // 2)
        )
        rows.append(joint)
        names = names[len(row) :]
        row, at, level = names[: len(row) // 2], at // 2, level + 1
    return rows
