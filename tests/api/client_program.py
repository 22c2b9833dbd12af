"""Somebody's program: it has a generated client, an address and a token, and prints what it saw as JSON."""

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

from galaxy_client import AuthenticatedClient
from galaxy_client.api.installations import installations_list
from galaxy_client.api.runs import runs_create, runs_list
from galaxy_client.models import Problem, RunBodyRequest, RunBodyRequestInputs
from galaxy_client.types import UNSET


def run_body(**inputs: str) -> RunBodyRequest:
    found = RunBodyRequestInputs()
    for name, value in inputs.items():
        found[name] = value
    return RunBodyRequest(target="probe.look_up", inputs=found)


def main(address: str, workspace: str) -> dict:
    client = AuthenticatedClient(base_url=address, token=os.environ["GALAXY_TOKEN"])
    with client:
        installed = installations_list.sync(workspace, client=client)
        runs, pages, cursor = [], 0, UNSET
        while True:
            page = runs_list.sync(workspace, client=client, limit=2, cursor=cursor)
            runs += [str(run.id) for run in page.results]
            pages += 1
            if page.next_ is None:
                break
            (cursor,) = parse_qs(urlsplit(page.next_).query)["cursor"]

        first = runs_create.sync(workspace, client=client, body=run_body(key="z"), idempotency_key="job-1")
        again = runs_create.sync_detailed(workspace, client=client, body=run_body(key="z"), idempotency_key="job-1")
        other = runs_create.sync(workspace, client=client, body=run_body(key="y"), idempotency_key="job-1")
        wrong = runs_create.sync(workspace, client=client, body=run_body())
        assert isinstance(other, Problem) and isinstance(wrong, Problem)
    return {
        "installations": [one.extension.slug for one in installed.results],
        "runs": runs,
        "pages": pages,
        "first": str(first.id),
        "state": first.state.value,
        "again": str(again.parsed.id),
        "replayed": again.headers["Idempotency-Replayed"],
        "problem": {
            "type": type(other).__name__,
            "status": other.status,
            "code": other.code,
            "next_step": other.next_step,
        },
        "fields": wrong.fields.additional_properties,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201  (what it is for)
