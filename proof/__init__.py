"""What makes the claims checkable: a whole Galaxy on servers of its own, a peer that counts, and what is done to both.

It stands beside the floors: it may import Galaxy, and nothing of Galaxy imports it.
"""
