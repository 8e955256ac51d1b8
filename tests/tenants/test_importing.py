"""The platform's own history over real HTTP: imported whole, resumable, and never stopped by what cannot be read."""

from console.practice.server import PracticeServer
from tenants import archive, importing
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
