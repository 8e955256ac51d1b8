"""Types that take several steps, end to end over HTTP: each step is one accepted write, and live is the target."""

import json
from typing import Any

import pytest

from rollbacks import actions, audit, driving, verifying
from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants import archive, drift
from tenants.models import TrackedConfig
from tests import world as making
from tests.rollbacks.conftest import Desk
from tests.rollbacks.stepped_world import (
    ACTION,
    ARTICLE,
    DEPLOYMENT,
    MESSENGER,
    TABLE,
    Bench,
    bench,
    deployments_of,
    entries_of,
    steps_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = {
    MESSENGER: ["write_draft", "publish", "repoint"],
    ACTION: ["create_draft", "write_draft", "publish"],
    TABLE: ["native_rollback", "write"],
    ARTICLE: ["native_restore"],
}


@pytest.mark.parametrize("type_name", KINDS)
def test_what_somebody_published_at_night_is_taken_back_step_by_step(desk: Desk, type_name: str) -> None:
    found = bench(desk, type_name)
    assert drift.is_drifted(found.config) or found.live.digest != found.good.digest
    done = found.run(found.approved())

    assert (done.state, done.verdict) == ("applied", "verified"), done.explanation
    assert steps_of(done) == [(kind, "verified") for kind in KINDS[type_name]]
    assert [write["method"] for write in desk.writes()] == [step.method for step in done.steps.all()]
    assert [write["path"] for write in desk.writes()] == [step.path for step in done.steps.all()]
    assert entries_of(done) == ["write.intent", "write.outcome"] * len(KINDS[type_name])
    found.look()
    assert found.live.digest == found.good.digest
    config = TrackedConfig.objects.select_related("live", "baseline").get(pk=found.config.pk)
    assert not drift.is_drifted(config)
    assert verifying.verify(desk.world.northwind).holds


def test_each_entry_names_its_step_and_the_request_names_all_of_them(desk: Desk) -> None:
    done = bench(desk, TABLE).approved()
    asked = AuditEntry.objects.get(rollback=done, action="rollback.requested")
    planned = _details(asked)["steps"]
    assert [(step["number"], step["kind"]) for step in planned] == [(1, "native_rollback"), (2, "write")]
    assert all(step["body_sha256"] and step["guard_level"] == "C" for step in planned)
    desk.run(done)
    for action in ("write.intent", "write.outcome"):
        entries = AuditEntry.objects.filter(rollback=done, action=action).order_by("seq")
        told = [_details(entry) for entry in entries]
        assert [one["step"]["number"] for one in told] == [1, 2]
        assert [one["step"]["of"] for one in told] == [2, 2]
        assert [one["request"] for one in told] == [f"{step.method} {step.path}" for step in done.steps.all()]


def test_the_intent_of_the_next_step_is_in_the_transaction_of_the_outcome_before_it(desk: Desk) -> None:
    done = desk.run(bench(desk, MESSENGER).approved())
    outcome, intent = AuditEntry.objects.filter(rollback=done, action__startswith="write.").order_by("seq")[1:3]
    assert (outcome.action, intent.action, intent.seq) == ("write.outcome", "write.intent", outcome.seq + 1)
    assert Attempt.objects.filter(rollback=done, state="open").count() == 0


def test_a_deployment_that_is_pinned_to_another_version_is_left_alone_and_the_plan_says_so(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    [path] = _deployment_paths(found)
    desk.world.practice.foreign_write(
        path, edits=[{"path": "/configuration", "value": {"id": found.config.object_id, "version": "1"}}]
    )
    survey = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice)
    assert [step.kind for step in survey.steps] == ["write_draft", "publish"]
    assert any("uses version 1 and is left alone" in note for note in survey.notes)
    done = found.run(found.approved())
    assert (done.state, done.verdict) == ("applied", "verified")
    assert list(deployments_of(found).values()) == ["1"]
    assert done.notes == list(survey.notes)


def test_a_draft_that_holds_the_target_already_is_not_written_again_and_the_plan_says_so(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    desk.fault("unavailable_503", method="POST", path="/draft/publish$", times=None)
    first = found.run(found.approved())
    assert (first.state, first.verdict) == ("unknown", "indeterminate")
    assert len(desk.writes()) == 1
    desk.world.practice.clear_faults()
    survey = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice)
    assert [step.kind for step in survey.steps] == ["publish", "repoint"]
    assert any("has the content of v1 already" in note for note in survey.notes)


def test_unpublished_work_in_the_draft_is_named_before_it_is_overwritten(desk: Desk) -> None:
    found = bench(desk, ACTION)
    path = f"/api/v2/integrations/actions/{found.config.object_id}"
    desk.world.practice.foreign_write(path, step={"method": "POST", "path": f"{path}/draft"})
    quiet = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice)
    assert [step.kind for step in quiet.steps] == ["write_draft", "publish"]
    assert quiet.notes == ()
    body = {"version": 1, "category": "Half done"}
    desk.world.practice.foreign_write(path, step={"method": "PATCH", "path": f"{path}/draft", "body": body})
    warned = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice)
    assert any("never published" in note for note in warned.notes)
    [said] = [check for check in warned.checks if check.guard == "losses"]
    assert (said.standing, "nobody can restore them" in said.message) == ("warns", True)
    assert json.loads(warned.steps[0].body.raw)["version"] == 2
    assert warned.plan_digest != quiet.plan_digest


