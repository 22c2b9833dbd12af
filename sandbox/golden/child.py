"""The child process that plays packs on samples: sealed first, with no network and no secrets.

It gets {pack, parts: {slug: manifest}, cases, given: {case id: answers}} as JSON on standard input, and prints one line
of JSON after the other: {walls}, then what came of each case. No socket can be made in it, whoever tries.
"""

import json
import sys

from registry.manifests import load
from sandbox.golden.playing import play
from sandbox.upgrades.child import close_up, say


def main() -> None:
    asked = json.load(sys.stdin)
    say({"walls": close_up()})
    pack, parts = load(asked["pack"]), {slug: load(one) for slug, one in asked["parts"].items()}
    for case in asked["cases"]:
        say(play(pack, parts, case, asked["given"].get(case["id"])))
