"""The PostgreSQL that the console brings along."""

import pytest
from django.db import connection


@pytest.mark.django_db
def test_tests_run_on_a_real_postgresql_of_at_least_version_15() -> None:
    assert connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int")
        (version,) = cursor.fetchone()
    assert version >= 150000
