"""Root keys in AWS KMS: they never leave it, and each use stands in CloudTrail with its context."""

from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from galaxy.core.vault.errors import CannotOpen, VaultClosed

TIMEOUT_S = 5
# What AWS answers when the bytes, the context or the key are not those of the wrapping; denied where it keeps to itself
# whether the key of a ciphertext exists.
_NOT_OURS = {
    "AccessDeniedException",
    "IncorrectKeyException",
    "InvalidCiphertextException",
    "NotFoundException",
    "ValidationException",
}


class AwsKms:
    """Wraps with ``key_id`` (an id, ARN or alias), and unwraps with it and the ``older`` ones, and no others.

    Naming the key at unwrapping matters: AWS would else accept a text that was encrypted by whoever let us use a key
    of theirs, and so smuggle in a workspace key that they know.
    """

    def __init__(self, client: Any, key_id: str, older: Sequence[str] = ()):
        self._client = client
        self._name = key_id
        self._older = tuple(older)

    def __repr__(self) -> str:
        return f"AwsKms({self.key_id})"

    @property
    def key_id(self) -> str:
        return f"aws:{self._name}"

    def wrap(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        try:
            answer = self._client.encrypt(KeyId=self._name, Plaintext=plaintext, EncryptionContext=dict(context))
        except (BotoCoreError, ClientError) as error:
            raise _closed(error) from None
        return answer["CiphertextBlob"]

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        for name in (self._name, *self._older):
            try:
                answer = self._client.decrypt(KeyId=name, CiphertextBlob=blob, EncryptionContext=dict(context))
            except ClientError as error:
                if error.response["Error"]["Code"] not in _NOT_OURS:
                    raise _closed(error) from None
            except BotoCoreError as error:
                raise _closed(error) from None
            else:
                return answer["Plaintext"]
        raise CannotOpen("AWS KMS does not open this with any key that we were given.")


def client() -> Any:
    """A client by the usual ways of boto3: AWS_REGION, credentials of the machine, AWS_ENDPOINT_URL_KMS."""
    limits = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 3})
    return boto3.client("kms", config=limits)


def _closed(error: BotoCoreError | ClientError) -> VaultClosed:
    said = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    return VaultClosed(
        f"The vault is closed: AWS KMS did not answer as it should ({said}).",
        "See to the network, the credentials and the policy of the key, then try again.",
    )
