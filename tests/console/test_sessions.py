"""A worker that stands still inside a transaction must not keep its locks: the database ends such a session."""

import pytest
from django.db import connection, connections

from console.apps import LONGEST_IDLE_IN_TRANSACTION
from rollbacks import driving

NAME = "idle_in_transaction_session_timeout"


def limit_of(**options: str) -> str:
    """Give the limit in a new session of the tests' database, with options of an operator's own."""
    session = connections["default"].copy()
    session.settings_dict = {**session.settings_dict, "OPTIONS": options}
    try:
        with session.cursor() as cursor:
            cursor.execute(f"SHOW {NAME}")
            return str(cursor.fetchone()[0])
    finally:
        session.close()


@pytest.mark.django_db
def test_every_session_ends_a_transaction_in_which_nothing_happens_well_before_a_lease_is_over() -> None:
    assert limit_of() == LONGEST_IDLE_IN_TRANSACTION
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM %s::interval)", [LONGEST_IDLE_IN_TRANSACTION])
        seconds = cursor.fetchone()[0]
    assert 0 < seconds <= driving.PACE.lease / 2


@pytest.mark.django_db
def test_a_limit_that_the_operator_has_set_is_left_alone() -> None:
    assert limit_of(options=f"-c {NAME}=7s") == "7s"
