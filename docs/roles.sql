-- Two roles for production: one owns the tables and migrates them, the other runs the console and may only add to the
-- trail. Run once as a superuser, in the console's database, with passwords of your own; then
--   1. migrate with DATABASE_URL of vault_owner, now and after every update,
--   2. run the second half again after each migrate that made new tables,
--   3. give the console and its workers the DATABASE_URL of vault_console.

CREATE ROLE vault_owner LOGIN;    -- \password vault_owner
CREATE ROLE vault_console LOGIN;  -- \password vault_console
GRANT USAGE, CREATE ON SCHEMA public TO vault_owner;
GRANT USAGE ON SCHEMA public TO vault_console;

-- Second half, as vault_owner.

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO vault_console;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO vault_console;
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM vault_console;
REVOKE UPDATE, DELETE, TRUNCATE ON rollbacks_auditentry, rollbacks_checkpoint FROM vault_console;
REVOKE DELETE, TRUNCATE ON rollbacks_audithead, rollbacks_sinkstate FROM vault_console;
REVOKE DELETE, TRUNCATE ON tenants_label, tenants_badcontentalarm FROM vault_console;
