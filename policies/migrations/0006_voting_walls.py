"""What the database holds of approvals by itself, whatever the application forgets or is made to do.

Approved is what enough different people said yes to, or an Auto-Approve grant within its bounds; what they said yes to
never changes; a decided request stays decided; a yes is used once and within its time; nobody votes who asked, wrote
the version, owns or holds a key of the agent that asked, or stands in for whoever asked. Nothing is deleted.
"""

from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# Time is that of the statement: what a service read a moment before in another statement may have ended since.
VOTES = """
CREATE FUNCTION policies_vote_may_be_cast() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    a policies_approval%ROWTYPE;
BEGIN
    SELECT * INTO a FROM policies_approval
        WHERE workspace_id = NEW.workspace_id AND id = NEW.approval_id FOR NO KEY UPDATE;
    IF NOT FOUND OR a.status <> 'pending' THEN
        RAISE EXCEPTION 'vote_on_decided: nothing waits to be decided' USING ERRCODE = 'check_violation';
    END IF;
    IF a.expires_at <= statement_timestamp() THEN
        RAISE EXCEPTION 'vote_after_expiry: its time is over' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.digest <> a.digest OR NEW.version_author_id IS DISTINCT FROM a.version_author_id THEN
        RAISE EXCEPTION 'vote_on_something_else: digest or author is another' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM policies_approvalstage s WHERE s.workspace_id = a.workspace_id AND s.approval_id = a.id
            AND s.id = NEW.stage_id AND s.opened_at IS NOT NULL AND s.done_at IS NULL
    ) THEN
        RAISE EXCEPTION 'vote_outside_open_stage: that stage is not answered now' USING ERRCODE = 'check_violation';
    END IF;
    IF a.needs_second_factor AND NEW.choice = 'approved' AND NEW.factor = '' THEN
        RAISE EXCEPTION 'vote_without_factor: a yes takes a second factor' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM policies_delegation d WHERE d.workspace_id = a.workspace_id
            AND d.giver_id = a.requested_by_id AND d.taker_id = NEW.reviewer_id
            AND (d.installation_id IS NULL OR d.installation_id = a.installation_id)
            AND d.starts_at <= statement_timestamp() AND least(d.ends_at, d.ended_at) > a.requested_at
    ) THEN
        RAISE EXCEPTION 'vote_by_stand_in: who stands in for the requester' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM core_agent g WHERE g.workspace_id = a.workspace_id AND g.id = a.agent_id
            AND g.owner_id = NEW.reviewer_id
    ) OR EXISTS (
        SELECT 1 FROM core_token t WHERE t.workspace_id = a.workspace_id AND t.agent_id = a.agent_id
            AND t.created_by_id = NEW.reviewer_id
    ) THEN
        RAISE EXCEPTION 'vote_by_agents_own: who can act as the agent' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER may_be_cast BEFORE INSERT ON policies_vote
    FOR EACH ROW EXECUTE FUNCTION policies_vote_may_be_cast();
"""

# The times may move towards less and never towards more: an earlier end is a no that comes sooner.
APPROVALS = """
CREATE FUNCTION policies_approval_keeps() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.consumed_at IS NOT NULL OR NEW.grant_id IS NOT NULL THEN
            RAISE EXCEPTION 'approval_begins_pending: a request is decided after it was made'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.workspace_id, NEW.subject_kind, NEW.subject_id, NEW.digest, NEW.bound, NEW.requested_by_id,
            NEW.version_author_id, NEW.agent_id, NEW.installation_id, NEW.target, NEW.effect, NEW.is_bulk,
            NEW.simulated, NEW.records, NEW.data_classes, NEW.needs_second_factor, NEW.summary, NEW.decision_id,
            NEW.again_id, NEW.narrowed_from_id, NEW.ladder)
        IS DISTINCT FROM
       (OLD.id, OLD.workspace_id, OLD.subject_kind, OLD.subject_id, OLD.digest, OLD.bound, OLD.requested_by_id,
            OLD.version_author_id, OLD.agent_id, OLD.installation_id, OLD.target, OLD.effect, OLD.is_bulk,
            OLD.simulated, OLD.records, OLD.data_classes, OLD.needs_second_factor, OLD.summary, OLD.decision_id,
            OLD.again_id, OLD.narrowed_from_id, OLD.ladder)
    THEN
        RAISE EXCEPTION 'approval_subject_fixed: what was asked for does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.expires_at > OLD.expires_at OR NEW.requested_at > OLD.requested_at OR NEW.decided_at > OLD.decided_at THEN
        RAISE EXCEPTION 'approval_time_fixed: no time is added' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status <> 'pending' AND (NEW.status <> OLD.status OR NEW.decided_at IS NULL
            OR NEW.grant_id IS DISTINCT FROM OLD.grant_id OR NEW.facts <> OLD.facts) THEN
        RAISE EXCEPTION 'approval_decided_once: it was decided' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'pending' AND NEW.status = 'approved' AND OLD.expires_at <= statement_timestamp() THEN
        RAISE EXCEPTION 'approval_in_time: its time is over' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.consumed_at IS DISTINCT FROM OLD.consumed_at AND (OLD.consumed_at IS NOT NULL OR OLD.status <> 'approved'
            OR OLD.expires_at <= statement_timestamp()) THEN
        RAISE EXCEPTION 'approval_used_once: it is used once, approved and in time' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keeps BEFORE INSERT OR UPDATE ON policies_approval
    FOR EACH ROW EXECUTE FUNCTION policies_approval_keeps();
CREATE TRIGGER stays BEFORE DELETE ON policies_approval FOR EACH ROW EXECUTE FUNCTION galaxy_refuse_change();
"""

