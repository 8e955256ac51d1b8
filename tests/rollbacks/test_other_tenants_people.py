"""Every address that names a row answers another tenant's people as if there were nothing, whatever the method."""

import pytest
from django.test import Client
from django.urls import reverse

from rollbacks import actions
from rollbacks.models import AuditEntry
from tenants import actions as tenants
from tenants.access import Role
from tenants.models import Membership, Onboarding
from tests import page_world
from tests.rollbacks.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = ("get", "head", "post", "put", "delete", "options")
ASKED = {"do": "cancel", "confirm": "yes"}
LISTS = (
    "index",
    "rollbacks_auditentry_changelist",
    "rollbacks_guardprobe_changelist",
    "rollbacks_rollback_changelist",
    "tenants_trackedconfig_changelist",
    "tenants_trackedconfig_track",
    "tenants_trackedconfig_types",
)


@pytest.fixture
def addresses(desk: Desk) -> dict[str, str]:
    """Give the addresses that name a row of Northwind, by what they show."""
    rollback = desk.run(desk.approved())
    config = desk.world.config
    actions.probe_guard(config, acting_user=desk.world.alice)
    row = tenants.ask_for_everything(desk.world.northwind, acting_user=desk.world.alice)
    version, entry = config.snapshots.first(), AuditEntry.objects.filter(tenant=desk.world.northwind).first()
    assert version is not None
    assert entry is not None
    return {
        "evidence": reverse("admin:rollbacks_rollback_evidence", args=[rollback.pk]),
        "rollback": reverse("admin:rollbacks_rollback_change", args=[rollback.pk]),
        "status": reverse("admin:rollbacks_rollback_status", args=[rollback.pk]),
        "plan": reverse("admin:rollbacks_rollback_plan", args=[config.pk, version.pk]),
        "probe": reverse("admin:rollbacks_guardprobe_of_config", args=[config.pk]),
        "entry": reverse("admin:rollbacks_auditentry_change", args=[entry.pk]),
        "everything": reverse("admin:tenants_everything", args=[row.pk]),
        "progress": reverse("admin:tenants_everything_status", args=[row.pk]),
        "compare": reverse("admin:tenants_trackedconfig_compare", args=[config.pk]),
    }


def test_somebody_with_every_role_elsewhere_finds_nothing_and_changes_nothing(
    desk: Desk, addresses: dict[str, str], client: Client
) -> None:
    zoe = page_world.person("zoe", "Zoe", "Litwin")
    for role in Role:
        Membership.objects.create(user=zoe, tenant=desk.world.tailspin, role=role)
    client.force_login(zoe)
    before = AuditEntry.objects.filter(tenant=desk.world.northwind).count()

    for what, address in addresses.items():
        for method in METHODS:
            answer = client.generic(method.upper(), address) if method != "post" else client.post(address, ASKED)
            assert answer.status_code in {404, 405}, (what, method)
    for name in LISTS:
        page = client.get(reverse(f"admin:{name}")).content.decode()
        assert "Northwind" not in page, name
        assert str(desk.world.config.pk) not in page, name
    client.post(reverse("admin:tenants_everything_ask"), {"tenant": "northwind"})
    export = reverse("admin:rollbacks_auditentry_export")
    assert b"northwind" not in b"".join(client.post(export, {"format": "jsonl"}).streaming_content)  # type: ignore[attr-defined]
    assert client.post(f"{export}?tenant=northwind", {"format": "jsonl"}).status_code == 400

    assert Onboarding.objects.get().state == "listing"
    assert AuditEntry.objects.filter(tenant=desk.world.northwind).count() == before


def test_a_viewer_of_the_tenant_is_refused_what_takes_another_role(
    desk: Desk, addresses: dict[str, str], client: Client
) -> None:
    client.force_login(desk.world.carol)
    Membership.objects.filter(user=desk.world.carol).exclude(role=Role.VIEWER).delete()
    for what in ("evidence", "probe", "everything"):
        assert client.post(addresses[what], ASKED).status_code == 403, what
    assert Onboarding.objects.get().state == "listing"


def test_what_no_browser_sends_is_answered_in_words(desk: Desk, addresses: dict[str, str], client: Client) -> None:
    client.force_login(desk.world.alice)
    for what in ("everything", "probe", "rollback", "plan"):
        for told in ({}, {"do": "\x00"}, {"do": "choose", "type": ["\x00", "x" * 10_000]}, {"confirm": "\x00"}):
            assert client.post(addresses[what], told).status_code < 500, (what, told)
    assert client.post(reverse("admin:tenants_everything_ask"), {"tenant": "\x00"}).status_code < 500
    for name in LISTS:
        for query in ("q=%00", "tenant=%00", "action=%00", "config=%00", "since=%00", "page=-1", "page=9" + "9" * 20):
            assert client.get(f"{reverse(f'admin:{name}')}?{query}").status_code < 500, (name, query)
