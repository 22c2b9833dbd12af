"""The number of the version, held against what is published under its name (docs/versions.md)."""

from collections.abc import Iterator

from marketplace.checks.notes import Subject
from registry.compat import shortfall_of
from registry.manifests import Finding


def findings(subject: Subject) -> Iterator[Finding]:
    context = subject.context
    publisher = context.publisher or subject.manifest.canonical.get("publisher", "")
    short = shortfall_of(subject.manifest, subject.files, publisher=publisher, workspace=context.workspace)
    if short:
        yield subject.at("version-too-low", "version", message=short.sentence, fix=short.fix)
