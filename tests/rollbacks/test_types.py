"""Rollbacks of the types that are guarded otherwise: echoed version, body version, nothing at all, and the alias."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from console.practice.server import PracticeServer
from rollbacks import actions, applying, audit, driving, transitions, verdicts
from rollbacks.models import AuditEntry, Rollback
from tenants import archive, importing
from tenants.access import Role
from tenants.documents import extract
from tenants.models import Tenant, TrackedConfig
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, UNTIL_NOTHING_IS_DUE
from tests.world import People, version

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Case:
    """One object of some type at a tenant, with two versions seen."""

    practice: PracticeServer
    people: People
    config: TrackedConfig
    path: str

    def foreign(self, **how: Any) -> dict[str, Any]:
        """Let Ines write the object."""
        return self.practice.foreign_write(self.path, by="Ines Duarte", **how)

    def edit(self, pointer: str, value: object) -> None:
        """Let Ines change one value, and look at live."""
        self.foreign(edits=[{"path": pointer, "value": value}])
        making.look(self.config)

    def approved(self, to: int) -> Rollback:
        """Let Alice ask and Bob approve."""
        target = version(self.config, to)
        rollback = actions.request_rollback(self.config, target, reason=REASON, acting_user=self.people.alice)
        return actions.approve_rollback(rollback, acting_user=self.people.bob, plan_digest=rollback.plan_digest)

    def run(self, rollback: Rollback, pace: driving.Pace = QUICK) -> Rollback:
        """Carry it out in this process."""
        return applying.apply(rollback.pk, pace=pace)

    def fault(self, kind: str, **rule: object) -> None:
        """Make the platform misbehave on the next write to the object."""
        known: dict[str, object] = {"method": "PUT", "path": f"{self.config.object_id}$"}
        self.practice.add_fault(kind, **(known | rule))

    def live(self) -> dict[str, Any]:
        """Give what the platform shows now."""
        shown: dict[str, Any] = json.loads(self.raw())
        return shown

    def raw(self) -> bytes:
        """Give the exact bytes that the platform shows now."""
        return making.platform_of(self.config).read(self.path).body

    def writes(self) -> list[dict[str, Any]]:
        """Give every write of ours that the platform accepted."""
        ours = self.config.tenant.client_id
        return [write for write in self.practice.writes(self.config.object_id) if write["client"] == ours]


def make_case(practice: PracticeServer, people: People, slug: str, type_name: str, object_id: str) -> Case:
    tenant = Tenant.objects.filter(slug=slug).first() or making.make_tenant(practice, slug)
    making.give_roles(people.alice, tenant, Role.OPERATOR)
    making.give_roles(people.bob, tenant, Role.APPROVER)
    config = making.track(tenant, object_id, type_name=type_name)
    path = making.type_of(config).object_path.format(id=object_id)
    case = Case(practice, people, config, path)
    making.look(config)
    return case


def first_of(practice: PracticeServer, slug: str, family: str, number: int = 0) -> str:
    organization = practice.platform.store.organizations[slug]
    return organization.of_family(family)[number].id


def outcome_of(rollback: Rollback) -> dict[str, Any]:
    entry = AuditEntry.objects.get(rollback=rollback, action="write.outcome")
    details = audit.payload_of(entry)["details"]
    assert isinstance(details, dict)
    return details


# outbound.campaign: the body echoes the live version


@pytest.fixture
def campaign(practice: PracticeServer, people: People) -> Case:
    """Give "Card renewal reminders", which is on, seen as version 4 and with more lines as version 5."""
    case = make_case(practice, people, "northwind", "outbound.campaign", first_of(practice, "northwind", "campaign"))
    case.edit("/outboundLineCount", 40)
    return case


def test_a_campaign_echoes_the_live_version_and_the_server_counts(campaign: Case) -> None:
    rollback = campaign.approved(4)
    assert (rollback.guard_level, rollback.steps.get().sent_version, rollback.expected_version) == ("B", 5, 6)
    assert json.loads(bytes(rollback.steps.get().body))["version"] == 5
    rollback = campaign.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    (write,) = campaign.writes()
    assert (write["version"], write["if_match"]) == (6, None)
    live = campaign.live()
    assert (live["version"], live["outboundLineCount"], live["abandonRate"]) == (6, 12, 3.0)
    assert extract(campaign.raw(), "/abandonRate") == b"3.0"
    assert rollback.attempts.get().if_match is None
    assert outcome_of(rollback)["guard_level"] == "B"


def test_the_status_of_a_campaign_stays_as_it_is_on_live(campaign: Case) -> None:
    assert json.loads(archive.bytes_of(version(campaign.config, 4)))["campaignStatus"] == "on"
    campaign.edit("/campaignStatus", "off")
    rollback = campaign.approved(4)
    survey = actions.plan_rollback(campaign.config, version(campaign.config, 4), acting_user=campaign.people.alice)
    assert survey.kept_from_live == ("campaignStatus",)
    assert survey.difference is not None
    assert [change.path for change in survey.difference.changes] == ["/outboundLineCount"]
    assert json.loads(bytes(rollback.steps.get().body))["campaignStatus"] == "off"
    assert campaign.run(rollback).verdict == "verified"
    assert campaign.live()["campaignStatus"] == "off"


def test_a_campaign_that_completed_between_approval_and_run_stays_complete(
    practice: PracticeServer, people: People
) -> None:
    number = 1  # "Overdraft review calls 2026" is complete; restoring its "on" or "off" would be a 400
    object_id = first_of(practice, "northwind", "campaign", number)
    case = make_case(practice, people, "northwind", "outbound.campaign", object_id)
    case.edit("/priority", 1)
    assert case.run(case.approved(4)).verdict == "verified"
    assert (case.live()["campaignStatus"], case.live()["priority"]) == ("complete", 3)


def test_a_field_that_only_live_has_is_cleared_by_an_explicit_null(campaign: Case) -> None:
    campaign.edit("/edgeGroup", {"id": "5a2d8f0e-6f7b-4a55-9a39-8f1f5f1f0c11", "name": "Frankfurt"})
    rollback = campaign.approved(5)
    assert json.loads(bytes(rollback.steps.get().body))["edgeGroup"] is None
    assert campaign.run(rollback).verdict == "verified"
    assert "edgeGroup" not in campaign.live()


def test_a_campaign_that_somebody_else_wrote_first_is_a_conflict(campaign: Case) -> None:
    rollback = campaign.approved(4)
    campaign.fault("foreign_write", by="Ines Duarte")
    rollback = campaign.run(rollback)
    assert (rollback.state, rollback.verdict) == ("conflict", "conflict")
    send = rollback.attempts.get().sends.get()
    assert (send.status, send.code, send.outcome) == (409, "invalid.update.wrong.version", "lost_race")
    assert campaign.writes() == []


def test_a_running_campaign_that_does_not_let_go_is_not_stormed(campaign: Case) -> None:
    campaign.edit("/campaignStatus", "off")
    campaign.edit("/dialingMode", "progressive")
    campaign.edit("/campaignStatus", "on")
    rollback = campaign.run(campaign.approved(4), pace=UNTIL_NOTHING_IS_DUE)
    sends = list(rollback.attempts.get().sends.all())
    assert {send.code for send in sends} == {"invalid.update.campaign.active"}
    assert len(sends) == verdicts.MAX_LOCKED
    assert {send.refusal_name for send in sends} == {"the campaign itself, which is running"}
    assert rollback.attempts.get().state == "open"
    assert campaign.writes() == []


def test_an_answer_that_was_lost_is_reached_because_a_campaign_names_no_author(campaign: Case) -> None:
    rollback = campaign.approved(4)
    campaign.fault("drop_after_commit")
    rollback = campaign.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "reached")
    assert "nothing proves that this write" in rollback.explanation
    assert len(campaign.writes()) == 1


# scripting.session: the body carries live + 1, an ETag only sometimes


@pytest.fixture(params=["northwind", "lamna"])
def session(request: pytest.FixtureRequest, practice: PracticeServer, people: People) -> Case:
    """Give a running session with two states seen; only the health insurer's platform gives out ETags for them."""
    slug = str(request.param)
    case = make_case(practice, people, slug, "scripting.session", first_of(practice, slug, "session"))
    data = case.live()["data"]
    case.foreign(edits=[{"path": "/data", "value": {**data, "note": "Called back, wrong number"}}])
    making.look(case.config)
    return case


