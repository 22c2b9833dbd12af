"""The same properties once more, led by coverage: atheris keeps a text that reached new lines, and changes it further.

    python -m tests.fuzz.guided [SECONDS] [TARGET...]

Each target runs in a process of its own, with a limit on memory. What breaks a property is told, and kept in
``.galaxy/fuzz/found/``; make it small, and put it into the tests of that reader. The exit status is then 1.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

FOUND = Path(".galaxy/fuzz/found")
MOST_MB, MOST_BYTES, MOST_S = 2_048, 8_000, 10
TARGETS = ("yaml", "json", "python", "address", "webhook", "delivery", "bundle", "index")


def run(name: str, seconds: int) -> bool:
    """Whether nothing was found."""
    corpus = FOUND.parent / "corpus" / name
    for folder in (corpus, FOUND):
        folder.mkdir(parents=True, exist_ok=True)
    limits = [
        f"-max_total_time={seconds}", f"-rss_limit_mb={MOST_MB}", f"-max_len={MOST_BYTES}", f"-timeout={MOST_S}",
        f"-artifact_prefix={FOUND}/{name}-", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    argv = [sys.executable, "-m", "tests.fuzz.guided", "--one", name, *limits, str(corpus)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    tried = next((line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{name:<10} {tried:>10} texts  {'nothing found' if done.returncode == 0 else 'FOUND'}", flush=True)
    if done.returncode:
        print("\n".join(said.splitlines()[-40:]), file=sys.stderr)
    return done.returncode == 0


def one(name: str, argv: list[str]) -> None:
    """Fuzz within this process, which ends by itself."""
    import atheris

    with atheris.instrument_imports(
        include=["registry", "galaxy.core.egress", "sandbox.triggers", "marketplace.bundles"]
    ):
        import django

        django.setup()
        act, seeds = target(name)
    corpus = Path(argv[-1])
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed[:MOST_BYTES])
    atheris.Setup([sys.argv[0], *argv], act)
    atheris.Fuzz()


def target(name: str) -> tuple[Callable[[bytes], None], list[bytes]]:
    """What takes bytes and raises where a property is broken, and what to begin with."""
    from tests.fuzz import test_addresses, test_bundles, test_manifests, test_webhooks

    def reads(kind: str) -> Callable[[bytes], None]:
        return lambda raw: test_manifests.sound(test_manifests.read(raw, format=kind), raw)

    def texts(some: list[str]) -> list[bytes]:
        return [text.encode() for text in some]

    def webhook(raw: bytes) -> None:
        parts = [part.decode("latin-1") for part in [*raw.split(b"\n", 3), b"", b"", b""][:3]]
        test_webhooks.only_what_was_signed(*parts, raw.split(b"\n", 3)[-1])

    def delivery(raw: bytes) -> None:
        kind, _, body = raw.partition(b"\n")
        test_webhooks.stored_or_refused(body, kind.decode("latin-1"))

    signed = f"msg_1\n{test_webhooks.NOW}\n{test_webhooks.SIGNATURE}\n".encode() + test_webhooks.BODY
    match name:
        case "yaml":
            return reads("yaml"), texts(test_manifests.SMALL)
        case "json":
            return reads("json"), texts(test_manifests.JSON)
        case "python":
            return reads("python"), texts(test_manifests.CODE)
        case "address":
            return lambda raw: test_addresses.one_place(raw.decode("utf-8", "replace")), texts(test_addresses.SEEDS)
        case "webhook":
            return webhook, [signed]
        case "delivery":
            return delivery, [b"application/json\n" + body for body in test_webhooks.BODIES]
        case "bundle":
            return lambda raw: test_bundles.looked_at(raw) and None, [test_bundles.WHOLE]
        case _:
            return lambda raw: test_bundles.with_index(raw), texts([test_bundles.INDEX])


def main(argv: list[str]) -> int:
    if argv[:1] == ["--one"]:
        one(argv[1], argv[2:])
        return 0
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris does not work on this Python: nothing was led by coverage.", file=sys.stderr)
        return 1
    seconds = int(argv[0]) if argv else 30
    return int(sum(not run(name, seconds) for name in argv[1:] or TARGETS) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
