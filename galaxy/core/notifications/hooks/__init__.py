"""News by a person's own webhook: signed as Standard Webhooks says, sent by sandboxd under the egress rules.

What waits stands in the rows of the news (``hook_at``). services.py is what its person does, messages.py what is sent,
delivering.py how it gets there. A message has the same id however often it is tried, so its receiver has it once.
"""
