"""Who may see which tenant, asked of the one module that decides it."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied

from tenants import access
from tenants.access import Role
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
