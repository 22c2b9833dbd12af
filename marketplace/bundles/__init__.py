"""Bundles: versions with their files, signatures and keys in one file, for a network that reaches no other Galaxy."""
