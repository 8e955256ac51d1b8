"""A verified write is watched until routing is seen to use it: what is seen is said, and nothing more."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from rollbacks import propagation, tasks, verifying
from rollbacks.models import AuditEntry, PropagationWatch, Rollback
from tenants.checking import check
from tenants.models import Tenant
from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import text_of
from tests.rollbacks.test_sweeps import lock_away_the_secret
from tests.tenants.running import run
from tests.world import BILLING_PATH, PASSWORD, look

pytestmark = pytest.mark.django_db(transaction=True)

QUERY = "/agentassist/conversations/query$"
PERMISSION = "analytics:conversationAggregate:view"


def switch(desk: Desk, **switches: Any) -> None:
    desk.world.practice.set_switches("northwind", **switches)


def applied(desk: Desk) -> PropagationWatch:
    """Give the watch of a rollback that was just verified."""
    rollback = desk.run(desk.approved())
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    return PropagationWatch.objects.get(rollback=rollback)


def looked(watch: PropagationWatch) -> PropagationWatch:
    """Look once, due or not."""
    propagation.look(watch.pk, everything=True)
    watch.refresh_from_db()
    return watch


def time_is_over(watch: PropagationWatch) -> None:
    now = timezone.now()
    PropagationWatch.objects.filter(pk=watch.pk).update(until=now, look_at=now)


def entries(desk: Desk) -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(action__startswith="propagation.").order_by("seq")
    assert verifying.verify(desk.world.northwind).holds
    return list(found.values_list("action", "outcome"))


def asked(desk: Desk) -> list[dict[str, Any]]:
    """Give the questions about conversations that reached the platform."""
    return [one for one in desk.world.practice.requests() if one["path"].endswith("/conversations/query")]


def test_the_watch_begins_with_the_verdict_and_both_are_in_the_trail(desk: Desk) -> None:
    watch = applied(desk)
    assert (watch.state, watch.version, watch.looks) == ("watching", desk.world.live_version, 0)
    assert watch.until - watch.started_at == timedelta(minutes=30)
    actions = AuditEntry.objects.filter(rollback=watch.rollback).order_by("seq").values_list("action", flat=True)
    assert list(actions)[-2:] == ["write.outcome", "propagation.watched"]
    assert asked(desk) == []


def test_a_version_that_routing_uses_at_once_is_seen_at_the_first_look(desk: Desk) -> None:
    switch(desk, propagation_seconds=0)
    watch = looked(applied(desk))
    assert (watch.state, watch.active_version, watch.looks) == ("seen", str(watch.version), 1)
    assert watch.conversations >= 1
    assert watch.seen_at is not None
    assert entries(desk) == [("propagation.watched", "ok"), ("propagation.seen", "ok")]
    assert len(asked(desk)) == 1
    watch.rollback.refresh_from_db()
    assert (watch.rollback.state, watch.rollback.verdict) == ("applied", "verified")


def test_a_version_is_seen_once_routing_has_followed_and_not_before(desk: Desk) -> None:
    switch(desk, propagation_seconds=3600)
    watch = looked(applied(desk))
    assert (watch.state, watch.looks) == ("watching", 1)
    assert watch.active_version == str(watch.version - 1)
    assert watch.look_at > timezone.now()
    switch(desk, propagation_seconds=0)
    watch = looked(watch)
    assert (watch.state, watch.active_version, watch.looks) == ("seen", str(watch.version), 2)


def test_pauses_grow_and_the_last_look_is_made_at_the_end_of_the_time(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CONSOLE_PROPAGATION_FIRST_PAUSE, settings.CONSOLE_PROPAGATION_LONGEST_PAUSE = 5, 60
    switch(desk, propagation_seconds=3600)
    watch = applied(desk)
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    pauses = []
    for _ in range(8):
        watch = looked(watch)
        pauses.append((watch.look_at - now).total_seconds())
    assert pauses == sorted(pauses)
    assert pauses[0] == 5
    assert pauses[0] < pauses[3]
    assert pauses[-1] == 60
    PropagationWatch.objects.filter(pk=watch.pk).update(until=timezone.now() + timedelta(seconds=7))
    watch = looked(PropagationWatch.objects.get(pk=watch.pk))
    assert watch.look_at == watch.until


def test_an_older_version_that_is_still_active_at_the_end_is_named(desk: Desk) -> None:
    switch(desk, propagation_seconds=3600)
    watch = looked(applied(desk))
    time_is_over(watch)
    watch = looked(watch)
    assert (watch.state, watch.active_version) == ("not_seen", str(watch.version - 1))
    assert entries(desk)[-1] == ("propagation.not_seen", "unknown")
    sentence = propagation.told(watch).sentence
    assert f"Version {watch.version - 1} was still active" in sentence
    assert "has not reached routing" in sentence
    watch.rollback.refresh_from_db()
    assert (watch.rollback.state, watch.rollback.verdict) == ("applied", "verified")


def test_without_traffic_nobody_claims_that_the_change_has_not_arrived(desk: Desk) -> None:
    switch(desk, propagation_seconds=0, quiet=True)
    watch = looked(applied(desk))
    assert (watch.state, watch.active_version) == ("watching", "")
    time_is_over(watch)
    watch = looked(watch)
    assert (watch.state, watch.active_version, watch.conversations) == ("not_seen", "", 0)
    assert "nobody can say whether there was no traffic" in propagation.told(watch).sentence


def test_a_missing_permission_ends_the_watch_as_one_that_cannot_be_seen(desk: Desk) -> None:
    switch(desk, propagation_seconds=0)
    desk.take_away(PERMISSION)
    watch = looked(applied(desk))
    assert watch.state == "unreadable"
    assert PERMISSION in watch.problem
    assert entries(desk)[-1] == ("propagation.unreadable", "unknown")
    assert "The write stands." in propagation.told(watch).sentence
    assert len(asked(desk)) == 1


def test_a_missing_permission_is_said_on_the_plan_and_refuses_nothing(desk: Desk, client: Client) -> None:
    client.login(username="alice", password=PASSWORD)
    target = desk.world.config.snapshots.get(version=desk.good_version)
    plan = reverse("admin:rollbacks_rollback_plan", args=(desk.world.config.pk, target.pk))
    assert "routing is watched for the new version for up to 30 minutes" in text_of(client.get(plan))
    desk.take_away(PERMISSION)
    page = text_of(client.get(plan))
    assert f"The OAuth client lacks {PERMISSION}, so nobody will see here whether routing uses" in page
    assert "Request this rollback" in page
    assert desk.request().state == "awaiting_approval"


def test_tenant_check_says_that_routing_cannot_be_seen(desk: Desk) -> None:
    assert not [one for one in check(desk.world.northwind) if one.name == "routing"]
    desk.take_away(PERMISSION)
    (finding,) = [one for one in check(desk.world.northwind) if one.name == "routing"]
    assert finding.ok is None
    assert PERMISSION in finding.sentence
    assert "Rollbacks do not need it." in finding.sentence


def test_a_platform_that_is_down_for_a_while_only_delays_the_answer(desk: Desk) -> None:
    switch(desk, propagation_seconds=0)
    watch = applied(desk)
    desk.fault("unavailable_503", method="POST", path=QUERY, times=2)
    watch = looked(watch)
    assert (watch.state, watch.looks, watch.failures) == ("watching", 0, 1)
    assert watch.problem
    watch = looked(watch)
    assert watch.failures == 2
    watch = looked(watch)
    assert (watch.state, watch.looks, watch.failures, watch.problem) == ("seen", 1, 0, "")


def test_a_platform_that_never_answered_leaves_nothing_to_claim(desk: Desk) -> None:
    watch = applied(desk)
    desk.fault("html_200", method="POST", path=QUERY, times=9)
    watch = looked(watch)
    assert watch.state == "watching"
    time_is_over(watch)
    watch = looked(watch)
    assert (watch.state, watch.looks) == ("unreadable", 0)
    assert "cannot be seen" in propagation.told(watch).sentence


def test_a_last_look_that_fails_ends_with_what_the_one_before_showed_and_says_so(desk: Desk) -> None:
    switch(desk, propagation_seconds=3600)
    watch = looked(applied(desk))
    desk.fault("drop_before_commit", method="POST", path=QUERY, times=9)
    time_is_over(watch)
    watch = looked(watch)
    assert (watch.state, watch.active_version, watch.looks) == ("not_seen", str(watch.version - 1), 1)
    assert "The last look was not answered" in propagation.told(watch).sentence


def test_a_secret_that_no_key_opens_ends_nothing_before_its_time(desk: Desk) -> None:
    watch = applied(desk)
    lock_away_the_secret(desk.world.northwind)
    watch = looked(watch)
    assert (watch.state, watch.failures) == ("watching", 1)
    assert "secret" in watch.problem


def test_a_newer_write_that_the_console_knows_of_overtakes(desk: Desk) -> None:
    switch(desk, propagation_seconds=3600)
    watch = looked(applied(desk))
    desk.world.practice.foreign_write(BILLING_PATH, by="Tom Becker")
    look(desk.world.config)
    watch = looked(watch)
    assert (watch.state, watch.overtaken_by) == ("overtaken", watch.version + 1)
    assert entries(desk)[-1] == ("propagation.overtaken", "unknown")
    assert f"overtaken by version {watch.version + 1}" in propagation.told(watch).sentence


def test_a_newer_write_that_only_routing_shows_overtakes(desk: Desk) -> None:
    watch = applied(desk)
    desk.world.practice.foreign_write(BILLING_PATH, by="Tom Becker")
    # From its write until it was overwritten no conversation ran under ours: routing took the newer one at once.
    time.sleep(0.01)
    PropagationWatch.objects.filter(pk=watch.pk).update(counts_from=timezone.now())
    switch(desk, propagation_seconds=0)
    watch = looked(PropagationWatch.objects.get(pk=watch.pk))
    assert (watch.state, watch.overtaken_by) == ("overtaken", watch.version + 1)


def test_a_version_that_served_before_it_was_overtaken_was_seen(desk: Desk) -> None:
    switch(desk, propagation_seconds=0)
    watch = applied(desk)
    desk.world.practice.foreign_write(BILLING_PATH, by="Tom Becker")
    look(desk.world.config)
    assert looked(watch).state == "seen"


def test_undoing_a_rollback_begins_a_watch_of_its_own_and_ends_the_first_as_overtaken(desk: Desk) -> None:
    switch(desk, propagation_seconds=3600)
    first = looked(applied(desk))
    base = first.rollback.base.version
    second = desk.run(desk.approved(base))
    assert PropagationWatch.objects.get(rollback=second).version == first.version + 1
    assert looked(first).state == "overtaken"


def test_of_two_workers_only_one_looks_and_a_late_one_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(desk, propagation_seconds=0)
    watch = applied(desk)
    ask = propagation._seen
    met: list[object] = []

    def meeting(*given: Any) -> Any:
        # While the first one waits for its answer, a second one comes by, due or not.
        met.append(propagation.look(watch.pk, everything=True))
        # Then its lease ends, and a third one takes over.
        PropagationWatch.objects.filter(pk=watch.pk).update(look_at=timezone.now())
        monkeypatch.setattr(propagation, "_seen", ask)
        met.append(propagation.look(watch.pk))
        return ask(*given)

    monkeypatch.setattr(propagation, "_seen", meeting)
    propagation.look(watch.pk)
    watch.refresh_from_db()
    assert met[0] is None
    assert met[1] is not None
    assert (watch.state, watch.looks) == ("seen", 1)
    assert entries(desk) == [("propagation.watched", "ok"), ("propagation.seen", "ok")]


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_look_costs_a_lease_and_nothing_else(desk: Desk, database_url: str) -> None:
    switch(desk, propagation_seconds=0)
    watch = applied(desk)
    desk.fault("slow", method="POST", path=QUERY, seconds=20)
    code = "import django; django.setup(); from rollbacks import propagation; propagation.sweep()"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", "DATABASE_URL": database_url}
    checkout = Path(__file__).resolve().parent.parent.parent
    with subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=checkout) as process:
        end = time.monotonic() + 30
        while not asked(desk):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    watch.refresh_from_db()
    assert (watch.state, watch.looks) == ("watching", 0)
    assert timezone.now() < watch.look_at <= timezone.now() + propagation.LEASE
    assert propagation.sweep() == 0
    PropagationWatch.objects.filter(pk=watch.pk).update(look_at=timezone.now())
    tasks.sweep_propagation()
    watch.refresh_from_db()
    assert (watch.state, watch.looks) == ("seen", 1)


def test_nothing_is_watched_after_a_write_that_did_not_land_and_of_a_type_that_cannot_be_asked(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("foreign_write")
    assert desk.run(rollback).verdict == "conflict"
    assert not PropagationWatch.objects.exists()


def test_the_page_shows_the_watch_follows_it_and_works_without_a_script(desk: Desk, client: Client) -> None:
    client.login(username="carol", password=PASSWORD)
    switch(desk, propagation_seconds=3600)
    watch = looked(applied(desk))
    address = reverse("admin:rollbacks_rollback_change", args=(watch.rollback_id,))
    status = reverse("admin:rollbacks_rollback_status", args=(watch.rollback_id,))
    page = client.get(address)
    assert f"Watching whether routing uses version {watch.version}" in text_of(page)
    assert f"version {watch.version - 1} active" in text_of(page)
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in page.content.decode()
    assert "data-watch=" in page.content.decode()
    before = client.get(status).json()
    switch(desk, propagation_seconds=0)
    watch = looked(watch)
    after = client.get(status).json()
    assert before["mark"] != after["mark"]
    page = client.get(address)
    assert f"Active version seen at {watch.seen_at:%H:%M} UTC" in text_of(page)
    assert "data-watch=" not in page.content.decode()
    assert "Seen in routing" in text_of(page)


def test_the_overview_counts_what_was_not_seen_until_the_object_moves_on(desk: Desk, client: Client) -> None:
    client.login(username="alice", password=PASSWORD)
    switch(desk, propagation_seconds=3600)
    watch = looked(applied(desk))
    assert "Not seen in routing" not in text_of(client.get("/"))
    time_is_over(watch)
    looked(watch)
    assert "Not seen in routing 1" in text_of(client.get("/"))
    listed = client.get(reverse("admin:rollbacks_rollback_changelist"), {"show": "not_seen"})
    assert str(watch.rollback_id) in listed.content.decode()
    desk.world.practice.foreign_write(BILLING_PATH, by="Tom Becker")
    look(desk.world.config)
    page = client.get(reverse("admin:index"))
    assert '?show=not_seen"' not in page.content.decode()


def test_the_terminal_shows_the_watch_as_text_and_as_json(desk: Desk) -> None:
    Tenant.objects.update(approvals_needed=0)
    switch(desk, propagation_seconds=0)
    watch = applied(desk)
    words = ("apply", str(watch.rollback_id))
    assert f"routing  Watching whether routing uses version {watch.version}" in run(*words).out
    looked(watch)
    shown = run(*words, "--json").document["propagation"]
    assert (shown["state"], shown["version"], shown["looks"]) == ("seen", watch.version, 1)
    assert shown["conversations"] >= 1
    assert json.dumps(shown)
    assert "routing  Active version seen at" in run(*words).out


def test_the_watch_never_outlives_what_it_belongs_to_in_the_trail(desk: Desk) -> None:
    watch = looked(applied(desk))
    rollback = Rollback.objects.get(pk=watch.rollback_id)
    assert propagation.begin(rollback, version=watch.version, counts_from=watch.counts_from) == watch
    assert entries(desk).count(("propagation.watched", "ok")) == 1
