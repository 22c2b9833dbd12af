"""A trail that is sealed while it is verified is intact: a sequencer seals several times a second."""

from django.db import connection

from galaxy.core.audit.verifying import verify
from tests.sealing import seal


def test_what_is_sealed_between_two_looks_is_no_finding(workspace, write, sequencer, tmp_path):
    write()
    seal(sequencer, workspace)
    sealed = []

    def seal_once(execute, sql, params, many, context):
        """After the first question of the verification, before its second."""
        answer = execute(sql, params, many, context)
        if not sealed and ("core_auditleaf" in sql or "core_auditcheckpoint" in sql):
            sealed.append(True)
            write("box.closed")
            seal(sequencer, workspace)
        return answer

    with connection.execute_wrapper(seal_once):
        report = verify(workspace, tmp_path / "checkpoints")
    assert (sealed, report.findings) == ([True], [])
