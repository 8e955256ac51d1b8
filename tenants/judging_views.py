"""The addresses under which people say which version is good and which bad; the admin of configurations has them."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from tenants import actions, labelling

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from tenants.models import Snapshot, TrackedConfig

LONGEST_REASON = 2000


class JudgingViews:
    """Label a version, and withdraw its label."""

    if TYPE_CHECKING:

        def row(self, request: HttpRequest, pk: object) -> Any:
            """Give one of the user's own rows, or answer 404."""

    def judging_urls(self, view: "Callable[..., Any]") -> list[URLPattern]:
        """Give the addresses; `view` guards each of them."""
        name = "tenants_trackedconfig"
        return [
            path("<uuid:pk>/versions/<int:snapshot_pk>/label/", view(self.label_view), name=f"{name}_label"),
        ]

    @method_decorator(require_POST)
    def label_view(self, request: HttpRequest, pk: "UUID", snapshot_pk: int) -> HttpResponse:
        """Label a version known good or bad, or withdraw the label that it bears."""
        config: TrackedConfig = self.row(request, pk)
        snapshot: Snapshot = get_object_or_404(config.snapshots.all(), pk=snapshot_pk)
        snapshot.config = config
        try:
            messages.success(request, _label(request, snapshot))
        except actions.NotPossible as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:tenants_trackedconfig_version", args=[config.pk, snapshot.pk]))


def _label(request: HttpRequest, snapshot: "Snapshot") -> str:
    """Do what the form asks for and give the sentence about it; raises NotPossible."""
    word, reason = request.POST.get("label", ""), request.POST.get("reason", "")[:LONGEST_REASON]
    if word in set(labelling.Word.values):
        label = actions.label_version(snapshot, labelling.Word(word), reason=reason, acting_user=_user(request))
        return f"v{snapshot.version} is labelled {label.get_word_display()}."
    if word != "withdraw":
        raise actions.NotPossible("Choose known good or bad. Nothing was changed.")
    standing = labelling.standing().filter(snapshot=snapshot).select_related("snapshot__config__tenant").first()
    if standing is None:
        raise actions.NotPossible(f"v{snapshot.version} bears no label any more. Nothing was changed.")
    actions.withdraw_label(standing, reason=reason, acting_user=_user(request))
    return f"v{snapshot.version} is no longer labelled {standing.get_word_display()}."


def _user(request: HttpRequest) -> Any:
    """Give the user: behind `admin_view` there always is one."""
    assert isinstance(request.user, get_user_model())  # noqa: S101 - admin_view lets nobody else in
    return request.user
