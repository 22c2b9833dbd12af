"""Figures of actions, transforms and packs: latency, failures, retries, waits and cost, from roll-ups of their runs.

sketch.py is the sums, ended.py what one run adds, rolling.py how roll-ups are kept, costs.py what calls cost,
reading.py what pages ask. docs/observability.md tells the rules.
"""
