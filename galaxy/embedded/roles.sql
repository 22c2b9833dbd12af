-- The roles and the database of Galaxy. Safe to run twice.
--
-- The embedded server runs this by itself. On a server of your own, run it once as a superuser:
--     python -m galaxy.embedded roles-sql | psql --dbname postgres
-- and then give both log-in roles a password (\password galaxy_owner, \password galaxy_app).
--
-- galaxy_owner   owns the database and its tables; migrations run as it. Not a superuser; may create databases (tests).
-- galaxy_app     what web and workers log in as. Owns nothing and creates nothing; row-level security binds it.
-- galaxy_rollup  nobody logs in as it. It owns the functions that aggregate across workspaces; see the policy
--                "rollup" on walled tables. The owner may step into it (SET ROLE), and gains nothing before it does.
--
-- Nobody here has BYPASSRLS, so nothing but this file ever needs a superuser.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'galaxy_owner') THEN
        CREATE ROLE galaxy_owner;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'galaxy_app') THEN
        CREATE ROLE galaxy_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'galaxy_rollup') THEN
        CREATE ROLE galaxy_rollup;
    END IF;
END $$;

ALTER ROLE galaxy_owner LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOBYPASSRLS;
ALTER ROLE galaxy_app NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
ALTER ROLE galaxy_rollup NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;

-- Before PostgreSQL 16 a grant cannot say "without inheriting"; the policy "rollup" tests current_user for that reason.
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT galaxy_rollup TO galaxy_owner WITH INHERIT FALSE, SET TRUE';
    ELSE
        EXECUTE 'GRANT galaxy_rollup TO galaxy_owner';
    END IF;
END $$;

-- A request that hangs must not hold a connection or a lock for long (ASVS 15.2.2). Migrations are not bound by these.
ALTER ROLE galaxy_app SET statement_timeout = '30s';
ALTER ROLE galaxy_app SET lock_timeout = '5s';
ALTER ROLE galaxy_app SET idle_in_transaction_session_timeout = '60s';

SELECT 'CREATE DATABASE galaxy OWNER galaxy_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'galaxy')
\gexec

REVOKE ALL ON DATABASE galaxy FROM PUBLIC;
GRANT CONNECT ON DATABASE galaxy TO galaxy_app;

\connect galaxy

-- PostgreSQL 15 made these the defaults; here they are for 14 as well.
ALTER SCHEMA public OWNER TO pg_database_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO galaxy_app;

-- Last, so that a galaxy_app that can log in proves that everything above was done.
ALTER ROLE galaxy_app LOGIN;