def test_the_platform_takes_whole_versions_back_so_single_values_are_refused_there(desk: Desk) -> None:
    found = bench(desk, ARTICLE)
    survey = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice, only=["/title"])
    assert [(check.guard, "whole version" in check.message) for check in survey.refusals] == [("steps", True)]


def test_a_single_value_of_a_decision_table_is_written_and_its_version_stays_published(desk: Desk) -> None:
    found = bench(desk, TABLE)
    done = found.run(desk.approve(found.request(only=["/name"])))
    assert (done.state, steps_of(done)) == ("applied", [("write", "verified")])
    assert found.look()["name"] == _good(found)["name"]
    assert found.look()["published"] != _good(found)["published"]


def test_single_values_of_a_messenger_are_restored_through_its_draft(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    before = found.look()
    pointer = next(f"/{key}" for key in ("messenger", "description", "name") if before[key] != _good(found).get(key))
    done = found.run(desk.approve(found.request(only=[pointer])))
    assert (done.state, done.verdict) == ("applied", "verified"), done.explanation
    after = found.look()
    assert after[pointer[1:]] == _good(found)[pointer[1:]]


def test_a_missing_permission_for_what_a_later_step_writes_is_found_before_the_plan(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    desk.take_away("webDeployments:deployment:edit")
    with pytest.raises(actions.RequestRefused, match="webDeployments:deployment:edit") as refused:
        found.request()
    assert [check.guard for check in refused.value.refusals] == ["permissions"]
    assert desk.writes() == []


def test_going_back_to_what_is_live_is_nothing_to_do(desk: Desk) -> None:
    found = bench(desk, ARTICLE)
    with pytest.raises(actions.RequestRefused, match="Live already has") as refused:
        actions.request_rollback(found.config, found.live, reason="Nothing is wrong here", acting_user=desk.world.alice)
    assert [check.guard for check in refused.value.refusals] == ["no_op"]


def test_a_tracked_deployment_that_was_pointed_at_the_new_version_is_no_drift(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    object_id = _deployment_paths(found)[0].rpartition("/")[2]
    deployment = making.track(desk.world.northwind, object_id, type_name=DEPLOYMENT)
    making.look(deployment)
    done = found.run(found.approved())
    repointed = done.attempts.get(step__kind="repoint")
    assert repointed.read_back is not None
    assert repointed.read_back.config_id == deployment.pk
    making.look(deployment)
    deployment = TrackedConfig.objects.select_related("live", "baseline").get(pk=deployment.pk)
    assert deployment.live is not None
    assert archive.value_of(deployment.live)["configuration"] == {"id": found.config.object_id, "version": "3"}
    assert not drift.is_drifted(deployment)


def test_a_rollback_of_the_deployment_waits_while_the_messenger_is_being_taken_back(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    object_id = _deployment_paths(found)[0].rpartition("/")[2]
    deployment = making.track(desk.world.northwind, object_id, type_name=DEPLOYMENT)
    making.look(deployment)
    deployment.refresh_from_db()
    assert deployment.live is not None
    before = deployment.live
    desk.world.practice.foreign_write(
        _deployment_paths(found)[0], edits=[{"path": "/description", "value": "Changed at night"}]
    )
    desk.world.practice.set_switches("northwind", propagation_seconds=60)
    open_one = found.run(found.approved(), pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=60))
    assert (open_one.state, steps_of(open_one)[0]) == ("applying", ("write_draft", "verified"))
    with pytest.raises(actions.RequestRefused, match="which writes this object too") as refused:
        actions.request_rollback(
            deployment, before, reason="Wrong description since last night", acting_user=desk.world.alice
        )
    assert [check.guard for check in refused.value.refusals] == ["in_flight"]


def _details(entry: AuditEntry) -> dict[str, Any]:
    details = audit.payload_of(entry)["details"]
    assert isinstance(details, dict)
    return details


def _good(found: Bench) -> dict[str, Any]:
    return dict(archive.value_of(found.good))


def _deployment_paths(found: Bench) -> list[str]:
    listed = found.desk.world.platform.entities("/api/v2/webdeployments/deployments")
    shown = [json.loads(raw) for raw in listed]
    return [
        f"/api/v2/webdeployments/deployments/{one['id']}"
        for one in shown
        if one["configuration"]["id"] == found.config.object_id
    ]


def test_nothing_is_left_in_the_store_of_a_refused_request(desk: Desk) -> None:
    found = bench(desk, TABLE)
    desk.take_away("businessrules:decisionTable:edit")
    with pytest.raises(actions.RequestRefused):
        found.request()
    assert not Rollback.objects.exists()
