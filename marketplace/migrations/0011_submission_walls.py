"""What the database holds of submissions by itself: who sees them, who may not review, and which state follows which."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import AppendOnly, SameWorkspace, TwoSidedWall

# A no without a reason is none; each reason has a code and a text. Authors neither review nor decide.
CHECKS = """
ALTER TABLE marketplace_submission
    ADD CONSTRAINT submission_refused_with_reason CHECK (
        state NOT IN ('rejected', 'changes_requested') OR btrim(reason) <> '' OR jsonb_array_length(reasons) > 0),
    ADD CONSTRAINT submission_reasons_say_what CHECK (
        jsonb_typeof(reasons) = 'array' AND NOT jsonb_path_exists(reasons,
            '$[*] ? (!(@.code like_regex "[a-z]") || !(@.message like_regex "[^ ]"))')),
    ADD CONSTRAINT submission_author_never_reviews CHECK (reviewer_id IS NULL OR NOT reviewer_id = ANY (author_ids)),
    ADD CONSTRAINT submission_author_never_decides CHECK (decided_by_id IS NULL OR NOT decided_by_id = ANY (author_ids)),
    ADD CONSTRAINT submission_submitter_is_author CHECK (submitted_by_id = ANY (author_ids)),
    ADD CONSTRAINT submission_level_known CHECK (level IN ('', 'community', 'verified', 'enterprise')),
    ADD CONSTRAINT submission_enterprise_is_attested CHECK (
        level <> 'enterprise' OR jsonb_array_length(attestations) > 0);
ALTER TABLE marketplace_submissionfile
    ADD CONSTRAINT submissionfile_is_what_it_says CHECK (sha256 = encode(sha256(content), 'hex'));
"""
NO_CHECKS = """
ALTER TABLE marketplace_submissionfile DROP CONSTRAINT submissionfile_is_what_it_says;
ALTER TABLE marketplace_submission
    DROP CONSTRAINT submission_enterprise_is_attested, DROP CONSTRAINT submission_level_known,
    DROP CONSTRAINT submission_submitter_is_author, DROP CONSTRAINT submission_author_never_decides,
    DROP CONSTRAINT submission_author_never_reviews, DROP CONSTRAINT submission_reasons_say_what,
    DROP CONSTRAINT submission_refused_with_reason;
"""

# The files and steps of a submission are of the same two workspaces as the submission.
SAME_SIDES = """
CREATE UNIQUE INDEX marketplace_submission_sides ON marketplace_submission (workspace_id, desk_id, id);
ALTER TABLE marketplace_submissionfile ADD CONSTRAINT submissionfile_same_sides
    FOREIGN KEY (workspace_id, desk_id, submission_id)
    REFERENCES marketplace_submission (workspace_id, desk_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE marketplace_submissionstep ADD CONSTRAINT submissionstep_same_sides
    FOREIGN KEY (workspace_id, desk_id, submission_id)
    REFERENCES marketplace_submission (workspace_id, desk_id, id) DEFERRABLE INITIALLY DEFERRED;
"""
ANY_SIDES = """
ALTER TABLE marketplace_submissionstep DROP CONSTRAINT submissionstep_same_sides;
ALTER TABLE marketplace_submissionfile DROP CONSTRAINT submissionfile_same_sides;
DROP INDEX marketplace_submission_sides;
"""

# The table of marketplace/submissions/machine.py, and that what was handed in stays what it is.
MACHINE = """
CREATE FUNCTION marketplace_submission_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'submitted' THEN
            RAISE EXCEPTION 'a submission begins as submitted, not as %', NEW.state USING ERRCODE = 'check_violation';
        END IF;
        IF NOT ((NEW.owner_id IS NULL AND NEW.desk_id = NEW.workspace_id) OR (NEW.owner_id IS NOT NULL
                AND EXISTS (SELECT FROM core_marketplace_workspace() d WHERE d.id = NEW.desk_id))) THEN
            RAISE EXCEPTION 'this workspace decides nothing of others' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('submitted', 'in_review'), ('submitted', 'withdrawn'), ('in_review', 'submitted'),
        ('in_review', 'changes_requested'), ('in_review', 'rejected'), ('in_review', 'approved'),
        ('in_review', 'withdrawn')
    ) THEN
        RAISE EXCEPTION 'a submission goes not from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND NEW.state <> 'withdrawn' AND EXISTS (
        SELECT FROM registry_publishermember m WHERE m.publisher_id = NEW.owner_id AND m.user_id = NEW.reviewer_id
    ) THEN
        RAISE EXCEPTION 'nobody of its publisher reviews it' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state NOT IN ('submitted', 'in_review') AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'what was decided stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.id, NEW.workspace_id, NEW.desk_id, NEW.workspace_name, NEW.draft_id, NEW.before_id, NEW.kind, NEW.slug,
        NEW.name, NEW.number, NEW.publisher, NEW.owner_id, NEW.security_fix, NEW.text, NEW.manifest, NEW.manifest_digest, NEW.digest, NEW.findings,
        NEW.changes, NEW.support, NEW.author_ids, NEW.submitted_by_id, NEW.submitted_at) IS DISTINCT FROM
       (OLD.id, OLD.workspace_id, OLD.desk_id, OLD.workspace_name, OLD.draft_id, OLD.before_id, OLD.kind, OLD.slug,
        OLD.name, OLD.number, OLD.publisher, OLD.owner_id, OLD.security_fix, OLD.text, OLD.manifest, OLD.manifest_digest, OLD.digest, OLD.findings,
        OLD.changes, OLD.support, OLD.author_ids, OLD.submitted_by_id, OLD.submitted_at) THEN
        RAISE EXCEPTION 'what was handed in stays as it was' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER moves BEFORE INSERT OR UPDATE ON marketplace_submission
    FOR EACH ROW EXECUTE FUNCTION marketplace_submission_moves();
