"""Seal again with the newest key what older keys have sealed, while everything runs.

Every value is opened and sealed by itself and written only where it is still what was read, so a value that is changed
meanwhile is left to whoever changed it, with the newest key; a run that is stopped goes on where it stood. Each tenant
whose secret was sealed again finds it in its trail, in the same transaction. The values themselves stay what they are.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import transaction

from tenants import sealing, trail
from tenants.connections import SECRET_FIELD
from tenants.models import OAuthClient, Tenant
from tenants.shared_tokens import TOKEN_FIELD

KINDS: Final = ("client secrets", "access tokens", "second factors")


@dataclass
class Rotation:
    """What a run did, by kind of secret."""

    sealed_again: Counter[str] = field(default_factory=Counter)
    current: Counter[str] = field(default_factory=Counter)
    """Sealed with the newest key already."""
    changed_meanwhile: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    """A sentence for each value that does not open; it is left as it is."""


def rotate(*, acting_user: User | None = None) -> Rotation:
    """Seal everything again that the newest key has not sealed; raises `CannotSeal` where there is no key."""
    done = Rotation()
    for tenant in Tenant.objects.order_by("pk").iterator(chunk_size=200):
        _rotate_client_secret(tenant, done, acting_user)
    for client in OAuthClient.objects.exclude(token_sealed=None).order_by("pk").iterator(chunk_size=200):
        _rotate_token(client, done)
    for pk in list(Authenticator.objects.order_by("pk").values_list("pk", flat=True)):
        _rotate_factor(pk, done)
    return done


def keys_in_use() -> Counter[str]:
    """Count the sealed values by the key that seals them, named as `sealing.known_keys` names them."""
    raws: list[bytes] = [bytes(raw) for raw in Tenant.objects.values_list("client_secret_sealed", flat=True)]
    raws += [
        bytes(raw)
        for raw in OAuthClient.objects.exclude(token_sealed=None).values_list("token_sealed", flat=True)
        if raw is not None
    ]
    for factor in Authenticator.objects.all():
        raws += [sealing.raw_of(text) for _, text in _sealed_in(factor.data)]
    return Counter(sealing.key_of(raw) for raw in raws)


def _rotate_client_secret(tenant: Tenant, done: Rotation, acting_user: User | None) -> None:
    kind, old = KINDS[0], bytes(tenant.client_secret_sealed)
    if sealing.sealed_with_newest_key(old):
        done.current[kind] += 1
        return
    try:
        plain = sealing.unseal(old, tenant_id=tenant.pk, field=SECRET_FIELD)
    except sealing.CannotUnseal as problem:
        done.unreadable.append(f"{tenant.slug}: {problem}")
        return
    new = sealing.seal(plain, tenant_id=tenant.pk, field=SECRET_FIELD)
    with transaction.atomic():
        written = Tenant.objects.filter(pk=tenant.pk, client_secret_sealed=old).update(client_secret_sealed=new)
        if written:
            detail = {"from_key": sealing.key_of(old), "to_key": sealing.key_of(new)}
            actor = trail.actor_name(acting_user) if acting_user is not None else trail.SYSTEM
            trail.report("tenant.resealed", tenant=tenant, actor=actor, outcome="ok", detail=detail)
    (done.sealed_again if written else done.changed_meanwhile)[kind] += 1


def _rotate_token(client: OAuthClient, done: Rotation) -> None:
    kind, old = KINDS[1], bytes(client.token_sealed or b"")
    if sealing.sealed_with_newest_key(old):
        done.current[kind] += 1
        return
    try:
        plain = sealing.unseal(old, tenant_id=client.tenant_id, field=TOKEN_FIELD)
    except sealing.CannotUnseal:
        # Nobody can use it; whoever needs one fetches it anew.
        OAuthClient.objects.filter(pk=client.pk, token_sealed=old).update(token_sealed=None)
        return
    new = sealing.seal(plain, tenant_id=client.tenant_id, field=TOKEN_FIELD)
    written = OAuthClient.objects.filter(pk=client.pk, token_sealed=old).update(token_sealed=new)
    (done.sealed_again if written else done.changed_meanwhile)[kind] += 1


def _rotate_factor(pk: int, done: Rotation) -> None:
    kind = KINDS[2]
    with transaction.atomic():
        # Locked: a recovery code that is used meanwhile is marked in the same column.
        factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
        if factor is None:
            return
        texts = list(_sealed_in(factor.data))
        old = [(key, text) for key, text in texts if not sealing.sealed_with_newest_key(sealing.raw_of(text))]
        if texts and not old:
            done.current[kind] += 1
        for key, text in old:
            try:
                plain = sealing.unseal_for_person(text, user_id=factor.user_id, field=sealing.FACTOR_FIELD)
            except sealing.CannotUnseal as problem:
                done.unreadable.append(str(problem))
                return
            factor.data[key] = sealing.seal_for_person(plain, user_id=factor.user_id, field=sealing.FACTOR_FIELD)
        if old:
            factor.save(update_fields=["data"])
            done.sealed_again[kind] += 1


def _sealed_in(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the sealed texts of one factor: an app's secret, or what recovery codes are made of; a passkey has none."""
    for key in ("secret", "seed"):
        if key in data:
            yield key, data[key]
