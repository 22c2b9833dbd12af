-- Run after roles.sql, as a superuser: a password for each role that logs in, from the files of make-secrets.
SET log_statement = 'none';
\set owner `cat /run/secrets/database_owner_password`
\set app `cat /run/secrets/database_app_password`
ALTER ROLE galaxy_owner PASSWORD :'owner';
ALTER ROLE galaxy_app PASSWORD :'app';
