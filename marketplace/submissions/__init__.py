"""Submissions: what a workspace hands in for a catalogue, and how it is reviewed there (docs/submissions.md).

models.py keeps what was handed in; machine.py says which state follows which, and is the only way from one to the
next; services.py has the verbs; standing.py tells those who wait where they stand.
"""
