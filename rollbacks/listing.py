"""The list of rollbacks and the audit trail: filters, search and pages, always within the user's own tenants.

Filters stand in the address, so a list can be bookmarked and works without a script. A value that cannot be read is
said beside its field; the list is then empty rather than wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from rollbacks import exporting, propagation
from rollbacks.models import AuditEntry, PropagationWatch, Rollback, Send
from rollbacks.showing import action_words
from rollbacks.states import PENDING, RUNNING
from rollbacks.waiting import waiting_for
from tenants import access
from tenants.models import Tenant, TrackedConfig

ROWS_A_PAGE: Final = 50
OUTCOMES: Final = ("ok", "refused", "conflict", "failed", "unknown", "alarm")
_LARGEST_SEQ: Final = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One of the standing questions above the list of rollbacks."""

    label: str
    query: str
    current: bool
    count: int | None = None


class _Scoped(forms.Form):
    """Filters that every list has; tenants are the user's own."""

    q = forms.CharField(required=False, max_length=200, label="Search", widget=forms.TextInput({"type": "search"}))
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        required=False,
        to_field_name="slug",
        empty_label="All tenants",
        error_messages={"invalid_choice": "There is no such tenant among yours."},
    )

    def __init__(self, request: HttpRequest) -> None:
        """Read the filters of an address."""
        super().__init__(request.GET, auto_id="f_%s")
        field = self.fields["tenant"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
        field.queryset = access.tenants_of(request.user).order_by("name")

    @property
    def asked(self) -> bool:
        """Whether any filter is set."""
        return any(self.data.get(name) for name in self.fields)


class RollbackFilters(_Scoped):
    """The filters of the list of rollbacks."""

    state = forms.ChoiceField(
        required=False,
        choices=[("", "All states"), *((state.value, str(state.label).capitalize()) for state in Rollback.State)],
        error_messages={"invalid_choice": "%(value)s is no state of a rollback."},
    )
    config = forms.UUIDField(
        required=False, widget=forms.HiddenInput, error_messages={"invalid": "That is no configuration's id."}
    )


def _moment(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        required=False,
        label=label,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "Write a day or a moment such as 2026-11-21 or 2026-11-21 03:40 (UTC)."},
    )


