"""Commands that tests/docs does not run itself, by how they begin: which test runs them, and a word it has to say.

What begins with a longer one goes first.
"""

ELSEWHERE: dict[str, tuple[str, str]] = {
    "make asvs": ("tests/asvs/test_table.py", "def test"),
    "make chaos": ("tests/proof/test_chaos.py", "run_trial"),
    "make docs": ("tests/docs/test_reference.py", "PAGES"),
    "make demo": ("tests/marketplace/test_demo.py", "demo"),
    "make escape": ("tests/escape/test_escape.py", "def test"),
    "make examples": ("tests/api/test_document.py", "GALAXY_WRITE_EXAMPLES"),
    "make guest": ("tests/sandbox/pool/conftest.py", "build"),
    "make help": ("tests/embedded/test_bootstrap.py", 'make("help")'),
    "make matrix": ("tests/matrix/test_matrix.py", "def test"),
    "make oracles": ("tests/oracles/test_table.py", "def test"),
    "make run": ("tests/embedded/test_run_all.py", "run_all"),
    "make setup": ("tests/embedded/test_bootstrap.py", 'make("setup"'),
    "manage.py action run": ("tests/sandbox/test_action_command.py", "action"),
    "manage.py audit new-epoch": ("tests/core/audit/test_audit_command.py", "new-epoch"),
    "manage.py audit rotate-key": ("tests/core/audit/test_audit_command.py", "rotate-key"),
    "manage.py collectstatic": ("tests/core/test_settings.py", "collectstatic"),
    "manage.py doctor": ("tests/core/test_ops.py", "doctor"),
    "manage.py end_sessions": ("tests/asvs/test_answers.py", "end_sessions"),
    "manage.py extension bundle": ("tests/marketplace/test_extension_command.py", "bundle"),
    "manage.py extension status": ("tests/marketplace/test_creating.py", "status"),
    "manage.py extension submit": ("tests/marketplace/test_creating.py", "submit"),
    "manage.py marketplace desk": ("tests/marketplace/test_desk.py", "desk"),
    "manage.py marketplace key new": ("tests/registry/signing/test_keys.py", '"new"'),
    "manage.py marketplace key revoke": ("tests/registry/signing/test_keys.py", '"revoke"'),
    "manage.py marketplace key sign": ("tests/registry/signing/test_keys.py", '"sign"'),
    "manage.py migrate": ("tests/template.py", "migrate"),
    "manage.py prepare": ("tests/deploy/test_compose.py", "prepare"),
    "manage.py restored": ("tests/core/test_restored_command.py", "restored"),
    "manage.py run replay": ("tests/sandbox/test_python_runs.py", "replay"),
    "manage.py sandboxd": ("tests/core/vault/test_closed.py", "sandboxd"),
    "manage.py seed_listings": ("tests/marketplace/test_seed_listings.py", "seed_listings"),
    "manage.py sequencer": ("tests/core/audit/test_sequencer_process.py", "sequencer"),
    "manage.py sso_release": ("tests/core/test_sso.py", "sso_release"),
    "manage.py staff": ("tests/core/test_break_glass.py", "staff"),
    "manage.py vault re": ("tests/core/vault/test_rewrapping.py", "rewrap"),
    "manage.py vault shred-workspace": ("tests/core/vault/test_rewrapping.py", "shred-workspace"),
    "python -m galaxy.embedded run .venv/bin/python -m pytest -s tests/sandbox/live": (
        "tests/sandbox/live/test_pack_chaos.py",
        "def test",
    ),
    "python -m galaxy.embedded run .venv/bin/python -m pytest -s tests/sandbox/triggers": (
        "tests/sandbox/triggers/test_hook_flood.py",
        "def test",
    ),
    "python -m sandbox.pool.build": ("tests/sandbox/pool/conftest.py", "build"),
    "python -m tests.core.audit.tampering": ("tests/core/audit/test_tampering.py", "tampering"),
    "python -m tests.oracles": ("tests/oracles/test_table.py", "def test"),
    "python -m tests.policies.properties": ("tests/policies/test_rules_properties.py", "properties"),
    "python -m tests.policies.races": ("tests/policies/test_approval_races.py", "races"),
    "python -m tests.sandbox.live.matrix": ("tests/sandbox/live/test_fault_matrix.py", "matrix"),
    "docker": ("tests/deploy/test_compose.py", "compose"),
    "curl -X POST": ("tests/sandbox/triggers/test_hook.py", "webhook-signature"),
    "python -m galaxy.embedded roles-sql": ("tests/embedded/test_roles.py", "roles"),
    "python3 audit-meridian": ("tests/core/audit/test_packs.py", "verify"),
    "unzip audit-meridian": ("tests/core/audit/test_exporting.py", "zip"),
}
# Words and names of programs in running text that tell nobody to type them.
NO_COMMANDS = {
    "base64", "base64url(text)", "manage.py NAME", "manage.py extension", "manage.py marketplace",
    "docker build", "pg_basebackup", "pg_snapshot_xmin", "pg_upgrade", "base64 -w 0 all.binpb",
}  # fmt: skip

# What takes minutes or hours, or another's program on another's data. Of a make target it is tried that it is there.
TOO_LONG = {
    "make audit": "asks who knows of vulnerabilities, over the network",
    "make bench": "measures for minutes to hours",
    "make fuzz": "as long as one likes",
    "make growth": "fills a database a hundredfold",
    "make hosts": "needs root and both cores, for minutes",
    "make load": "ten minutes of traffic",
    "make lock": "resolves packages over the network",
    "make rabbitmq": "installs a broker",
    "make sbom": "is made for a release",
    "make test": "is what runs this",
    "pg_dump": "PostgreSQL's own, on a database of yours",
    "pg_restore": "PostgreSQL's own, on a database of yours",
    "python -m bench.table": "needs what make bench wrote",
}
