"""Who last changed each field of a kept version: the same from the kept differences as from the versions themselves."""

import copy
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import archive, blaming, indexing, tasks
from tenants.documents import Value, blame
from tenants.indices import ConfigIndex, PastValue, VersionChanges
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue, secrets
from tests import page_world
from tests.page_world import PageWorld
from tests.tenants.running import run

pytestmark = pytest.mark.django_db


def words_of(config: TrackedConfig) -> tuple[str, str]:
    return config.tenant.slug, config.address


def changed(config: TrackedConfig) -> list[tuple[int, int | None]]:
    rows = VersionChanges.objects.filter(config=config).order_by("position").select_related("snapshot", "before")
    return [(row.snapshot.version, row.before.version if row.before else None) for row in rows]


def by_the_versions(snapshot: Snapshot) -> dict[str, int]:
    """Blame a version by reading all up to it at once, nothing kept."""
    rtype = catalogue.get(snapshot.config.resource_type)
    up_to = [one for one in snapshot.config.snapshots.order_by("version") if one.version <= snapshot.version]
    values: list[Value] = [secrets.hidden(rtype, archive.value_of(one)) for one in up_to]
    found = blame(values, identity_keys=rtype.identity_keys)
    return {field.path: up_to[field.told.since].version for field in found.fields(values[-1])}


def by_the_index(snapshot: Snapshot) -> dict[str, int]:
    blamed = blaming.blame_of(snapshot)
    fields = blamed.blame.fields(blamed.value)
    return {field.path: blamed.writers[field.told.since].snapshot.version for field in fields}


def test_every_version_is_blamed_as_by_reading_all_up_to_it(pages: PageWorld) -> None:
    for snapshot in pages.billing.snapshots.all():
        assert by_the_index(snapshot) == by_the_versions(snapshot)
    live = by_the_index(pages.billing.snapshots.get(version=42))
    assert live["/content/rules/1/knowledge/minConfidence"] == 42
    assert live["/content/suggestions/minConfidence"] == 36


def test_versions_that_come_later_are_taken_up_where_the_last_round_ended(pages: PageWorld) -> None:
    billing = pages.billing
    assert indexing.catch_up(billing, seconds=0) == indexing.Standing(1, 7)
    assert billing in indexing.due(TrackedConfig.objects.all())
    assert indexing.catch_up(billing).complete
    assert billing not in indexing.due(TrackedConfig.objects.all())
    row = ConfigIndex.objects.get(config=billing)
    newest = page_world.version(billing, 43, page_world.first_content(), author="Tom Becker")
    assert billing in indexing.due(TrackedConfig.objects.all())
    with CaptureQueriesContext(connection) as queries:
        indexing.catch_up(billing)
    assert VersionChanges.objects.filter(config=billing).count() == 8
    assert sum("DELETE" in query["sql"] for query in queries) == 0
    assert ConfigIndex.objects.get(config=billing).chain != row.chain
    assert by_the_index(newest) == by_the_versions(newest)


def test_a_history_that_is_imported_or_thinned_out_later_is_worked_out_anew(pages: PageWorld) -> None:
    billing = pages.billing
    indexing.catch_up(billing)
    assert changed(billing)[0] == (36, None)
    older = copy.deepcopy(page_world.first_content())
    older["description"] = "Not yet written"
    page_world.version(billing, 30, older)
    assert billing in indexing.due(TrackedConfig.objects.all())
    indexing.catch_up(billing)
    assert changed(billing)[:2] == [(30, None), (36, 30)]
    assert by_the_index(billing.snapshots.get(version=42)) == by_the_versions(billing.snapshots.get(version=42))
    billing.snapshots.get(version=38).delete()
    assert billing in indexing.due(TrackedConfig.objects.all())
    indexing.catch_up(billing)
    assert (39, 37) in changed(billing)
    assert by_the_index(billing.snapshots.get(version=42)) == by_the_versions(billing.snapshots.get(version=42))


def test_a_version_that_cannot_be_read_is_passed_by_and_said_to_be_so(pages: PageWorld) -> None:
    broken = page_world.version(pages.billing, 35, b'{"id": "x", "content": {,}')
    indexing.catch_up(pages.billing)
    assert changed(pages.billing)[:2] == [(35, None), (36, None)]
    assert VersionChanges.objects.get(snapshot=broken).problem
    assert set(by_the_index(pages.billing.snapshots.get(version=36)).values()) == {36}
    with pytest.raises(archive.UnusableContent):
        blaming.blame_of(broken)


