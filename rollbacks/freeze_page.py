"""The page of freeze windows: which are in force, the times that they are on in the next 30 days, and its forms."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from rollbacks import freeze_actions, freezing, windows
from rollbacks.actions import NotAllowed
from rollbacks.models import FreezeWindow
from tenants import access, refused_access
from tenants.as_of_page import ZONES
from tenants.models import Tenant, TrackedConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

DAYS: Final = 30
MOST_ROWS: Final = 120
SHOWN_ENDED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the calendar."""

    occurrence: freezing.Occurrence
    on: bool
    """Whether it is on now."""
    when: str
    """In how long it begins, or ends where it is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One window in force, and whether this person may end it."""

    row: FreezeWindow
    may_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTenant:
    """What the page shows of one tenant."""

    tenant: Tenant
    standing: str
    """Whether a rollback of the whole tenant may run now, in a sentence."""
    open: bool
    windows: "Sequence[InForce]"
    rows: "Sequence[Row]"
    more: int
    """Times that are not shown."""


def answer(request: HttpRequest) -> HttpResponse:
    """Show the calendar, or add a window; tenants without a role of this person are in neither."""
    tenants = access.tenants_of(request.user).order_by("name")
    slug = request.POST.get("tenant") or request.GET.get("tenant", "")
    chosen = tenants.filter(slug=slug).first() if slug else None
    if slug and chosen is None:
        raise Http404("There is no such tenant.")
    if request.method == "POST":
        if chosen is None:
            return _page(request, tenants, None, problem="Choose a tenant. No window was added.", status=422)
        return _add(request, chosen)
    return _page(request, tenants, chosen)


def end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a window; another tenant's answers 404."""
    tenants = access.tenants_of(request.user)
    row = FreezeWindow.objects.filter(tenant__in=tenants, pk=pk).select_related("tenant", "config").first()
    if row is None:
        raise Http404("There is no such freeze window.")
    user: User = request.user  # type: ignore[assignment]  # the admin site lets only people who are signed in this far
    try:
        freeze_actions.end_window(row, reason=request.POST.get("reason", ""), acting_user=user)
    except (NotAllowed, PermissionDenied) as error:
        return _refused(request, error, tried="end a freeze window", chosen=row.tenant)
    messages.success(request, f"Ended: {row.pattern} ({row.zone}) for {row.scope}.")
    return _back(row.tenant)


def _add(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    typed = request.POST
    allow = typed.get("effect") == FreezeWindow.Effect.ALLOW
    try:
        resource_type, config = _scope(tenant, typed.get("scope", "").strip())
        added = freeze_actions.add_window(
            tenant,
            when=typed.get("when", "")[:200],
            zone=typed.get("zone", "")[:64],
            effect=FreezeWindow.Effect.ALLOW if allow else FreezeWindow.Effect.DENY,
            reason=typed.get("reason", ""),
            resource_type=resource_type,
            config=config,
            acting_user=user,
        )
    except (NotAllowed, PermissionDenied) as error:
        return _refused(request, error, tried="add a freeze window", chosen=tenant)
    [first, *_later] = windows.spans_between(freezing.as_window(added), added.set_at, added.set_at + windows.HORIZON)
    begins = freezing.told(first[0], windows.read_zone(added.zone), now=added.set_at)
    when = "It is on now." if first[0] <= added.set_at else f"It is on for the first time {begins}."
    messages.success(request, f"Added: {added.get_effect_display()}, {added.pattern}. {when}")
    return _back(tenant)


def _scope(tenant: Tenant, text: str) -> tuple[str, TrackedConfig | None]:
    """Read what a window is for: nothing for the tenant, `TYPE` or `TYPE:OBJECT_ID`."""
    if ":" not in text:
        return text[:80], None
    resource_type, _, object_id = text.partition(":")
    found = TrackedConfig.objects.filter(tenant=tenant, resource_type=resource_type, object_id=object_id).first()
    if found is None:
        raise NotAllowed(f"{text[:120]} is not tracked in {tenant.name}. No window was added.")
    return "", found


def _refused(request: HttpRequest, error: Exception, *, tried: str, chosen: Tenant) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    status = 409
    if isinstance(error, PermissionDenied):
        refused_access.record(error, user=user, tried=tried, path=request.path)
        status = 403
    return _page(request, access.tenants_of(request.user), chosen, problem=str(error), status=status)


def _back(tenant: Tenant) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('admin:rollbacks_freezewindow_changelist')}?tenant={tenant.slug}")


def _page(
    request: HttpRequest,
    tenants: "QuerySet[Tenant]",
    chosen: Tenant | None,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    shown = [chosen] if chosen is not None else list(tenants.order_by("name"))
    may_add = set(access.tenants_with_role(user, *access.FREEZES).values_list("pk", flat=True))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Freeze windows",
        "chosen": chosen,
        "tenants": list(tenants.order_by("name")),
        "of_tenants": [_of_tenant(user, tenant) for tenant in shown],
        "addable": [tenant for tenant in tenants.order_by("name") if tenant.pk in may_add],
        "ended": list(
            FreezeWindow.objects.filter(tenant__in=[tenant.pk for tenant in shown], ended_at__isnull=False)
            .select_related("tenant", "config")
            .order_by("-ended_at")[:SHOWN_ENDED]
        ),
        "days": DAYS,
        "zones": ZONES,
        "examples": windows.EXAMPLES,
        "typed": request.POST if problem else {},
        "problem": problem,
        "longest_reason": freeze_actions.LONGEST_REASON,
    }
    response = TemplateResponse(request, "rollbacks/freezes.html", context)
    response.status_code = status
    return response


def _of_tenant(user: "User", tenant: Tenant) -> OfTenant:
    now = timezone.now()
    rows = freezing.in_force(tenant)
    times = freezing.calendar(rows, begins=now, ends=now + timedelta(days=DAYS))
    roles = access.roles_in(user, tenant)
    whole = freezing.freeze_at(tenant, [("", "")], now)
    ends_any = bool(roles.intersection(access.ADMINISTERS))
    ends_own = bool(roles.intersection(access.FREEZES))
    standing = whole.closed_sentence() or "No freeze window is on for the whole tenant."
    return OfTenant(
        tenant=tenant,
        standing=standing,
        open=whole.standing.open,
        windows=[InForce(row=row, may_end=ends_any or (ends_own and row.set_by_id == user.pk)) for row in rows],
        rows=[
            Row(
                occurrence=one,
                on=one.begins <= now,
                when=freezing.in_how_long((one.ends if one.begins <= now else one.begins) - now),
            )
            for one in times[:MOST_ROWS]
        ],
        more=max(0, len(times) - MOST_ROWS),
    )
