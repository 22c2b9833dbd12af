"""Approvals under every order of hurried people: ``python -m tests.policies.races [how many] [first seed]``.

Each schedule asks for one call, and then lets some of these happen at once, statement by statement in an order that
its seed decides: reviewers say yes or no, some of them twice or without the right to, the requester takes it back or
votes, it ends, it is narrowed, the inputs, the rules or the version change, a grant is lost, and two workers use the
yes. What was stored and what was done is then held against what must never be (verdicts.py). The exit status is 1 where
something that must never be was. Broken off with Ctrl-C it tells of what was played until then.
"""

import sys
import time

from bench._database import fresh_database


def main(count: int = 10_000, first: int = 0) -> int:
    with fresh_database():
        from galaxy.core.scope import workspace_scope
        from tests.policies.races.world import make_world, play, without_mail

        world = make_world()
        began = time.monotonic()
        with workspace_scope([world.workspace.pk]), without_mail():
            tally = play(world, count, first)
        sys.stdout.write(f"{tally.table()}\n\n{time.monotonic() - began:.0f} s\n")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
