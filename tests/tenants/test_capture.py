"""Looking at live over real HTTP: what is kept, what costs nothing, and what no answer of the platform can destroy."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.practice.server import PracticeServer
from rollbacks.models import AuditEntry
from tenants import archive, capture, connections, discovery, drift, object_paths
from tenants.capture import Outcome
from tenants.chronicle import LiveSpan
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue
from tests import world as making
from tests.world import BILLING, BILLING_PATH, World

Presence = TrackedConfig.Presence


def entries(config: TrackedConfig, *, outcome: str = "") -> list[str]:
    """Give the actions in the trail about a config, oldest first."""
    found = AuditEntry.objects.filter(config=config).order_by("seq")
    return list((found.filter(outcome=outcome) if outcome else found).values_list("action", flat=True))


def last_request(practice: PracticeServer) -> dict[str, object]:
    """Give the last request for an object that the platform saw."""
    return next(one for one in reversed(practice.requests()) if "/configs/" in one["path"])


def test_the_first_look_keeps_the_exact_bytes_and_makes_what_it_saw_the_baseline(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    seen = making.look(config)

    config.refresh_from_db()
    assert seen.outcome is Outcome.FIRST
    assert seen.snapshot == config.live == config.baseline
    raw = making.platform_of(config).read(BILLING_PATH)
    assert seen.snapshot is not None
    assert archive.bytes_of(seen.snapshot) == raw.body
    assert bytes(seen.snapshot.etag or b"") == raw.etag
    assert (seen.snapshot.version, seen.snapshot.author_name) == (42, "Tom Becker")
    assert config.name == "Agent Assist – Billing EMEA"
    assert config.presence == Presence.PRESENT
    assert config.next_look_at is not None
    assert config.next_look_at > timezone.now() + timedelta(minutes=4)
    assert not drift.is_drifted(config)
    assert entries(config) == ["config.first_seen"]


def test_an_unchanged_object_costs_one_conditional_request_two_updates_and_no_row(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    now = timezone.now().replace(hour=12)
    TrackedConfig.objects.filter(pk=config.pk).update(looked_at=now)
    LiveSpan.objects.update(first_seen_at=now, last_seen_at=now)
    config = TrackedConfig.objects.select_related("tenant", "live").get(pk=config.pk)
    platform = making.platform_of(config)

    with CaptureQueriesContext(connection) as queries:
        seen = capture.look(config, platform, now=now + timedelta(minutes=5))

    assert seen.outcome is Outcome.UNCHANGED
    assert [query["sql"][:6] for query in queries] == ["UPDATE", "UPDATE"]
    assert last_request(practice)["status"] == 304
    config.refresh_from_db()
    assert config.looked_at == now + timedelta(minutes=5)
    assert config.snapshots.count() == 1
    assert config.live_spans.get().last_seen_at == now + timedelta(minutes=5)
    assert entries(config) == ["config.first_seen"]


def test_the_first_look_of_a_day_and_one_that_a_person_asks_for_do_not_trust_an_etag(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    config.refresh_from_db()

    tomorrow = timezone.now() + timedelta(days=1)
    assert capture.look(config, making.platform_of(config), now=tomorrow).outcome is Outcome.UNCHANGED
    assert last_request(practice)["status"] == 200
    assert making.look(config).outcome is Outcome.UNCHANGED
    assert last_request(practice)["if_none_match"] is None
    assert config.snapshots.count() == 1


def test_a_change_moves_live_but_never_the_baseline(practice: PracticeServer, config: TrackedConfig) -> None:
    making.look(config)
    practice.foreign_write(BILLING_PATH, by="Ines Duarte")

    seen = making.look(config)

    config.refresh_from_db()
    assert seen.outcome is Outcome.CHANGED
    assert config.live == seen.snapshot
    assert config.live is not None
    assert config.baseline is not None
    assert (config.baseline.version, config.live.version) == (42, 43)
    assert config.live.author_name == "Ines Duarte"
    assert drift.is_drifted(config)
    assert list(drift.drifted(TrackedConfig.objects.all())) == [config]
    assert entries(config) == ["config.first_seen", "config.changed"]


def test_a_new_version_with_the_accepted_content_is_no_drift(practice: PracticeServer, config: TrackedConfig) -> None:
    making.look(config)
    practice.foreign_write(BILLING_PATH, content="same")

    assert making.look(config).outcome is Outcome.CHANGED
    config.refresh_from_db()
    assert config.live is not None
    assert config.live.version == 43
    assert not drift.is_drifted(config)
    assert not drift.drifted(TrackedConfig.objects.all()).exists()


def test_a_type_without_versions_is_numbered_by_the_console(practice: PracticeServer, config: TrackedConfig) -> None:
    queues = discovery.discover(config.tenant, catalogue.get("routing.queue"), making.platform_of(config))
    queue = making.track(config.tenant, queues[0][0], type_name="routing.queue")
    path = f"/api/v2/routing/queues/{queue.object_id}"

    assert making.look(queue).outcome is Outcome.FIRST
    assert making.look(queue).outcome is Outcome.UNCHANGED
    practice.foreign_write(path)
    assert making.look(queue).outcome is Outcome.CHANGED
    queue.refresh_from_db()
    assert queue.live is not None
    assert (queue.live.version, queue.snapshots.count()) == (2, 2)
    assert drift.is_drifted(queue)


def test_an_object_that_vanished_is_shown_as_such_never_deleted_and_may_return(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    stored = practice.platform.store.organizations["northwind"].objects["assist", BILLING]
    stored.deleted = True

    first, second = making.look(config), making.look(config)

    config.refresh_from_db()
    assert (first.outcome, second.outcome) == (Outcome.VANISHED, Outcome.VANISHED)
    assert config.presence == Presence.VANISHED
    assert "nothing at GET" in config.presence_detail
    assert config.live is not None
    assert archive.value_of(config.live)["id"] == BILLING
    assert entries(config) == ["config.first_seen", "config.vanished"]

    stored.deleted = False
    assert making.look(config).outcome is Outcome.UNCHANGED
    config.refresh_from_db()
    assert (config.presence, config.presence_detail) == (Presence.PRESENT, "")
    assert entries(config) == ["config.first_seen", "config.vanished", "config.returned"]


def test_an_id_that_never_was_is_not_said_to_have_vanished(world: World) -> None:
    config = making.track(world.northwind, "cfg-mistyped")
    seen = making.look(config)
    assert seen.outcome is Outcome.UNREADABLE
    assert config.presence == Presence.UNREADABLE
    assert "none was ever seen here" in config.presence_detail
    assert "Check the id" in config.presence_detail


def test_an_object_that_vanished_and_returns_changed_is_present_again(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    stored = practice.platform.store.organizations["northwind"].objects["assist", BILLING]
    stored.deleted = True
    making.look(config)
    stored.deleted = False
    practice.foreign_write(BILLING_PATH)

    assert making.look(config).outcome is Outcome.CHANGED
    config.refresh_from_db()
    assert config.presence == Presence.PRESENT


def forbid(practice: PracticeServer) -> None:
    practice.platform.control.set_permissions({"organization": "northwind", "remove": ["agentassist:config:read"]})


def answer_html(practice: PracticeServer) -> None:
    practice.add_fault("html_200", path="/configs/", times=None)


def redirect(practice: PracticeServer) -> None:
    practice.add_fault("redirect_302", path="/configs/", times=None)


def spoil(practice: PracticeServer) -> None:
    live = practice.platform.store.organizations["northwind"].objects["assist", BILLING].live
    live.members["content"] = b'{"rules": [], "rules": [1]}'


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [(forbid, "may not do"), (answer_html, "not with JSON"), (redirect, "redirect"), (spoil, "twice")],
)
def test_an_object_that_cannot_be_read_is_shown_as_such_with_the_reason(
    practice: PracticeServer, config: TrackedConfig, break_it: Callable[[PracticeServer], None], sentence: str
) -> None:
    making.look(config)
    break_it(practice)

    seen = making.look(config)

    config.refresh_from_db()
    assert seen.outcome is Outcome.UNREADABLE
    assert config.presence == Presence.UNREADABLE
    assert sentence in config.presence_detail
    assert config.live is not None
    assert config.snapshots.count() == 1
    assert entries(config, outcome="alarm") == ["config.unreadable"]


@pytest.mark.parametrize("kind", ["unavailable_503", "half_body"])
def test_silence_raises_only_the_failures_and_spaces_the_next_looks(
    practice: PracticeServer, config: TrackedConfig, kind: str
) -> None:
    making.look(config)
    config.refresh_from_db()
    known = (config.presence, config.live, config.looked_at)
    practice.add_fault(kind, path="/configs/", times=None)
    pauses = []
    for _ in range(3):
        now = timezone.now()
        seen = capture.look(config, making.platform_of(config), now=now, conditional=False)
        assert seen.outcome is Outcome.UNREACHABLE
        assert config.next_look_at is not None
        pauses.append(config.next_look_at - now)

    config.refresh_from_db()
    assert config.failures == 3
    assert (config.presence, config.live, config.looked_at) == known
    assert pauses[1] > pauses[0] * 1.5
    assert pauses[2] > pauses[1] * 1.5
    assert entries(config) == ["config.first_seen"]
    practice.clear_faults()
    making.look(config)
    config.refresh_from_db()
    assert config.failures == 0


def test_credentials_that_are_refused_say_nothing_about_the_object(config: TrackedConfig) -> None:
    making.look(config)
    connections.seal_client_secret(config.tenant, "not the secret")
    config.tenant.save()

    seen = making.look(config)

    config.refresh_from_db()
    assert seen.outcome is Outcome.UNREACHABLE
    assert seen.error is not None
    assert (config.presence, config.failures) == (Presence.PRESENT, 1)


# Stale reads.


def test_a_stale_read_does_not_move_live_backwards(practice: PracticeServer, config: TrackedConfig) -> None:
    making.look(config)
    practice.foreign_write(BILLING_PATH)
    making.look(config)
    practice.add_fault("stale_reads", path="/configs/", times=1)

    seen = making.look(config)

    config.refresh_from_db()
    assert seen.outcome is Outcome.STALE
    assert seen.snapshot is not None
    assert seen.snapshot.version == 42
    assert "Live stays v43" in seen.detail
    assert config.live is not None
    assert config.live.version == 43
    assert entries(config, outcome="alarm") == []


def test_long_after_the_change_one_older_answer_is_checked_and_two_move_live_back_with_an_alarm(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    practice.foreign_write(BILLING_PATH)
    making.look(config)
    later = timezone.now() + timedelta(minutes=10)
    platform = making.platform_of(config)

    practice.add_fault("stale_reads", path="/configs/", times=1)
    assert capture.look(config, platform, now=later, conditional=False).outcome is Outcome.UNCHANGED
    config.refresh_from_db()
    assert config.live is not None
    assert config.live.version == 43

    practice.add_fault("stale_reads", path="/configs/", times=2)
    assert capture.look(config, platform, now=later, conditional=False).outcome is Outcome.CHANGED
    config.refresh_from_db()
    assert config.live.version == 42
    assert entries(config, outcome="alarm") == ["config.set_back"]


def test_an_etag_that_changes_under_a_constant_version_is_another_row_and_an_alarm(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    practice.add_fault("etag_changes_under_constant_version", path="/configs/", times=1)

    assert making.look(config).outcome is Outcome.CHANGED

    config.refresh_from_db()
    assert [snapshot.version for snapshot in config.snapshots.all()] == [42, 42]
    assert entries(config, outcome="alarm") == ["config.version_changed_etag"]


def test_an_answer_to_a_queue_that_crossed_a_newer_one_is_asked_for_again(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    platform = making.platform_of(config)
    found = discovery.discover(config.tenant, catalogue.get("routing.queue"), platform)
    queue = making.track(config.tenant, found[0][0], type_name="routing.queue")
    making.look(queue)
    overtaken = capture.read_live(queue, platform)
    practice.foreign_write(f"/api/v2/routing/queues/{queue.object_id}")
    making.look(queue)

    queue.refresh_from_db()
    taken = capture.remember(queue, making.type_of(queue), overtaken, source=Snapshot.Source.LIVE, now=timezone.now())

    assert taken is None or taken.outcome is Outcome.STALE
    queue.refresh_from_db()
    assert queue.live is not None
    assert (queue.live.version, queue.snapshots.count()) == (2, 2)


def test_a_queue_that_the_platform_dates_before_live_is_stale_until_time_and_a_second_read_say_otherwise(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    platform = making.platform_of(config)
    found = discovery.discover(config.tenant, catalogue.get("routing.queue"), platform)
    queue = making.track(config.tenant, found[0][0], type_name="routing.queue")
    making.look(queue)
    practice.foreign_write(f"/api/v2/routing/queues/{queue.object_id}")
    making.look(queue)
    stored = practice.platform.store.organizations["northwind"].objects["queue", queue.object_id]
    stored.revisions.pop()  # the platform restores an older state, date included

    assert making.look(queue).outcome is Outcome.STALE
    queue.refresh_from_db()
    assert queue.live is not None
    assert (queue.live.version, queue.snapshots.count()) == (2, 2)

    later = timezone.now() + timedelta(minutes=10)
    assert capture.look(queue, platform, now=later, conditional=False).outcome is Outcome.CHANGED
    queue.refresh_from_db()
    assert (queue.live.version, queue.snapshots.count()) == (3, 3)
    assert entries(queue, outcome="alarm") == ["config.set_back"]


# Many workers.


@pytest.fixture
def committed(practice: PracticeServer, transactional_db: None) -> TrackedConfig:
    """Give `cfg-1` as every thread of this process sees it."""
    config = making.track(making.make_tenant(practice, "northwind"), BILLING)
    making.look(config)
    return config


def sixteen_looks(config: TrackedConfig) -> list[Outcome]:
    barrier = Barrier(16)

    def look(_: int) -> Outcome:
        try:
            mine = TrackedConfig.objects.select_related("tenant", "live").get(pk=config.pk)
            barrier.wait(timeout=30)
            return capture.look(mine, connections.connect(mine.tenant), now=timezone.now(), conditional=False).outcome
        finally:
            databases.close_all()

    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(look, range(16)))


def test_sixteen_workers_looking_at_one_object_at_once_make_one_row(
    practice: PracticeServer, committed: TrackedConfig
) -> None:
    practice.foreign_write(BILLING_PATH)

    outcomes = sixteen_looks(committed)

    committed.refresh_from_db()
    assert committed.live is not None
    assert (committed.live.version, committed.snapshots.count()) == (43, 2)
    assert outcomes.count(Outcome.CHANGED) == 1
    assert outcomes.count(Outcome.UNCHANGED) == 15
    assert entries(committed) == ["config.first_seen", "config.changed"]


def test_sixteen_workers_looking_at_a_queue_at_once_give_one_number(
    practice: PracticeServer, committed: TrackedConfig
) -> None:
    found = discovery.discover(committed.tenant, catalogue.get("routing.queue"), making.platform_of(committed))
    queue = making.track(committed.tenant, found[0][0], type_name="routing.queue")
    making.look(queue)
    practice.foreign_write(f"/api/v2/routing/queues/{queue.object_id}")

    outcomes = sixteen_looks(queue)

    queue.refresh_from_db()
    assert queue.live is not None
    assert (queue.live.version, queue.snapshots.count()) == (2, 2)
    assert set(outcomes) <= {Outcome.CHANGED, Outcome.UNCHANGED}


def test_workers_never_leave_live_behind_while_somebody_keeps_writing(
    practice: PracticeServer, committed: TrackedConfig
) -> None:
    def looks() -> Iterator[Outcome]:
        for _ in range(4):
            practice.foreign_write(BILLING_PATH)
            yield from sixteen_looks(committed)

    assert Outcome.UNREADABLE not in set(looks())
    committed.refresh_from_db()
    assert committed.live is not None
    assert committed.live.version == 46
    versions = sorted(committed.snapshots.values_list("version", flat=True))
    assert versions == [42, 43, 44, 45, 46]


# Tracking.


def test_tracking_is_all_or_nothing_and_tracked_objects_stay_as_they_are(config: TrackedConfig) -> None:
    tenant, rtype = config.tenant, making.type_of(config)

    with pytest.raises(object_paths.InvalidObjectId, match=r"'\.\./configs/cfg-2' cannot be the id"):
        capture.track(tenant, rtype, ["cfg-2", "../configs/cfg-2"])
    assert TrackedConfig.objects.count() == 1

    tracking = capture.track(tenant, rtype, {"cfg-1": "renamed", "cfg-2": "Cards"})
    assert [one.object_id for one in tracking.added] == ["cfg-2"]
    assert [one.object_id for one in tracking.already] == ["cfg-1"]
    config.refresh_from_db()
    assert config.name == ""


@pytest.mark.parametrize("object_id", ["", ".", "..", "a/b", "a b", "a\n", "x" * 201, "a?b", "ü\x00"])
def test_what_would_change_the_shape_of_a_path_is_no_object_id(object_id: str) -> None:
    with pytest.raises(object_paths.InvalidObjectId):
        object_paths.object_path(catalogue.get("agentassist.config"), object_id)


def test_a_strange_but_possible_id_stays_one_segment_of_the_path() -> None:
    path = object_paths.object_path(catalogue.get("agentassist.config"), "große:ß@1%2F")
    assert path == "/api/v2/agentassist/configs/gro%C3%9Fe%3A%C3%9F%401%252F"


def test_discover_walks_every_page_and_refuses_a_type_without_a_list(config: TrackedConfig) -> None:
    platform = making.platform_of(config)
    found = discovery.discover(config.tenant, catalogue.get("agentassist.config"), platform)
    assert ("cfg-1", "Agent Assist – Billing EMEA") in found
    assert len(found) == 3
    with pytest.raises(ValueError, match=r"scripting\.session cannot be listed"):
        discovery.discover(config.tenant, catalogue.get("scripting.session"), platform)


# The platform's own history.
