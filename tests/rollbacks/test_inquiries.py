"""The platform's own audit is held against our writes: matched, missing, or with a foreign write in between."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.practice.server import PracticeServer
from rollbacks import inquiries, tasks, verifying
from rollbacks.models import Attempt, AuditEntry, Inquiry, Rollback
from tenants import connections
from tenants.audit_records import PERMISSION
from tests.rollbacks.conftest import Desk
from tests.rollbacks.test_types import first_of, make_case
from tests.world import BILLING_PATH, People

pytestmark = pytest.mark.django_db(transaction=True)

SETTLED = timedelta(minutes=20)


def switch(desk: Desk, **switches: Any) -> None:
    desk.world.practice.set_switches("northwind", **switches)


def verdicts() -> list[tuple[str, str, object]]:
    """Give everything that an inquiry must leave alone."""
    return [
        *Rollback.objects.order_by("pk").values_list("state", "verdict", "explanation"),
        *Attempt.objects.order_by("pk").values_list("state", "verdict", "evidence"),
    ]


def looked(inquiry: Inquiry) -> Inquiry:
    """Look once, due or not."""
    before = verdicts()
    inquiries.look(inquiry.pk, everything=True)
    assert verdicts() == before
    inquiry.refresh_from_db()
    return inquiry


def of_write(rollback: Rollback) -> Inquiry:
    """Give what was begun about the write of a rollback that ended."""
    inquiries.begin()
    return Inquiry.objects.get(rollback=rollback, kind="attestation")


def of_conflict(rollback: Rollback) -> Inquiry:
    inquiries.begin()
    return Inquiry.objects.get(rollback=rollback, kind="conflict")


def later(inquiry: Inquiry, *, by: timedelta = SETTLED) -> Inquiry:
    """Let time pass over an inquiry."""
    fields = {name: getattr(inquiry, name) - by for name in ("settles_at", "until", "look_at")}
    Inquiry.objects.filter(pk=inquiry.pk).update(**fields)
    inquiry.refresh_from_db()
    return inquiry


def entries(desk: Desk) -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(action__regex="^(attestation|conflict)[.]").order_by("seq")
    assert verifying.verify(desk.world.northwind).holds
    return list(found.values_list("action", "outcome"))


def test_our_write_is_matched_at_once_and_final_when_nobody_elses_record_may_still_come(desk: Desk) -> None:
    rollback = desk.run(desk.approved())
    assert rollback.verdict == "verified"
    inquiry = looked(of_write(rollback))
    assert (inquiry.state, inquiry.ended_at, inquiry.looks) == ("matched", None, 1)
    assert inquiry.ours is not None
    assert inquiry.ours["client"] == desk.world.northwind.client_id
    assert inquiry.ours["addresses"] == ["127.0.0.1"]
    assert entries(desk) == []
    inquiry = looked(later(inquiry))
    assert (inquiry.state, inquiry.looks) == ("matched", 2)
    assert inquiry.ended_at is not None
    assert entries(desk) == [("attestation.matched", "ok")]
    assert inquiries.look(inquiry.pk, everything=True) is None
    assert inquiries.begin() == 0


def test_a_record_that_comes_late_is_waited_for_with_pauses_that_grow(desk: Desk) -> None:
    switch(desk, audit_delay_seconds=3600)
    inquiry = of_write(desk.run(desk.approved()))
    pauses = []
    for _ in range(4):
        inquiry = looked(inquiry)
        pauses.append(inquiry.look_at - timezone.now())
    assert pauses == sorted(pauses)
    assert (inquiry.state, inquiry.looks, inquiry.ended_at) == ("looking", 4, None)
    assert inquiry.until > timezone.now() + timedelta(hours=23)
    switch(desk, audit_delay_seconds=0)
    assert looked(inquiry).state == "matched"


def test_a_record_that_never_comes_is_missing_when_its_time_is_over(desk: Desk) -> None:
    switch(desk, audits_lost=True)
    inquiry = looked(of_write(desk.run(desk.approved())))
    assert inquiry.state == "looking"
    inquiry = looked(later(inquiry, by=timedelta(hours=25)))
    assert (inquiry.state, inquiry.ended_at is not None) == ("missing", True)
    assert entries(desk) == [("attestation.missing", "unknown")]


def test_without_the_permission_it_cannot_be_seen_and_can_once_it_is_given(desk: Desk) -> None:
    desk.take_away(PERMISSION)
    inquiry = looked(of_write(desk.run(desk.approved())))
    assert (inquiry.state, inquiry.missing_permission, inquiry.ended_at) == ("unreadable", PERMISSION, None)
    assert PERMISSION in inquiry.problem
    desk.world.practice.platform.control.set_permissions({"organization": "northwind", "reset": True})
    inquiry = looked(inquiry)
    assert (inquiry.state, inquiry.missing_permission, inquiry.problem) == ("matched", "", "")


def test_a_platform_out_of_reach_postpones_and_what_was_told_before_stands(desk: Desk) -> None:
    inquiry = looked(of_write(desk.run(desk.approved())))
    desk.fault("unavailable_503", method="POST", path="/audits/query", times=None)
    inquiry = looked(inquiry)
    assert (inquiry.state, inquiry.failures, inquiry.ended_at) == ("matched", 1, None)
    assert "503" in inquiry.problem
    inquiry = looked(later(inquiry, by=timedelta(hours=25)))
    assert (inquiry.state, inquiry.ended_at is not None) == ("matched", True)


def test_a_write_whose_answer_was_lost_is_matched_too(desk: Desk) -> None:
    desk.fault("drop_after_commit")
    rollback = desk.run(desk.approved())
    assert rollback.verdict == "verified"
    assert looked(of_write(rollback)).state == "matched"


def test_what_ended_in_conflict_is_no_write_of_ours_and_the_one_before_it_is_named(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("foreign_write", by="Ines Duarte")
    assert desk.run(rollback).verdict == "conflict"
    inquiry = looked(of_conflict(rollback))
    assert not Inquiry.objects.filter(kind="attestation").exists()
    [theirs] = inquiry.records
    assert (inquiry.state, theirs["user"]["name"], theirs["addresses"]) == ("named", "Ines Duarte", ["198.51.100.23"])
    looked(later(inquiry))
    assert entries(desk) == [("conflict.named", "ok")]


def test_a_base_that_moved_before_anything_was_sent_is_asked_about_as_well(desk: Desk) -> None:
    rollback = desk.approved()
    desk.world.practice.foreign_write(BILLING_PATH, by="Ines Duarte")
    assert desk.run(rollback).state == "conflict"
    inquiry = looked(of_conflict(rollback))
    assert [one["user"]["name"] for one in inquiry.records] == ["Ines Duarte"]
    assert desk.writes() == []


def test_a_foreign_write_that_nothing_guarded_against_is_found_between_our_look_and_our_write(
    practice: PracticeServer, people: People
) -> None:
    object_id = first_of(practice, "northwind", "queue")
    case = make_case(practice, people, "northwind", "routing.queue", object_id)
    case.edit("/acwSettings/timeoutMs", 60_000)
    rollback = case.approved(1)
    # The look right before takes its time, so that by the platform's own clock the foreign write is closer to ours.
    practice.add_fault("slow", method="GET", path=f"/{object_id}$", seconds=0.4, times=None)
    practice.add_fault("foreign_write", method="PUT", path=f"/{object_id}$", by="Ines Duarte")
    practice.add_fault("slow", method="PUT", path=f"/{object_id}$", seconds=0.02)
    rollback = case.run(rollback)
    assert rollback.verdict == "verified"
    inquiries.begin()
    inquiry = looked(Inquiry.objects.get(kind="attestation"))
    assert inquiry.state == "foreign"
    assert inquiry.ours is not None
    assert inquiry.ours["client"] == practice.credentials["northwind"].client_id
    assert [one["user"]["name"] for one in inquiry.records] == ["Ines Duarte"]
    assert inquiry.ended_at is not None, "nothing that may still come can change that"
    entry = AuditEntry.objects.get(action="attestation.foreign")
    assert (entry.outcome, entry.attempt_id) == ("conflict", inquiry.attempt_id)
    rollback.refresh_from_db()
    assert rollback.verdict == "verified"


@pytest.mark.slow
def test_what_is_older_than_two_weeks_takes_the_query_that_runs_and_is_gone_on_with(desk: Desk) -> None:
    inquiry = of_write(desk.run(desk.approved()))
    long_ago = timezone.now() - timedelta(days=40)
    Inquiry.objects.filter(pk=inquiry.pk).update(began_at=long_ago)
    switch(desk, audit_query_seconds=3600)
    inquiry.refresh_from_db()
    inquiry = looked(inquiry)
    assert (inquiry.state, inquiry.query != "") == ("looking", True)
    running = inquiry.query
    switch(desk, audit_query_seconds=0)
    inquiry = looked(inquiry)
    assert (inquiry.state, inquiry.query) == ("matched", "")
    asked = [one["path"] for one in desk.world.practice.requests() if "/audits/query" in one["path"]]
    assert asked.count("/api/v2/audits/query") == 1
    assert asked[-1] == f"/api/v2/audits/query/{running}/results"


def test_a_lease_keeps_a_second_worker_away_and_what_comes_after_it_is_dropped(desk: Desk) -> None:
    inquiry = of_write(desk.run(desk.approved()))
    held = timezone.now() + timedelta(minutes=1)
    Inquiry.objects.filter(pk=inquiry.pk).update(leased_until=held)
    assert inquiries.look(inquiry.pk, everything=True) is None
    Inquiry.objects.filter(pk=inquiry.pk).update(leased_until=timezone.now())

    class Overtaken:
        """Somebody else takes the lease over while the platform is asked."""

        def __getattr__(self, name: str) -> object:
            Inquiry.objects.filter(pk=inquiry.pk).update(leased_until=held)
            return getattr(connections.connect(desk.world.northwind), name)

    inquiries.look(inquiry.pk, platform=Overtaken(), everything=True)  # type: ignore[arg-type]
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.looks, inquiry.leased_until) == ("looking", 0, held)


def test_the_sweep_begins_and_looks_by_itself_and_leaves_what_is_not_due(desk: Desk) -> None:
    desk.run(desk.approved())
    tasks.sweep_attestations()
    inquiry = Inquiry.objects.get()
    assert (inquiry.state, inquiry.looks) == ("matched", 1)
    tasks.sweep_attestations()
    inquiry.refresh_from_db()
    assert inquiry.looks == 1


def test_a_write_that_was_turned_away_for_good_is_not_asked_about(desk: Desk) -> None:
    desk.fault("refused", refusal={"status": 403})
    assert desk.run(desk.approved()).state == "refused"
    assert inquiries.begin() == 0
