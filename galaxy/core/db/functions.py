"""SQL functions and the partition book-keeping that every walled table leans on; run by core's first migration."""

from galaxy.core.db.grants import APP_ROLE

SCOPE_FUNCTIONS = """
CREATE FUNCTION galaxy_workspaces() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT coalesce(nullif(current_setting('galaxy.workspaces', true), ''), '{}') $$;
CREATE FUNCTION galaxy_user() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('galaxy.user', true), '') $$;
CREATE FUNCTION galaxy_workspace_of(content_type integer, object_pk text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
-- The workspace that the target of a generic foreign key belongs to; the target must be in scope.
DECLARE
    target text;
    found_id uuid;
BEGIN
    SELECT app_label || '_' || model INTO STRICT target FROM django_content_type WHERE id = content_type;
    IF target = 'core_workspace' THEN RETURN object_pk::uuid; END IF;
    EXECUTE format('SELECT workspace_id FROM %I WHERE id = $1', target) INTO STRICT found_id USING object_pk::uuid;
    RETURN found_id;
END $$;
CREATE FUNCTION galaxy_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
"""

# Partitions are made ahead by a definer function, since the application may not create tables. Each partition gets
# the wall as well and no rights for the application, which reads and writes through the parent only.
PARTITIONS = f"""
CREATE TABLE galaxy_partitioned (name text PRIMARY KEY);
REVOKE ALL ON galaxy_partitioned FROM {APP_ROLE};
CREATE FUNCTION galaxy_make_partitions(months_ahead integer DEFAULT 3, months_behind integer DEFAULT 1)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    month date;
    child text;
    made integer := 0;
    this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
BEGIN
    months_ahead := least(greatest(months_ahead, 0), 36);
    months_behind := least(greatest(months_behind, 0), 36);
    FOR parent IN SELECT name FROM galaxy_partitioned ORDER BY name LOOP
        FOR month IN SELECT generate_series(this_month - make_interval(months => months_behind),
                this_month + make_interval(months => months_ahead), interval '1 month')::date LOOP
            child := parent || '_' || to_char(month, 'YYYY_MM');
            CONTINUE WHEN to_regclass(child) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                child, parent, month::timestamp AT TIME ZONE 'UTC',
                (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            EXECUTE format('REVOKE ALL ON %I FROM {APP_ROLE}', child);
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', child);
            EXECUTE format('CREATE POLICY wall ON %I USING (workspace_id = ANY ((SELECT galaxy_workspaces())::uuid[]))',
                child);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION galaxy_make_partitions(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION galaxy_make_partitions(integer, integer) TO {APP_ROLE};
"""
