"""Who signed in, who was refused, who left, and what was changed about people: in the trails of their tenants.

A person belongs to tenants by memberships, so each of these tenants' auditors finds it in their own trail; a platform
owner sees all tenants, and is in all of their trails. Nobody's password or code is in any of them, not even a
wrong one.
"""

import logging
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction

from tenants import access, trail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

logger = logging.getLogger(__name__)

REFUSALS_A_MINUTE = 20
"""So many refused sign-ins of one person get an entry, until a minute was quiet, so that nobody floods a trail from
outside; all processes count together, and the log has all of them."""


def record_sign_in(user: "AbstractBaseUser | AnonymousUser", *, factors: "Iterable[str]" = ("password",)) -> None:
    """Append that the user has signed in, and with what."""
    _report("login.succeeded", user, outcome="ok", detail={"factors": list(factors)})


def record_sign_out(user: "AbstractBaseUser | AnonymousUser", *, why: str = "") -> None:
    """Append that the user's session has ended: by themselves, or why."""
    _report("login.ended", user, outcome="ok", detail={"why": why} if why else {})


def record_refused_sign_in(name: str, *, factors: "Iterable[str]" = ("password",), why: str = "") -> None:
    """Append that somebody tried to sign in under this name and was refused; a name that nobody bears is in the log."""
    user = User.objects.filter(username__iexact=name).first()
    if user is None:
        # What was typed is not written down: it may be a password in the wrong field.
        logger.warning("Somebody tried to sign in from %s under a name that nobody bears.", _address())
        return
    logger.warning("A sign-in of %s from %s was refused.", user.get_username(), _address())
    detail = {"factors": list(factors), "active": user.is_active, **({"why": why} if why else {})}
    _report_refusal("login.failed", user, detail)


def record_step_up(user: "AbstractBaseUser | AnonymousUser", *, factors: "Iterable[str]") -> None:
    """Append that the user, already signed in, was asked again who they are and proved it."""
    _report("step_up.succeeded", user, outcome="ok", detail={"factors": list(factors)})


def record_refused_step_up(
    user: "AbstractBaseUser | AnonymousUser", *, factors: "Iterable[str]", why: str = ""
) -> None:
    """Append that somebody in the user's session was asked who they are and did not prove it."""
    logger.warning("A confirmation of %s from %s was refused.", user.get_username(), _address())
    _report_refusal("step_up.failed", user, {"factors": list(factors), **({"why": why} if why else {})})


def record_factor(
    what: str,
    user: "AbstractBaseUser | AnonymousUser",
    *,
    kind: str,
    name: str = "",
    acting_user: "AbstractBaseUser | AnonymousUser | None" = None,
) -> None:
    """Append that a second factor was added, removed, renamed or replaced; called in the transaction of the change.

    `what` is the action's last word; `kind` one of totp, webauthn, recovery_codes, sso; `name` what its owner calls it.
    """
    detail = {"user": user.get_username(), "kind": kind, **({"name": name} if name else {})}
    _report(f"factor.{what}", user, outcome="ok", detail=detail, actor=acting_user)


def record_ended_sessions(
    user: "AbstractBaseUser | AnonymousUser",
    *,
    count: int,
    acting_user: "AbstractBaseUser | AnonymousUser | None" = None,
) -> None:
    """Append that so many sessions of the user were ended from elsewhere."""
    _report(
        "sessions.ended", user, outcome="ok", detail={"user": user.get_username(), "count": count}, actor=acting_user
    )


def record_change(
    user: User, *, detail: "Mapping[str, object]", acting_user: "AbstractBaseUser | AnonymousUser"
) -> None:
    """Append what was changed about a person; called with the change, in its transaction."""
    _report("person.changed", user, outcome="ok", detail={"user": user.get_username(), **detail}, actor=acting_user)


def _report_refusal(action: str, user: "AbstractBaseUser | AnonymousUser", detail: "Mapping[str, object]") -> None:
    key = f"refused-sign-ins-{user.pk}"
    before = cache.get_or_set(key, 0, timeout=60) or 0
    cache.set(key, before + 1, timeout=60)
    if before < REFUSALS_A_MINUTE:
        _report(action, user, outcome="refused", detail=detail)


def _report(
    action: str,
    user: "AbstractBaseUser | AnonymousUser",
    *,
    outcome: str,
    detail: "Mapping[str, object]",
    actor: "AbstractBaseUser | AnonymousUser | None" = None,
) -> None:
    with transaction.atomic():
        # In one order, so that two of these do not wait for each other's heads in a ring.
        for tenant in access.tenants_concerned(user).order_by("pk"):
            trail.report(action, tenant=tenant, actor=trail.actor_name(actor or user), outcome=outcome, detail=detail)


def _address() -> str:
    return trail.source().get("address", "an unknown address")
