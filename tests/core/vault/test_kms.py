"""One contract, two places that root keys come from: a file of ours, and AWS KMS with moto's server as the peer."""

import json
import os
import stat

import boto3
import pytest
from django.core.exceptions import ImproperlyConfigured
from moto.server import ThreadedMotoServer

from galaxy.core.vault import kms
from galaxy.core.vault.errors import CannotOpen, VaultClosed
from galaxy.core.vault.kms.aws import AwsKms
from galaxy.core.vault.kms.local import LocalKms, add_key, make_key_file

CONTEXT = {"galaxy-workspace": "a", "galaxy-key-version": "1"}


@pytest.fixture(scope="session")
def aws():
    """A client of moto's server, which answers like AWS KMS over HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield boto3.client(
        "kms",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    server.stop()


def local_pair(tmp_path, request):
    """(a Kms, the same after its root key was rotated, a stranger)."""
    path, other = tmp_path / "keys.json", tmp_path / "other.json"
    make_key_file(path)
    make_key_file(other)
    first = LocalKms(path)
    add_key(path)
    return first, LocalKms(path), LocalKms(other)


def aws_pair(tmp_path, request):
    client = request.getfixturevalue("aws")
    ids = [client.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)]
    return AwsKms(client, ids[0]), AwsKms(client, ids[1], [ids[0]]), AwsKms(client, ids[2])


@pytest.fixture(params=[local_pair, aws_pair], ids=["local", "aws"])
def three(request, tmp_path):
    return request.param(tmp_path, request)


def test_what_it_wrapped_it_unwraps(three):
    first, _, _ = three
    blob = first.wrap(b"k" * 32, CONTEXT)
    assert b"k" * 32 not in blob
    assert first.unwrap(blob, dict(reversed(CONTEXT.items()))) == b"k" * 32
    assert first.wrap(b"k" * 32, CONTEXT) != blob


@pytest.mark.parametrize(
    "context",
    [{}, {"galaxy-workspace": "a"}, CONTEXT | {"galaxy-workspace": "b"}, CONTEXT | {"more": "x"}],
    ids=["none", "less", "another", "more"],
)
def test_another_context_does_not_unwrap(three, context):
    first, _, _ = three
    with pytest.raises(CannotOpen):
        first.unwrap(first.wrap(b"k" * 32, CONTEXT), context)


def test_changed_bytes_do_not_unwrap(three):
    first, _, _ = three
    blob = bytearray(first.wrap(b"k" * 32, CONTEXT))
    blob[-1] ^= 1
    for wrong in (bytes(blob), b"", b"x" * 8):
        with pytest.raises(CannotOpen):
            first.unwrap(wrong, CONTEXT)


@pytest.mark.asvs("11.2.2")
def test_after_a_rotation_the_new_key_wraps_and_the_old_one_still_unwraps(three):
    first, rotated, _ = three
    assert first.key_id != rotated.key_id
    assert rotated.unwrap(first.wrap(b"old", CONTEXT), CONTEXT) == b"old"
    with pytest.raises(CannotOpen):
        first.unwrap(rotated.wrap(b"new", CONTEXT), CONTEXT)


def test_a_root_key_that_is_not_among_ours_unwraps_nothing(three):
    """Also where AWS would let us use it: nobody smuggles in a workspace key that they know."""
    first, _, stranger = three
    with pytest.raises(CannotOpen):
        first.unwrap(stranger.wrap(b"k" * 32, CONTEXT), CONTEXT)


def test_it_does_not_show_its_keys(three, tmp_path):
    for one in three:
        assert one.key_id in repr(one)
    for path in tmp_path.glob("*.json"):
        for key in json.loads(path.read_text())["keys"].values():
            assert key not in "".join(map(repr, three))


def test_the_key_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "vault" / "keys.json"
    assert make_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert not make_key_file(path)
    assert path.read_bytes() == before
    add_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(ImproperlyConfigured, match="Others may read"):
        LocalKms(path)


@pytest.mark.parametrize("text", ["", "{}", '{"current": "a", "keys": {}}', '{"current": "x", "keys": {"x": "QUJD"}}'])
def test_a_broken_key_file_is_told_without_what_it_holds(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ImproperlyConfigured, match="not a file of root keys") as told:
        LocalKms(path)
    assert told.value.__cause__ is None
    assert "QUJD" not in str(told.value)


def test_aws_that_does_not_answer_closes_the_vault(aws):
    nowhere = boto3.client("kms", endpoint_url="http://127.0.0.1:1", region_name="eu-central-1",
                           aws_access_key_id="test", aws_secret_access_key="test",
                           config=boto3.session.Config(retries={"total_max_attempts": 1}))  # fmt: skip
    for act in (lambda one: one.wrap(b"k", CONTEXT), lambda one: one.unwrap(b"k", CONTEXT)):
        with pytest.raises(VaultClosed, match="EndpointConnectionError"):
            act(AwsKms(nowhere, "any"))
    with pytest.raises(VaultClosed, match="NotFoundException"):
        AwsKms(aws, "no-such-key").wrap(b"k", CONTEXT)


def test_the_setting_says_which(settings, tmp_path, monkeypatch):
    path = tmp_path / "keys.json"
    make_key_file(path)
    settings.GALAXY_KMS = f"local:{path}"
    assert isinstance(kms.current(), LocalKms)
    assert kms.current() is kms.current()
    monkeypatch.setitem(os.environ, "AWS_DEFAULT_REGION", "eu-central-1")
    settings.GALAXY_KMS = "aws:alias/galaxy, old-key"
    assert kms.current().key_id == "aws:alias/galaxy"
    settings.GALAXY_KMS = ""
    with pytest.raises(VaultClosed):
        kms.current()
    settings.GALAXY_KMS = f"local:{tmp_path / 'absent.json'}"
    with pytest.raises(VaultClosed, match="not there"):
        kms.current()
    for wrong in ("gcp:key", "local:", "nonsense"):
        settings.GALAXY_KMS = wrong
        with pytest.raises(ImproperlyConfigured):
            kms.current()
