"""When live was seen to be which version, and what follows for a moment: spans, pages and commands."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants import as_of, capture, spans
from tenants.chronicle import LiveSpan
from tenants.models import Snapshot, TrackedConfig
from tenants.moments import Known, Span, Sureness, Version, decide, known_at
from tests import page_world
from tests import world as making
from tests.page_world import PageWorld
from tests.tenants.running import run
from tests.world import BILLING, BILLING_PATH, World

pytestmark = pytest.mark.django_db

NIGHT = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)


def at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return NIGHT + timedelta(hours=int(hours), minutes=int(minutes))


def number(config: TrackedConfig, version: int) -> Snapshot:
    return config.snapshots.get(version=version)


def seen(config: TrackedConfig, version: int | None, first: str, last: str) -> None:
    snapshot = None if version is None else number(config, version)
    LiveSpan.objects.create(
        config=config,
        snapshot=snapshot,
        version=version,
        digest="" if snapshot is None else snapshot.digest,
        first_seen_at=at(first),
        last_seen_at=at(last),
        open=False,
    )


def answer(config: TrackedConfig, clock: str) -> as_of.Standing:
    return as_of.as_of(TrackedConfig.objects.filter(pk=config.pk), at(clock))[0]


# what looks leave


def rows(config: TrackedConfig) -> list[tuple[int | None, bool]]:
    return list(LiveSpan.objects.filter(config=config).order_by("pk").values_list("version", "open"))


def look(config: TrackedConfig, later: timedelta) -> capture.Look:
    config.refresh_from_db()
    now = timezone.now() + later
    return capture.look(config, making.platform_of(config), now=now, conditional=False)


def test_looks_extend_one_row_and_a_pause_begins_another(world: World) -> None:
    config = world.config
    assert rows(config) == [(42, True)]
    minutes = [timedelta(minutes=number) for number in (5, 10, 24)]
    for later in minutes:
        look(config, later)
    [span] = LiveSpan.objects.all()
    assert span.last_seen_at - span.first_seen_at > timedelta(minutes=23)
    look(config, timedelta(minutes=24) + 3 * timedelta(minutes=5) + timedelta(minutes=1))
    assert rows(config) == [(42, False), (42, True)]


def test_a_change_a_deletion_and_a_return_are_rows_of_their_own(world: World) -> None:
    config = world.config
    world.practice.foreign_write(BILLING_PATH)
    look(config, timedelta(minutes=1))
    stored = world.practice.platform.store.organizations["northwind"].objects["assist", BILLING]
    stored.deleted = True
    gone = look(config, timedelta(minutes=2))
    assert gone.outcome is capture.Outcome.VANISHED
    stored.deleted = False
    look(config, timedelta(minutes=3))
    assert rows(config) == [(42, False), (43, False), (None, False), (43, True)]


def test_a_late_answer_does_not_bring_back_what_somebody_else_has_moved_on_from(world: World) -> None:
    config = world.config
    old = config.live
    world.practice.foreign_write(BILLING_PATH)
    look(config, timedelta(minutes=1))
    spans.confirm(config, old, at=timezone.now() + timedelta(minutes=2))
    spans.confirm(config, None, at=timezone.now() + timedelta(minutes=2))
    assert rows(config) == [(42, False), (43, True)]


def test_what_was_seen_before_spans_were_kept_is_filled_in_as_far_as_it_is_known(pages: PageWorld) -> None:
    config, live = pages.billing, number(pages.billing, 42)
    Snapshot.objects.filter(config=config, version__in=(40, 41)).update(source=Snapshot.Source.LIVE)
    TrackedConfig.objects.exclude(pk=config.pk).update(presence=TrackedConfig.Presence.UNREADABLE)
    LiveSpan.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("tenants.migrations.0006_labels_and_spans").FILL)
    filled = LiveSpan.objects.filter(config=config).order_by("first_seen_at")
    assert [(span.version, span.open) for span in filled] == [(40, False), (41, False), (42, False), (42, True)]
    assert all(span.first_seen_at == span.last_seen_at for span in filled), (
        "nobody knows whether anybody looked between"
    )
    assert (filled[2].first_seen_at, filled[3].first_seen_at) == (live.captured_at, config.looked_at)
    assert not LiveSpan.objects.exclude(config=config).filter(open=True).exists()


def test_silence_extends_nothing(world: World) -> None:
    before = list(LiveSpan.objects.values())
    world.practice.add_fault("unavailable_503", path="/configs/", times=None)
    assert look(world.config, timedelta(minutes=4)).outcome is capture.Outcome.UNREACHABLE
    assert list(LiveSpan.objects.values()) == before


# what follows


def test_the_night_is_told_with_how_sure_it_is(pages: PageWorld) -> None:
    config = pages.billing
    Snapshot.objects.filter(config=config, version__lt=42).update(written_at=None)
    Snapshot.objects.filter(config=config, version=42).update(written_at=at("02:46"))
    seen(config, 41, "00:00", "02:40")
    seen(config, 42, "02:55", "06:00")
    told = {
        clock: (answer(config, clock).what, answer(config, clock).verdict.sureness)
        for clock in ("01:00", "02:43", "02:47", "03:00", "07:00")
    }
    assert told == {
        "01:00": ("v41", Sureness.CONFIRMED),
        "02:43": ("v41", Sureness.PLATFORM),
        "02:47": ("v42", Sureness.PLATFORM),
        "03:00": ("v42", Sureness.CONFIRMED),
        "07:00": ("v42", Sureness.LIKELY),
    }
    Snapshot.objects.filter(config=config).update(written_at=None)
    unknown = answer(config, "02:47")
    assert (unknown.what, unknown.verdict.sureness) == ("v41 or v42", Sureness.UNKNOWN)
    assert (unknown.verdict.since, unknown.verdict.until) == (at("02:40"), at("02:55"))
    assert [one.version for one in unknown.candidates] == [41, 42]


def test_the_database_gives_what_the_decision_rests_on(pages: PageWorld) -> None:
    config = pages.billing
    for first, last, version in (("00:00", "00:30", 39), ("01:00", "02:00", 40), ("03:00", "04:00", 42)):
        seen(config, version, first, last)
    for version, clock in ((38, "00:10"), (39, "00:20"), (40, "00:45"), (41, "02:30"), (42, "02:50")):
        Snapshot.objects.filter(config=config, version=version).update(written_at=at(clock))
    kept = [Version(key=one.pk, number=one.version, written_at=one.written_at) for one in config.snapshots.all()]
    told = [
        Span(
            version=next(one for one in kept if one.key == span.snapshot_id),
            first=span.first_seen_at,
            last=span.last_seen_at,
        )
        for span in LiveSpan.objects.all()
    ]
    for minutes in range(-30, 300, 7):
        moment = NIGHT + timedelta(minutes=minutes)
        known = known_at(moment, told, kept)
        assert isinstance(known, Known)
        [standing] = as_of.as_of(TrackedConfig.objects.filter(pk=config.pk), moment)
        assert standing.verdict == decide(moment, known, numbered=True), moment


def test_a_version_that_is_no_longer_kept_is_still_named(pages: PageWorld) -> None:
    seen(pages.billing, 41, "00:00", "02:40")
    LiveSpan.objects.update(snapshot=None)
    standing = answer(pages.billing, "01:00")
    assert (standing.what, standing.snapshot) == ("v41", None)


def test_a_whole_tenant_takes_as_few_questions_as_one_configuration(
    pages: PageWorld, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    page_world.many(pages.northwind, 30, drifted=5)
    moment = timezone.now() - timedelta(days=1)
    with django_assert_max_num_queries(3):
        found = as_of.as_of(TrackedConfig.objects.filter(tenant=pages.northwind), moment)
    assert len(found) == 31


def test_two_moments_differ_where_the_content_does(pages: PageWorld) -> None:
    config = pages.billing
    seen(config, 41, "00:00", "02:40")
    seen(config, 42, "02:41", "06:00")
    [both] = as_of.between(TrackedConfig.objects.filter(pk=config.pk), at("01:00"), at("05:00"))
    assert (both.differs, both.sure) == (True, True)
    [same] = as_of.between(TrackedConfig.objects.filter(pk=config.pk), at("03:00"), at("05:00"))
    assert same.differs is False


# pages and commands


@pytest.fixture
def night(pages: PageWorld) -> PageWorld:
    """Give the night in which v42 came between two looks."""
    Snapshot.objects.filter(config=pages.billing, version__lt=42).update(written_at=None)
    Snapshot.objects.filter(config=pages.billing, version=42).update(written_at=at("02:46"))
    seen(pages.billing, 41, "00:00", "02:40")
    seen(pages.billing, 42, "02:55", "06:00")
    return pages


def test_the_pages_answer_in_the_time_zone_that_was_asked_for(
    night: PageWorld, as_user: Callable[[str], Client]
) -> None:
    carol = as_user("carol")
    tenant = reverse("admin:tenants_tenant_as_of", args=[night.northwind.pk])
    text = carol.get(tenant, {"at": "2026-11-21T03:47", "zone": "Europe/Berlin"}).content.decode()
    assert "v42</a>" in text
    assert "the platform says</span>" in text
    assert "was written at 21 Nov 2026, 03:46:00 CET" in text
    config = reverse("admin:tenants_trackedconfig_change", args=[night.billing.pk])
    one = carol.get(config, {"at": "2026-11-21T01:00"}).content.decode()
    assert "every look from 21 Nov 2026, 00:00:00 UTC to 21 Nov 2026, 02:40:00 UTC showed the same" in one
    both = carol.get(tenant, {"at": "2026-11-21T01:00", "until": "2026-11-21T05:00"}).content.decode()
    assert "10 changes" in both
    assert f"from=id:{number(night.billing, 41).pk}&amp;to=id:{number(night.billing, 42).pk}" in both
    same = carol.get(tenant, {"at": "2026-11-21T04:00", "until": "2026-11-21T05:00"}).content.decode()
    assert "Nothing differs" in same


def test_what_cannot_be_read_is_said_on_the_page(night: PageWorld, as_user: Callable[[str], Client]) -> None:
    tenant = reverse("admin:tenants_tenant_as_of", args=[night.northwind.pk])
    carol = as_user("carol")
    for query, sentence in (
        ({"at": "<b>now"}, "is no moment"),
        ({"at": "2026-11-21T01:00", "zone": "Mars/Olympus"}, "is no time zone"),
        ({"at": "2026-10-25T02:30", "zone": "Europe/Berlin"}, "?at=2026-10-25T02%3A30%2B01%3A00"),
        ({"at": "2026-11-21T01:00", "type": "no.such"}, "v41</a>"),
        ({"at": "2026-11-21T01:00", "page": "x"}, "v41</a>"),
        ({}, "Time zone"),
    ):
        answer = carol.get(tenant, query)
        assert answer.status_code == 200
        assert sentence in answer.content.decode(), query
        assert "<b>now" not in answer.content.decode()


def test_another_tenants_past_is_not_there(night: PageWorld, as_user: Callable[[str], Client]) -> None:
    for name, pk in (("tenants_tenant_as_of", night.northwind.pk), ("tenants_trackedconfig_change", night.billing.pk)):
        assert as_user("dana").get(reverse(f"admin:{name}", args=[pk]), {"at": "02:47"}).status_code == 404


def test_the_command_answers_for_a_configuration_a_type_and_a_tenant(night: PageWorld) -> None:
    when = "2026-11-21T02:47"
    one = run("as_of", "northwind", "agentassist.config:cfg-billing-emea", when, "--json")
    [told] = one.document["configurations"]
    assert (one.code, told["version"], told["sureness"]) == (0, 42, "the platform says")
    assert run("as_of", "northwind", "agentassist.config", when, "--json").document == one.document
    assert run("as_of", "northwind", "2026-11-21", "02:47", "--json").document == one.document
    assert "v42" in run("as_of", "northwind", "2026-11-21T03:47", "--zone", "Europe/Berlin").out

    differs = run("as_of", "northwind", "2026-11-21T01:00", "--until", "2026-11-21T05:00", "--json")
    [changed] = differs.document["configurations"]
    assert (differs.code, differs.document["equal"], changed["changes"]) == (1, False, 10)
    assert (changed["from"]["version"], changed["to"]["version"]) == (41, 42)
    assert run("as_of", "northwind", "2026-11-21T03:00", "--until", "2026-11-21T05:00").code == 0
    assert "v41 → v42, 10 changes" in run("as_of", "northwind", "2026-11-21T01:00", "--until", "2026-11-21T05:00").out
    assert run("as_of", "northwind", "some day").code == 2
    assert run("as_of", "northwind", "no.such.type", when).code == 2
