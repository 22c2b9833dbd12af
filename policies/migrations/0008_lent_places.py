"""A place that somebody lent, and a yes given beforehand: what the database holds of both by itself.

A vote in another's place takes a delegation that is in force at that moment, by somebody who could have answered it
themselves; and nobody has two words on one request, one of their own and one that another says for them. A grant
answers nothing of whoever made it or agreed to it.
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
# Whoever made a grant, or agreed to it as a second person, says yes to others alone.
GRANTS = """
CREATE FUNCTION policies_grant_is_anothers() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM policies_autoapproval g LEFT JOIN core_agent c
            ON c.workspace_id = NEW.workspace_id AND c.id = NEW.agent_id
        WHERE g.workspace_id = NEW.workspace_id AND g.id = NEW.grant_id
            AND ARRAY[g.owner_id, g.confirmed_by_id] && ARRAY[NEW.requested_by_id, NEW.version_author_id, c.owner_id]
    ) THEN
        RAISE EXCEPTION 'grant_of_another: nobody answers themselves beforehand' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER is_anothers AFTER UPDATE ON policies_approval FOR EACH ROW
    WHEN (NEW.grant_id IS DISTINCT FROM OLD.grant_id) EXECUTE FUNCTION policies_grant_is_anothers();
"""
BACK = """
DROP TRIGGER is_anothers ON policies_approval;
DROP FUNCTION policies_grant_is_anothers();
DROP TRIGGER takes_one_place ON policies_vote;
DROP FUNCTION policies_vote_takes_one_place();
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0007_grants_and_changes")]

    operations = [
        migrations.RunSQL(PLACES + GRANTS, BACK),
        migrations.AddIndex(
            "approvalstage",
            models.Index(
                fields=["workspace", "approval"],
                condition=models.Q(opened_at__isnull=False, done_at=None),
                name="approvalstage_open",
            ),
        ),
    ]
