"""The app of tenants, their tracked configs and every version that was seen of them."""

from django.apps import AppConfig
from django.conf import settings

from tenants.resource_types import catalogue


class TenantsConfig(AppConfig):
    """Whose configurations there are."""

    name = "tenants"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the operator's own file of resource types count from the start."""
        catalogue.use_file(settings.CONSOLE_RESOURCE_TYPES_FILE)
