"""A tenant is connected to its own organization or to none."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from console.practice.server import PracticeServer
from tenants import regions
from tenants.connections import check_identity, connect, forget_identity, seal_client_secret
from tenants.models import Tenant
from tenants.remote import AddressNotAllowed, CredentialsRefused, RemoteUnavailable, WrongOrganization, fill_path
from tenants.remote.transport import close_idle_connections
from tenants.resource_types import get
from tenants.sealing import CannotUnseal

pytestmark = pytest.mark.django_db

CONFIG = fill_path(get("agentassist.config").object_path, object_id="cfg-1")
ME = "/api/v2/tokens/me"


@pytest.fixture
def practice(settings: Settings) -> Iterator[PracticeServer]:
    """Give a practice platform that tenants may be connected to."""
    settings.CONSOLE_SECRET_KEYS = [bytes(32)]
    settings.CONSOLE_ALLOW_CUSTOM_HOSTS = True
    with PracticeServer() as server:
        yield server
    close_idle_connections()


def tenant_of(practice: PracticeServer, slug: str, **changes: str) -> Tenant:
    """Give a tenant for an organization of the practice platform."""
    one = practice.credentials[slug]
    tenant = Tenant(
        slug=slug,
        name=one.organization_name,
        region=regions.CUSTOM,
        api_url=practice.url,
        login_url=practice.url,
        client_id=one.client_id,
    )
    seal_client_secret(tenant, one.client_secret)
    for name, value in changes.items():
        setattr(tenant, name, value)
    tenant.save()
    return tenant


def asked(practice: PracticeServer, path: str) -> int:
    return sum(one["path"] == path for one in practice.requests())


def test_a_tenant_reads_with_its_own_client_and_connecting_sends_nothing(practice: PracticeServer) -> None:
    platform = connect(tenant_of(practice, "northwind"))
    assert practice.requests() == []

    assert platform.read(CONFIG).status == 200
    assert platform.organization().id == practice.credentials["northwind"].organization_id


def test_connections_of_one_tenant_share_a_token_and_two_tenants_do_not(practice: PracticeServer) -> None:
    bank, retailer = tenant_of(practice, "northwind"), tenant_of(practice, "tailspin")

    owners = [connect(tenant).organization().name for tenant in (bank, retailer, bank, retailer)]

    assert owners == [bank.name, retailer.name] * 2
    assert asked(practice, "/oauth/token") == 2


def test_a_secret_that_is_set_anew_does_not_go_on_with_the_old_token(practice: PracticeServer) -> None:
    tenant = tenant_of(practice, "northwind")
    connect(tenant).read(CONFIG)

    seal_client_secret(tenant, "mistyped")

    with pytest.raises(CredentialsRefused):
        connect(tenant).read(CONFIG)


def test_the_identity_is_learned_once_and_kept(practice: PracticeServer) -> None:
    tenant = tenant_of(practice, "northwind")

    check_identity(tenant, connect(tenant))
    check_identity(tenant, connect(tenant))

    expected = practice.credentials["northwind"].organization_id
    assert tenant.organization_id == expected
    assert Tenant.objects.get(pk=tenant.pk).organization_id == expected
    assert asked(practice, ME) == 1


def test_a_proven_identity_is_asked_for_again_once_it_was_forgotten(practice: PracticeServer) -> None:
    tenant = tenant_of(practice, "northwind")
    check_identity(tenant, connect(tenant))

    forget_identity(tenant)
    check_identity(tenant, connect(tenant))

    assert asked(practice, ME) == 2


def test_a_client_of_another_organization_is_refused_each_time(practice: PracticeServer) -> None:
    retailer = practice.credentials["tailspin"].organization_id
    tenant = tenant_of(practice, "northwind", organization_id=retailer)

    for _ in range(2):
        with pytest.raises(WrongOrganization) as refused:
            check_identity(tenant, connect(tenant))
        assert practice.credentials["northwind"].organization_id in refused.value.sentence
        assert f"is the organization {retailer}" in refused.value.sentence
        assert "Nothing was written" in refused.value.sentence

    assert asked(practice, ME) == 2
    assert Tenant.objects.get(pk=tenant.pk).organization_id == retailer


def test_a_client_that_is_changed_after_the_check_is_checked_again(practice: PracticeServer) -> None:
    tenant = tenant_of(practice, "northwind")
    check_identity(tenant, connect(tenant))

    tenant.client_id = practice.credentials["tailspin"].client_id
    seal_client_secret(tenant, practice.credentials["tailspin"].client_secret)

    with pytest.raises(WrongOrganization):
        check_identity(tenant, connect(tenant))


def test_of_two_that_learn_the_identity_at_once_the_first_one_counts(practice: PracticeServer) -> None:
    tenant = tenant_of(practice, "northwind")
    Tenant.objects.filter(pk=tenant.pk).update(organization_id="org-learned-by-somebody-else")
    assert tenant.organization_id == ""

    with pytest.raises(WrongOrganization):
        check_identity(tenant, connect(tenant))

    assert Tenant.objects.get(pk=tenant.pk).organization_id == "org-learned-by-somebody-else"


def test_an_identity_that_cannot_be_asked_for_is_not_taken_for_proven(practice: PracticeServer) -> None:
    tenant = tenant_of(practice, "northwind")
    practice.add_fault("unavailable_503", path=f"{ME}$", times=None)

    with pytest.raises(RemoteUnavailable):
        check_identity(tenant, connect(tenant))

    assert Tenant.objects.get(pk=tenant.pk).organization_id == ""


def test_hosts_of_a_tenants_own_need_the_setting(practice: PracticeServer, settings: Settings) -> None:
    tenant = tenant_of(practice, "northwind")
    settings.CONSOLE_ALLOW_CUSTOM_HOSTS = False

    with pytest.raises(AddressNotAllowed, match="CONSOLE_ALLOW_CUSTOM_HOSTS"):
        connect(tenant)

    assert practice.requests() == []


def test_a_tenant_in_a_region_is_connected_to_that_regions_hosts(practice: PracticeServer) -> None:
    tenant = tenant_of(practice, "northwind", region="mypurecloud.de", api_url="", login_url="")

    assert connect(tenant).api_base == "https://api.mypurecloud.de"


def test_a_secret_that_was_sealed_for_another_tenant_does_not_connect(practice: PracticeServer) -> None:
    bank, retailer = tenant_of(practice, "northwind"), tenant_of(practice, "tailspin")
    bank.client_secret_sealed = retailer.client_secret_sealed

    with pytest.raises(CannotUnseal, match="was sealed for another tenant"):
        connect(bank)
