"""`tenant add`, `tenant list` and `tenant check`: what they print, keep and refuse, and how they end."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from console.practice.server import PracticeServer
from rollbacks.models import AuditEntry
from tenants import actions, sealing
from tenants.access import Role
from tenants.models import Tenant
from tests import world as making
from tests.tenants.running import add_words, run
from tests.world import BILLING_PATH, World

pytestmark = pytest.mark.django_db


STRANGER = "00000000-0000-4000-8000-000000000000"


# tenant add


def test_tenant_add_keeps_the_secret_sealed_and_says_what_to_do_next(
    practice: PracticeServer, secret_file: Path
) -> None:
    ran = run(*add_words(practice, secret_file, "--approvals", "2"))

    assert (ran.code, ran.err) == (0, "")
    assert "tenant check northwind" in ran.out
    tenant = Tenant.objects.get()
    secret = practice.credentials["northwind"].client_secret
    assert tenant.approvals_needed == 2
    assert secret.encode() not in bytes(tenant.client_secret_sealed)
    assert sealing.unseal(tenant.client_secret_sealed, tenant_id=tenant.pk, field="client_secret") == secret
    entry = AuditEntry.objects.get(tenant=tenant)
    assert entry.action == "tenant.added"
    assert secret.encode() not in bytes(entry.payload)
    assert entry.actor.startswith("terminal (")


def test_tenant_add_warns_of_a_secret_that_others_can_read(practice: PracticeServer, secret_file: Path) -> None:
    secret_file.chmod(0o644)

    ran = run(*add_words(practice, secret_file, "--json"))

    assert ran.code == 0
    assert f"chmod 600 {secret_file}" in ran.err
    assert ran.document["slug"] == "northwind"
    assert practice.credentials["northwind"].client_secret not in ran.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--client-secret-file", "/nonexistent/secret"], "cannot be read from /nonexistent/secret"),
        (["--region", "mypurecloud.de"], "Give either --region DOMAIN or both"),
        (["--login-url", ""], "both --api-url and --login-url"),
        (["--approvals", "12"], "12 approvals cannot be asked for"),
        (["--api-url", "not a url"], "valid URL"),
    ],
)
def test_tenant_add_refuses_what_is_wrong_with_one_sentence_and_adds_nothing(
    practice: PracticeServer, secret_file: Path, words: list[str], sentence: str
) -> None:
    ran = run(*add_words(practice, secret_file, *words))

    assert ran.code == 2
    assert sentence in ran.err
    assert not Tenant.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"), [("", "There is no secret"), ("\n", "There is no"), ("a\nb", "several lines")]
)
def test_tenant_add_refuses_a_file_that_holds_no_secret(
    practice: PracticeServer, secret_file: Path, content: str, sentence: str
) -> None:
    secret_file.write_text(content)
    ran = run(*add_words(practice, secret_file))
    assert ran.code == 2
    assert sentence in ran.err
    assert not Tenant.objects.exists()


def test_tenant_add_never_changes_a_tenant_that_is_there(practice: PracticeServer, secret_file: Path) -> None:
    run(*add_words(practice, secret_file))
    ran = run(*add_words(practice, secret_file, "--json"))
    assert ran.code == 2
    assert ran.document == {"error": "There already is a tenant 'northwind'. It was not changed.", "exit": 2}


@pytest.mark.parametrize("slug", ["North Wind", "_bank", "n" * 61, ""])
def test_a_short_name_that_cannot_be_one_is_refused_with_its_rule(
    practice: PracticeServer, secret_file: Path, slug: str
) -> None:
    words = add_words(practice, secret_file)
    words[2] = slug
    ran = run(*words)
    assert ran.code == 2
    assert ran.err.startswith(f"{slug!r} cannot be a tenant's short name:")
    assert "Nothing was added." in ran.err
    assert not Tenant.objects.exists()


def test_hosts_of_ones_own_need_to_be_allowed(
    practice: PracticeServer, secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONSOLE_ALLOW_CUSTOM_HOSTS", False)
    ran = run(*add_words(practice, secret_file))
    assert ran.code == 2
    assert "CONSOLE_ALLOW_CUSTOM_HOSTS" in ran.err
    assert not Tenant.objects.exists()


# tenant set


def test_tenant_set_marks_a_tenant_production_with_an_entry_and_changes_nothing_else(world: World) -> None:
    before = Tenant.objects.get(slug="northwind")
    ran = run("tenant", "set", "northwind", "--environment", "production", "--approvals", "2", "--json")
    assert (ran.code, ran.err) == (0, "northwind: approvals needed 2, environment production.\n")
    assert (ran.document["environment"], ran.document["approvals_needed"]) == ("production", 2)
    after = Tenant.objects.get(slug="northwind")
    same = set(actions.TENANT_COLUMNS) - {"environment", "approvals_needed"}
    assert {name: getattr(after, name) for name in same} == {name: getattr(before, name) for name in same}
    [entry] = AuditEntry.objects.filter(action="tenant.changed")
    assert b'"environment":{"after":"production","before":""}' in bytes(entry.payload)
    assert "was so already" in run("tenant", "set", "northwind", "--environment", "production").out
    assert run("tenant", "set", "northwind", "--environment", "none").code == 0
    after.refresh_from_db()
    assert (after.environment, AuditEntry.objects.filter(action="tenant.changed").count()) == ("", 2)


def test_tenant_set_has_the_rules_of_the_form(world: World) -> None:
    making.give_roles(world.bob, world.northwind, Role.TENANT_ADMIN)
    owner = User.objects.create_superuser("rae")
    mark = ("tenant", "set", "northwind", "--environment", "sandbox", "--as")
    for words, sentence in (
        ((*mark, "bob"), "only a platform owner changes environment"),
        ((*mark, "alice"), "this needs administrator"),
        (("tenant", "set", "northwind", "--approvals", "0", "--as", "bob"), "fewer approvals"),
        (("tenant", "set", "tailspin", "--approvals", "2", "--as", "bob"), "tailspin"),
        (("tenant", "set", "northwind", "--ticket-pattern", "(a+)+", "--as", "bob"), "northwind was not changed"),
        (("tenant", "set", "northwind", "--approvals", "12"), "12 approvals cannot be asked for"),
        (("tenant", "set", "northwind"), "Say what to set: --name, --environment"),
    ):
        ran = run(*words)
        assert (ran.code, sentence in ran.err) == (2, True), (words, ran.err)
    assert not AuditEntry.objects.filter(action="tenant.changed").exists()
    assert run("tenant", "set", "northwind", "--approvals", "2", "--as", "bob").code == 0
    assert run(*mark, owner.username).code == 0
    entries = AuditEntry.objects.filter(action="tenant.changed").order_by("seq")
    assert list(entries.values_list("actor", flat=True)) == ["bob", "rae"]


# tenant list, tenant check


def test_tenant_list_shows_all_with_their_drift(world: World) -> None:
    world.practice.foreign_write(BILLING_PATH)
    making.look(world.config)

    listed = run("tenant", "list", "--json")
    assert listed.code == 0
    assert [(one["slug"], one["configs"], one["drifted"]) for one in listed.document] == [
        ("northwind", 1, 1),
        ("tailspin", 0, 0),
    ]
    assert "Northwind Bank" in run("tenant", "list").out
    assert listed.out.count("client_secret") == 0


def test_tenant_check_says_what_works(world: World) -> None:
    ran = run("tenant", "check", "northwind", "--json")

    assert ran.code == 0
    names = [one["name"] for one in ran.document["checks"]]
    assert names[:2] == ["token", "organization"]
    assert {"permissions", "clock", "limits"} <= set(names)
    assert ran.document["ok"] is True
    assert "\x1b" not in run("tenant", "check", "northwind").out


def test_tenant_check_names_each_missing_permission_and_ends_with_6(world: World) -> None:
    world.practice.platform.control.set_permissions(
        {
            "organization": "northwind",
            "remove": [
                "agentassist:config:write",
                "routing:queue:edit",
                "assistants:agentchecklist:edit",
                "wfm:planningGroup:view",
            ],
        }
    )
    making.track(world.northwind, "q-billing-emea", type_name="routing.queue")
    ran = run("tenant", "check", "northwind", "--json")

    assert ran.code == 6
    wrong = [one["message"] for one in ran.document["checks"] if one["ok"] is False]
    told = [one["message"] for one in ran.document["checks"] if one["ok"] is None and one["name"] == "permissions"]
    assert len(wrong) == 2
    assert len(told) == 1
    assert "Agent checklist" in told[0]
    assert "Planning group" in told[0]
    assert "Outbound campaign" not in told[0]
    assert "agentassist:config:write" in wrong[0]
    assert "routing:queue:edit" in wrong[1]


def test_tenant_check_refuses_the_client_of_another_organization(world: World) -> None:
    Tenant.objects.filter(slug="northwind").update(organization_id=STRANGER)
    ran = run("tenant", "check", "northwind", "--json")
    assert ran.code == 6
    wrong = {one["name"]: one["message"] for one in ran.document["checks"] if one["ok"] is False}
    assert STRANGER in wrong["organization"]


def test_tenant_check_learns_the_organization_when_it_was_left_out(world: World) -> None:
    Tenant.objects.filter(slug="northwind").update(organization_id="")
    assert run("tenant", "check", "northwind").code == 0
    known = world.practice.credentials["northwind"].organization_id
    assert Tenant.objects.get(slug="northwind").organization_id == known


def test_tenant_check_of_a_secret_that_is_refused_ends_with_6(world: World) -> None:
    tenant = world.northwind
    tenant.client_secret_sealed = sealing.seal("wrong", tenant_id=tenant.pk, field="client_secret")
    tenant.save()
    ran = run("tenant", "check", "northwind")
    assert ran.code == 6
    assert ran.out.startswith("FAILS")


def test_checking_an_unreachable_platform_ends_with_1_as_nothing_was_refused(world: World) -> None:
    world.practice.stop()
    ran = run("tenant", "check", "northwind", "--json")
    assert ran.code == 1
    assert ran.document["ok"] is False
