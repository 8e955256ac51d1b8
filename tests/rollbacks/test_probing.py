"""The guard of a type, probed over real HTTP: enforced, ignored, lost, and what follows for rollbacks."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.utils import timezone

from console.practice.server import PracticeServer
from rollbacks import actions, audit, one_object, probing, proofs, surveys, transitions, verifying
from rollbacks.driving import driver_name
from rollbacks.models import AuditEntry, GuardProbe, Rollback
from tenants import drift
from tests import world as making
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.test_types import Case, first_of, make_case
from tests.world import People, type_of

pytestmark = pytest.mark.django_db(transaction=True)


def probe(desk: Desk) -> GuardProbe:
    return actions.probe_guard(desk.world.config, acting_user=desk.world.alice, pace=QUICK)


def ignore_guards(desk: Desk, **switches: bool) -> None:
    desk.world.practice.set_switches("northwind", **(switches or {"guards_enforced": False}))


def entries(desk: Desk, action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant=desk.world.northwind, action=action).order_by("seq"))


def test_a_guard_that_the_platform_checks_is_proven_by_two_requests_that_change_nothing(desk: Desk) -> None:
    before = desk.world.live_version
    found = probe(desk)

    assert (found.result, found.wrote, found.level_before, found.level) == ("enforced", False, "A", "A")
    etag, version = found.requests
    assert (etag["part"], etag["sent_version"], etag["status"]) == ("etag", before + 1, 409)
    assert etag["if_match"] != etag["live"]["etag"]
    assert (version["part"], version["sent_version"], version["status"]) == ("version", before, 400)
    assert version["if_match"] == version["live"]["etag"]
    assert desk.world.live_version == before
    assert desk.writes() == []
    assert [audit.payload_of(one)["details"]["part"] for one in entries(desk, "probe.intent")] == [  # type: ignore[index]
        "etag",
        "version",
    ]
    (outcome,) = entries(desk, "probe.outcome")
    assert (outcome.outcome, outcome.actor) == ("ok", "alice")
    assert verifying.verify(desk.world.northwind).holds
    proof = proofs.proof_of(desk.world.northwind, type_of(desk.world.config))
    assert proof.proven
    assert proof.sentence.startswith("The guard was proven on ")


@pytest.mark.parametrize(
    ("switches", "parts", "words"),
    [
        ({"guards_enforced": False}, ["etag"], "does not check the ETag"),
        ({"etags_enforced": False}, ["etag"], "does not check the ETag"),
        ({"versions_enforced": False}, ["etag", "version"], "does not check the version"),
    ],
)
def test_a_guard_that_is_not_checked_makes_the_type_level_c_and_the_probe_says_that_it_wrote(
    desk: Desk, switches: dict[str, bool], parts: list[str], words: str
) -> None:
    before = desk.world.live_version
    digest = desk.world.config.snapshots.get(version=before).digest
    ignore_guards(desk, **switches)
    found = probe(desk)

    assert (found.result, found.wrote, found.level_before, found.level) == ("not_enforced", True, "A", "C")
    assert [sent["part"] for sent in found.requests] == parts
    assert len(desk.writes()) == 1
    assert desk.world.live_version == before + 1
    assert found.read_back is not None
    assert (found.read_back.version, found.read_back.digest) == (before + 1, digest)
    assert f"The probe itself wrote: the same content is live once more as version {before + 1}." in found.explanation
    (outcome,) = entries(desk, "probe.outcome")
    assert outcome.outcome == "alarm"
    desk.world.config.refresh_from_db()
    assert not drift.is_drifted(desk.world.config)
    survey = actions.plan_rollback(
        desk.world.config, making.version(desk.world.config, before - 1), acting_user=desk.world.alice
    )
    assert survey.guard_level == "C"
    assert words in survey.proof.sentence


def test_a_later_probe_that_finds_the_guard_checked_lifts_the_level_again(desk: Desk) -> None:
    ignore_guards(desk)
    probe(desk)
    ignore_guards(desk, guards_enforced=True)
    found = probe(desk)

    assert (found.result, found.level_before, found.level) == ("enforced", "C", "A")
    assert proofs.proof_of(desk.world.northwind, type_of(desk.world.config)).proven


def test_a_success_that_changed_nothing_shows_nothing_and_leaves_the_level(desk: Desk) -> None:
    desk.world.practice.set_switches("northwind", equal_write_succeeds=True)
    before = desk.world.live_version
    found = probe(desk)

    assert (found.result, found.wrote, found.level) == ("unclear", False, "A")
    assert found.requests[1]["status"] == 200
    assert "although live has not moved" in found.explanation
    assert desk.world.live_version == before
    proof = proofs.proof_of(desk.world.northwind, type_of(desk.world.config))
    assert not proof.proven
    assert "never probed" in proof.sentence
    assert "was unclear" in proof.sentence


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ({"status": 403, "code": "missing.any.permissions", "message": "[agentassist:config:write]"}, "permission"),
        ({"status": 409, "code": "", "message": "Dependent entities exist."}, "depends on it"),
        ({"status": 423, "code": "", "message": "It is locked by user [Ines Duarte]."}, "locked: Ines Duarte"),
        ({"status": 503, "code": "service.unavailable", "message": ""}, "no clear answer"),
    ],
)
def test_a_no_for_another_reason_shows_nothing_of_the_guard(desk: Desk, refusal: dict[str, object], said: str) -> None:
    desk.fault("refused", refusal=refusal)
    found = probe(desk)

    assert (found.result, found.wrote) == ("unclear", False)
    assert said in found.explanation
    assert desk.writes() == []


@pytest.mark.parametrize("kind", ["false_409", "false_412"])
def test_a_no_behind_which_the_write_landed_is_no_proof(desk: Desk, kind: str) -> None:
    ignore_guards(desk)
    desk.fault(kind)
    found = probe(desk)

    assert (found.result, found.wrote, found.level) == ("not_enforced", True, "C")
    assert len(desk.writes()) == 1


def test_somebody_who_writes_meanwhile_makes_the_probe_unclear_and_not_a_proof(desk: Desk) -> None:
    desk.fault("foreign_write", by="Ines Duarte")
    found = probe(desk)

    assert (found.result, found.wrote, len(found.requests)) == ("unclear", False, 1)
    assert "somebody else wrote the object meanwhile" in found.explanation
    assert desk.writes() == []


def test_a_lost_answer_is_read_after_until_the_request_can_no_longer_land(desk: Desk) -> None:
    desk.fault("drop_before_commit")
    found = actions.probe_guard(
        desk.world.config, acting_user=desk.world.alice, pace=replace(QUICK, patience=0.1, horizon=600.0)
    )

    assert (found.result, found.ended_at) == ("", None)
    assert "may still land" in found.explanation
    with pytest.raises(probing.NotProbed, match="is under way"):
        probe(desk)
    refused = pytest.raises(actions.RequestRefused, match="A probe of this object's guard, asked for by alice")
    with refused:
        desk.request()
    GuardProbe.objects.update(driven_until=timezone.now())
    assert probing.recover(pace=replace(QUICK, horizon=600.0)) == []
    GuardProbe.objects.update(driven_until=timezone.now())
    (ended,) = probing.recover(pace=replace(QUICK, horizon=0.0))
    assert (ended.result, ended.wrote, ended.level) == ("unclear", False, "A")
    assert len(entries(desk, "probe.outcome")) == 1
    assert desk.writes() == []


def test_a_probe_whose_worker_died_after_the_write_landed_is_ended_by_reading_alone(desk: Desk) -> None:
    ignore_guards(desk)
    desk.fault("drop_after_commit")
    found = actions.probe_guard(
        desk.world.config, acting_user=desk.world.alice, pace=replace(QUICK, patience=0.0, horizon=600.0)
    )
    if found.ended_at is None:
        GuardProbe.objects.update(driven_until=timezone.now())
        (found,) = probing.recover(pace=replace(QUICK, horizon=600.0))

    assert (found.result, found.wrote, found.level) == ("not_enforced", True, "C")
    assert len(desk.writes()) == 1


def test_a_dead_worker_s_probe_is_taken_over_and_a_living_one_s_is_not(desk: Desk) -> None:
    opened = probing._begin(  # a worker that dies right after it began
        desk.world.config,
        type_of(desk.world.config),
        surveys.read_live(desk.world.config, desk.world.platform),
        acting_user=None,
    )
    assert probing.recover(pace=QUICK) == []
    host = driver_name().rpartition(":")[0].rpartition(":")[0]
    GuardProbe.objects.filter(pk=opened.pk).update(driver=f"{host}:99999999:1")
    (ended,) = probing.recover(pace=QUICK)
    assert (ended.result, ended.explanation.startswith("Nothing was sent.")) == ("unclear", True)


def test_a_worker_that_wakes_after_the_sweep_has_ended_its_probe_sends_nothing_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_live = surveys.read_live
    began: list[bool] = []

    def paused(*given: object, **more: object) -> object:
        live = read_live(*given, **more)  # type: ignore[arg-type]
        if GuardProbe.objects.filter(ended_at__isnull=True).exists() and not began:
            began.append(True)
            GuardProbe.objects.update(driven_until=timezone.now())
            monkeypatch.setattr(probing, "_LEAVE", timedelta(0))
            probing.recover(pace=replace(QUICK, horizon=0.0))
        return live

    monkeypatch.setattr(surveys, "read_live", paused)
    found = probe(desk)

    assert (found.result, len(found.requests)) == ("unclear", 1)
    assert [request["method"] for request in desk.world.practice.requests()].count("PUT") == 1
    assert len(entries(desk, "probe.outcome")) == 1


def test_a_frozen_tenant_a_busy_object_and_a_missing_role_are_refused_before_anything_is_sent(desk: Desk) -> None:
    with pytest.raises(PermissionDenied):
        actions.probe_guard(desk.world.config, acting_user=desk.world.carol)
    rollback = desk.approved()
    desk.fault("drop_before_commit", times=None)
    desk.run(rollback, pace=replace(QUICK, patience=0.0))
    assert one_object.open_attempt_sentence(desk.world.config)
    with pytest.raises(probing.NotProbed, match="A rollback of this object to version"):
        probe(desk)
    desk.world.northwind.frozen = True
    desk.world.northwind.save()
    desk.world.config.refresh_from_db()
    with pytest.raises(probing.NotProbed, match="is frozen"):
        probe(desk)
    assert not GuardProbe.objects.exists()
    assert entries(desk, "probe.intent") == []


def test_a_client_that_may_not_write_the_type_is_not_used_for_a_probe(desk: Desk) -> None:
    desk.take_away("agentassist:config:write")
    with pytest.raises(probing.NotProbed, match="agentassist:config:write"):
        probe(desk)
    assert not GuardProbe.objects.exists()


@pytest.fixture
def campaign(practice: PracticeServer, people: People) -> Case:
    case = make_case(practice, people, "northwind", "outbound.campaign", first_of(practice, "northwind", "campaign"))
    case.edit("/outboundLineCount", 40)
    return case


def test_a_type_with_a_body_version_is_probed_by_the_version_before_live(campaign: Case) -> None:
    live = campaign.live()["version"]
    found = actions.probe_guard(campaign.config, acting_user=campaign.people.alice, pace=QUICK)

    assert (found.result, found.level) == ("enforced", "B")
    (sent,) = found.requests
    assert (sent["part"], sent["sent_version"], sent["if_match"]) == ("version", live - 1, None)
    assert campaign.live()["version"] == live
    campaign.practice.set_switches("northwind", guards_enforced=False)
    found = actions.probe_guard(campaign.config, acting_user=campaign.people.alice, pace=QUICK)
    assert (found.result, found.wrote, found.level) == ("not_enforced", True, "C")
    assert campaign.live()["version"] == live + 1


def test_a_type_that_the_platform_guards_with_nothing_says_so(practice: PracticeServer, people: People) -> None:
    queue = make_case(practice, people, "northwind", "routing.queue", first_of(practice, "northwind", "queue"))
    with pytest.raises(probing.NotProbed, match="level C"):
        actions.probe_guard(queue.config, acting_user=people.alice)
    assert queue.writes() == []


def test_an_approval_is_void_once_a_probe_has_changed_the_level(desk: Desk) -> None:
    rollback = desk.approved()
    ignore_guards(desk, versions_enforced=False)
    other = making.track(desk.world.northwind, "cfg-2")
    making.look(other)
    failed = actions.probe_guard(other, acting_user=desk.world.alice, pace=QUICK)
    assert failed.result == "not_enforced"
    ran = desk.run(rollback)

    assert ran.state != "applied"
    assert "level" in ran.explanation
    assert desk.world.practice.writes("cfg-1") == []
    again = desk.run(desk.approved())
    assert (again.state, again.verdict, again.guard_level) == ("applied", "verified", "C")


def test_a_level_that_changes_between_the_survey_and_the_first_byte_stops_the_run(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollback = desk.approved()
    ignore_guards(desk)
    other = making.track(desk.world.northwind, "cfg-2")
    making.look(other)
    begin = transitions.begin_attempt

    def probed_just_before(*given: object, **more: object) -> object:
        actions.probe_guard(other, acting_user=desk.world.alice, pace=QUICK)
        return begin(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(transitions, "begin_attempt", probed_just_before)
    ran = desk.run(rollback)

    assert "level" in ran.explanation
    assert Rollback.objects.get().attempts.count() == 0
    assert desk.world.practice.writes("cfg-1") == []


def test_at_level_c_after_a_failed_probe_nothing_that_may_have_been_received_is_sent_again(desk: Desk) -> None:
    ignore_guards(desk)
    other = making.track(desk.world.northwind, "cfg-2")
    making.look(other)
    actions.probe_guard(other, acting_user=desk.world.alice, pace=QUICK)
    rollback = desk.approved()
    desk.fault("drop_before_commit")
    ran = desk.run(rollback)

    assert (ran.guard_level, ran.verdict, ran.state) == ("C", "indeterminate", "unknown")
    assert ran.attempts.get().sends.count() == 1


def test_the_terminal_probes_and_says_what_that_showed(desk: Desk) -> None:
    out = StringIO()
    call_command("probe", "northwind", "agentassist.config:cfg-1", "--as", "alice", stdout=out)
    assert "result   enforced" in out.getvalue()
    assert "sent     PUT under a stale etag" in out.getvalue()
    ignore_guards(desk)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("probe", "northwind", "agentassist.config:cfg-1", "--json", stdout=out)
    assert ended.value.code == 1
    told = json.loads(out.getvalue())
    assert (told["result"], told["wrote"], told["level_before"], told["level"]) == ("not_enforced", True, "A", "C")
    assert told["requests"][0]["part"] == "etag"
