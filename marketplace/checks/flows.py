"""Packs: what they require against what there is, and their mappings against what they call."""

from collections.abc import Iterator

from marketplace.checks.notes import Step, Subject
from registry.manifests import Finding
from registry.manifests.flow_types import MappingFinding, check_mappings
from registry.services.mapping import required_manifests, schemas_of, slug_of


def findings(subject: Subject) -> Iterator[Finding]:
    manifest = subject.manifest
    if manifest.kind != "pack":
        return
    called = required_manifests(manifest.requires, subject.context.workspace)
    for slug, wanted in manifest.requires.items():
        if slug not in called:
            message = f"There is no {slug} {wanted}, so nothing can be said of the steps that call it."
            yield subject.at("requirement-unknown", "requires", slug, message=message)
    schemas = schemas_of(called.values())
    for at, step in enumerate(manifest.steps):
        owner = slug_of(step["use"], called)
        if owner and step["use"] not in schemas:
            message = f"{owner} {called[owner].version} has no {step['use'].removeprefix(f'{owner}.')}."
            yield subject.at("step-calls-nothing", "steps", at, "use", message=message)
    for one in check_mappings(manifest.canonical, schemas):
        code = "mapping-fails" if one.is_certain else "mapping-finds-nothing"
        if one.code in ("wrong-type", "unknown-input") and not one.is_certain:
            code = "mapping-doubtful"
        yield subject.at(code, *_place(subject, one), message=_told(one), fix=one.fix)


def _place(subject: Subject, one: MappingFinding) -> tuple[Step, ...]:
    if not one.step:
        return tuple(one.field.split("."))
    at = next(at for at, step in enumerate(subject.manifest.steps) if step["id"] == one.step)
    return ("steps", at, *(part for part in one.field.split(".") if part != "[]"))


def _told(one: MappingFinding) -> str:
    return f"{one.step}, {one.field}: {one.sentence}" if one.step else one.sentence