class EntryFilters(_Scoped):
    """The filters of the audit trail."""

    action = forms.ChoiceField(required=False, label="What")
    outcome = forms.ChoiceField(
        required=False,
        choices=[("", "All outcomes"), *((name, name) for name in OUTCOMES)],
        error_messages={"invalid_choice": "%(value)s is no outcome of an entry."},
    )
    actor = forms.CharField(required=False, max_length=200, label="By")
    since = _moment("From (UTC)")
    until = _moment("Until (UTC)")
    config = forms.UUIDField(
        required=False, widget=forms.HiddenInput, error_messages={"invalid": "That is no configuration's id."}
    )

    def __init__(self, request: HttpRequest, actions: Iterable[tuple[str, str]]) -> None:
        """Read the filters of an address; `actions` are those that occur."""
        super().__init__(request)
        field = self.fields["action"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [("", "Everything"), *actions]
        field.error_messages["invalid_choice"] = "Nothing called %(value)s was ever recorded in your tenants."
        if not self.is_valid():
            # A browser shows nothing in a field for moments that holds none; what was typed has to be seen.
            for name in ("since", "until"):
                self.fields[name].widget = forms.TextInput()


def rollbacks(request: HttpRequest) -> HttpResponse:
    """Answer with the list of rollbacks."""
    form = RollbackFilters(request)
    scoped = Rollback.objects.filter(tenant__in=access.tenants_of(request.user))
    mine = request.GET.get("show", "")
    waiting = waiting_for(request.user)
    unseen = PropagationWatch.objects.filter(propagation.not_seen(), rollback__in=scoped)
    found = scoped.none()
    if form.is_valid():
        found = _rollbacks_like(scoped, form.cleaned_data)
        if mine == "waiting":
            found = found.filter(pk__in=waiting.values("pk"))
        elif mine == "mine":
            found = found.filter(requested_by_id=request.user.pk)
        elif mine == "open":
            found = found.filter(state__in=[state.value for state in (*PENDING, *RUNNING)])
        elif mine == "not_seen":
            found = found.filter(pk__in=unseen.values("rollback"))
    rows = (
        found.annotate(for_me=Exists(waiting.filter(pk=OuterRef("pk"))))
        .select_related("tenant", "config", "target", "reverts", "base", "requested_by")
        .order_by("-requested_at", "pk")
    )
    count, unseen_count = waiting.count(), unseen.count()
    tabs = [
        Tab(label="All", query="", current=mine == ""),
        Tab(label="Waiting for me", query="show=waiting", current=mine == "waiting", count=count),
        Tab(label="Asked by me", query="show=mine", current=mine == "mine"),
        Tab(label="Under way", query="show=open", current=mine == "open"),
    ]
    if unseen_count or mine == "not_seen":
        label = "Not seen in routing"
        tabs.append(Tab(label=label, query="show=not_seen", current=mine == "not_seen", count=unseen_count))
    context = {
        "title": "Rollbacks",
        "tabs": tabs,
        "show": mine,
        "config": _config(request, form),
        "form": form,
    }
    return _page(request, "rollbacks/rollbacks.html", rows, context)


def _rollbacks_like(rows: "QuerySet[Rollback]", asked: dict[str, Any]) -> "QuerySet[Rollback]":
    if asked["tenant"]:
        rows = rows.filter(tenant=asked["tenant"])
    if asked["state"]:
        rows = rows.filter(state=asked["state"])
    if asked["config"]:
        rows = rows.filter(config_id=asked["config"])
    for word in asked["q"].split():
        like = (
            Q(config__name__icontains=word)
            | Q(config__object_id__icontains=word)
            | Q(reason__icontains=word)
            | Q(ticket__icontains=word)
            | Q(requester__icontains=word)
            | Q(plan_digest__startswith=word.lower())
        )
        rows = rows.filter(like)
    return rows


def entries(request: HttpRequest) -> HttpResponse:
    """Answer with the audit trail."""
    form, found = _entries_asked_for(request)
    rows = found.select_related("tenant", "config").defer("payload").order_by("-at", "-seq")
    context = {
        "title": "Audit trail",
        "form": form,
        "config": _config(request, form),
        "may_export": access.tenants_with_role(request.user, access.Role.AUDITOR).exists(),
    }
    return _page(request, "rollbacks/entries.html", rows, context)


def export(request: HttpRequest) -> HttpResponseBase:
    """Answer with the entries that the same address lists, as a file; of tenants where the user is auditor."""
    auditing = access.tenants_with_role(request.user, access.Role.AUDITOR)
    form, found = _entries_asked_for(request)
    wanted = request.POST.get("format", "")
    if wanted not in exporting.FORMS or not form.is_valid():
        problem = "The filters cannot be read" if wanted in exporting.FORMS else f"{wanted or 'Nothing'} is no format"
        return HttpResponseBadRequest(f"{problem}. Nothing was exported.", content_type="text/plain; charset=utf-8")
    if form.cleaned_data["tenant"]:
        access.require(request.user, form.cleaned_data["tenant"], access.Role.AUDITOR)
    elif not auditing.exists():
        raise PermissionDenied("Exporting the trail needs the role auditor, and you hold it in no tenant.")
    allowed = found.filter(tenant__in=auditing)
    filters = {name: value for name, value in request.GET.items() if value and name in form.fields}
    lines = exporting.stream(allowed, form=wanted, filters={"filters": filters}, actor=request.user.get_username())
    answer = StreamingHttpResponse(lines, content_type=exporting.CONTENT_TYPES[wanted])
    answer["Content-Disposition"] = f'attachment; filename="audit-trail.{wanted}"'
    return answer


def _entries_asked_for(request: HttpRequest) -> "tuple[EntryFilters, QuerySet[AuditEntry]]":
    scoped = AuditEntry.objects.filter(tenant__in=access.tenants_of(request.user))
    known = scoped.order_by("action").values_list("action", flat=True).distinct()
    form = EntryFilters(request, [(name, action_words(name)) for name in known])
    return form, _entries_like(scoped, form.cleaned_data) if form.is_valid() else scoped.none()


def _entries_like(rows: "QuerySet[AuditEntry]", asked: dict[str, Any]) -> "QuerySet[AuditEntry]":
    exact = {"tenant": asked["tenant"], "action": asked["action"], "outcome": asked["outcome"]}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if asked["config"]:
        rows = rows.filter(config_id=asked["config"])
    if asked["actor"]:
        rows = rows.filter(actor__icontains=asked["actor"])
    if asked["since"]:
        rows = rows.filter(at__gte=asked["since"])
    if asked["until"]:
        rows = rows.filter(at__lte=_end_of(asked["until"]))
    for word in asked["q"].split():
        like = (
            Q(action__icontains=word)
            | Q(actor__icontains=word)
            | Q(config__name__icontains=word)
            | Q(config__object_id__icontains=word)
            | Q(rollback__reason__icontains=word)
            | Q(rollback__ticket__icontains=word)
            | Q(Exists(Send.objects.filter(attempt_id=OuterRef("attempt_id"), correlation_id=word)))
        )
        number = word.removeprefix("#")
        if number.isascii() and number.isdigit() and int(number) < _LARGEST_SEQ:
            like = like | Q(seq=int(number))
        rows = rows.filter(like)
    return rows


def _end_of(moment: datetime) -> datetime:
    """Take a minute as a whole; what was given as a day ends with the day."""
    utc = moment.astimezone(UTC)
    if (utc.hour, utc.minute, utc.second) == (0, 0, 0):
        return utc.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return utc.replace(second=59, microsecond=999_999)


def _config(request: HttpRequest, form: forms.Form) -> TrackedConfig | None:
    """Give the configuration that the list is narrowed to, if it is one of the user's own."""
    key = form.cleaned_data.get("config") if form.is_valid() else None
    return access.configs_of(request.user).filter(pk=key).first() if key else None


def _page(request: HttpRequest, template: str, rows: "QuerySet[Any]", context: dict[str, Any]) -> HttpResponse:
    page = Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("p"))
    kept = request.GET.copy()
    kept.pop("p", None)
    for name in [name for name, value in kept.items() if not value]:
        del kept[name]
    without_config = kept.copy()
    without_config.pop("config", None)
    context = {
        **admin.site.each_context(request),
        **context,
        "page": page,
        "pages": page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "query": kept.urlencode(),
        "query_without_config": without_config.urlencode(),
        "narrowed": bool(kept),
    }
    return TemplateResponse(request, template, context)
