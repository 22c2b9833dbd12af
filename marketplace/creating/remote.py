"""``manage.py extension submit`` and ``status``: over the API of a Galaxy, in the name of whose token it is.

What is in the folder becomes a draft there (the one of that name is changed, where there is one), its findings and its
contract tests are printed, and the draft is handed in. So a page of that Galaxy shows the same as the shell.
"""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from galaxy.core.errors import Conflict
from marketplace.checks import check
from marketplace.creating.client import TOKEN, Api, Declined, NoAnswer, read_token
from marketplace.creating.memory import Memory
from marketplace.creating.testing import failures, finding_line, grid, place_in
from marketplace.folders import BadFolder, Folder

Say = Callable[[str], Any]
PATHS = ("happy", "unauthorised", "limited", "failing")
OPEN = ("submitted", "in_review")
LOOK_EVERY_S = 1.0  # at the tests, which take seconds
WAIT_EVERY_S = 30.0  # at a decision, which takes people
TESTS_LAST_S = 300
SERVERS_FAULT, TOO_MANY = 500, 429
STOPPED = 130  # as shells say of what Ctrl-C ended


class SavedThere(Conflict):
    """Somebody saved the draft there since this folder was last submitted, or made it from something else."""

    code = "saved_there"
    next_step = "Bring what is there into the folder and run it with --overwrite, which puts the folder in its place."

    def __init__(self, row: dict[str, Any], known: int | None):
        saved = f"{row['name']} is at revision {row['revision']} there, saved by {row['updated_by']['name']}"
        made = f"this folder was last submitted as {known}" if known else "this folder was not submitted to it before"
        super().__init__(f"{saved} at {row['updated_at'][:16]}; {made}, so nothing was changed.")


def add_submit_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="or one file: YAML, JSON or Python")
    _add_place(parser)
    parser.add_argument("--catalogue", choices=["public", "private"], default="public", help="default: %(default)s")
    parser.add_argument("--publisher", default="", help="the slug of whom it is published by, where there are several")
    parser.add_argument("--changes", default="", help="what is new, for those who install it")
    parser.add_argument("--support", default="", help="where people get help: an address or a link")
    parser.add_argument("--security-fix", default="", help="the hole that it closes, if it closes one")
    parser.add_argument("--overwrite", action="store_true", help="change the draft there, whoever saved it since")
    parser.add_argument("--only-test", action="store_true", help="keep it as a draft there, test it, and stop")
    _add_wait(parser)


def add_status_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("submission", nargs="?", help="its id; the newest ones are listed where it is left out")
    _add_place(parser)
    _add_wait(parser)


def submit(folder: Folder, say: Say, options: dict[str, Any]) -> None:
    """Raises CommandError where it is not ready, SystemExit(1) where a test or, with --wait, the decision says no."""
    api = _api(options)
    memory = Memory(options["folder"], options["url"], options["workspace"])
    draft = _kept(api, folder, memory, overwrite=options["overwrite"])
    if not memory.keep(draft):
        say(f"{memory.file} cannot be written, so the next time it takes --overwrite.")
    say(f"{draft['name']} is a draft there, revision {draft['revision']}.")
    for one in draft["findings"]:
        say(finding_line(one, folder.name))
    if not draft["is_publishable"]:
        raise CommandError("It has errors, so nothing was tested and nothing was submitted.")
    has_passed = _tested(api, draft, folder, say)
    if options["only_test"]:
        if not has_passed:
            raise SystemExit(1)
        return
    order = {name: options[name] for name in ("catalogue", "publisher", "changes", "support", "security_fix")}
    row = api.post(f"drafts/{draft['id']}/submission/", order)
    say(f"{row['extension']} {row['version']} is submitted: {row['id']}")
    _told(row, say)
    _waited(api, row, say, options)


def status(say: Say, options: dict[str, Any]) -> None:
    """Raises SystemExit(1) where one was refused or withdrawn."""
    api = _api(options)
    if not options["submission"]:
        rows = api.get("submissions/", limit="20")["results"]
        for row in rows:
            say(f"{row['id']}  {row['extension']} {row['version']}  {_state(row)}  {row['submitted_at'][:16]} UTC")
        if not rows:
            say("Nothing was submitted from this workspace yet.")
        return
    row = api.get(f"submissions/{options['submission']}/")
    say(f"{row['extension']} {row['version']}: {_state(row)}")
    _told(row, say)
    _waited(api, row, say, options)


