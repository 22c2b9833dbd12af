"""Transforms run for real in either mode: they are pure, and touch nothing but their input."""

from functools import partial
from typing import Any

from registry.services import verified_manifest
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.redaction import workspace_key
from sandbox.remembering import Remembering
from sandbox.runners import Reply
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
            outputs, remembered = _results.answer(self.run.workspace_id, self.run.version_digest, inputs, work)
        except TransformError as error:
            raise RunError(
                Category.VALIDATION, error.code, sentence=error.sentence, field=error.field, last_endpoint=self.endpoint
            ) from error
        return Reply(200, outputs=outputs, remembered=remembered)