STAGES = """
CREATE FUNCTION policies_stage_keeps() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.done_at IS NULL AND NEW.done_at IS NOT NULL
        AND (NEW.opened_at, NEW.reviewers) IS NOT DISTINCT FROM (OLD.opened_at, OLD.reviewers)
    THEN
        NULL;  -- it may end with its request, or after it
    ELSIF NOT EXISTS (
        SELECT 1 FROM policies_approval a WHERE a.workspace_id = NEW.workspace_id AND a.id = NEW.approval_id
            AND a.status = 'pending'
    ) THEN
        RAISE EXCEPTION 'stage_of_waiting: its request is decided' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF cardinality(NEW.reviewers) = 0 OR EXISTS (
            SELECT 1 FROM policies_vote v WHERE v.workspace_id = NEW.workspace_id AND v.approval_id = NEW.approval_id
        ) THEN
            RAISE EXCEPTION 'stage_before_votes: stages are there before anybody votes'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.workspace_id, NEW.approval_id, NEW.position, NEW.needed)
        IS DISTINCT FROM (OLD.id, OLD.workspace_id, OLD.approval_id, OLD.position, OLD.needed)
        OR NOT NEW.reviewers @> OLD.reviewers
    THEN
        RAISE EXCEPTION 'stage_fixed: whom it asks only grows' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keeps BEFORE INSERT OR UPDATE ON policies_approvalstage
    FOR EACH ROW EXECUTE FUNCTION policies_stage_keeps();
CREATE TRIGGER stays BEFORE DELETE ON policies_approvalstage
    FOR EACH ROW EXECUTE FUNCTION galaxy_refuse_change();
"""

# At the commit, when votes and grant are all there, whatever the scope is by then: so it looks across the walls.
APPROVED = f"""
CREATE FUNCTION policies_approval_is_carried() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a policies_approval%ROWTYPE;
BEGIN
    SELECT * INTO a FROM policies_approval WHERE workspace_id = NEW.workspace_id AND id = NEW.id;
    IF a.grant_id IS NOT NULL THEN
        IF NOT EXISTS (
            SELECT 1 FROM policies_autoapproval g WHERE g.workspace_id = a.workspace_id AND g.id = a.grant_id
                AND g.installation_id = a.installation_id AND (g.agent_id IS NULL OR g.agent_id = a.agent_id)
                AND g.starts_at <= a.decided_at AND g.ends_at > a.decided_at
                AND (a.effect <> 'delete' OR (g.covers_delete AND g.confirmed_by_id IS NOT NULL))
                AND (SELECT count(*) FROM policies_approval o
                    WHERE o.workspace_id = a.workspace_id AND o.grant_id = g.id) <= least(g.used, g.budget)
        ) THEN
            RAISE EXCEPTION 'approval_carried_by_grant: no grant covers it' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM policies_approvalstage s WHERE s.workspace_id = a.workspace_id AND s.approval_id = a.id
    ) OR EXISTS (
        SELECT 1 FROM policies_vote v
            WHERE v.workspace_id = a.workspace_id AND v.approval_id = a.id AND v.choice = 'rejected'
    ) OR EXISTS (
        SELECT 1 FROM policies_approvalstage s WHERE s.workspace_id = a.workspace_id AND s.approval_id = a.id
            AND s.needed > (SELECT count(DISTINCT v.reviewer_id) FROM policies_vote v
                WHERE v.workspace_id = a.workspace_id AND v.approval_id = a.id AND v.stage_id = s.id
                    AND v.choice = 'approved' AND v.digest = a.digest)
    ) THEN
        RAISE EXCEPTION 'approval_carried_by_votes: not enough people said yes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION policies_approval_is_carried() OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
CREATE CONSTRAINT TRIGGER is_carried AFTER UPDATE ON policies_approval DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'approved' AND OLD.status <> 'approved')
    EXECUTE FUNCTION policies_approval_is_carried();
"""  # noqa: S608  (the name of our own role)

