"""The table of the cache that all processes share: what was tried how often, so that limits hold across workers."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            sql="""
                CREATE TABLE IF NOT EXISTS console_cache (
                    cache_key varchar(255) NOT NULL PRIMARY KEY,
                    value text NOT NULL,
                    expires timestamp with time zone NOT NULL
                );
                CREATE INDEX IF NOT EXISTS console_cache_expires ON console_cache (expires);
            """,
            reverse_sql="DROP TABLE IF EXISTS console_cache;",
        )
    ]
