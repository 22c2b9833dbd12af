"""A report as lines for a terminal."""

from collections.abc import Iterator

from galaxy.core.audit.verifying.report import Report


def lines_of(name: str, report: Report) -> Iterator[str]:
    """What was looked at, what to know, then the findings as a table, each with its position in the tree."""
    copied = "with no copy outside to compare with" if report.copied is None else f"{report.copied:,} of them copied"
    verdict = "intact" if report.is_intact else "NOT INTACT"
    yield f"{name}: {report.size:,} events under {report.checkpoints:,} checkpoints, {copied}: {verdict}."
    yield f"  {report.values:,} open their commitments; signed by {', '.join(report.keys) or 'nobody'}."
    for count, words in (
        (report.gone, "have no values any more; their leaves still verify"),
        (report.waiting, f"wait to be sealed, the oldest since {report.waiting_since:%Y-%m-%d %H:%M:%S} UTC"
            if report.waiting_since else ""),
        (report.lost, "were not in a backup that was restored, as was declared then"),
        (report.torn, "lines of the copy are torn, as a kill leaves them"),
    ):  # fmt: skip
        if count:
            yield f"  {count:,} {words}."
    if report.findings:
        places = max(len("position"), *(len(one.place) for one in report.findings))
        kinds = max(len(one.label) for one in report.findings)
        yield f"  {'position':<{places}}  {'what':<{kinds}}  in words"
        for one in report.findings:
            yield f"  {one.place:<{places}}  {one.label:<{kinds}}  {one.sentence}"
    if report.more:
        yield f"  and {report.more:,} more."
