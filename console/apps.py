"""The app that wires the others together, and the admin site that every page belongs to."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ConsoleConfig(AppConfig):
    """Templates, static files and commands of the console."""

    name = "console"
    default = True


class ConsoleAdminConfig(admin_apps.AdminConfig):
    """Django's admin with the console's own site in the place of the default one."""

    default_site = "console.site.ConsoleAdminSite"
    default = False