def _add_place(parser: ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the Galaxy, such as https://galaxy.example")
    parser.add_argument("--workspace", required=True, metavar="SLUG")
    parser.add_argument(
        "--token-file", type=Path, help=f"a file with a token of yours; the environment's {TOKEN} where it is left out"
    )


def _add_wait(parser: ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="stay until it is decided; exit status 1 for a no")
    parser.add_argument(
        "--every", type=float, default=WAIT_EVERY_S, metavar="SECONDS", help="look so often (%(default)g)"
    )


def _api(options: dict[str, Any]) -> Api:
    return Api(options["url"], options["workspace"], read_token(options["token_file"]))


def _kept(api: Api, folder: Folder, memory: Memory, *, overwrite: bool) -> dict[str, Any]:
    """The folder as a draft there. What is not text stays here: the API takes texts. Raises BadFolder, or SavedThere
    where what is there was not made from this folder, or was changed since."""
    body: dict[str, Any] = {"manifest": folder.text, "files": {}}
    for path, content in folder.files.items():
        try:
            body["files"][path] = content.decode()
        except UnicodeDecodeError as error:
            raise BadFolder(
                f"{path} is not UTF-8 text.", "Put it in by the workshop's page, or leave it out."
            ) from error
    manifest = check(folder.text, folder.files).manifest
    there = api.get("drafts/", extension=manifest.id, limit="1")["results"] if manifest else []
    if not there:
        return api.post("drafts/", body)
    row = there[0]
    known = memory.of(row["id"])
    if not overwrite and known != (row["revision"], row["updated_at"]):
        raise SavedThere(row, known[0] if known else None)
    try:
        return api.post(f"drafts/{row['id']}/change/", body | {"revision": row["revision"]})
    except Declined as error:
        if error.code != "written_meanwhile":
            raise
        raise SavedThere(row, row["revision"]) from error


def _tested(api: Api, draft: dict[str, Any], folder: Folder, say: Say) -> bool:
    run = api.post(f"drafts/{draft['id']}/tests/", {})
    until = time.monotonic() + TESTS_LAST_S
    while run["state"] != "done":
        if time.monotonic() > until:
            raise CommandError("Its tests did not end within five minutes. Nothing was submitted; look at its page.")
        time.sleep(LOOK_EVERY_S)
        run = api.get(f"drafts/{draft['id']}/tests/")
    covered = api.get(f"drafts/{draft['id']}/")["coverage"]
    for line in grid((row["action"], [row[name] for name in PATHS]) for row in covered):
        say(line)
    manifest = check(folder.text, folder.files).manifest
    if manifest is not None:
        for line in failures(run["results"], place_in(folder.text, folder.name, manifest)):
            say(line)
    passed = sum(one["status"] == "passed" for one in run["results"])
    say(run["note"] or f"{passed} of {len(run['results'])} contract tests passed there.")
    return run["has_passed"]


def _told(row: dict[str, Any], say: Say) -> None:
    standing = row["standing"]
    if row["state"] in OPEN:
        say(f"Place in line: {standing['place']} of {standing['waiting']}. {_usual(standing['usual_wait_s'])}")
    say(standing["waits_for"])
    for one in row["reasons"]:
        say(finding_line(one, "manifest"))
    if row["reason"]:
        say(f"The reviewer wrote: {row['reason']}")


def _usual(seconds: float | None) -> str:
    if seconds is None:
        return "Nothing was decided there yet, so nobody can say how long it takes."
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = round(seconds / length)
            return f"A decision usually takes {count} {unit}{'' if count == 1 else 's'}."
    return "A decision usually takes less than a minute."


def _waited(api: Api, row: dict[str, Any], say: Say, options: dict[str, Any]) -> None:
    try:
        while options["wait"] and row["state"] in OPEN:
            seen = (row["state"], row["standing"]["place"])
            time.sleep(max(options["every"], 0.05))
            row = _asked_until_answered(api, f"submissions/{row['id']}/", say, options)
            if (row["state"], row["standing"]["place"]) != seen:
                say(f"Now {_state(row)}.")
                _told(row, say)
    except KeyboardInterrupt:
        say(f"It is not decided yet. Submission {row['id']} waits without this command too; status shows it.")
        raise SystemExit(STOPPED) from None
    if row["state"] not in (*OPEN, "approved"):
        raise SystemExit(1)


def _asked_until_answered(api: Api, path: str, say: Say, options: dict[str, Any]) -> dict[str, Any]:
    """A decision takes days, in which networks fail and servers start anew: neither is a no."""
    is_told = False
    while True:
        try:
            return api.get(path)
        except (NoAnswer, Declined) as error:
            if isinstance(error, Declined) and error.status < SERVERS_FAULT and error.status != TOO_MANY:
                raise
            if not is_told:
                say(f"{error} It is asked again until it answers.")
            is_told = True
            time.sleep(max(options["every"], 0.05))


def _state(row: dict[str, Any]) -> str:
    return row["state"].replace("_", " ")
