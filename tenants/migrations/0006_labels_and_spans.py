"""Labels that the database itself keeps from being rewritten, and what is known of when versions were live before now.

What looks saw was not kept as spans before: of each version that was seen live its first sighting is known, of the one
that is live also the last. Between them nobody can tell any more whether anybody looked.
"""

from django.db import migrations

FORBID = """
CREATE FUNCTION refuse_change_of_a_label() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.withdrawn_at IS NULL
     AND (NEW.id, NEW.snapshot_id, NEW.word, NEW.earned, NEW.resource_type, NEW.digest, NEW.reason, NEW.set_at,
          NEW.set_by_id, NEW.setter)
         IS NOT DISTINCT FROM
         (OLD.id, OLD.snapshot_id, OLD.word, OLD.earned, OLD.resource_type, OLD.digest, OLD.reason, OLD.set_at,
          OLD.set_by_id, OLD.setter) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a label is added and withdrawn once; it is never changed or deleted'
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER label_append_only BEFORE UPDATE OR DELETE ON tenants_label
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_a_label();
CREATE FUNCTION refuse_emptying_of_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'labels are never deleted' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER label_no_truncate BEFORE TRUNCATE ON tenants_label
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_emptying_of_labels();
"""
ALLOW = """
DROP TRIGGER label_no_truncate ON tenants_label;
DROP TRIGGER label_append_only ON tenants_label;
DROP FUNCTION refuse_emptying_of_labels();
DROP FUNCTION refuse_change_of_a_label();
"""
FILL = """
INSERT INTO tenants_livespan (config_id, snapshot_id, version, digest, first_seen_at, last_seen_at, open)
SELECT seen.config_id, seen.snapshot_id, seen.version, seen.digest, seen.at, seen.at, seen.newest
FROM (
  SELECT config_id, id AS snapshot_id, version, digest, captured_at AS at, false AS newest
  FROM tenants_snapshot WHERE source IN ('live', 'read_back')
  UNION
  SELECT c.id, s.id, s.version, s.digest, c.changed_at, false
  FROM tenants_trackedconfig c JOIN tenants_snapshot s ON s.id = c.live_id
  WHERE c.changed_at IS NOT NULL AND (s.source = 'history' OR c.changed_at > s.captured_at + interval '5 minutes')
  UNION
  SELECT c.id, s.id, s.version, s.digest, c.looked_at, true
  FROM tenants_trackedconfig c JOIN tenants_snapshot s ON s.id = c.live_id
  WHERE c.presence = 'present' AND c.looked_at IS NOT NULL
) AS seen
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_labels")]

    operations = [
        migrations.RunSQL(FORBID, ALLOW),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