def test_a_session_goes_back_as_live_plus_one(session: Case) -> None:
    old = version(session.config, 3)
    rollback = session.approved(3)
    assert (rollback.guard_level, rollback.steps.get().sent_version, rollback.expected_version) == ("B", 5, 5)
    rollback = session.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    (write,) = session.writes()
    assert write["version"] == 5
    assert extract(session.raw(), "/data") == extract(archive.bytes_of(old), "/data")


def test_a_session_that_somebody_else_wrote_first_is_a_conflict_and_nothing_lands(session: Case) -> None:
    rollback = session.approved(3)
    session.fault("foreign_write", by="Ines Duarte")
    rollback = session.run(rollback)
    assert (rollback.state, rollback.verdict) == ("conflict", "conflict")
    assert rollback.attempts.get().sends.get().status == 409
    assert session.writes() == []


def test_a_session_that_moved_since_the_approval_is_not_written(session: Case) -> None:
    rollback = session.approved(3)
    session.foreign()
    rollback = session.run(rollback)
    assert rollback.state == "conflict"
    assert not rollback.attempts.exists()
    assert session.writes() == []


# routing.queue: nothing is checked by the platform


@pytest.fixture
def queue(practice: PracticeServer, people: People) -> Case:
    """Give "Billing – EMEA": version 1 is what was seen first, version 2 has a longer wrap-up."""
    case = make_case(practice, people, "northwind", "routing.queue", first_of(practice, "northwind", "queue"))
    case.edit("/acwSettings", {"wrapupPrompt": "MANDATORY_TIMEOUT", "timeoutMs": 300_000})
    return case


