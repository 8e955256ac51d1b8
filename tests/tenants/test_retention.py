"""What a tenant need not keep goes only as it was shown, and never what is held."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console import diagnosis
from tenants import actions, archive, labelling, retention, tasks, trail
from tenants.chronicle import Label, LiveSpan
from tenants.models import Document, Snapshot, Tenant, TrackedConfig
from tenants.retention import Rule
from tests import page_world
from tests.page_world import PageWorld
from tests.tenants.running import Ran, run

pytestmark = pytest.mark.django_db

HISTORY = 60


def raw_of(number: int, *, name: str = "Billing EMEA") -> bytes:
    rules = [f'{{"id": "r-{one}", "confidence": 0.{(one * 37) % 89}}}' for one in range(40)]
    rules[number % 40] = f'{{"id": "r-{number % 40}", "confidence": 0.{100 + number}}}'
    return f'{{"id": "cfg-1", "name": "{name}", "version": {number}, "rules": [{", ".join(rules)}]}}'.encode()


def past(config: TrackedConfig, *, versions: int = HISTORY) -> TrackedConfig:
    """Give the config a version a day, the last one today, each kept as a look keeps it; the first is the baseline."""
    now, after = timezone.now(), None
    for number in range(1, versions + 1):
        raw = raw_of(number)
        after = archive.keep(raw, after=after).pk
        kept = Snapshot.objects.create(
            config=config,
            version=number,
            document_id=after,
            digest=hashlib.sha256(b"digest" + raw).hexdigest(),
            source=Snapshot.Source.LIVE,
            captured_at=now - timedelta(days=versions - number),
        )
    config.live, config.baseline = kept, config.snapshots.get(version=1)
    config.save()
    return config


@pytest.fixture
def bank() -> Tenant:
    return page_world.tenant("northwind", "Northwind Bank")


@pytest.fixture
def billing(bank: Tenant) -> TrackedConfig:
    return past(page_world.config(bank, "cfg-1", "Billing EMEA"))


def numbers(config: TrackedConfig) -> list[int]:
    return list(config.snapshots.order_by("version").values_list("version", flat=True))


def set_rule(tenant: Tenant, **rule: int | None) -> None:
    for name in ("keep_days", "keep_versions"):
        setattr(tenant, name, rule.get(name))
    actions.change_tenant(tenant, acting_user=None)


def keep(*words: str) -> Ran:
    return run("archive", "retention", "northwind", *words)


def test_days_keep_what_was_in_force_in_them_and_versions_keep_the_last_ones(
    bank: Tenant, billing: TrackedConfig
) -> None:
    now = timezone.now()

    def going(rule: Rule) -> list[int]:
        return [version.number for one in retention.plan(bank, rule, now=now).configs for version in one.dropped]

    # v40 was seen twenty days ago and v39 was in force until then, which is within the twenty days.
    assert going(Rule(days=20)) == list(range(2, 39))
    assert going(Rule(versions=15)) == list(range(2, 46))
    assert going(Rule(days=20, versions=15)) == list(range(2, 39))
    assert going(Rule(days=5, versions=15)) == list(range(2, 46))
    assert going(Rule(days=500)) == []
    assert going(Rule(versions=1)) == list(range(2, 60))
    assert numbers(billing) == list(range(1, 61))


def test_nothing_goes_before_somebody_names_what_the_dry_run_showed(bank: Tenant, billing: TrackedConfig) -> None:
    assert (keep().code, "no retention is set" in keep().err) == (2, True)
    tried = keep("--days", "20")
    assert "37 of 60 versions would go" in tried.out
    assert "this is no rule of the tenant" in tried.out
    assert keep("--days", "20", "--confirm", "abc").code == 2

    set_rule(bank, keep_days=20)
    shown = keep("--dry-run")
    assert "agentassist.config:cfg-1" in shown.out
    assert "v2–v38" in shown.out
    assert "1 as first" in shown.out
    told = keep("--json").document
    assert (told["would_drop"], told["versions"], told["kept_for"]) == (37, 60, {"first": 1})
    assert f"--confirm {told['digest']}" in shown.out
    assert tasks.drop_old_versions() == 0
    wrong = keep("--confirm", "0123456789ab")
    assert (wrong.code, "Nothing was dropped" in wrong.err) == (3, True)
    assert numbers(billing) == list(range(1, 61))

    past_documents = {raw: hashlib.sha256(raw).hexdigest() for raw in map(raw_of, range(1, 61))}
    done = keep("--confirm", told["digest"])
    assert (done.code, "37 versions were dropped, and 37 documents" in done.out) == (0, True)
    assert numbers(billing) == [1, *range(39, 61)]
    kept = {past_documents[raw_of(number)] for number in numbers(billing)}
    assert set(Document.objects.values_list("pk", flat=True)) == kept
    assert [archive.bytes_of(one) for one in billing.snapshots.order_by("version")] == [
        raw_of(number) for number in [1, *range(39, 61)]
    ]
    billing.refresh_from_db()
    assert billing.dropped_through == 38
    assert run("archive", "check", "northwind").code == 0


def test_what_the_trail_is_told_names_who_confirmed_what_and_each_version_that_went(
    bank: Tenant, billing: TrackedConfig
) -> None:
    heard: list[tuple[str, str, dict[str, Any]]] = []

    def listen(action: str, *, actor: str, detail: dict[str, Any], **_: object) -> None:
        heard.append((action, actor, detail))

    set_rule(bank, keep_versions=50)
    digest = keep("--json").document["digest"]
    previous = trail.set_recorder(listen)  # type: ignore[arg-type]
    try:
        keep("--confirm", digest)
    finally:
        trail.set_recorder(previous)
    (confirmed, dropped) = heard
    assert (confirmed[0], confirmed[2]) == (
        "retention.confirmed",
        {"rule": "the last 50", "plan": digest, "versions": 9},
    )
    assert (dropped[0], dropped[1]) == ("config.versions_dropped", confirmed[1])
    assert [one["version"] for one in dropped[2]["dropped"]] == [str(number) for number in range(2, 11)]
    assert dropped[2]["dropped"][0]["sha256"] == hashlib.sha256(raw_of(2)).hexdigest()


def test_live_baseline_labelled_and_everything_that_a_row_protects_is_held(
    bank: Tenant, billing: TrackedConfig
) -> None:
    by_number = {one.version: one for one in billing.snapshots.all()}
    billing.live, billing.baseline = by_number[20], by_number[11]
    billing.save()
    labelling.put(by_number[7], Label.Word.GOOD, reason="", acting_user=None)
    bad = labelling.put(by_number[9], Label.Word.BAD, reason="It sent refunds to the wrong queue", acting_user=None)
    labelling.withdraw(bad, reason="It did not", acting_user=None)

    why = retention.held(TrackedConfig.objects.filter(pk=billing.pk))
    assert {number: why.get(by_number[number].pk) for number in (7, 9, 11, 20, 21)} == {
        7: "label",
        9: "label",
        11: "baseline",
        20: "live",
        21: None,
    }
    set_rule(bank, keep_versions=1)
    told = keep("--json").document
    keep("--confirm", told["digest"])
    assert [number for number in (1, 7, 9, 11, 20, 60) if number not in numbers(billing)] == []
    assert len(numbers(billing)) == 60 - told["would_drop"]
    for one in billing.snapshots.all():
        assert archive.bytes_of(one) == raw_of(one.version)


def test_every_column_that_protects_a_version_is_known_to_hold_it() -> None:
    protecting = {(model._meta.label, name) for model, name in retention.protecting()}
    assert {
        ("tenants.TrackedConfig", "live"),
        ("tenants.TrackedConfig", "baseline"),
        ("tenants.Label", "snapshot"),
        ("rollbacks.Rollback", "target"),
        ("rollbacks.Rollback", "base"),
        ("rollbacks.Attempt", "read_back"),
        ("rollbacks.GuardProbe", "base"),
        ("rollbacks.GuardProbe", "read_back"),
    } <= protecting
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, attname FROM pg_constraint JOIN pg_attribute "
            "ON attrelid = conrelid AND attnum = ANY(conkey) "
            "WHERE contype = 'f' AND confrelid = 'tenants_snapshot'::regclass"
        )
        in_database = set(cursor.fetchall())
    named = {(model._meta.db_table, model._meta.get_field(name).column) for model, name in retention.protecting()}  # type: ignore[union-attr]
    assert in_database == named | {(LiveSpan._meta.db_table, "snapshot_id")}


def test_a_version_that_somebody_labels_after_the_dry_run_stays(bank: Tenant, billing: TrackedConfig) -> None:
    set_rule(bank, keep_versions=50)
    plan = actions.plan_retention(bank)
    labelling.put(billing.snapshots.get(version=5), Label.Word.GOOD, reason="", acting_user=None)
    with pytest.raises(retention.NotAsShown, match="Nothing was dropped"):
        actions.drop_versions(bank, shown=plan.digest, acting_user=None)
    # Also where it comes between the check of the digest and the object's turn.
    done = retention.carry_out(plan, actor="rae")
    assert (done.versions, len(done.left)) == (0, 1)
    assert "It has changed" in done.left[0] or "it has changed" in done.left[0]
    assert numbers(billing) == list(range(1, 61))


def test_damage_in_what_would_have_to_be_packed_anew_lets_nothing_go(bank: Tenant, billing: TrackedConfig) -> None:
    set_rule(bank, keep_versions=50)
    Document.objects.filter(snapshots__version=10).update(body=b"broken")
    told = keep("--json").document
    done = keep("--confirm", told["digest"])
    assert done.code == 3
    assert "not the ones that came" in done.err
    assert (numbers(billing), Document.objects.count()) == (list(range(1, 61)), 60)
    checked = run("archive", "check", "--json")
    # From v10 to v20: v21 leans on v1 again.
    assert (checked.code, len(checked.document["unusable"]), checked.document["holds"]) == (1, 11, False)


def test_content_that_another_version_shows_stays(bank: Tenant, billing: TrackedConfig) -> None:
    other = page_world.config(page_world.tenant("litware", "Litware Retail"), "cfg-9", "Returns")
    Snapshot.objects.create(
        config=other,
        version=1,
        document_id=billing.snapshots.get(version=5).document_id,
        digest="0" * 64,
        source=Snapshot.Source.LIVE,
        captured_at=timezone.now(),
    )
    set_rule(bank, keep_versions=50)
    assert "9 versions were dropped, and 8 documents" in keep("--confirm", keep("--json").document["digest"]).out
    assert archive.bytes_of(other.snapshots.get()) == raw_of(5)


def test_the_schedule_goes_on_by_a_confirmed_rule_until_somebody_changes_it(
    bank: Tenant, billing: TrackedConfig
) -> None:
    set_rule(bank, keep_versions=50)
    assert [finding.name for finding in diagnosis._archive()] == ["archive", "retention"]
    assert "60 versions" in next(diagnosis._archive()).message
    keep("--confirm", keep("--json").document["digest"])
    assert [finding.name for finding in diagnosis._archive()] == ["archive"]
    assert tasks.drop_old_versions() == 0
    raw = raw_of(61)
    Snapshot.objects.create(
        config=billing,
        version=61,
        document=archive.keep(raw),
        digest="1" * 64,
        source=Snapshot.Source.LIVE,
        captured_at=timezone.now(),
    )
    assert tasks.drop_old_versions() == 1
    assert numbers(billing) == [1, *range(12, 62)]
    bank.refresh_from_db()
    set_rule(bank, keep_versions=2)
    assert tasks.drop_old_versions() == 0
    set_rule(bank)
    assert tasks.drop_old_versions() == 0
    assert len(numbers(billing)) == 51


def test_only_a_platform_owner_may_confirm_it(bank: Tenant, billing: TrackedConfig) -> None:
    set_rule(bank, keep_versions=50)
    plan = actions.plan_retention(bank)
    nobody = User.objects.create_user("alice")
    with pytest.raises(PermissionDenied, match="No version was dropped"):
        actions.drop_versions(bank, shown=plan.digest, acting_user=nobody)
    owner = User.objects.create_user("rae", is_superuser=True)
    assert actions.drop_versions(bank, shown=plan.digest, acting_user=owner).versions == 9


def test_a_worker_packs_what_was_stored_before_the_chains(bank: Tenant) -> None:
    config = page_world.config(bank, "cfg-2", "Retention EMEA")
    raws = [raw_of(number, name="Retention EMEA") for number in range(1, 8)]
    for number, raw in enumerate(raws, start=1):
        document = Document.objects.create(sha256=hashlib.sha256(raw).hexdigest(), body=raw, size=len(raw))
        Snapshot.objects.create(
            config=config,
            version=number,
            document=document,
            digest="2" * 64,
            source=Snapshot.Source.HISTORY,
            captured_at=timezone.now(),
        )
    Document.objects.filter(pk=hashlib.sha256(raws[3]).hexdigest()).update(body=b"{}")
    assert "7 documents are not packed yet" in run("archive", "size").out
    assert tasks.pack_archive() == 6
    assert tasks.pack_archive() == 0
    told = run("archive", "size", "northwind", "--json").document
    assert (told["not_packed"], told["versions"], told["on_disk"]) == (1, 7, None)
    assert told["stored"] < told["raw"] / 2
    assert len(run("archive", "check", "northwind", "--json").document["unusable"]) == 1


def test_the_form_sets_the_rule_and_the_page_says_what_comes_of_it(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    rae = as_user("rae")
    page = reverse("admin:tenants_tenant_change", args=[pages.northwind.pk])
    assert "every version" in rae.get(page).content.decode()
    form = rae.get(reverse("admin:tenants_tenant_edit", args=[pages.northwind.pk])).context["adminform"].form
    filled = {name: field for name, field in form.initial.items() if field is not None}
    answer = rae.post(
        reverse("admin:tenants_tenant_edit", args=[pages.northwind.pk]),
        {**filled, "keep_days": "90", "keep_versions": "20"},
    )
    assert answer.status_code == 302
    pages.northwind.refresh_from_db()
    assert retention.rule_of(pages.northwind) == Rule(days=90, versions=20)
    text = rae.get(page).content.decode()
    assert "versions of 90 days and the last 20" in text
    assert "manage.py archive retention northwind" in text
    wrong = rae.post(reverse("admin:tenants_tenant_edit", args=[pages.northwind.pk]), {**filled, "keep_days": "0"})
    assert wrong.status_code == 200


def test_the_timeline_says_which_numbers_are_not_kept_any_more(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    config = past(page_world.config(pages.northwind, "cfg-1", "Billing EMEA"), versions=8)
    address = reverse("admin:tenants_trackedconfig_change", args=[config.pk])
    rae = as_user("rae")
    assert "not kept any more" not in rae.get(address).content.decode()
    set_rule(pages.northwind, keep_versions=4)
    assert keep("--confirm", keep("--json").document["digest"]).code == 0
    assert numbers(config) == [1, 5, 6, 7, 8]
    shown = " ".join(rae.get(address).content.decode().split())
    assert "v2 to v4 are not kept any more, so this is all that changed since v1." in shown
    assert "Retention has dropped versions up to v4" in shown
    assert shown.count("not kept any more") == 1
