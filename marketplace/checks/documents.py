"""Licence, documentation, examples and size: what a reader of the listing looks for."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from marketplace.checks.notes import Subject, note
from registry.manifests import Finding
from registry.manifests.code_files import code_names

DOCS_FILE = "docs.md"
LICENCE_FILES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "LICENCE.txt", "COPYING")
LEAST_DOCS = 40  # characters; "TODO" tells nobody anything
LARGE_BYTES = 512 * 1024
_HTML = re.compile(r"<(?:/?[a-zA-Z][^<>\n]{0,200}|!--)>?")
_IMAGE = re.compile(r"!\[[^\]\n]{0,200}\]\(")
_LINK = re.compile(r"\[[^\]\n]{1,200}\]\(\s*<?(?P<target>[^)\s>]{1,500})")
_FENCED = re.compile(r"^(?P<fence>```|~~~).*?^(?P=fence)", re.MULTILINE | re.DOTALL)
_KNOWN_FOLDERS = ("fixtures", "examples", "docs", "tests")


def findings(subject: Subject) -> Iterator[Finding]:
    yield from _licence(subject)
    yield from _docs(subject)
    yield from _examples(subject)
    yield from _size(subject)


def _licence(subject: Subject) -> Iterator[Finding]:
    named = subject.manifest.canonical.get("licence")
    if not named:
        if not any(name in subject.files for name in LICENCE_FILES):
            yield subject.at("no-licence", message="Neither `licence` nor a file LICENSE says how it may be used.")
    elif not _is_spdx(named):
        yield subject.at("unknown-licence", "licence", message=f"{named} is no licence that SPDX lists.")


@cache
def _is_spdx(expression: str) -> bool:
    """By the SPDX list that packaging carries (PEP 639)."""
    try:
        canonicalize_license_expression(expression)
    except InvalidLicenseExpression:
        return False
    return True


def _docs(subject: Subject) -> Iterator[Finding]:
    content = subject.files.get(DOCS_FILE)
    if content is not None:
        text, file = content.decode("utf-8", "replace"), DOCS_FILE
    else:
        text, file = subject.manifest.canonical.get("docs", ""), ""
    if len(text.strip()) < LEAST_DOCS:
        what = f"It says less than {LEAST_DOCS} characters about itself." if text.strip() else "It does not say a word."
        yield subject.at("no-docs", "docs", message=what)
        return
    prose = _FENCED.sub(lambda found: "\n" * found.group().count("\n"), text)
    for pattern, what in ((_HTML, "HTML"), (_IMAGE, "an image")):
        if found := pattern.search(prose):
            yield _in_docs(subject, "docs-html", file, prose, found.start(), f"The documentation holds {what}.")
    for found in _LINK.finditer(prose):
        target = found["target"]
        if not target.startswith(("https://", "#")):
            message = f"A link leads to {target:.60}, which is not shown."
            yield _in_docs(subject, "docs-link", file, prose, found.start(), message)


def _in_docs(subject: Subject, code: str, file: str, text: str, start: int, message: str) -> Finding:
    """By the line of docs.md, or at the key of the manifest that holds the text."""
    if not file:
        return subject.at(code, "docs", message=message)
    return note(code, message, line=text.count("\n", 0, start) + 1, column=1, path=file, file=file)


def _examples(subject: Subject) -> Iterator[Finding]:
    actions = subject.manifest.actions.values()
    bare = [one for one in actions if one.inputs.get("required") and "inputs" not in one.fixtures.get("happy", {})]
    if bare:
        names = ", ".join(one.id for one in bare[:3]) + (f" and {len(bare) - 3} more" if len(bare) > 3 else "")
        steps = (*subject.action_steps(bare[0].id), "fixtures", "happy")
        yield subject.at("no-example", *steps, message=f"No example of inputs: {names}.")


def _size(subject: Subject) -> Iterator[Finding]:
    named = {*code_names(subject.manifest), DOCS_FILE, *LICENCE_FILES, "examples.json"}
    for path in sorted(set(subject.files) - named):
        if PurePosixPath(path).parts[0] not in _KNOWN_FOLDERS:
            yield note("unused-file", f"Nothing names {path}.", path=path, file=path)
    total = sum(map(len, subject.files.values()))
    if total > LARGE_BYTES:
        yield note("large", f"Its files are {total // 1024} KB together.", path="files")
