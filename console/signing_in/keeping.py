"""What a platform owner does for people: a lost second factor, a session left somewhere, their name elsewhere.

Each is one transaction with its entry in the trails of the person's tenants, and raises PermissionDenied for others.
"""

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from tenants import access, sign_ins

PROVIDER = "sso"
"""What the identity provider of CONSOLE_OIDC_ISSUER is called in the rows of who is known to it by which name."""


class NotPossible(PermissionDenied):
    """Say why something cannot be done to a person as things stand; nothing was done."""


def reset_second_factors(person: User, *, acting_user: User) -> int:
    """Remove a person's app, passkeys and recovery codes, end their sessions, and say how many there were.

    Where a second factor is required, the person sets up a new one at the next login.
    """
    _require_owner(acting_user)
    with transaction.atomic():
        kinds = list(Authenticator.objects.select_for_update().filter(user_id=person.pk).values_list("type", flat=True))
        Authenticator.objects.filter(user_id=person.pk).delete()
        for kind in kinds:
            sign_ins.record_factor("removed", person, kind=str(kind), acting_user=acting_user)
        end_sessions(person, acting_user=acting_user)
    return len(kinds)


def end_sessions(person: User, *, acting_user: User) -> int:
    """Sign a person out everywhere, and say of how many sessions; raises PermissionDenied."""
    _require_owner(acting_user)
    with transaction.atomic():
        found = UserSession.objects.purge_and_list(person)
        for session in found:
            session.end()
        if found:
            sign_ins.record_ended_sessions(person, count=len(found), acting_user=acting_user)
    return len(found)


def link_subject(person: User, subject: str, *, acting_user: User) -> None:
    """Let a person sign in whom the identity provider knows by this subject, its lasting name for them.

    Raises `NotPossible` where the subject or the person is linked already: neither is taken away in passing.
    """
    _require_owner(acting_user)
    with transaction.atomic():
        other = SocialAccount.objects.filter(provider=PROVIDER, uid=subject).select_related("user").first()
        if other is not None:
            message = (
                f"The subject {subject!r} belongs to {other.user.get_username()}. Nothing was done; unlink it there."
            )
            raise NotPossible(message)
        if SocialAccount.objects.filter(provider=PROVIDER, user_id=person.pk).exists():
            message = f"{person.get_username()} is linked to another subject. Nothing was done; unlink that first."
            raise NotPossible(message)
        SocialAccount.objects.create(user_id=person.pk, provider=PROVIDER, uid=subject)
        sign_ins.record_factor("added", person, kind=PROVIDER, name=subject, acting_user=acting_user)


def unlink_subject(person: User, *, acting_user: User) -> None:
    """Let the identity provider vouch for a person no more; raises `NotPossible` where it does not anyway."""
    _require_owner(acting_user)
    with transaction.atomic():
        found = SocialAccount.objects.select_for_update().filter(provider=PROVIDER, user_id=person.pk).first()
        if found is None:
            message = f"{person.get_username()} is linked to no subject. Nothing was done."
            raise NotPossible(message)
        subject = found.uid
        found.delete()
        sign_ins.record_factor("removed", person, kind=PROVIDER, name=subject, acting_user=acting_user)


def _require_owner(user: User) -> None:
    if not access.owns_platform(user):
        message = (
            f"{user.get_username()} is no platform owner, and this is about how somebody logs in. Nothing was done."
        )
        raise PermissionDenied(message)
