"""What a stranger or a broken browser sends to the console's own addresses: no crash, and nothing changed."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from rollbacks.models import Rollback
from tenants.models import Tenant
from tests.rollbacks.conftest import Desk, desk  # noqa: F401 - a fixture
from tests.tenants.documents.corpora import corpus
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rollback(desk: Desk) -> Rollback:  # noqa: F811
    return desk.request()


@pytest.fixture
def addresses(world: World, rollback: Rollback) -> list[str]:
    target = world.config.snapshots.earliest().pk
    return [
        "/login/",
        reverse("admin:tenants_tenant_add"),
        reverse("admin:tenants_tenant_change", args=(world.northwind.pk,)),
        reverse("admin:tenants_trackedconfig_change", args=(world.config.pk,)),
        reverse("admin:tenants_trackedconfig_compare", args=(world.config.pk,)),
        reverse("admin:rollbacks_rollback_plan", args=(world.config.pk, target)),
        reverse("admin:rollbacks_rollback_change", args=(rollback.pk,)),
        reverse("admin:rollbacks_rollback_changelist"),
        reverse("admin:rollbacks_auditentry_changelist"),
    ]


@pytest.fixture
def bob(world: World) -> Client:
    world.bob.is_superuser = True
    world.bob.save()
    client = Client(raise_request_exception=False)
    client.login(username="bob", password=PASSWORD)
    return client


def test_no_address_reads_json_so_no_file_of_the_suite_changes_anything(
    bob: Client, addresses: list[str], rollback: Rollback
) -> None:
    files = sorted(corpus("corpora", "JSONTestSuite", "test_parsing").glob("[ny]_*.json"))
    told = json.dumps({"do": "approve", "plan_digest": rollback.plan_digest, "frozen": "yes"}).encode()
    for address in addresses:
        for body in [told, *(path.read_bytes() for path in files[:: len(files) // 2])]:
            answer = bob.post(address, body, content_type="application/json")
            assert answer.status_code < 500, (address, body[:60])
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"
    assert Rollback.objects.count() == 1
    assert not Tenant.objects.filter(frozen=True).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "close", "comment": "I know it\0 did not land"},
        {"do": "approve", "comment": "\0", "plan_digest": "0" * 64},
        {"frozen": "yes", "reason": "Freeze\0 it for the night"},
        {"frozen\0": "yes"},
        {"reason": "Retention rules\0 misfire", "ticket": "INC-\0"},
    ],
    ids=repr,
)
def test_a_nul_in_a_form_is_refused_before_anything_is_read(
    bob: Client, addresses: list[str], rollback: Rollback, fields: dict[str, str]
) -> None:
    for address in addresses:
        answer = bob.post(address, fields)
        assert answer.status_code == 400, address
        assert "Nothing was changed." in answer.content.decode()
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"
    assert not Tenant.objects.filter(frozen=True).exists()


NAMES = ("q", "state", "tenant", "config", "show", "p", "only", "from", "to", "undoes", "again", "page", "mode")
HOSTILE = {
    "half a character": b"\xed\xa0\x80",
    "from right to left": "\u202e\u2066".encode(),
    "a long number": b"9" * 400,
}


@pytest.mark.parametrize("value", HOSTILE)
def test_nothing_in_an_address_breaks_a_page(bob: Client, addresses: list[str], value: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in HOSTILE[value])
    for address in addresses:
        query = "&".join(f"{name}={escaped}" for name in NAMES)
        assert bob.get(f"{address}?{query}").status_code < 500, address
        assert bob.get(f"{address}?{query}%00").status_code == 400, address


def test_half_a_form_and_one_without_an_end_are_refused(bob: Client, addresses: list[str]) -> None:
    for address in addresses:
        half = bob.post(
            address, b"--x\r\nContent-Disposition: form-data; na", content_type="multipart/form-data; boundary=x"
        )
        assert half.status_code < 500, address
        no_boundary = bob.post(address, b"a=1", content_type="multipart/form-data")
        assert no_boundary.status_code < 500, address
        many = bob.post(
            address, "&".join(f"a{n}=1" for n in range(2000)), content_type="application/x-www-form-urlencoded"
        )
        assert many.status_code == 400, address
        large = bob.post(address, {"reason": "x" * 3_000_000})
        assert large.status_code < 500, address
