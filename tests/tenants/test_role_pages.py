"""The pages and the command of roles: what owners, administrators and everybody else see and do there."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tenants import access, claims, entitling
from tenants.access import Role
from tenants.granting import ClaimRole
from tenants.models import Membership
from tests.page_world import PageWorld

pytestmark = pytest.mark.django_db

ADD = "/tenants/membership/add/"


@pytest.fixture
def administered(pages: PageWorld) -> PageWorld:
    """Let carol administer Northwind Bank."""
    Membership.objects.create(user=pages.people["carol"], tenant=pages.northwind, role=Role.TENANT_ADMIN)
    return pages


def test_an_administrator_grants_by_name_and_is_shown_nobody_of_another_tenant(
    administered: PageWorld, as_user: Callable[[str], Client]
) -> None:
    client, tenant = as_user("carol"), administered.northwind
    page = client.get(ADD).content.decode()
    for foreign in ("dana", "Reyes", "Litware", "litware", "rae"):
        assert foreign not in page
    answer = client.post(ADD, {"user": "dana", "tenant": tenant.pk, "role": "incident"})
    assert answer.status_code == 302
    assert access.roles_in(administered.people["dana"], tenant) == {Role.INCIDENT}
    assert "incident" in client.get(reverse("admin:tenants_tenant_change", args=[tenant.pk])).content.decode()

    nobody = client.post(ADD, {"user": "nobody", "tenant": tenant.pk, "role": "viewer"})
    assert "Nobody signs in under this name. Nothing was granted." in nobody.content.decode()
    elsewhere = client.post(ADD, {"user": "bob", "tenant": administered.litware.pk, "role": "viewer"})
    assert elsewhere.status_code == 200
    assert client.post(ADD, {"user": "carol", "tenant": tenant.pk, "role": "approver"}).status_code == 403
    assert access.roles_in(administered.people["carol"], tenant) == {Role.TENANT_ADMIN, Role.VIEWER}
    assert not administered.litware.memberships.filter(user=administered.people["bob"]).exists()


def test_what_came_from_claims_has_no_way_to_be_revoked_on_its_page(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    entitling.add_claim_role("groups", "cc-leads", pages.northwind, Role.APPROVER, acting_user=None)
    claims.apply(pages.people["alice"], {"groups": ["cc-leads"]})
    row = Membership.objects.get(origin="claims")
    client = as_user("rae")
    page = client.get(reverse("admin:tenants_membership_change", args=[row.pk])).content.decode()
    assert "from the identity provider" in page
    assert "deletelink" not in page
    delete = reverse("admin:tenants_membership_delete", args=[row.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert Membership.objects.filter(pk=row.pk).exists()


def test_owners_set_up_groups_and_claims_and_administrators_see_those_of_their_tenant(
    administered: PageWorld, as_user: Callable[[str], Client]
) -> None:
    client, people = as_user("rae"), administered.people
    made = client.post("/auth/group/add/", {"name": "Night shift", "people": [people["alice"].pk]})
    assert made.status_code == 302
    group = Group.objects.get()
    for tenant, role in ((administered.northwind, "incident"), (administered.litware, "viewer")):
        values = {"group": group.pk, "tenant": tenant.pk, "role": role}
        assert client.post("/tenants/grouprole/add/", values).status_code == 302
    rule = {"claim": "groups", "value": "cc-leads", "tenant": administered.litware.pk, "role": "approver"}
    assert client.post("/tenants/claimrole/add/", rule).status_code == 302
    assert access.roles_in(people["alice"], administered.northwind) == {Role.OPERATOR, Role.INCIDENT}

    carol = as_user("carol")
    page = carol.get("/tenants/grouprole/").content.decode()
    assert "Night shift" in page
    assert "Litware" not in page
    assert "cc-leads" not in carol.get("/tenants/claimrole/").content.decode()
    for path in ("/tenants/grouprole/add/", "/tenants/claimrole/add/", "/auth/group/", "/auth/group/add/"):
        assert carol.get(path).status_code == 403, path
    for path in ("/tenants/grouprole/", "/tenants/claimrole/", "/auth/group/"):
        assert as_user("bob").get(path).status_code == 403, path

    assert client.post(f"/auth/group/{group.pk}/change/", {"name": "Night shift", "people": []}).status_code == 302
    delete = reverse("admin:tenants_claimrole_delete", args=[ClaimRole.objects.get().pk])
    assert client.post(delete, {"post": "yes"}).status_code == 302
    assert not ClaimRole.objects.exists()
    assert access.roles_in(people["alice"], administered.northwind) == {Role.OPERATOR}


def test_an_administrators_form_of_the_tenant_holds_only_what_is_theirs(
    administered: PageWorld, as_user: Callable[[str], Client]
) -> None:
    client, tenant = as_user("carol"), administered.northwind
    edit = reverse("admin:tenants_tenant_edit", args=[tenant.pk])
    page = client.get(edit).content.decode()
    assert 'name="approvals_needed"' in page
    for name in ("client_id", "client_secret", "region", "api_url", "keep_days", "slug"):
        assert f'name="{name}"' not in page
    values = {"name": "Northwind", "approvals_needed": "2", "good_after_days": "9", "client_id": "mine", "slug": "mine"}
    assert client.post(edit, values).status_code == 302
    tenant.refresh_from_db()
    assert (tenant.name, tenant.approvals_needed, tenant.client_id) == ("Northwind", 2, "northwind-client")
    assert client.post(edit, {**values, "approvals_needed": "1"}).status_code == 403
    assert as_user("alice").get(edit).status_code == 403


def test_the_command_does_the_same_under_the_same_rules(
    administered: PageWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    people, tenant = administered.people, administered.northwind
    call_command("role", "grant", "northwind", "auditor", "--user", "bob", "--as", "carol")
    with pytest.raises(CommandError, match="nobody gives a role to themselves"):
        call_command("role", "grant", "northwind", "approver", "--user", "carol", "--as", "carol")
    with pytest.raises(CommandError, match="There is no tenant 'litware'"):
        call_command("role", "list", "litware", "--as", "carol")
    call_command("role", "join", "Night shift", "alice")
    call_command("role", "grant", "northwind", "incident", "--group", "Night shift")
    call_command("role", "grant", "northwind", "approver", "--claim", "groups=cc-leads")
    with pytest.raises(CommandError, match="The group was not changed"):
        call_command("role", "leave", "Night shift", "alice", "--as", "carol")
    capsys.readouterr()
    call_command("role", "list", "northwind", "--json")
    told = json.loads(capsys.readouterr().out)
    assert {"user": "alice", "role": "incident", "by": "by the group Night shift"} in told["held"]
    assert {"of": "claim groups=cc-leads", "role": "approver"} in told["rules"]
    assert access.roles_in(people["bob"], tenant) == {Role.APPROVER, Role.AUDITOR}

    call_command("role", "leave", "Night shift", "alice")
    call_command("role", "revoke", "northwind", "incident", "--group", "Night shift")
    call_command("role", "revoke", "northwind", "approver", "--claim", "groups=cc-leads")
    call_command("role", "revoke", "northwind", "auditor", "--user", "bob", "--as", "carol")
    assert access.roles_in(people["alice"], tenant) == {Role.OPERATOR}
    assert access.roles_in(people["bob"], tenant) == {Role.APPROVER}
    with pytest.raises(CommandError, match="bob was not granted auditor"):
        call_command("role", "revoke", "northwind", "auditor", "--user", "bob")
