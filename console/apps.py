"""The app that wires the others together, and the admin site that every page belongs to."""

from typing import Any, Final

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.backends.signals import connection_created

LONGEST_IDLE_IN_TRANSACTION: Final = "30s"
"""Half a lease (rollbacks.driving): who takes over then finds no lock of the one who stood still."""


class ConsoleConfig(AppConfig):
    """Templates, static files and commands of the console."""

    name = "console"
    default = True

    def ready(self) -> None:
        """Have every session of the database end a transaction in which nothing happens any more."""
        connection_created.connect(end_idle_transactions, dispatch_uid="console.end_idle_transactions")


class ConsoleAdminConfig(admin_apps.AdminConfig):
    """Django's admin with the console's own site in the place of the default one."""

    default_site = "console.site.ConsoleAdminSite"
    default = False


def end_idle_transactions(*, connection: Any, **_: Any) -> None:
    """Let the server end a transaction whose process was stopped or whose machine is gone.

    It would keep its locks, the tenant's row and the head of its trail among them, until the network gives up: two
    hours by default. A limit that the operator has set for the role or the database is left alone. Said in a statement,
    not while connecting, because poolers refuse start-up options.
    """
    name = "idle_in_transaction_session_timeout"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(%s, %s, false) WHERE current_setting(%s) = '0'",
            [name, LONGEST_IDLE_IN_TRANSACTION, name],
        )
