"""Triggers: webhooks and schedules that start packs and actions by themselves, through the gate like every caller."""
