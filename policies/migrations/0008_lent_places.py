"""A place that somebody lent: what the database holds of it by itself. And the stages that are answered now.

A vote in another's place takes a delegation that is in force at that moment, by somebody who could have answered it
themselves; and nobody has two words on one request, one of their own and one that another says for them.
"""

from django.db import migrations, models

# ``may_be_cast`` (0006) came before and holds the request, so that two such votes come one after the other.
PLACES = """
CREATE FUNCTION policies_vote_takes_one_place() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    a policies_approval%ROWTYPE;
BEGIN
    IF EXISTS (
        SELECT 1 FROM policies_vote v
            WHERE v.workspace_id = NEW.workspace_id AND v.approval_id = NEW.approval_id AND v.id <> NEW.id
            AND ARRAY[v.reviewer_id, v.on_behalf_of_id] && ARRAY[NEW.reviewer_id, NEW.on_behalf_of_id]
    ) THEN
        RAISE EXCEPTION 'vote_once_each: they spoke already, or another in their place'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.on_behalf_of_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO a FROM policies_approval WHERE workspace_id = NEW.workspace_id AND id = NEW.approval_id;
    IF NOT EXISTS (
        SELECT 1 FROM policies_delegation d WHERE d.workspace_id = a.workspace_id
            AND d.giver_id = NEW.on_behalf_of_id AND d.taker_id = NEW.reviewer_id
            AND (d.installation_id IS NULL OR d.installation_id = a.installation_id)
            AND d.starts_at <= statement_timestamp() AND least(d.ends_at, d.ended_at) > statement_timestamp()
    ) THEN
        RAISE EXCEPTION 'vote_without_delegation: nobody lent them that place' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.on_behalf_of_id = a.version_author_id OR EXISTS (
        SELECT 1 FROM policies_delegation d WHERE d.workspace_id = a.workspace_id
            AND d.giver_id = a.requested_by_id AND d.taker_id = NEW.on_behalf_of_id
            AND (d.installation_id IS NULL OR d.installation_id = a.installation_id)
            AND d.starts_at <= statement_timestamp() AND least(d.ends_at, d.ended_at) > a.requested_at
    ) OR EXISTS (
        SELECT 1 FROM core_agent g WHERE g.workspace_id = a.workspace_id AND g.id = a.agent_id
            AND g.owner_id = NEW.on_behalf_of_id
    ) OR EXISTS (
        SELECT 1 FROM core_token t WHERE t.workspace_id = a.workspace_id AND t.agent_id = a.agent_id
            AND t.created_by_id = NEW.on_behalf_of_id
    ) THEN
        RAISE EXCEPTION 'vote_for_too_close: whoever lent that place is too close to answer'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER takes_one_place AFTER INSERT ON policies_vote
    FOR EACH ROW EXECUTE FUNCTION policies_vote_takes_one_place();
"""
BACK = """
DROP TRIGGER takes_one_place ON policies_vote;
DROP FUNCTION policies_vote_takes_one_place();
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0007_grants_and_changes")]

    operations = [
        migrations.RunSQL(PLACES, BACK),
        migrations.AddIndex(
            "approvalstage",
            models.Index(
                fields=["workspace", "approval"],
                condition=models.Q(opened_at__isnull=False, done_at=None),
                name="approvalstage_open",
            ),
        ),
    ]
