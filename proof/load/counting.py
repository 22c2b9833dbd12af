"""``python -m proof.load.counting FILE``: how many statements each page asks, over the rows that are there by then.

Run with a stack's ``operator_env``; FILE is what proof.load.setting wrote. Prints {page: statements} as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any


def count(setting: dict[str, Any]) -> dict[str, int]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    cookies = dict(pair.split("=", 1) for pair in setting["people"]["admin"][0].split("; "))
    found = {}
    for page, addresses in setting["pages"].items():
        if not addresses:
            continue
        more = {"HX-Request": "true"} if page.endswith("partial") else {}
        client = Client(headers={"Host": "localhost"} | more)
        for name, value in cookies.items():
            client.cookies[name] = value
        client.get(addresses[0])  # what is asked once in the life of a process is none of a page's
        with CaptureQueriesContext(connection) as asked:
            status = client.get(addresses[0]).status_code
        if status != 200:
            raise SystemExit(f"{addresses[0]} answered {status}.")
        found[page] = len(asked)
    return found


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(json.dumps(count(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))) + "\n")