def test_a_queue_goes_back_at_level_c_and_the_race_window_is_recorded(queue: Case) -> None:
    rollback = queue.approved(1)
    assert (rollback.guard_level, rollback.steps.get().sent_version, rollback.expected_version) == ("C", None, None)
    assert "version" not in json.loads(bytes(rollback.steps.get().body))
    rollback = queue.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert queue.live()["acwSettings"]["timeoutMs"] == 90_000
    (write,) = queue.writes()
    assert write["if_match"] is None
    window = rollback.attempts.get().race_window_ms
    assert window is not None
    assert 0 <= window < 5_000
    details = outcome_of(rollback)
    assert (details["guard_level"], details["race_window_ms"]) == ("C", window)


def test_a_foreign_write_to_a_queue_before_the_run_is_a_conflict(queue: Case) -> None:
    rollback = queue.approved(1)
    queue.foreign(edits=[{"path": "/description", "value": "Billing, now with e-mail"}])
    rollback = queue.run(rollback)
    assert rollback.state == "conflict"
    assert f"its content changed, written by {queue.live()['modifiedBy']}" in rollback.explanation
    assert queue.writes() == []
    assert queue.live()["description"] == "Billing, now with e-mail"


def test_a_foreign_write_between_the_last_survey_and_the_send_is_noticed_by_the_compare(
    queue: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollback = queue.approved(1)
    begin = transitions.begin_attempt

    def late(*args: Any, **named: Any) -> Any:
        attempt = begin(*args, **named)
        queue.foreign(edits=[{"path": "/description", "value": "Billing, now with e-mail"}])
        return attempt

    monkeypatch.setattr(transitions, "begin_attempt", late)
    rollback = queue.run(rollback)
    assert (rollback.state, rollback.verdict) == ("conflict", "conflict")
    assert not rollback.attempts.get().sends.exists()
    assert queue.writes() == []


def test_a_foreign_write_inside_the_race_window_is_overwritten_and_the_record_says_that_nothing_guarded_it(
    queue: Case,
) -> None:
    rollback = queue.approved(1)
    queue.fault("foreign_write", by="Ines Duarte")
    rollback = queue.run(rollback)
    assert (rollback.state, rollback.verdict, rollback.guard_level) == ("applied", "verified", "C")
    assert len(queue.writes()) == 1
    assert outcome_of(rollback)["race_window_ms"] is not None


def test_a_lost_answer_without_any_guard_is_never_sent_again(queue: Case) -> None:
    rollback = queue.approved(1)
    queue.fault("drop_before_commit")
    rollback = queue.run(rollback)
    assert (rollback.state, rollback.verdict) == ("unknown", "indeterminate")
    assert rollback.attempts.get().state == "closed"
    assert "Nothing more will be sent" in rollback.explanation
    applying.recover(pace=QUICK, everything=True)
    assert rollback.attempts.get().sends.count() == 1
    assert queue.writes() == []


def test_a_lost_answer_of_a_queue_that_did_change_is_seen_by_reading(queue: Case) -> None:
    rollback = queue.approved(1)
    queue.fault("drop_after_commit")
    rollback = queue.run(rollback)
    assert rollback.state == "applied"
    assert rollback.verdict in {"verified", "reached"}
    assert rollback.attempts.get().sends.count() == 1
    assert len(queue.writes()) == 1


# the analytics alias


@pytest.fixture
def alias(practice: PracticeServer, people: People) -> Case:
    """Give `cfg-1` of the bank by its analytics path, with last night's version and the one before."""
    case = make_case(practice, people, "northwind", "analytics.agentassist.config", "cfg-1")
    importing.read_version(case.config, 41, making.platform_of(case.config))
    return case


def test_the_alias_is_written_by_its_own_path_with_its_own_permission(alias: Case) -> None:
    control = alias.practice.platform.control
    control.set_permissions({"organization": "northwind", "remove": ["agentassist:config:write"]})
    rollback = alias.run(alias.approved(41))
    assert (rollback.state, rollback.verdict, rollback.guard_level) == ("applied", "verified", "A")
    (write,) = alias.writes()
    assert write["path"] == "/api/v2/analytics/agentassist/configs/cfg-1"
    assert (write["version"], write["if_match"]) == (43, bytes(rollback.base_etag or b"").decode())


def test_the_alias_without_its_permission_is_refused_by_that_name(alias: Case) -> None:
    control = alias.practice.platform.control
    control.set_permissions({"organization": "northwind", "remove": ["analytics:agentassist-config:write"]})
    with pytest.raises(actions.RequestRefused, match="lacks analytics:agentassist-config:write"):
        alias.approved(41)
    assert alias.writes() == []


def test_a_write_by_the_plain_path_is_a_lost_race_for_the_alias(alias: Case) -> None:
    rollback = alias.approved(41)
    alias.practice.foreign_write("/api/v2/agentassist/configs/cfg-1", by="Ines Duarte")
    assert alias.run(rollback).state == "conflict"
    assert alias.writes() == []