CREATE TRIGGER stays BEFORE DELETE ON marketplace_submission
    FOR EACH ROW EXECUTE FUNCTION galaxy_refuse_change();
"""
NO_MACHINE = """
DROP TRIGGER stays ON marketplace_submission;
DROP TRIGGER moves ON marketplace_submission;
DROP FUNCTION marketplace_submission_moves();
"""

# Who waits is told figures over all workspaces and nothing else: a place in line, how many wait, and the median time
# of the last twenty decisions. Of a private catalogue only to who is in its workspace.
FIGURES = f"""
CREATE FUNCTION marketplace_places(wanted uuid[]) RETURNS TABLE (submission_id uuid, place bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id, (
        SELECT count(*) FROM marketplace_submission o
        WHERE o.desk_id = s.desk_id AND o.state IN ('submitted', 'in_review')
        AND (o.submitted_at, o.id) <= (s.submitted_at, s.id)
    )
    FROM marketplace_submission s
    WHERE s.id = ANY (wanted) AND s.state IN ('submitted', 'in_review')
    AND (s.workspace_id = ANY ((SELECT galaxy_workspaces())::uuid[])
        OR s.desk_id = ANY ((SELECT galaxy_workspaces())::uuid[]))
$$;
CREATE FUNCTION marketplace_desk_figures(desk uuid)
RETURNS TABLE (waiting bigint, decided bigint, median_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (
        SELECT count(*) FROM marketplace_submission o
        WHERE o.desk_id = d.id AND o.state IN ('submitted', 'in_review')
    ), l.decided, l.median_s
    FROM (
        SELECT desk AS id WHERE desk = ANY ((SELECT galaxy_workspaces())::uuid[])
        OR EXISTS (SELECT FROM core_workspace w WHERE w.id = desk AND w.is_marketplace)
    ) d, LATERAL (
        SELECT count(*) AS decided, percentile_cont(0.5) WITHIN GROUP (ORDER BY t.took_s) AS median_s
        FROM (
            SELECT extract(epoch FROM s.closed_at - s.submitted_at)::double precision AS took_s
            FROM marketplace_submission s
            WHERE s.desk_id = d.id AND s.closed_at IS NOT NULL
            AND s.state IN ('changes_requested', 'approved', 'rejected')
            ORDER BY s.closed_at DESC LIMIT 20
        ) t
    ) l
$$;
-- sandboxd, which signs what was approved, is in no workspace.
CREATE FUNCTION marketplace_is_approved(version uuid, exactly text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM marketplace_submission s
        WHERE s.version_id = version AND s.digest = exactly AND s.state = 'approved'
    )
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_is_approved(uuid, text) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_places(uuid[]) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_desk_figures(uuid) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION marketplace_places(uuid[]), marketplace_desk_figures(uuid),
    marketplace_is_approved(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION marketplace_places(uuid[]), marketplace_desk_figures(uuid),
    marketplace_is_approved(uuid, text) TO {APP_ROLE};
"""
NO_FIGURES = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION marketplace_places(uuid[]), marketplace_desk_figures(uuid), marketplace_is_approved(uuid, text);
RESET ROLE
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0010_submissions")]

    operations = [
        TwoSidedWall("Submission", "desk_id"),
        TwoSidedWall("SubmissionFile", "desk_id"),
        TwoSidedWall("SubmissionStep", "desk_id"),
        SameWorkspace("Submission", "draft", to="marketplace.Draft"),
        SameWorkspace("Submission", "before", to="marketplace.Submission"),
        migrations.RunSQL(SAME_SIDES, ANY_SIDES),
        migrations.RunSQL(CHECKS, NO_CHECKS),
        migrations.RunSQL(MACHINE, NO_MACHINE),
        migrations.RunSQL(FIGURES, NO_FIGURES),
        AppendOnly("SubmissionFile"),
        AppendOnly("SubmissionStep"),
    ]
