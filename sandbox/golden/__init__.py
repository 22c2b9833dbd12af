"""Golden flows: packs played each night on samples, and held against the last run that somebody accepted.

cases.py finds what they are played on, versions.py the versions, playing.py plays one (pure), child.py does so in a
sealed process without sockets, deciding.py says what rules would answer to each step, comparing.py finds what is not as
it was, nights.py keeps it and opens the issue. docs/golden-flows.md tells the whole of it.
"""
