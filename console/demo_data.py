"""The people and the practice tenants of `make demo`: who there is, in which role, and which drift a newcomer finds.

Alice asks, Bob approves, Carol may only look; the same three as in the tests. Everything here can be run again: what is
there already is left as it is, so a second start keeps what people have done.
"""

import json
import os
import secrets
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from tenants import actions, capture, connections
from tenants.access import Role
from tenants.chronicle import Label
from tenants.labelling import Word
from tenants.models import Membership, Snapshot, Tenant, TrackedConfig
from tenants.remote.manners import Purpose
from tenants.resource_types import catalogue

SECONDS = 10
ROLES: dict[str, dict[str, tuple[Role, ...]]] = {
    "alice": {"northwind": (Role.OPERATOR, Role.INCIDENT), "tailspin": (Role.OPERATOR,), "lamna": (Role.OPERATOR,)},
    "bob": {"northwind": (Role.APPROVER,), "tailspin": (Role.APPROVER, Role.OPERATOR), "lamna": (Role.APPROVER,)},
    "carol": dict.fromkeys(("northwind", "tailspin"), (Role.VIEWER, Role.AUDITOR)),
}
"""Carol has no role at the health insurer, so a newcomer can see that she sees nothing of it."""

STARTS = {
    "alice": "asks: operator everywhere, incident commander at Northwind Bank",
    "bob": "approves: approver everywhere, operator at Tailspin Outdoor too",
    "carol": "may only look: viewer and auditor, not at Lamna Health",
    "admin": "platform owner: sees all tenants, adds people and roles",
}

FAMILIES = {
    "assist": "agentassist.config",
    "session": "scripting.session",
    "campaign": "outbound.campaign",
    "queue": "routing.queue",
}
"""The practice platform's word for a family, and the resource type that tracks it."""

IN_PRODUCTION = "northwind"
"""The one that is marked so; the others are sandboxes."""

DRIFTED = {("northwind", "cfg-1"), ("tailspin", "cfg-22")}
"""Objects whose accepted version is the one before live: last night's bad change, and a change that nobody accepted."""


class PracticeUnusable(Exception):
    """The practice platform does not show what the demo is filled from; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A person of the demo and how they sign in."""

    username: str
    password: str
    what: str


def logins(folder: Path) -> list[Login]:
    """Give the demo's people; their passwords are made once and kept in `folder/demo.json`, read by its owner only."""
    file = folder / "demo.json"
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        kept = {}
    except (OSError, ValueError) as error:
        raise PracticeUnusable(f"The demo's passwords cannot be read from {file}: {error}. Remove the file.") from error
    known = {name: kept[name] for name in STARTS if isinstance(kept.get(name), str)}
    wanted = {name: known.get(name) or f"{name}-{secrets.token_hex(4)}" for name in STARTS}
    if wanted != known:
        _write_privately(file, json.dumps(wanted, indent=2) + "\n")
    return [Login(username=name, password=wanted[name], what=what) for name, what in STARTS.items()]


