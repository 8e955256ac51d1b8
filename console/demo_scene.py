"""What has happened in the demonstration before a newcomer comes: a rollback that met somebody else, a freeze ahead.

Both are made by the same actions as a person's, once: where anything of the kind is there already, nothing is done.
"""

import json
import urllib.request
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import User
from django.utils import timezone

from rollbacks import actions as rollbacks
from rollbacks import freeze_actions, surveys
from rollbacks.models import FreezeWindow, Rollback
from tenants import actions, connections
from tenants.models import TrackedConfig
from tenants.remote.manners import Purpose

SECONDS: Final = 10
CONFLICT: Final = ("tailspin", "cfg-21")
"""The object that somebody else wrote while a rollback waited for its approval."""
FROZEN: Final = "northwind"
REASON: Final = "Month-end statements go out, nobody touches call flows"


def plan_a_freeze(configs: list[TrackedConfig], *, acting_user: User) -> None:
    """Add one freeze window to the bank, two days long and more than a week ahead."""
    tenant = next((config.tenant for config in configs if config.tenant.slug == FROZEN), None)
    if tenant is None or FreezeWindow.objects.filter(tenant=tenant).exists():
        return
    first = timezone.now().date() + timedelta(days=9)
    freeze_actions.add_window(
        tenant,
        when=f"{first} 18:00 to {first + timedelta(days=2)} 06:00",
        zone="Europe/Berlin",
        effect=FreezeWindow.Effect.DENY,
        reason=REASON,
        acting_user=acting_user,
    )


def meet_somebody(practice_url: str, configs: list[TrackedConfig], *, users: dict[str, User]) -> str:
    """Let a rollback of Alice's end in a conflict, because somebody writes before Bob approves; why not, else nothing.

    What was written is accepted then, so that no further object has drifted.
    """
    config = next((one for one in configs if (one.tenant.slug, one.object_id) == CONFLICT), None)
    if config is None or Rollback.objects.filter(config=config).exists():
        return ""
    live = config.live
    target = None if live is None else config.snapshots.exclude(digest=live.digest).order_by("-version").first()
    if target is None:
        return f"{config} has no earlier version, so no conflict is shown."
    try:
        rollbacks.request_rollback(
            config, target, reason="Returns are routed to the wrong desk", acting_user=users["alice"]
        )
    except rollbacks.RequestRefused as error:
        return f"{config} could not be planned, so no conflict is shown: {error}"
    told = {"organization": config.tenant.slug, "object": surveys.object_path(config), "by": "Inês Duarte"}
    asked = urllib.request.Request(  # noqa: S310 - the practice platform's own address
        f"{practice_url}/practice/foreign-write",
        data=json.dumps(told).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=SECONDS):  # noqa: S310
        pass
    platform = connections.connect(config.tenant, purpose=Purpose.BULK)
    seen, _ = actions.capture_now(config, acting_user=users["admin"], platform=platform)
    if seen.snapshot is not None:
        actions.accept_version(config, seen.snapshot, acting_user=users["admin"])
    return ""
