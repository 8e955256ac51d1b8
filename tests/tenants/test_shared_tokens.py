"""One token for all workers: fetched once, sealed at rest, and forgotten by all when the platform refuses it."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import override_settings

from console.practice.server import PracticeServer
from tenants import connections, shared_tokens
from tenants.models import OAuthClient, Tenant
from tenants.remote import CredentialsRefused, Platform
from tenants.remote.client import TOKENS
from tenants.remote.tokens import Token
from tenants.shared_tokens import SharedToken
from tests import world as making
from tests.tenants.running import run_process


@pytest.fixture
def tenant(practice: PracticeServer, db: None) -> Tenant:
    return making.make_tenant(practice, "northwind")


def fetches(practice: PracticeServer) -> int:
    """Count the tokens that were asked for."""
    return sum(1 for one in practice.requests() if one["path"] == "/oauth/token")


def another_process(tenant: Tenant) -> Platform:
    """Give a client as another process has it: with nothing in the cache in front."""
    TOKENS.start_anew()
    return connections.connect(tenant)


def client_of(tenant: Tenant) -> OAuthClient:
    return OAuthClient.objects.get(tenant=tenant, client_id=tenant.client_id)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_four_processes_at_once_share_one_token(practice: PracticeServer, database_url: str) -> None:
    tenant = making.make_tenant(practice, "northwind")
    with ThreadPoolExecutor(4) as pool:
        ran = list(
            pool.map(
                lambda _: run_process("tenant", "check", tenant.slug, "--json", database_url=database_url), range(4)
            )
        )
    assert [one.document["checks"][0]["ok"] for one in ran] == [True] * 4, ran[0].err
    assert fetches(practice) == 1


def test_the_token_is_sealed_at_rest_for_its_tenant_and_in_no_repr(practice: PracticeServer, tenant: Tenant) -> None:
    another_process(tenant).organization()
    (text,) = practice.platform.access._tokens
    kept = client_of(tenant)
    assert kept.token_sealed is not None
    for value in vars(kept).values():
        shown = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        assert text.encode() not in shown
    assert text not in repr(kept)
    assert text not in repr(Token(text, 60.0))
    assert text not in repr(connections.connect(tenant))


def test_a_token_that_was_moved_to_another_tenant_does_not_open_and_another_is_fetched(
    practice: PracticeServer, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    another_process(tenant).organization()
    kept = client_of(tenant)
    other = making.make_tenant(practice, "tailspin")
    another_process(other).organization()
    moved_to = SharedToken(other)
    assert (
        moved_to._row(
            "UPDATE tenants_oauthclient SET token_sealed = %(sealed)s WHERE tenant_id = %(tenant)s RETURNING id",
            sealed=bytes(kept.token_sealed or b""),
        )
        is not None
    )
    before = fetches(practice)
    assert another_process(other).organization().name == "Tailspin Outdoor"
    assert fetches(practice) == before + 1
    assert "was not opened" in caplog.text


def test_a_token_that_the_platform_refused_is_forgotten_by_every_process(
    practice: PracticeServer, tenant: Tenant
) -> None:
    first, second = another_process(tenant), None
    first.organization()
    mine = TOKENS._tokens.copy()
    practice.platform.control.revoke_tokens({"organization": "northwind"})
    # Another process meets the 401 …
    another_process(tenant).organization()
    assert fetches(practice) == 2
    # … and this one, whose own cache still holds the old token, does not send it again.
    TOKENS._tokens.update(mine)
    before = len(practice.requests())
    second = connections.connect(tenant)
    second.organization()
    assert [one["status"] for one in practice.requests()[before:]] == [200]
    assert fetches(practice) == 2


def test_a_write_that_was_refused_with_401_makes_everybody_forget_too(practice: PracticeServer, tenant: Tenant) -> None:
    platform = another_process(tenant)
    platform.organization()
    generation = client_of(tenant).token_generation
    practice.platform.control.revoke_tokens({"organization": "northwind"})
    answer = platform.write("PUT", making.BILLING_PATH, b"{}", if_match=b'"0"')
    assert answer.status == 401
    assert client_of(tenant).token_generation == generation + 1
    assert client_of(tenant).token_sealed is None
    platform.forget_token()
    assert another_process(tenant).organization().name == "Northwind Bank"


def test_a_secret_that_was_set_anew_takes_a_token_of_its_own(practice: PracticeServer, tenant: Tenant) -> None:
    another_process(tenant).organization()
    connections.seal_client_secret(tenant, practice.credentials["northwind"].client_secret)
    tenant.save()
    another_process(tenant).organization()
    assert fetches(practice) == 2


def test_who_waits_for_another_workers_fetch_gets_its_error_without_asking(
    practice: PracticeServer, tenant: Tenant
) -> None:
    """The second worker sleeps while the first one fetches; the first one's failure is told in between."""
    holder = SharedToken(tenant)
    holder.token(lambda: Token("none", 0.0))
    claimed = holder._row(shared_tokens._CLAIM, fetcher="another-worker", claim=10)
    assert claimed is not None
    refused = CredentialsRefused("The platform did not accept the OAuth client.", status=400, correlation_id="corr-9")

    def meanwhile(_: float) -> None:
        holder._tell_failure(refused, fetcher="another-worker")

    def never() -> Token:
        raise AssertionError("the waiting worker asked too")

    with pytest.raises(CredentialsRefused, match="did not accept") as told:
        SharedToken(tenant, sleep=meanwhile).token(never)
    assert (told.value.status, told.value.correlation_id) == (400, "corr-9")


def test_a_worker_that_died_in_its_fetch_holds_the_others_up_for_its_claim_only(tenant: Tenant) -> None:
    dead = SharedToken(tenant)
    dead.token(lambda: Token("none", 0.0))
    assert dead._row(shared_tokens._CLAIM, fetcher="dead-worker", claim=0) is not None
    assert SharedToken(tenant).token(lambda: Token("token-of-the-next", 3600.0)).text == "token-of-the-next"
    assert SharedToken(tenant).token(lambda: Token("not-asked-for", 1.0)).text == "token-of-the-next"


def test_without_a_key_to_seal_it_a_token_stays_in_its_process_and_is_not_fetched_for_every_request(
    practice: PracticeServer, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    platform = another_process(tenant)
    with override_settings(CONSOLE_SECRET_KEYS=[]), caplog.at_level(logging.WARNING):
        for _ in range(3):
            platform.organization()
    assert fetches(practice) == 1
    assert client_of(tenant).token_sealed is None
    assert "is not shared" in caplog.text
