"""Sealed texts moved about by SQL, as the tables' owner could: between rows, workspaces, versions and columns."""

import pytest
from django.db import IntegrityError, connections, transaction

from galaxy.core.models import SecretVersion
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import CannotOpen
from galaxy.core.vault.opening import open_version
from galaxy.core.vault.services import create_secret, stage_version, switch_version

BINDING = {"hosts": ["api.example.com"], "places": ["header"]}
V, K = "core_secretversion", "core_workspacekey"
# What {a} and {b} stand for: two secrets of one workspace, or the second version, or the secret of another workspace.
BETWEEN_ROWS = {
    "the ciphertext of another row": f"UPDATE {V} SET ciphertext = (SELECT ciphertext FROM {V} WHERE id = '{{b}}')",
    "the data key of another row": f"UPDATE {V} SET wrapped_key = (SELECT wrapped_key FROM {V} WHERE id = '{{b}}')",
    "both of another row": f"UPDATE {V} SET (wrapped_key, ciphertext, key_id) = "
    f"(SELECT wrapped_key, ciphertext, key_id FROM {V} WHERE id = '{{b}}')",
}
WITHIN_A_ROW = {
    "the ciphertext as data key": f"UPDATE {V} SET wrapped_key = ciphertext",
    "the data key as ciphertext": f"UPDATE {V} SET ciphertext = wrapped_key",
    "the columns exchanged": f"UPDATE {V} SET ciphertext = wrapped_key, wrapped_key = ciphertext",
    "another host": f"""UPDATE {V} SET hosts = '["evil.example"]'""",
    "one more host": f"""UPDATE {V} SET hosts = '["api.example.com", "evil.example"]'""",
    "another place": f"""UPDATE {V} SET places = '["header", "query"]'""",
    "another number": f"UPDATE {V} SET number = number + 10",
}


def swapped(victim: SecretVersion, statement: str, workspaces) -> None:
    """Run ``statement`` on the victim's row as the owner of the tables, try to open it, and put everything back."""
    with workspace_scope(workspaces):
        assert open_version(fresh(victim))
        with transaction.atomic(using="owner"):
            cursor = connections["owner"].cursor()
            cursor.execute(f"{statement} WHERE id = '{victim.pk}'")
            assert cursor.rowcount == 1
            changed = SecretVersion.objects.using("owner").select_related("secret", "key").get(pk=victim.pk)
            with pytest.raises(CannotOpen):
                open_version(changed)
            transaction.set_rollback(True, using="owner")
        assert open_version(fresh(victim))


def fresh(version: SecretVersion) -> SecretVersion:
    return SecretVersion.objects.select_related("secret", "key").get(pk=version.pk)


@pytest.mark.asvs("11.3.3")
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_no_swap_opens(vault, cast):
    """All in one test, since each would need the tables emptied after it."""
    meridian, tidewater, admin, stranger = (cast[name] for name in ("meridian", "tidewater", "admin", "stranger"))
    both = [meridian.pk, tidewater.pk]
    with workspace_scope([meridian.pk]):
        crm, mail = (
            create_secret(meridian, name=name, purpose="P", value="value one", **BINDING, actor=admin)
            for name in ("crm", "mail")
        )
        switch_version(stage_version(crm, value="value two", **BINDING, actor=admin), actor=admin)
        old, new = crm.versions.order_by("number").select_related("secret", "key")
        other = mail.versions.select_related("secret", "key").get()
    with workspace_scope([tidewater.pk]):
        theirs = create_secret(tidewater, name="crm", purpose="P", value="value one", **BINDING, actor=stranger)
        foreign = theirs.versions.select_related("secret", "key").get()
    for statement in BETWEEN_ROWS.values():
        for source in (other, old, foreign):  # another secret, another version, another workspace
            if source is not foreign or "key_id" not in statement:
                swapped(new, statement.format(b=source.pk), both)
    for statement in WITHIN_A_ROW.values():
        swapped(new, statement, both)
    with workspace_scope(both), transaction.atomic(using="owner"):
        cursor = connections["owner"].cursor()
        for name, statement in {
            "another name": f"UPDATE core_secret SET name = 'renamed' WHERE id = '{crm.pk}'",
            "the key of another workspace": f"UPDATE {K} SET wrapped = (SELECT wrapped FROM {K} WHERE id = "
            f"'{foreign.key_id}') WHERE id = '{new.key_id}'",
            "another version of the key": f"UPDATE {K} SET version = 2 WHERE id = '{new.key_id}'",
        }.items():
            point = transaction.savepoint(using="owner")
            cursor.execute(statement)
            with pytest.raises(CannotOpen):
                open_version(SecretVersion.objects.using("owner").select_related("secret", "key").get(pk=new.pk))
            transaction.savepoint_rollback(point, using="owner")
            found = SecretVersion.objects.using("owner").select_related("secret", "key").get(pk=new.pk)
            assert open_version(found).value == "value two", name


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_version_cannot_point_into_another_workspace(vault, cast):
    """Whole rows moved: the database itself refuses a secret or a key of somebody else's."""
    pairs = []
    for name, person in (("meridian", "admin"), ("tidewater", "stranger")):
        with workspace_scope([cast[name].pk]):
            secret = create_secret(cast[name], name="crm", purpose="P", value="a value", **BINDING, actor=cast[person])
            pairs.append(secret.versions.get())
    ours, theirs = pairs
    with workspace_scope([cast["meridian"].pk, cast["tidewater"].pk]):
        for change in (f"key_id = '{theirs.key_id}'", f"workspace_id = '{theirs.workspace_id}'"):
            with pytest.raises(IntegrityError), transaction.atomic(using="owner"):
                connections["owner"].cursor().execute(f"UPDATE {V} SET {change} WHERE id = '{ours.pk}'")