def test_what_each_version_changed_is_counted_and_named(pages: PageWorld) -> None:
    indexing.catch_up(pages.billing)
    row = VersionChanges.objects.get(snapshot__version=42, config=pages.billing)
    assert (row.changed, row.added, row.removed, row.moved) == (6, 2, 1, 1)
    assert row.apart
    assert {"where": "content › rules", "count": 3} in row.top
    assert "\ncontent › rules › refund request › knowledge › minconfidence\n" in row.places
    assert "\n/content/rules/1/knowledge/minConfidence\n" in row.places


def test_values_that_are_gone_are_kept_with_where_they_came_and_went_and_nothing_of_the_platform_s_own(
    pages: PageWorld,
) -> None:
    indexing.catch_up(pages.billing)
    gone = PastValue.objects.get(config=pages.billing, text="cancel contract please")
    assert (gone.since.version, gone.before.version, gone.gone_in.version) == (36, 41, 42)
    assert gone.trail == "content › rules › Cancel contract › triggers › #1 › value"
    assert gone.became == '"cancel contract now"'
    whole = PastValue.objects.get(config=pages.billing, text="Upgrade offer")
    assert (whole.path, whole.became) == ("/content/rules/2/name", "")
    assert not PastValue.objects.filter(path__in=["/version", "/dateModified", "/modifiedBy/name"]).exists()


def test_nobody_waits_for_another_who_is_at_it_and_a_large_history_is_left_to_the_worker(pages: PageWorld) -> None:
    with pytest.raises(blaming.NotYet, match=r"0 of 7 versions of Agent Assist – Billing EMEA have been compared"):
        blaming.blame_of(pages.billing.snapshots.get(version=42), largest=1000)
    assert not VersionChanges.objects.exists()


# --- the terminal -----------------------------------------------------------------------------------------------------


def test_the_command_names_version_author_and_value_of_each_field(pages: PageWorld) -> None:
    ran = run("blame", *words_of(pages.billing))
    assert ran.code == 0, ran.err
    [line] = [line for line in ran.out.splitlines() if "/content/rules/1/knowledge/minConfidence" in line]
    assert line.startswith("v42")
    assert "Marek Wolski" in line
    assert line.rstrip().endswith("0.35")
    assert "moved by v42" in next(line for line in ran.out.splitlines() if "/content/rules/0/name" in line)
    assert "v36 is the first version seen: its fields may be older." in ran.out
    assert "/dateModified" not in ran.out
    assert "/dateModified" in run("blame", *words_of(pages.billing), "--all").out


def test_the_command_takes_a_version_and_a_path_and_prints_one_document(pages: PageWorld) -> None:
    ran = run("blame", *words_of(pages.billing), "41", "--path", "/content/rules/1/triggers/0", "--json")
    fields: list[dict[str, Any]] = ran.document["fields"]
    assert (ran.code, ran.document["version"]) == (0, 41)
    assert [(field["path"], field["value"], field["version"]) for field in fields] == [
        ("/content/rules/1/triggers/0/type", "phrase", 36),
        ("/content/rules/1/triggers/0/value", "cancel contract please", 36),
        ("/content/rules/1/triggers/0/confidence", 0.91, 41),
    ]
    assert fields[2]["author"] == "Ines Duarte"
    assert fields[2]["first_seen"] is False
    assert fields[2]["rollback"] is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--path", "/content/nothing"], "has nothing at '/content/nothing'"),
        (["--path", "content"], "is not a JSON Pointer"),
        (["99"], "is not kept here"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(pages: PageWorld, words: list[str], sentence: str) -> None:
    ran = run("blame", *words_of(pages.billing), *words)
    assert ran.code == 2
    assert sentence in ran.err


# --- the worker -------------------------------------------------------------------------------------------------------


def test_a_round_of_the_worker_brings_every_configuration_up_to_date(pages: PageWorld) -> None:
    assert tasks.sweep_indices() == 2
    assert {row.config.object_id: row.done for row in ConfigIndex.objects.select_related("config")} == {
        "cfg-billing-emea": 7,
        "cfg-retail-secret": 1,
    }
    assert tasks.sweep_indices() == 0
