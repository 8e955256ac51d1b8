"""In production the object's name is typed, every request has its ticket, and every page says where it acts."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from rollbacks import actions
from rollbacks.models import AuditEntry, Rollback
from tenants.models import Tenant
from tenants.terminal import ExitCode
from tests.page_world import tenant as add_tenant
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import browser_of, send, text_of
from tests.tenants.running import run

pytestmark = pytest.mark.django_db

NAME = "Agent Assist – Billing EMEA"


@pytest.fixture
def production(desk: Desk) -> Tenant:
    tenant = desk.world.northwind
    tenant.environment = "production"
    tenant.ticket_pattern, tenant.ticket_url = "CHG[0-9]{7}", "https://itsm.northwind.example/{ticket}"
    tenant.full_clean()
    tenant.save()
    desk.world.config.refresh_from_db()
    return tenant


@pytest.mark.usefixtures("production")
def test_a_request_in_production_needs_the_typed_name_and_a_ticket(desk: Desk) -> None:
    for typed, ticket, said in (
        ("", "CHG0012345", f"“{NAME}”; nothing was typed"),
        ("agent assist – billing emea", "CHG0012345", "what was typed is “agent assist – billing emea”"),
        (NAME, "", "needs a ticket that looks like CHG[0-9]{7}; there is none"),
        (NAME, "CHG12", "“CHG12” is none"),
    ):
        with pytest.raises(actions.NotAllowed, match="Nothing was sent and nothing was requested") as refused:
            desk.request(confirm_name=typed, ticket=ticket)
        assert said in str(refused.value)
    assert not Rollback.objects.exists()
    rollback = desk.request(confirm_name=f"  {NAME} ", ticket=" CHG0012345 ")
    assert rollback.ticket == "CHG0012345"
    told = json.loads(bytes(AuditEntry.objects.get(action="rollback.requested").payload))["details"]
    assert (told["reason"], told["ticket"], told["approvals_needed"]) == (REASON, "CHG0012345", 1)


def test_a_name_that_cannot_be_typed_is_the_object_s_id(desk: Desk, production: Tenant) -> None:
    desk.world.config.name = "Billing\u202egnilliB"
    assert actions.name_to_type(desk.world.config) == "cfg-1"


@pytest.mark.usefixtures("production")
def test_the_page_asks_for_the_name_and_shows_the_ticket_as_a_link(desk: Desk) -> None:
    alice = browser_of(desk.world.alice)
    target = desk.world.config.snapshots.filter(version=desk.good_version)[0]
    address = reverse("admin:rollbacks_rollback_plan", args=(desk.world.config.pk, target.pk))
    page = alice.get(address)
    assert "Type the name of the object" in text_of(page)
    typed = {"reason": REASON, "ticket": "CHG0012345", "confirm_name": "Billing"}
    refused = send(alice, address, typed)
    assert refused.status_code == 409
    assert "what was typed is “Billing”" in text_of(refused)
    assert 'value="CHG0012345"' in refused.content.decode(), "what was typed is still there"
    taken = send(alice, address, {**typed, "confirm_name": NAME})
    assert taken.status_code == 302
    shown = alice.get(taken["Location"]).content.decode()
    assert '<a href="https://itsm.northwind.example/CHG0012345" rel="noreferrer">CHG0012345</a>' in shown


@pytest.mark.usefixtures("production")
def test_the_terminal_asks_for_the_same_name(desk: Desk) -> None:
    words = ["rollback", "northwind", "agentassist.config:cfg-1", "--to", str(desk.good_version), "--as", "alice"]
    words += ["--reason", REASON, "--ticket", "CHG0012345"]
    refused = run(*words)
    assert refused.code == ExitCode.REFUSED
    assert "is in production" in refused.err
    assert run(*words, "--confirm", NAME).code == ExitCode.DONE
    assert Rollback.objects.get().ticket == "CHG0012345"


def band_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    page = answer.content.decode()
    _, found, rest = page.partition('<aside class="env-bands"')
    return " ".join(rest.partition("</aside>")[0].split()) if found else ""


def test_every_page_of_a_tenant_says_in_words_where_it_acts(desk: Desk, production: Tenant) -> None:
    rollback = desk.request(confirm_name=NAME, ticket="CHG0012345")
    desk.world.tailspin.environment = "sandbox"
    desk.world.tailspin.save()
    desk.world.alice.is_superuser = True
    desk.world.alice.save()
    client = browser_of(desk.world.alice)
    config, target = desk.world.config, rollback.target
    of_tenant = [
        reverse("admin:tenants_tenant_change", args=(production.pk,)),
        reverse("admin:tenants_tenant_edit", args=(production.pk,)),
        reverse("admin:tenants_tenant_search", args=(production.pk,)),
        reverse("admin:tenants_tenant_as_of", args=(production.pk,)),
        reverse("admin:tenants_trackedconfig_change", args=(config.pk,)),
        reverse("admin:tenants_trackedconfig_compare", args=(config.pk,)),
        reverse("admin:tenants_trackedconfig_version", args=(config.pk, target.pk)),
        reverse("admin:rollbacks_rollback_plan", args=(config.pk, target.pk)),
        reverse("admin:rollbacks_rollback_undo", args=(config.pk, rollback.base_id)),
        reverse("admin:rollbacks_rollback_change", args=(rollback.pk,)),
        reverse("admin:rollbacks_guardprobe_of_config", args=(config.pk,)),
        reverse("admin:rollbacks_auditentry_change", args=(AuditEntry.objects.filter(tenant=production)[0].pk,)),
        f"{reverse('admin:rollbacks_rollback_changelist')}?tenant=northwind",
        f"{reverse('admin:rollbacks_freezewindow_changelist')}?tenant=northwind",
        reverse("admin:rollbacks_brokenglass_of_config", args=(config.pk,)),
    ]
    for address in of_tenant:
        band = band_of(client, address)
        assert "<strong>PRODUCTION</strong> <span>Northwind Bank" in band, address
        assert "SANDBOX" not in band, address
    assert "SANDBOX" in band_of(client, reverse("admin:tenants_tenant_change", args=(desk.world.tailspin.pk,)))
    lists = ["tenants_tenant", "tenants_trackedconfig", "tenants_membership", "rollbacks_rollback"]
    lists += ["rollbacks_auditentry", "rollbacks_guardprobe", "rollbacks_freezewindow", "rollbacks_brokenglass"]
    lists += ["tenants_grouprole", "tenants_claimrole"]
    for address in (reverse("admin:index"), *(reverse(f"admin:{name}_changelist") for name in lists)):
        band = band_of(client, address)
        assert "PRODUCTION</strong> <span>Northwind Bank:" in band, address
        assert "SANDBOX</strong> <span>Tailspin" in band, address
    for name in ("tenants_tenant", "tenants_trackedconfig", "rollbacks_rollback", "rollbacks_auditentry"):
        page = client.get(reverse(f"admin:{name}_changelist")).content.decode()
        assert '<span class="env-mark production">production</span>' in page, name
    assert band_of(client, reverse("admin:auth_user_changelist")) == ""


def test_a_band_of_many_tenants_names_the_first_of_them_and_counts_the_others(desk: Desk) -> None:
    for number in range(7):
        add_tenant(f"branch-{number}", f"Branch {number}", environment="production")
    desk.world.alice.is_superuser = True
    desk.world.alice.save()
    band = band_of(browser_of(desk.world.alice), reverse("admin:index"))
    assert "<span>Branch 0, Branch 1, Branch 2, Branch 3 and 3 more: what is sent here" in band


def test_a_tenant_that_is_neither_has_no_band(desk: Desk) -> None:
    client = browser_of(desk.world.alice)
    assert band_of(client, reverse("admin:tenants_trackedconfig_change", args=(desk.world.config.pk,))) == ""
