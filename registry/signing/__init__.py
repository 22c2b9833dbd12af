"""Signatures of versions (docs/publishing.md): the marketplace's and the publisher's, over one statement each."""

from registry.signing.releasing import sign_release, sign_with
from registry.signing.revoking import register_stopper
from registry.signing.signers import operator_keys, register_release_reader, register_signer
from registry.signing.verifying import needs_signature, verify, verify_contents

__all__ = [
    "needs_signature",
    "operator_keys",
    "register_release_reader",
    "register_signer",
    "register_stopper",
    "sign_release",
    "sign_with",
    "verify",
    "verify_contents",
]
