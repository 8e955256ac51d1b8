"""Everything of an organization, taken in by a worker: slice by slice, through crashes and silence, nothing twice."""

from collections import Counter
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from rollbacks.models import AuditEntry
from tenants import actions, onboarding
from tenants.models import Onboarding, TrackedConfig
from tenants.resource_types import catalogue
from tests.world import World

pytestmark = pytest.mark.django_db

ASSIST, QUEUE = "agentassist.config", "routing.queue"


@pytest.fixture
def asked(world: World) -> Onboarding:
    """Give what Alice asked for, before any worker has seen it."""
    return actions.ask_for_everything(world.northwind, acting_user=world.alice)


def driven(row: Onboarding, *, until: str, seconds: float = 60.0) -> Onboarding:
    """Let workers go on with it until it is there."""
    for _ in range(200):
        row.refresh_from_db()
        if row.state == until:
            return row
        assert onboarding.drive(row.pk, seconds=seconds), (row.state, row.problem)
    raise AssertionError((row.state, row.problem))


def chosen(world: World, row: Onboarding, *names: str) -> Onboarding:
    """Let Alice choose these types once everything is listed."""
    driven(row, until="choosing")
    actions.choose_types(row, names, acting_user=world.alice)
    row.refresh_from_db()
    return row


def test_it_lists_every_type_and_waits_for_a_choice(world: World, asked: Onboarding) -> None:
    row = driven(asked, until="choosing")

    found = {one["type"]: one for one in row.survey["found"]}
    assert len(found) == len(catalogue.all_types())
    assert (found[ASSIST]["count"], found[ASSIST]["tracked"], found[ASSIST]["unread"]) == (3, 1, 2)
    assert TrackedConfig.objects.count() == 1
    assert not onboarding.drive(row.pk)  # nothing to do before somebody chooses


def test_what_was_chosen_is_tracked_in_the_choosers_name_and_read_to_its_end(world: World, asked: Onboarding) -> None:
    row = driven(chosen(world, asked, ASSIST, QUEUE), until="done")

    assert row.ended_at is not None
    assert TrackedConfig.objects.filter(live__isnull=False).count() == 6
    assert not TrackedConfig.objects.filter(resource_type=ASSIST, history_imported_at=None).exists()
    entries = Counter(AuditEntry.objects.filter(action__contains="ing.").values_list("action", flat=True))
    assert entries == {"onboarding.asked": 1, "onboarding.chosen": 1, "onboarding.done": 1}
    assert set(AuditEntry.objects.filter(action="config.tracked").values_list("actor", flat=True)) == {"alice"}


def test_slices_of_no_length_come_to_the_same_end_and_ask_for_nothing_twice(world: World, asked: Onboarding) -> None:
    driven(asked, until="choosing", seconds=0)
    lists = Counter(one["path"] for one in world.practice.requests() if one["path"] == "/api/v2/routing/queues")
    assert lists["/api/v2/routing/queues"] == 1

    driven(chosen(world, asked, QUEUE), until="done", seconds=0)

    reads = [one["path"] for one in world.practice.requests() if one["path"].startswith("/api/v2/routing/queues/")]
    assert len(reads) == len(set(reads)) == 3


def test_a_row_that_a_worker_holds_is_left_alone_until_its_lease_ends(world: World, asked: Onboarding) -> None:
    Onboarding.objects.filter(pk=asked.pk).update(next_at=timezone.now() + timedelta(minutes=1))

    assert not onboarding.drive(asked.pk)
    assert onboarding.due(now=timezone.now()) == []
    assert onboarding.due(now=timezone.now() + timedelta(minutes=2)) == [asked.pk]


def test_a_silent_platform_puts_it_off_with_the_reason_and_it_goes_on_later(world: World, asked: Onboarding) -> None:
    onboarding.drive(asked.pk, seconds=0)
    world.practice.add_fault("unavailable_503", path="/api/v2/", times=None)

    assert onboarding.drive(asked.pk, seconds=60)

    asked.refresh_from_db()
    assert (asked.state, asked.failures) == ("listing", 1)
    assert asked.problem
    assert asked.next_at > timezone.now()
    silent = [one for one in asked.survey["found"] if any(cause == "silence" for cause, _ in one["troubles"])]
    assert silent == []
    world.practice.clear_faults()
    Onboarding.objects.update(next_at=timezone.now())
    row = driven(asked, until="choosing")
    assert (row.failures, row.problem) == (0, "")


@pytest.mark.slow
def test_one_service_that_is_silent_for_all_its_types_hides_no_other(world: World, asked: Onboarding) -> None:
    world.practice.add_fault("unavailable_503", path="/api/v2/outbound/", times=None)

    row = driven(asked, until="choosing")

    found = {one["type"]: one for one in row.survey["found"]}
    silent = [name for name, one in found.items() if "silence" in {cause for cause, _ in one["troubles"]}]
    assert len(silent) > 3
    assert {name.partition(".")[0] for name in silent} == {"outbound"}
    assert found[QUEUE]["count"] == 3


