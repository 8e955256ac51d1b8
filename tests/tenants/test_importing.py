"""The platform's own history over real HTTP: imported whole, resumable, and never stopped by what cannot be read."""

import json

from console.practice.server import PracticeServer
from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants import actions, archive, importing, labelling
from tenants.chronicle import BadContentAlarm
from tenants.models import Snapshot, TrackedConfig
from tests import world as making
from tests.world import BILLING, BILLING_PATH, World

Presence = TrackedConfig.Presence


def test_the_whole_history_is_imported_newest_first_and_only_once(world: World) -> None:
    config = world.config
    config.refresh_from_db()

    assert sorted(config.snapshots.values_list("version", flat=True)) == list(range(1, 43))
    order = config.snapshots.filter(source=Snapshot.Source.HISTORY).order_by("pk").values_list("version", flat=True)
    assert list(order) == list(range(41, 0, -1))
    assert config.history_imported_at is not None
    assert config.live is not None
    assert config.live.version == 42
    for number in (1, 17, 41):
        raw = world.platform.read(f"{BILLING_PATH}/versions/{number}").body
        assert archive.bytes_of(making.version(config, number)) == raw

    asked = len(world.practice.requests())
    again = importing.import_history(config, world.platform)
    assert (again.imported, again.already, again.refused, again.stopped) == (0, 42, [], "")
    assert len(world.practice.requests()) == asked + 1


def test_a_version_that_cannot_be_used_is_refused_with_its_reason_and_the_rest_is_imported(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    stored = practice.platform.store.organizations["northwind"].objects["assist", BILLING]
    stored.revisions[9].members["content"] = b'{"rules": NaN}'
    practice.add_fault("html_200", path="/versions/20$", times=None)

    result = importing.import_history(config, making.platform_of(config))

    assert [version for version, _ in result.refused] == ["20", "10"]
    assert "not with JSON" in result.refused[0][1]
    assert "NaN" in result.refused[1][1]
    assert result.imported == 39
    assert result.stopped == ""
    kept = set(config.snapshots.values_list("version", flat=True))
    assert kept == set(range(1, 43)) - {10, 20}


def test_an_import_that_silence_stopped_keeps_what_it_has_and_goes_on_from_there(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    practice.add_fault("unavailable_503", path="/versions/30$", times=None)
    told: list[tuple[int, int]] = []

    first = importing.import_history(
        config, making.platform_of(config), progress=lambda done, total: told.append((done, total))
    )

    assert first.imported == 11
    assert "stopped at v30" in first.stopped
    assert told[0] == (0, 41)
    assert min(config.snapshots.values_list("version", flat=True)) == 31
    config.refresh_from_db()
    assert config.history_imported_at is None

    practice.clear_faults()
    second = importing.import_history(config, making.platform_of(config))
    assert (second.imported, second.already, second.stopped) == (30, 12, "")
    assert config.snapshots.count() == 42


def test_a_list_of_versions_that_does_not_come_stops_the_import_with_a_sentence(
    practice: PracticeServer, config: TrackedConfig
) -> None:
    making.look(config)
    practice.add_fault("html_200", path="/versions$", times=None)

    result = importing.import_history(config, making.platform_of(config))

    assert "did not come to its end" in result.stopped
    assert config.snapshots.count() == 1


def test_one_version_can_be_read_from_the_history_by_itself(config: TrackedConfig) -> None:
    snapshot = importing.read_version(config, 7, making.platform_of(config))

    assert (snapshot.version, snapshot.source) == (7, Snapshot.Source.HISTORY)
    assert importing.read_version(config, 7, making.platform_of(config)) == snapshot
    config.refresh_from_db()
    assert config.live is None


def there_and_gone_again(world: World) -> Snapshot:
    """Let the content of version 41 be live once more as version 43, which nobody looks at; give version 41."""
    control, past = world.practice.platform.control, making.version(world.config, 41)
    told = {"organization": "northwind", "object": BILLING_PATH}
    control.foreign_write({**told, "body": json.loads(archive.bytes_of(past)) | {"version": 42}})
    control.foreign_write(told)
    seen = making.look(world.config).snapshot
    assert seen is not None
    assert seen.version == 44
    return past


def label_bad(snapshot: Snapshot, world: World) -> None:
    reason = "Refund calls went to Retention"
    actions.label_version(snapshot, labelling.Word.BAD, reason=reason, acting_user=world.alice)


def test_bad_content_that_came_back_between_two_looks_raises_the_alarm_from_the_history(world: World) -> None:
    label_bad(making.version(world.config, 41), world)
    bad = there_and_gone_again(world)
    assert not AuditEntry.objects.filter(action__startswith="config.bad_content").exists(), "it is not live"

    assert importing.import_history(world.config, world.platform).imported == 1

    between = making.version(world.config, 43)
    assert between.digest == bad.digest
    [alarm] = BadContentAlarm.objects.all()
    assert (alarm.config_id, alarm.snapshot) == (world.config.pk, between)
    entry = audit.payload_of(AuditEntry.objects.get(action="config.bad_content_between"))
    assert entry["outcome"] == "alarm"
    details = entry["details"]
    assert isinstance(details, dict)
    assert (details["version"], details["elsewhere"]) == ("43", False)
    assert importing.import_history(world.config, world.platform).imported == 0
    assert labelling.raise_alarms() == 0
    assert BadContentAlarm.objects.count() == 1, "once is enough"


def test_what_was_labelled_bad_only_after_it_had_gone_raises_no_alarm_when_its_past_is_taken_in(world: World) -> None:
    label_bad(there_and_gone_again(world), world)
    assert importing.import_history(world.config, world.platform).imported == 1
    assert not BadContentAlarm.objects.exists()
