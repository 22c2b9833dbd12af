"""Going forward by itself, where a workspace wants that: what is taken, when, and why not yet (docs/updates.md)."""

from registry.updates.planning import Plan, plan, plans_of

__all__ = ["Plan", "plan", "plans_of"]