BACK = f"""
DROP TRIGGER is_carried ON policies_approval;
DROP TRIGGER keeps ON policies_approval;
DROP TRIGGER stays ON policies_approval;
DROP TRIGGER keeps ON policies_approvalstage;
DROP TRIGGER stays ON policies_approvalstage;
DROP TRIGGER may_be_cast ON policies_vote;
SET ROLE {ROLLUP_ROLE}; DROP FUNCTION policies_approval_is_carried(); RESET ROLE;
DROP FUNCTION policies_approval_keeps();
DROP FUNCTION policies_stage_keeps();
DROP FUNCTION policies_vote_may_be_cast();
"""

# Requests from before there were stages: one of approvers each. The walls are the owner's too, so they are put aside.
FIRST_STAGES = """
ALTER TABLE policies_approval NO FORCE ROW LEVEL SECURITY;
ALTER TABLE policies_approvalstage NO FORCE ROW LEVEL SECURITY;
INSERT INTO policies_approvalstage (id, workspace_id, approval_id, position, reviewers, needed, opened_at, done_at)
    SELECT gen_random_uuid(), a.workspace_id, a.id, 0, '{approvers}', 1, a.requested_at, a.decided_at
    FROM policies_approval a WHERE NOT EXISTS (SELECT 1 FROM policies_approvalstage s WHERE s.approval_id = a.id);
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE policies_approval FORCE ROW LEVEL SECURITY;
ALTER TABLE policies_approvalstage FORCE ROW LEVEL SECURITY;
"""


def across(name: str, condition: str) -> str:
    """A function that tells a sweep which waiting approvals are due in any workspace: ids alone."""
    return f"""
CREATE FUNCTION {name}(at timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, approval_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.workspace_id, a.id FROM policies_approval a
    WHERE a.status = 'pending' AND a.expires_at > at AND {condition}
    ORDER BY a.expires_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION {name}(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION {name}(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {name}(timestamptz, integer) TO {APP_ROLE};
"""  # noqa: S608  (names and conditions of our own, below)


def gone(name: str) -> str:
    return f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION {name}(timestamptz, integer); RESET ROLE"


ESCALATIONS = """a.ladder <> '[]' AND EXISTS (
        SELECT 1 FROM jsonb_array_elements(a.ladder) step JOIN policies_approvalstage s
            ON s.workspace_id = a.workspace_id AND s.approval_id = a.id AND s.position = (step ->> 'stage')::integer
        WHERE (step ->> 'at')::timestamptz <= at AND s.done_at IS NULL AND step ->> 'to' <> ALL (s.reviewers))"""
HALFWAY = "a.reminded_at IS NULL AND a.requested_at + (a.expires_at - a.requested_at) / 2 <= at"


class Migration(migrations.Migration):
    dependencies = [("policies", "0005_rules_and_stages")]

    operations = [
        migrations.AddIndex(
            "approval",
            models.Index(
                fields=["workspace", "grant", "-decided_at"],
                condition=models.Q(grant__isnull=False),
                name="approval_by_grant",
            ),
        ),
        migrations.RunSQL(FIRST_STAGES, migrations.RunSQL.noop),
        migrations.RunSQL(VOTES + APPROVALS + STAGES + APPROVED, BACK),
        migrations.RunSQL(
            f"REVOKE DELETE, TRUNCATE ON policies_approval, policies_approvalstage FROM {APP_ROLE}",
            f"GRANT DELETE ON policies_approval, policies_approvalstage TO {APP_ROLE}",
        ),
        migrations.RunSQL(
            across("policies_due_escalations", ESCALATIONS) + across("policies_halfway_approvals", HALFWAY),
            f"{gone('policies_due_escalations')}; {gone('policies_halfway_approvals')}",
        ),
    ]