def test_cancelling_ends_it_where_it_is(world: World, asked: Onboarding) -> None:
    chosen(world, asked, QUEUE)
    actions.cancel_onboarding(asked, acting_user=world.alice)

    assert not onboarding.drive(asked.pk)
    asked.refresh_from_db()
    assert asked.state == "cancelled"
    with pytest.raises(actions.NotPossible, match="ended already"):
        actions.cancel_onboarding(asked, acting_user=world.alice)


def test_there_is_one_open_request_a_tenant_and_one_choice(world: World, asked: Onboarding) -> None:
    assert actions.ask_for_everything(world.northwind, acting_user=world.alice) == asked
    chosen(world, asked, QUEUE)
    with pytest.raises(actions.NotPossible, match="Somebody has chosen already"):
        actions.choose_types(asked, [ASSIST], acting_user=world.alice)
    asked.refresh_from_db()
    assert asked.chosen == [QUEUE]


@pytest.mark.parametrize("names", [[], ["no.such"], ["scripting.session"]])
def test_a_choice_of_nothing_that_was_found_is_refused(world: World, asked: Onboarding, names: list[str]) -> None:
    driven(asked, until="choosing")
    with pytest.raises(actions.NotPossible, match="No type was chosen"):
        actions.choose_types(asked, names, acting_user=world.alice)
    asked.refresh_from_db()
    assert asked.state == "choosing"


def test_only_an_operator_may_ask_choose_and_cancel(world: World, asked: Onboarding) -> None:
    for who in (world.bob, world.carol):
        with pytest.raises(PermissionDenied):
            actions.ask_for_everything(world.northwind, acting_user=who)
        with pytest.raises(PermissionDenied):
            actions.choose_types(asked, [QUEUE], acting_user=who)
        with pytest.raises(PermissionDenied):
            actions.cancel_onboarding(asked, acting_user=who)
    assert Onboarding.objects.get().state == "listing"


def slices(row: Onboarding, number: int, *, seconds: float = 0.0) -> Onboarding:
    """Let workers go on with it so many times, its pauses over."""
    for _ in range(number):
        Onboarding.objects.filter(pk=row.pk).update(next_at=timezone.now())
        onboarding.drive(row.pk, seconds=seconds)
    row.refresh_from_db()
    return row


@pytest.mark.slow
def test_an_object_without_an_answer_keeps_short_slices_from_no_other(world: World, asked: Onboarding) -> None:
    row = slices(chosen(world, asked, QUEUE), 1)
    first = TrackedConfig.objects.filter(resource_type=QUEUE, looked_at=None).order_by("name", "pk")[0]
    world.practice.add_fault("unavailable_503", path=f"/api/v2/routing/queues/{first.object_id}$", times=None)

    row = slices(row, 5)

    assert list(TrackedConfig.objects.filter(resource_type=QUEUE, looked_at=None)) == [first]
    assert row.state == "reading"
    assert "had no answer" in row.problem
    world.practice.clear_faults()
    assert slices(row, 1, seconds=60).state == "done"


@pytest.mark.slow
def test_a_list_without_an_answer_keeps_no_other_type_from_being_tracked(world: World, asked: Onboarding) -> None:
    row = chosen(world, asked, ASSIST, QUEUE)
    world.practice.add_fault("unavailable_503", path="/api/v2/agentassist/configs$", times=None)

    row = slices(row, 2)

    assert row.tracked == [QUEUE]
    row = slices(row, 1)
    assert (row.state, row.failures) == ("tracking", 1)
    assert "/api/v2/agentassist/configs" in row.problem
    row = slices(row, 4, seconds=60)
    assert row.state == "done"
    assert next(one for one in row.survey["found"] if one["type"] == ASSIST)["troubles"][0][0] == "silence"


def test_a_history_that_the_platform_refuses_is_in_the_report_and_does_not_keep_it_from_its_end(
    world: World, asked: Onboarding
) -> None:
    row = chosen(world, asked, ASSIST)
    refusal = {"status": 403, "code": "missing.any.permissions", "message": "Missing agentassist:config:view"}
    path = "/api/v2/agentassist/configs/[^/]+/versions$"
    world.practice.add_fault("refused", method="GET", path=path, refusal=refusal, times=None)

    row = slices(row, 4, seconds=60)

    assert (row.state, row.problem) == ("done", "")
    new = TrackedConfig.objects.filter(resource_type=ASSIST).exclude(pk=world.config.pk)
    (one, other) = new.values_list("history_refused", flat=True)
    assert one[0][0] == other[0][0] == "?"
    assert "refuses the list of versions" in one[0][1]
