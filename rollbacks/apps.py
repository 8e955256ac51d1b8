"""The app of guarded returns to an earlier state, and of the trail of every write."""

from django.apps import AppConfig


class RollbacksConfig(AppConfig):
    """Guarded rollbacks and the audit trail."""

    name = "rollbacks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the trail for the tenants' side too, and tell it what was written here; it knows only its own ports."""
        from rollbacks import reviewing  # noqa: PLC0415 - models can be imported only now
        from rollbacks.holding import versions_in_the_trail, versions_of_writes  # noqa: PLC0415
        from rollbacks.origins import tell_origins  # noqa: PLC0415
        from tenants import origins, retention, trail  # noqa: PLC0415

        trail.set_recorder(reviewing.record_for_tenants)
        origins.set_teller(tell_origins)
        retention.also_held("write", versions_of_writes)
        retention.also_held("trail", versions_in_the_trail)
