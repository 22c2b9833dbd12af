"""The vault: values that extensions use and nobody reads. The only package of ours that imports cryptography.

envelope.py seals and opens, knowing nothing of rows; kms/ is where root keys come from; keys.py keeps the workspaces'
keys; sealing.py puts values in and opening.py takes them out, the latter only where a Kms is configured (sandboxd);
services/ holds the verbs; source.py hands leased values to the egress broker; accounts.py seals second factors.
docs/vault.md says what is encrypted with what, and what a thief of the database gets.
"""
