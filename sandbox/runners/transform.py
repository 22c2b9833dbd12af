"""Transforms run for real in either mode: they are pure, and touch nothing but their input."""

from functools import partial
from typing import Any

from registry.manifests import Manifest
from registry.manifests.schemas import data_classes
from registry.services import verified_manifest
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.redaction import workspace_key
from sandbox.remembering import Remembering
from sandbox.runners import Reply
from sandbox.services.binding import input_digest
from sandbox.transforms import TransformError, apply

_results = Remembering()  # of this process


class TransformRunner:
    is_virtual = True

    def __init__(self, run: Run):
        self.run = run
        self.endpoint = run.target

    def attempt(self, inputs: dict[str, Any], number: int) -> Reply:
        manifest = verified_manifest(self.run.version_digest)
        work = partial(
            apply,
            list(manifest.steps),
            inputs,
            inputs_schema=manifest.inputs,
            outputs_schema=manifest.outputs,
            key=workspace_key(self.run.workspace_id),
        )
        try:
            if may_remember(self.run, manifest):
                outputs, remembered = _results.answer(self.run.workspace_id, self.run.version_digest, inputs, work)
            else:
                outputs, remembered = work(), False
        except TransformError as error:
            raise RunError(
                Category.VALIDATION, error.code, sentence=error.sentence, field=error.field, last_endpoint=self.endpoint
            ) from error
        return Reply(200, outputs=outputs, remembered=remembered)


def may_remember(run: Run, manifest: Manifest) -> bool:
    """Whether the transform ``run`` neither is given nor gives anything personal: by the classes that are declared, and
    by whether something of its inputs had to be hidden, be it for a class that they brought along."""
    schemas = (manifest.inputs, manifest.outputs)
    is_declared = any(True for schema in schemas for _ in data_classes(schema, ""))
    return not is_declared and input_digest(run.inputs) == run.input_digest
