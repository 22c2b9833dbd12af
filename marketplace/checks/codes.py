"""Every code that a finding of the marketplace can have: the registry's own, and what only a submission is asked for.

Codes are a promise: pages, the API and reviewers refer to them, so one is never renamed or given another meaning.
``manage.py findings`` prints docs/findings.md from this table.
"""

from dataclasses import dataclass
from typing import Literal

from registry.manifests import CODES as MANIFEST_CODES
from registry.manifests.findings import Severity

Stops = Literal["version", "submission", ""]


@dataclass(frozen=True, slots=True)
class Code:
    """``stops`` is the first thing that a finding of this code keeps from happening: a version, for which it is an
    error, a submission, or nothing."""

    stops: Stops
    severity: Severity
    about: str
    why: str
    fix: str


def _stops_version(about: str, why: str, fix: str) -> Code:
    return Code("version", "error", about, why, fix)


def _stops_submission(about: str, why: str, fix: str) -> Code:
    return Code("submission", "warning", about, why, fix)


def _warns(about: str, why: str, fix: str) -> Code:
    return Code("", "warning", about, why, fix)


def _notes(about: str, why: str, fix: str) -> Code:
    return Code("", "note", about, why, fix)


OWN: dict[str, Code] = {
    # Secrets
    "leaked-secret": _stops_version(
        "A text has the form of a real credential.",
        "A version never changes and is read by many: a secret in it is given away for good.",
        "Take it out, and revoke it where it was issued. Credentials belong into a connection or the vault.",
    ),
    "possible-secret": _warns(
        "A value behind a word such as token or password looks made by chance.",
        "Nobody guesses such a value, so it may be a real credential.",
        "Take it out if it is one; write an obvious example such as YOUR_TOKEN if it is not.",
    ),
    # Names
    "look-alike-name": _stops_submission(
        "The name looks like that of another extension.",
        "Somebody in a hurry installs the wrong one, which is how packages are hijacked.",
        "Choose a name that nobody takes for the other.",
    ),
    "look-alike-publisher": _stops_submission(
        "The publisher's name looks like that of another publisher.",
        "Trust in the other would be lent to this one.",
        "Use a name of your own, proven by DNS.",
    ),
    "name-taken": _stops_submission(
        "Another publisher has an extension of this name.",
        "Calls are resolved by name, so there can be one only.",
        "Name it otherwise.",
    ),
    "similar-name": _warns(
        "The name is one letter away from that of another extension.",
        "A slip of the finger leads to the wrong one. A reviewer looks whether that is meant.",
        "Choose a name further away, or tell the reviewer why this one is right.",
    ),
    # Versions
    "version-too-low": _stops_submission(
        "The version number promises less change than there is.",
        "Workspaces update by that number, so a break under a small number reaches them unasked.",
        "Raise the number as far as the reasons say.",
    ),
    # Words
    "no-licence": _stops_submission(
        "Nothing says under which licence it may be used.",
        "Without one nobody may use it at all.",
        "Add `licence` with an SPDX identifier such as Apache-2.0, or a file LICENSE.",
    ),
    "unknown-licence": _warns(
        "The licence is no SPDX identifier.",
        "Admins filter and compare licences by their identifiers.",
        "Write one of spdx.org/licenses, such as MIT, or LicenseRef- and a name beside a file LICENSE.",
    ),
    "no-docs": _stops_submission(
        "There is no documentation.",
        "Whoever installs it has to know what it does, what it needs and what can go wrong.",
        "Add a file docs.md, or `docs` in the manifest, of a few sentences at least.",
    ),
    "docs-html": _warns(
        "The documentation holds HTML or an image.",
        "It is shown as plain Markdown; what is more is left out, so readers would miss it.",
        "Write it in Markdown without HTML and images.",
    ),
    "docs-link": _warns(
        "A link of the documentation is no https address.",
        "It is left out where the documentation is shown.",
        "Write the https address.",
    ),
    "no-example": _notes(
        "An action has no example of its inputs.",
        "Tests and first runs then use made-up values, which show less.",
        "Add `inputs` to its happy fixture.",
    ),
    # Scopes and hosts
    "scope-unused": _warns(
        "A scope is asked for that no action needs.",
        "People consent to it all the same.",
        "Remove it from `permissions.required`, or name it at the action that needs it.",
    ),
    "vendor-scope-unused": _notes(
        "A scope of the vendor is asked for, and no scope of an action maps to it.",
        "The connection then holds a right that nothing here governs.",
        "Map it under `auth.scope_map`, or leave it out.",
    ),
    "host-unused": _warns(
        "A host may be reached that nothing of it calls.",
        "Each host on the list is one more place where data could go.",
        "Remove it from `egress`.",
    ),
    "host-wide": _notes(
        "A host may be reached with every method or on every path.",
        "The narrower the entry, the less a mistake can do.",
        "Add `methods` and `path_prefix`.",
    ),
    "call-outside-egress": _stops_submission(
        "A call is not covered by the egress list.",
        "The broker would refuse it in every live run.",
        "Widen `methods` or `path_prefix` of the host, or correct the path.",
    ),
    "code-writes": _warns(
        "The code sends more than reads, and only reading is declared.",
        "Approvers and rules go by the scopes: they would let a change pass as a look.",
        "Declare the scope that matches, such as things.write.",
    ),
    # Promises
    "promise-without-key": _warns(
        "A write is declared idempotent, and no idempotency key is sent.",
        "After a lost answer it is sent again, and could write twice.",
        "Name the vendor's header under `idempotency_header`, or say why it is safe in the docs.",
    ),
    "no-undo": _notes(
        "A write does not say how it is taken back.",
        "Approvers are told that it cannot be undone, and no Undo is offered after a run.",
        "Name the action that takes it back under `undo`, if there is one.",
    ),
    # Fixtures
    "fixture-status": _stops_submission(
        "The status of a fixture is not that of its scenario.",
        "The required path looks covered and is not.",
        "Record the reply that the scenario names.",
    ),
    "fixture-inputs": _stops_submission(
        "The inputs of a fixture do not fit the inputs that are declared.",
        "An example that would be refused proves nothing.",
        "Correct the field that is named.",
    ),
    "fixture-outputs": _stops_submission(
        "What comes of a fixture does not fit the outputs that are declared.",
        "Live calls with such a reply would fail.",
        "Correct `response`, the outputs or the fixture.",
    ),
    "sample-misfit": _stops_submission(
        "The sample of a pack does not fit its inputs.",
        "The first run that people try would be refused.",
        "Correct the field that is named.",
    ),
    # Packs
    "requirement-unknown": _stops_submission(
        "A pack requires what nobody can install.",
        "Nobody could install the pack either, and its steps cannot be checked.",
        "Correct the name or the range, or publish what it needs first.",
    ),
    "step-calls-nothing": _stops_version(
        "A step calls an action that what it requires does not have.",
        "The run fails at that step, after the steps before it have done their work.",
        "Choose an action of it, or require a version that has this one.",
    ),
    "mapping-fails": _stops_version(
        "What a step is given can never fit what it calls, or an outcome can never be reached.",
        "Every run would fail there, after the steps before it have done their work.",
        "Point at a value of the kind that is expected.",
    ),
    "mapping-doubtful": _stops_submission(
        "What a step is given does not fit what it calls, as soon as there is a value.",
        "Runs work only as long as there is nothing to do.",
        "Point at a value of the kind that is expected.",
    ),
    "mapping-finds-nothing": _stops_submission(
        "An expression reads a field that is not there, or that nobody promises.",
        "It finds nothing, so the step goes without it, and nobody notices.",
        "Point at a field that is declared.",
    ),
    # Code
    "code-eval": _warns(
        "The code runs text as code.",
        "What runs is then not what was reviewed.",
        "Write out what it does; parse data with json or ast.literal_eval.",
    ),
    "code-import": _warns(
        "The code imports by a name that it makes up while it runs.",
        "A reader cannot see what it uses; the sandbox refuses what is not on its list.",
        "Import by name at the top of the file.",
    ),
    "code-reflection": _warns(
        "The code reaches for inner parts of Python.",
        "That is how code breaks out of what it was given. The sandbox holds, and a reviewer asks why.",
        "Do without names such as __globals__ and without getattr of a made-up name.",
    ),
    "code-blob": _warns(
        "The code holds a long encoded text.",
        "Nobody can review what it hides.",
        "Write it as plain data, or put it beside the code as a file.",
    ),
    "code-endless": _notes(
        "A loop has no end of its own.",
        "It runs until the sandbox ends it by time.",
        "Give the loop a bound, or a break that is surely reached.",
    ),
    "code-logs-secret": _warns(
        "The code logs what it holds as secret or was given as input.",
        "Logs are read by more people than inputs. Placeholders of secrets are no values, yet tell which is used.",
        "Log what happened, not with what.",
    ),
    # Size
    "unused-file": _notes(
        "Nothing names this file.",
        "It becomes part of every version and of its digest.",
        "Remove it, or name it.",
    ),
    "large": _notes(
        "Its files are more than 512 KB together.",
        "Each installation and each bundle carries them.",
        "Leave out what no run needs.",
    ),
}  # fmt: skip


def _of_manifest(name: str) -> Code:
    code = MANIFEST_CODES[name]
    return Code("version" if code.severity == "error" else "", code.severity, code.about, "", code.fix)


CODES: dict[str, Code] = {name: _of_manifest(name) for name in MANIFEST_CODES} | OWN
