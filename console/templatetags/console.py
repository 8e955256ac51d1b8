"""Tags that every page may use: icons, the navigation, and how times are told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.contrib import admin
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.views.main import ChangeList
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince, timeuntil

from console.icons import ICONS
from tenants import access
from tenants.models import Tenant

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Give an inline drawing that takes the colour of the text beside it and says nothing to a screen reader."""
    return mark_safe(  # noqa: S308 - from a constant table
        f'<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" '
        f'stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">{ICONS[name]}</svg>'
    )


@register.inclusion_tag("console/navigation.html", takes_context=True)
def navigation(context: template.Context) -> dict[str, Any]:
    """Give the groups of pages that this user may open, the current one marked."""
    request = context["request"]
    groups = admin.site.navigation(request) if hasattr(admin.site, "navigation") else []
    return {"groups": groups}


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What a page says of where it acts: production, sandbox, or both of them in one list."""

    production: str
    """The tenants that are named, in words; empty where there is none."""
    sandbox: str


@register.inclusion_tag("console/band.html", takes_context=True)
def environment_band(context: template.Context) -> dict[str, Any]:
    """Say on every page of a tenant, in words, whether it is in production or a sandbox; on a list, of all in it."""
    found = _tenants_of_page(context)
    return {
        "band": Band(
            production=_named([one.name for one in found if one.environment == Tenant.Environment.PRODUCTION]),
            sandbox=_named([one.name for one in found if one.environment == Tenant.Environment.SANDBOX]),
        )
    }


@register.filter
def environment_mark(tenant: Tenant) -> SafeString | str:
    """Give the mark that stands beside a tenant's name in a list; nothing where it is neither."""
    if not tenant.environment:
        return ""
    return format_html('<span class="env-mark {}">{}</span>', tenant.environment, tenant.get_environment_display())


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED_IN_BAND
    return ", ".join(names[:_NAMED_IN_BAND]) + (f" and {more} more" if more > 0 else "")


def _tenants_of_page(context: template.Context) -> list[Tenant]:
    for name in ("tenant", "config", "rollback", "entry", "original", "page"):
        shown = context.get(name)
        tenant = shown if isinstance(shown, Tenant) else getattr(shown, "tenant", None)
        if isinstance(tenant, Tenant):
            return [tenant]
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    if request is None or match is None or not request.user.is_authenticated:
        return []
    if match.url_name not in _LISTS:
        return []
    listed = access.tenants_of(request.user).exclude(environment="").only("name", "environment", "slug")
    one = request.GET.get("tenant", "")
    return list(listed.filter(slug=one) if one else listed)


_NAMED_IN_BAND = 4
"""Of hundreds of tenants nobody reads the names, and the page would begin below the first screen."""

_LISTS = frozenset(
    {
        "index",
        "tenants_tenant_changelist",
        "tenants_membership_changelist",
        "tenants_membership_add",
        "tenants_grouprole_changelist",
        "tenants_grouprole_add",
        "tenants_claimrole_changelist",
        "tenants_claimrole_add",
        "tenants_trackedconfig_changelist",
        "tenants_trackedconfig_track",
        "rollbacks_rollback_changelist",
        "rollbacks_guardprobe_changelist",
        "rollbacks_freezewindow_changelist",
        "rollbacks_brokenglass_changelist",
        "rollbacks_auditentry_changelist",
    }
)
"""Pages with rows of several tenants; where one is chosen by its filter, they are pages of that one."""


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Tell a time in UTC to the minute, with the exact one in the element and as its title."""
    if value is None:
        return "never"
    utc = timezone.localtime(value)
    pattern = "%-d %b %H:%M" if utc.year == timezone.now().year else "%-d %b %Y, %H:%M"
    exact = f"{utc:%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', utc.isoformat(), exact, utc.strftime(pattern))


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """Tell how long ago a time was, in one unit, with the exact time as its title."""
    if value is None:
        return "never"
    utc = timezone.localtime(value)
    seconds = (timezone.now() - value).total_seconds()
    told = "just now" if seconds < 60 else f"{timesince(value, depth=1)} ago"
    exact = f"{utc:%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', utc.isoformat(), exact, told)


@register.filter
def left(value: datetime) -> str:
    """Tell how long it is until a time, in its two largest units; nothing is left of one that is past."""
    seconds = (value - timezone.now()).total_seconds()
    if seconds <= 0:
        return "no time"
    return "less than a minute" if seconds < 60 else str(timeuntil(value))


@register.filter
def pill(value: str) -> str:
    """Give the kind of pill (ok, warn, danger, info) in which an outcome, a verdict or a state is shown."""
    return PILLS.get(str(value), "plain")


PILLS = {
    "ok": "ok",
    "verified": "ok",
    "applied": "ok",
    "present": "ok",
    "approved": "ok",
    "reached": "info",
    "applying": "info",
    "awaiting_approval": "info",
    "open": "info",
    "refused": "warn",
    "denied": "warn",
    "conflict": "warn",
    "expired": "warn",
    "overwritten": "warn",
    "not_visible_yet": "warn",
    "unknown": "warn",
    "indeterminate": "danger",
    "unreadable": "danger",
    "vanished": "danger",
    "divergent": "danger",
    "failed": "danger",
    "error": "danger",
    "added": "ok",
    "removed": "danger",
    "changed": "warn",
    "moved": "moved",
}


@register.simple_tag
def sortable(cl: ChangeList) -> list[dict[str, Any]]:
    """Give the headings of a list with the addresses that sort by them."""
    return list(result_headers(cl))


@register.simple_tag
def add_link(cl: ChangeList) -> str:
    """Give the address of the form that adds a row to this list."""
    return reverse(f"admin:{cl.opts.app_label}_{cl.opts.model_name}_add")


@register.filter
def selected_choice(choices: list[dict[str, Any]]) -> str:
    """Give the choice of a filter that is on; empty while the filter lets everything through."""
    return next((str(choice["display"]) for choice in choices[1:] if choice["selected"]), "")
