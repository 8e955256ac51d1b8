"""The app of guarded returns to an earlier state, and of the trail of every write."""

from django.apps import AppConfig


class RollbacksConfig(AppConfig):
    """Guarded rollbacks and the audit trail."""

    name = "rollbacks"
    default_auto_field = "django.db.models.BigAutoField"
