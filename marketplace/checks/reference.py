"""docs/findings.md, written from the table of codes."""

from collections.abc import Iterator

from marketplace.checks.codes import CODES, OWN, Code

BEGIN = "<!-- codes: printed by `manage.py findings`, held in step by a test -->"
END = "<!-- end of codes -->"
_STOPS = {"version": "a version", "submission": "a submission", "": "nothing"}


def tables() -> str:
    """Markdown: the codes of the marketplace, then those of manifests."""
    rest = {name: code for name, code in CODES.items() if name not in OWN}
    parts = [BEGIN, "", "## What only the marketplace looks for", "", *_table(OWN, why=True)]
    parts += ["## What manifests are held to", "", *_table(rest, why=False), END, ""]
    return "\n".join(parts)


def _table(codes: dict[str, Code], *, why: bool) -> Iterator[str]:
    head = ["code", "severity", "stops", "what", *(["why"] if why else []), "how to fix it"]
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for name, code in codes.items():
        cells = [code.severity, _STOPS[code.stops], code.about, *([code.why] if why else []), code.fix]
        yield f"| `{name}` | {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""