def _write_privately(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    number, path = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600 from the start
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(path).replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(path).unlink()
        raise


def make_people(people: list[Login]) -> dict[str, User]:
    """Give the users, made where they are missing.

    Staff opens the admin site, and nothing else is needed: what its pages show is decided by memberships
    (`tenants.access`), not by Django's model permissions. A password that was changed since is left alone.
    """
    users = {}
    for person in people:
        user, created = User.objects.get_or_create(
            username=person.username,
            defaults={
                "first_name": person.username.title(),
                "is_staff": True,
                "is_superuser": person.username == "admin",
            },
        )
        if created or not user.has_usable_password():
            user.set_password(person.password)
            user.save(update_fields=["password"])
        users[person.username] = user
    return users


def make_tenants(practice_url: str, credentials_file: Path, *, acting_user: User) -> list[Tenant]:
    """Give the practice organizations as tenants, added where they are missing; a moved port is followed."""
    try:
        found: dict[str, dict[str, str]] = json.loads(credentials_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PracticeUnusable(
            f"The practice platform's credentials cannot be read from {credentials_file}: {error}. Nothing was filled; "
            f"start it with: manage.py practice --port P --data {credentials_file.parent}"
        ) from error
    tenants = []
    for slug, one in found.items():
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            tenant = actions.add_tenant(
                slug,
                name=one["organization_name"],
                api_url=practice_url,
                login_url=practice_url,
                client_id=one["client_id"],
                client_secret=one["client_secret"],
                organization_id=one["organization_id"],
                environment=Tenant.Environment.PRODUCTION if slug == IN_PRODUCTION else Tenant.Environment.SANDBOX,
                # The practice platform is on this machine, and nobody wants to wait for their first look.
                requests_a_minute=6000,
                acting_user=acting_user,
            )
        elif (tenant.api_url, tenant.client_id) != (practice_url, one["client_id"]):
            tenant.api_url = tenant.login_url = practice_url
            tenant.client_id = one["client_id"]
            actions.seal_client_secret(tenant, one["client_secret"])
            tenant.save(update_fields=["api_url", "login_url", "client_id", "client_secret_sealed"])
        tenants.append(tenant)
    return tenants


def make_memberships(users: dict[str, User], tenants: list[Tenant]) -> None:
    """Give the people their roles in the tenants."""
    for tenant in tenants:
        for name, roles in ROLES.items():
            for role in roles.get(tenant.slug, ()):
                Membership.objects.get_or_create(user=users[name], tenant=tenant, role=role)


def track_everything(practice_url: str, tenants: list[Tenant], *, acting_user: User) -> list[TrackedConfig]:
    """Track every object of the practice organizations and give those that were never looked at."""
    shown = _objects(practice_url)
    for tenant in tenants:
        for family, type_name in FAMILIES.items():
            ids = [one["id"] for one in shown.get(tenant.slug, []) if one["family"] == family]
            if ids:
                actions.track_configs(tenant, catalogue.get(type_name), ids, acting_user=acting_user)
    return list(
        TrackedConfig.objects.filter(tenant__in=tenants, live=None).select_related("tenant").order_by("tenant__slug")
    )


def _objects(practice_url: str) -> dict[str, list[dict[str, Any]]]:
    """Give each organization's objects as the practice platform's own control tells them; sessions have no list."""
    try:
        with urllib.request.urlopen(f"{practice_url}/practice/organizations", timeout=SECONDS) as answer:  # noqa: S310
            return {one["slug"]: one["objects"] for one in json.load(answer)}
    except (OSError, ValueError, KeyError) as error:
        raise PracticeUnusable(
            f"The practice platform at {practice_url} did not say what it holds: {error}. Nothing was filled."
        ) from error


def capture_all(configs: list[TrackedConfig], *, acting_user: User, progress: Callable[[int, int], None]) -> list[str]:
    """Look at each config, import its history and choose its baseline; give a sentence for each that failed."""
    failed = []
    for number, config in enumerate(configs):
        progress(number, len(configs))
        seen, history = actions.capture_now(
            config, acting_user=acting_user, platform=connections.connect(config.tenant, purpose=Purpose.BULK)
        )
        if seen.snapshot is None:
            failed.append(f"{config.tenant.slug} {config.address}: {seen.detail}")
        failed += [f"{config.tenant.slug} {config.address} v{version}: {why}" for version, why in history.refused]
        if history.stopped:
            failed.append(f"{config.tenant.slug} {config.address}: {history.stopped}")
        if seen.outcome is capture.Outcome.FIRST and (config.tenant.slug, config.object_id) in DRIFTED:
            _accept_the_one_before(config, acting_user=acting_user)
    progress(len(configs), len(configs))
    return failed


def _accept_the_one_before(config: TrackedConfig, *, acting_user: User) -> None:
    live = config.live
    if live is None:
        return
    before: Snapshot | None = (
        config.snapshots.filter(version__lt=live.version).exclude(digest=live.digest).order_by("-version").first()
    )
    if before is not None:
        actions.accept_version(config, before, acting_user=acting_user)


def label_versions(configs: list[TrackedConfig], *, users: dict[str, User]) -> None:
    """Let Bob say of the accepted versions that they are good, and Alice of an older one that it was bad.

    Of the configs that are given only those that have drifted, and only where nobody has labelled anything yet.
    """
    for config in configs:
        baseline = config.baseline
        known = (config.tenant.slug, config.object_id) in DRIFTED and baseline is not None
        if not known or baseline is None or Label.objects.filter(snapshot__config=config).exists():
            continue
        actions.label_version(
            baseline, Word.GOOD, reason="a week of calls without a complaint", acting_user=users["bob"]
        )
        others = config.snapshots.filter(version__lt=baseline.version - 2).exclude(digest=baseline.digest)
        if config.live is not None:
            others = others.exclude(digest=config.live.digest)
        bad = others.order_by("-version").first()
        if bad is not None:
            actions.label_version(
                bad, Word.BAD, reason="callers were offered refunds that they could not get", acting_user=users["alice"]
            )
