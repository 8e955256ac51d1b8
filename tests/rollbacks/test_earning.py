"""Known good by time: what counts, from when, and what stands in the way."""

from datetime import timedelta

import pytest
from django.utils import timezone

from rollbacks import earning
from rollbacks.models import AuditEntry
from rollbacks.tasks import sweep_labels
from tenants import actions, labelling
from tenants.chronicle import Label, LiveSpan
from tenants.models import Snapshot, Tenant, TrackedConfig
from tests import page_world
from tests.page_world import PageWorld

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def quiet() -> PageWorld:
    """Give a bank whose configuration has been live, as accepted, for eight days."""
    pages = page_world.build()
    live = pages.billing.snapshots.get(version=42)
    page_world.settle(pages.billing, live=live, baseline=live)
    Snapshot.objects.update(written_at=None)
    seen(pages.billing, live, days=8)
    return pages


def seen(config: TrackedConfig, snapshot: Snapshot, *, days: float, until: float = 0, still: bool = True) -> None:
    LiveSpan.objects.create(
        config=config,
        snapshot=snapshot,
        version=snapshot.version,
        digest=snapshot.digest,
        first_seen_at=NOW - timedelta(days=days),
        last_seen_at=NOW - timedelta(days=until),
        open=still,
    )


def earned(config: TrackedConfig) -> bool:
    sweep_labels()
    return Label.objects.filter(snapshot=config.live_id, earned=True).exists()


def test_a_version_that_was_live_for_long_enough_is_known_good_and_the_trail_says_by_what(quiet: PageWorld) -> None:
    assert earned(quiet.billing)
    label = Label.objects.get(snapshot__config=quiet.billing)
    assert (label.word, label.setter) == ("good", "console")
    assert "for 8 days without drift or rollback; 7 are needed here" in label.reason
    assert AuditEntry.objects.get(action="label.set", config=quiet.billing).actor == "console"
    sweep_labels()
    assert Label.objects.filter(snapshot__config=quiet.billing).count() == 1


def test_each_tenant_says_after_how_many_days(quiet: PageWorld) -> None:
    Tenant.objects.filter(pk=quiet.northwind.pk).update(good_after_days=9)
    assert not earned(quiet.billing)
    Tenant.objects.filter(pk=quiet.northwind.pk).update(good_after_days=0)
    assert not earned(quiet.billing)
    Tenant.objects.filter(pk=quiet.northwind.pk).update(good_after_days=8)
    assert earned(quiet.billing)


def test_drift_and_what_nobody_has_looked_at_earn_nothing(quiet: PageWorld) -> None:
    older = quiet.billing.snapshots.get(version=41)
    TrackedConfig.objects.filter(pk=quiet.billing.pk).update(baseline=older)
    assert not earned(quiet.billing)
    TrackedConfig.objects.filter(pk=quiet.billing.pk).update(baseline=quiet.billing.live, looked_at=None)
    assert not earned(quiet.billing)


def test_it_counts_from_when_somebody_accepted_it(quiet: PageWorld) -> None:
    older = quiet.billing.snapshots.get(version=41)
    TrackedConfig.objects.filter(pk=quiet.billing.pk).update(baseline=older)
    quiet.billing.refresh_from_db()
    live = quiet.billing.live
    assert live is not None
    actions.accept_version(quiet.billing, live, acting_user=quiet.people["alice"])
    assert not earned(quiet.billing)


def test_what_a_person_took_the_label_from_is_not_labelled_again(quiet: PageWorld) -> None:
    assert earned(quiet.billing)
    label = Label.objects.get(snapshot__config=quiet.billing)
    actions.withdraw_label(label, acting_user=quiet.people["alice"])
    sweep_labels()
    assert not labelling.standing().filter(snapshot__config=quiet.billing).exists()


def test_a_change_begins_to_count_anew_and_the_same_content_under_a_new_number_does_not(quiet: PageWorld) -> None:
    config = quiet.billing
    live, older = config.snapshots.get(version=42), config.snapshots.get(version=41)
    LiveSpan.objects.all().delete()
    seen(config, older, days=20, until=3, still=False)
    seen(config, live, days=3)
    assert not earned(config)
    Snapshot.objects.filter(pk=older.pk).update(digest=live.digest)
    LiveSpan.objects.update(digest=live.digest)
    assert earned(config)


def test_a_gap_matters_only_where_content_may_come_and_go_unseen(quiet: PageWorld) -> None:
    config = quiet.billing
    live = config.snapshots.get(version=42)
    LiveSpan.objects.all().delete()
    seen(config, live, days=20, until=5, still=False)
    seen(config, live, days=2)
    TrackedConfig.objects.filter(pk=config.pk).update(resource_type="routing.queue")
    config.refresh_from_db()
    since = earning.live_since(config)
    assert since is not None
    assert NOW - since < timedelta(days=3)
    TrackedConfig.objects.filter(pk=config.pk).update(resource_type="agentassist.config")
    assert earned(config)


def test_the_platforms_own_date_counts_where_it_numbers_its_versions(quiet: PageWorld) -> None:
    config = quiet.billing
    live = config.snapshots.get(version=42)
    LiveSpan.objects.all().delete()
    seen(config, live, days=0.1)
    assert not earned(config)
    Snapshot.objects.filter(pk=live.pk).update(written_at=NOW - timedelta(days=11))
    assert earned(config)


def test_the_sweep_also_raises_alarms_that_a_crash_left_out(quiet: PageWorld) -> None:
    bad = quiet.billing.snapshots.get(version=42)
    actions.label_version(bad, labelling.Word.BAD, reason="refund rules misfire", acting_user=quiet.people["alice"])
    sweep_labels()
    assert AuditEntry.objects.filter(action="config.bad_content", outcome="alarm").exists()
