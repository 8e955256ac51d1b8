"""The app of tenants, their tracked configs and every version ever seen of them."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Whose configurations there are."""

    name = "tenants"
    default_auto_field = "django.db.models.BigAutoField"
