"""Who may see which tenant, asked of the one module that decides it."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from tenants import access, actions
from tenants.access import Role
from tenants.granting import GroupRole
from tenants.models import Membership, Tenant, TrackedConfig

pytestmark = pytest.mark.django_db


def a_tenant(slug: str) -> Tenant:
    return Tenant.objects.create(
        slug=slug, name=slug.title(), region="mypurecloud.de", client_id="c", client_secret_sealed=b"sealed"
    )


def a_config(tenant: Tenant, object_id: str = "cfg-1") -> TrackedConfig:
    return TrackedConfig.objects.create(tenant=tenant, resource_type="agentassist.config", object_id=object_id)


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bank() -> Tenant:
    return a_tenant("bank")


@pytest.fixture
def retailer() -> Tenant:
    return a_tenant("retailer")


def test_rows_of_a_tenant_without_a_membership_are_in_no_queryset(alice: User, bank: Tenant, retailer: Tenant) -> None:
    Membership.objects.create(user=alice, tenant=bank, role=Role.VIEWER)
    here, there = a_config(bank), a_config(retailer)

    assert list(access.tenants_of(alice)) == [bank]
    assert list(access.configs_of(alice)) == [here]
    assert there in TrackedConfig.objects.all()
    assert access.roles_in(alice, retailer) == frozenset()
    assert not access.may(alice, retailer)


def test_two_roles_in_one_tenant_show_each_row_once(alice: User, bank: Tenant) -> None:
    for role in (Role.OPERATOR, Role.APPROVER):
        Membership.objects.create(user=alice, tenant=bank, role=role)
    config = a_config(bank)

    assert list(access.tenants_of(alice)) == [bank]
    assert list(access.configs_of(alice)) == [config]
    assert access.roles_in(alice, bank) == {Role.OPERATOR, Role.APPROVER}
    assert list(access.tenants_with_role(alice, Role.APPROVER, Role.OPERATOR)) == [bank]
    assert not access.tenants_with_role(alice, Role.AUDITOR).exists()


def test_an_inactive_user_and_an_anonymous_one_see_nothing(alice: User, bank: Tenant) -> None:
    Membership.objects.create(user=alice, tenant=bank, role=Role.OPERATOR)
    a_config(bank)
    alice.is_active = False

    for user in (alice, AnonymousUser()):
        assert not access.tenants_of(user).exists()
        assert not access.configs_of(user).exists()
        assert access.roles_in(user, bank) == frozenset()
        assert not access.may_enter(user)


def test_a_platform_owner_sees_all_tenants_and_holds_every_role(bank: Tenant, retailer: Tenant) -> None:
    root = User.objects.create_superuser("root")
    a_config(bank)

    assert set(access.tenants_of(root)) == {bank, retailer}
    assert access.configs_of(root).count() == 1
    assert access.roles_in(root, bank) == frozenset(Role)
    root.is_active = False
    assert not access.tenants_of(root).exists()
    assert access.roles_in(root, bank) == frozenset()


def test_require_names_the_missing_role_but_tells_a_stranger_nothing_about_the_tenant(
    alice: User, bank: Tenant
) -> None:
    with pytest.raises(PermissionDenied) as stranger:
        access.require(alice, bank, Role.OPERATOR)
    assert "bank" not in str(stranger.value)

    Membership.objects.create(user=alice, tenant=bank, role=Role.VIEWER)
    access.require(alice, bank)
    access.require(alice, bank, Role.AUDITOR, Role.VIEWER)
    with pytest.raises(PermissionDenied, match=r"alice is viewer in bank, and this needs approver or operator"):
        access.require(alice, bank, Role.OPERATOR, Role.APPROVER)


def in_group(user: User, tenant: Tenant, *roles: Role, name: str = "Contact centre on call") -> Group:
    group, _made = Group.objects.get_or_create(name=name)
    for role in roles:
        GroupRole.objects.create(group=group, tenant=tenant, role=role)
    user.groups.add(group)
    return group


def test_a_group_gives_its_roles_beside_ones_own_and_takes_them_with_it(
    alice: User, bank: Tenant, retailer: Tenant
) -> None:
    Membership.objects.create(user=alice, tenant=bank, role=Role.OPERATOR)
    group = in_group(alice, bank, Role.OPERATOR, Role.INCIDENT)
    in_group(alice, retailer, Role.AUDITOR, name="Auditors of Litware")

    assert access.roles_in(alice, bank) == {Role.OPERATOR, Role.INCIDENT}
    assert access.roles_in(alice, retailer) == {Role.AUDITOR}
    assert set(access.tenants_of(alice)) == {bank, retailer}
    assert list(access.tenants_with_role(alice, *access.BREAKS_GLASS)) == [bank]
    assert list(access.people_with_role(bank, Role.INCIDENT)) == [alice]
    assert list(access.people_with_role(bank)) == [alice]

    alice.groups.remove(group)
    assert access.roles_in(alice, bank) == {Role.OPERATOR}
    assert not access.people_with_role(bank, Role.INCIDENT).exists()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not access.people_with_role(retailer).exists()


def test_a_tenant_administrator_gives_roles_in_their_tenant_but_none_to_themselves(
    alice: User, bank: Tenant, retailer: Tenant
) -> None:
    bob = User.objects.create_user("bob")
    Membership.objects.create(user=alice, tenant=bank, role=Role.TENANT_ADMIN)

    given = actions.grant_role(bob, bank, Role.TENANT_ADMIN, acting_user=alice)
    with pytest.raises(access.Refused, match=r"nobody gives a role to themselves\. No role was granted"):
        actions.grant_role(alice, bank, Role.APPROVER, acting_user=alice)
    with pytest.raises(access.Stranger):
        actions.grant_role(bob, retailer, Role.VIEWER, acting_user=alice)
    actions.revoke_role(given, acting_user=alice)
    with pytest.raises(access.Stranger):
        actions.revoke_role(Membership.objects.get(user=alice), acting_user=bob)

    assert {(row.user, row.role) for row in Membership.objects.all()} == {(alice, Role.TENANT_ADMIN)}


def test_an_operator_gives_no_role_and_changes_no_setting(alice: User, bank: Tenant) -> None:
    Membership.objects.create(user=alice, tenant=bank, role=Role.OPERATOR)
    bank.approvals_needed = 2
    with pytest.raises(access.Refused, match="needs administrator"):
        actions.grant_role(User.objects.create_user("bob"), bank, Role.VIEWER, acting_user=alice)
    with pytest.raises(access.Refused, match="needs administrator"):
        actions.change_tenant(bank, acting_user=alice)
    bank.refresh_from_db()
    assert bank.approvals_needed == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"approvals_needed": 0}, "only a platform owner changes fewer approvals"),
        ({"region": "mypurecloud.com", "name": "Bank"}, "only a platform owner changes region"),
        ({"client_id": "another"}, "only a platform owner changes client_id"),
        ({"keep_days": 1}, "only a platform owner changes keep_days"),
    ],
)
def test_a_tenant_administrator_changes_what_is_theirs_and_asks_for_more_approvals_never_for_fewer(
    alice: User, bank: Tenant, changes: dict[str, object], said: str
) -> None:
    Membership.objects.create(user=alice, tenant=bank, role=Role.TENANT_ADMIN)
    bank.name, bank.approvals_needed = "First Bank", 2
    actions.change_tenant(bank, acting_user=alice)
    with pytest.raises(PermissionDenied, match=r"platform owner\. bank was not changed"):
        actions.change_tenant(bank, client_secret="another one", acting_user=alice)

    for name, value in changes.items():
        setattr(bank, name, value)
    with pytest.raises(access.Refused, match=said):
        actions.change_tenant(bank, acting_user=alice)
    bank.refresh_from_db()
    assert (bank.name, bank.approvals_needed, bank.client_id) == ("First Bank", 2, "c")


def test_the_database_knows_every_role_and_no_other(alice: User, bank: Tenant) -> None:
    for role in Role:
        Membership.objects.create(user=alice, tenant=bank, role=role)
    for made in (Membership(user=alice, role="owner"), GroupRole(group=Group.objects.create(name="x"), role="owner")):
        made.tenant = bank
        with pytest.raises(IntegrityError), transaction.atomic():
            made.save()
