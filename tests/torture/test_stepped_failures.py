"""What goes wrong at a step, or between two: nothing goes on, nothing is sent twice, and it is told what stands."""

import json

import pytest

from rollbacks import actions, driving, transitions, verifying
from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants import actions as tenants
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.stepped_world import (
    ACTION,
    ARTICLE,
    MESSENGER,
    TABLE,
    Bench,
    bench,
    deployments_of,
    entries_of,
    steps_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = [
    (MESSENGER, 1, "PUT", "/versions/draft$"),
    (MESSENGER, 2, "POST", "/draft/publish$"),
    (MESSENGER, 3, "PUT", "/webdeployments/deployments/"),
    (ACTION, 1, "POST", "/draft$"),
    (ACTION, 2, "PATCH", "/draft$"),
    (ACTION, 3, "POST", "/draft/publish$"),
    (TABLE, 1, "POST", "/rollback$"),
    (TABLE, 2, "PATCH", "/decisiontables/[^/]+$"),
    (ARTICLE, 1, "POST", "/versions$"),
]
IDS = [f"{name}-step-{number}" for name, number, _method, _path in STEPS]


def accepted(desk: Desk, rollback: Rollback) -> list[int]:
    """Count the platform's accepted writes for each step, by its request."""
    asked = [(write["method"], write["path"]) for write in desk.writes()]
    return [asked.count((step.method, step.path)) for step in rollback.steps.all()]


@pytest.mark.parametrize("kind", ["drop_after_commit", "gateway_504", "unavailable_503"])
@pytest.mark.parametrize(("type_name", "number", "method", "path"), STEPS, ids=IDS)
def test_a_step_that_landed_and_whose_answer_was_lost_is_read_and_never_sent_again(
    desk: Desk, type_name: str, number: int, method: str, path: str, kind: str
) -> None:
    found = bench(desk, type_name)
    rollback = found.approved()
    when = {"when": "after"} if kind == "unavailable_503" else {}
    found.fault(kind, method, path, **when)
    done = found.run(rollback)
    assert done.state == "applied", done.explanation
    assert accepted(desk, done) == [1] * done.steps.count()
    assert done.attempts.get(step__number=number).sends.count() == 1
    found.look()
    assert found.live.digest == found.good.digest


@pytest.mark.parametrize(
    ("type_name", "number", "method", "path"),
    [one for one in STEPS if one[:2] != (ACTION, 2)],
    ids=str,
)
def test_a_step_that_nothing_fences_and_that_may_have_been_lost_is_not_sent_again(
    desk: Desk, type_name: str, number: int, method: str, path: str
) -> None:
    found = bench(desk, type_name)
    rollback = found.approved()
    found.fault("drop_before_commit", method, path)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("unknown", "indeterminate")
    assert accepted(desk, done) == [1] * (number - 1) + [0] * (done.steps.count() - number + 1)
    assert steps_of(done)[number - 1][1] == "indeterminate"
    assert all(verdict == "" for _kind, verdict in steps_of(done)[number:])
    assert done.attempts.get(step__number=number).sends.count() == 1
    assert not Attempt.objects.filter(state="open").exists()


def test_a_guarded_draft_that_was_lost_on_its_way_is_sent_again_with_the_same_bytes(desk: Desk) -> None:
    found = bench(desk, ACTION)
    rollback = found.approved()
    found.fault("drop_before_commit", "PATCH", "/draft$")
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("applied", "verified")
    assert done.attempts.get(step__number=2).sends.count() == 2
    assert accepted(desk, done) == [1, 1, 1]


@pytest.mark.parametrize(("type_name", "number", "method", "path"), STEPS, ids=IDS)
def test_a_step_that_was_asked_to_wait_is_sent_once_more_and_lands_once(
    desk: Desk, type_name: str, number: int, method: str, path: str
) -> None:
    found = bench(desk, type_name)
    rollback = found.approved()
    found.fault("rate_limited_429", method, path, seconds=0)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("applied", "verified"), done.explanation
    assert accepted(desk, done) == [1] * done.steps.count()


def test_a_draft_that_somebody_overwrites_before_it_is_published_is_not_published(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    desk.world.practice.set_switches("northwind", propagation_seconds=3600)
    rollback = found.approved()
    slow = driving.Pace(patience=0.0, first_wait=0.01, horizon=20)
    assert found.run(rollback, pace=slow).state == "applying"
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    path = f"/api/v2/webdeployments/configurations/{found.config.object_id}/versions/draft"
    desk.world.practice.foreign_write(path, edits=[{"path": "/description", "value": "Half done"}])
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "conflict")
    assert steps_of(done) == [("write_draft", "verified"), ("publish", "conflict"), ("repoint", "")]
    assert "somebody changed the draft" in done.explanation
    assert "This rollback has not changed what is live" in done.explanation
    assert "Step 3 (point the web messenger deployment" in done.explanation
    assert accepted(desk, done) == [1, 0, 0]
    assert list(deployments_of(found).values()) == ["2"]


@pytest.mark.parametrize(
    ("type_name", "path"),
    [(MESSENGER, "/versions/draft$"), (ACTION, "/draft$"), (TABLE, "/decisiontables/[^/]+$")],
    ids=[MESSENGER, ACTION, TABLE],
)
def test_a_read_that_is_still_stale_when_the_next_step_begins_is_waited_out(
    desk: Desk, type_name: str, path: str
) -> None:
    found = bench(desk, type_name)
    rollback = found.approved()
    # One read surveys, one begins the step, one judges it: the next ones belong to the step after.
    found.fault("stale_reads", "GET", path, after=3, times=2)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("applied", "verified"), done.explanation
    assert accepted(desk, done) == [1] * done.steps.count()


def test_a_draft_that_never_becomes_active_is_not_published(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    desk.world.practice.set_switches("northwind", propagation_seconds=60)
    done = found.run(found.approved())
    assert (done.state, done.verdict) == ("failed", "not_applied")
    assert "still Pending" in done.explanation
    assert accepted(desk, done) == [1, 0, 0]
    assert not done.attempts.get(step__kind="publish").sends.exists()


def test_what_somebody_slips_into_the_draft_in_the_last_millisecond_is_an_alarm_and_nothing_follows(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    draft = f"/api/v2/webdeployments/configurations/{found.config.object_id}/versions/draft"
    practice = desk.world.practice
    body = json.loads(desk.world.platform.read(draft).body)
    named = {key: body[key] for key in ("name", "languages", "defaultLanguage", "messenger")}
    step = {"method": "PUT", "path": draft, "body": {**named, "description": "Slipped in"}}
    practice.set_switches("northwind", propagation_seconds=0)
    found.fault("foreign_write", "POST", "/draft/publish$", step=step)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "divergent")
    assert steps_of(done)[2] == ("repoint", "")
    assert list(deployments_of(found).values()) == ["2"]


def test_a_version_that_somebody_publishes_between_two_steps_stops_the_rollback(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    path = f"/api/v2/webdeployments/configurations/{found.config.object_id}"
    step = {"method": "POST", "path": f"{path}/versions/draft/publish"}
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    found.fault("foreign_write", "POST", "/draft/publish$", step=step)
    done = found.run(rollback)
    # Theirs became version 3 with our draft, ours version 4: what was approved said 3, so nothing is pointed at it.
    assert (done.state, done.verdict) == ("failed", "divergent")
    evidence = done.attempts.get(step__kind="publish").evidence
    assert (evidence["alarm"], evidence["landed_as"]) == ("landed_on_another_version", 4)
    assert "on top of a change that somebody else made" in done.explanation
    assert list(deployments_of(found).values()) == ["2"]


def test_a_deployment_that_changed_since_the_plan_is_left_as_it_is_until_somebody_approves_what_it_is_now(
    desk: Desk,
) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    deployment = rollback.steps.get(kind="repoint").path
    edits = [{"path": "/description", "value": "New shop opening"}]
    step = {"method": "PUT", "path": deployment, "body": _edited(found, deployment, edits)}
    found.fault("foreign_write", "POST", "/draft/publish$", step=step)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "conflict")
    assert steps_of(done) == [("write_draft", "verified"), ("publish", "verified"), ("repoint", "conflict")]
    assert "Steps 1 to 2 stand" in done.explanation
    assert "still shows the one before" in done.explanation
    assert accepted(desk, done) == [1, 1, 0]
    found.look()
    again = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice)
    assert ([step.kind for step in again.steps], again.refusals) == (["repoint"], ())
    assert any("nothing is published" in note for note in again.notes)


def test_what_was_not_repointed_is_all_that_is_left_for_a_new_plan(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    found.fault("drop_before_commit", "PUT", "/webdeployments/deployments/")
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("unknown", "indeterminate")
    again = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice)
    assert [step.kind for step in again.steps] == ["repoint"]
    assert not again.refusals
    assert any("nothing is published" in note for note in again.notes)
    finished = found.run(found.approved())
    assert (finished.state, finished.verdict) == ("applied", "verified")
    assert list(deployments_of(found).values()) == ["3"]


def test_a_deployment_that_changed_between_approval_and_run_sends_nothing_at_all(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    path = rollback.steps.get(kind="repoint").path
    desk.world.practice.foreign_write(path, edits=[{"path": "/description", "value": "New shop opening"}])
    done = found.run(rollback)
    assert done.state == "conflict"
    assert "deployment" in done.explanation
    assert desk.writes() == []
    assert not done.attempts.exists()


def test_a_foreign_write_between_two_steps_of_a_decision_table_stops_before_the_second(desk: Desk) -> None:
    found = bench(desk, TABLE)
    rollback = found.approved()
    path = rollback.steps.get(number=2).path
    found.fault("drop_after_commit", "POST", "/rollback$")
    desk.world.practice.add_fault("unavailable_503", method="GET", path="/decisiontables/[^/]+$", after=3, times=6)
    paused = found.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=30))
    assert paused.state == "applying"
    desk.world.practice.clear_faults()
    desk.world.practice.foreign_write(path, edits=[{"path": "/description", "value": "Reviewed by audit"}])
    done = found.run(rollback)
    assert done.state in {"failed", "unknown"}
    assert "" in [verdict for _kind, verdict in steps_of(done)] or steps_of(done)[1][1] == "conflict"
    assert accepted(desk, done)[1] == 0


@pytest.mark.parametrize(("type_name", "first"), [(MESSENGER, "write_draft"), (ACTION, "create_draft")])
def test_a_freeze_between_two_steps_holds_and_says_what_stands(desk: Desk, type_name: str, first: str) -> None:
    found = bench(desk, type_name)
    rollback = found.approved()
    real = transitions.close_attempt
    frozen: list[bool] = []

    def freezing(*args: object, **named: object) -> bool:
        closed = real(*args, **named)  # type: ignore[arg-type]
        if not frozen:
            tenants.freeze(desk.world.northwind, reason="Storm in Lisbon", acting_user=None)
            frozen.append(True)
        return closed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transitions, "close_attempt", freezing)
        done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "not_applied")
    assert steps_of(done)[0] == (first, "verified")
    assert steps_of(done)[1][1] == "not_applied"
    assert "Storm in Lisbon" in done.explanation
    assert len(desk.writes()) == 1
    assert verifying.verify(desk.world.northwind).holds


def test_one_altered_step_of_several_refuses_the_run_before_the_first(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    last = rollback.steps.get(number=3)
    rollback.steps.filter(pk=last.pk).update(body=bytes(last.body).replace(b'"3"', b'"1"'))
    done = found.run(rollback)
    assert done.state == "approved"
    assert "no longer the one that was approved" in done.explanation
    assert desk.writes() == []


def test_a_step_that_is_altered_while_the_one_before_it_runs_is_not_sent(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    desk.world.practice.set_switches("northwind", propagation_seconds=3600)
    rollback = found.approved()
    assert found.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=20)).state == "applying"
    rollback.steps.filter(number=3).update(path="/api/v2/webdeployments/deployments/another")
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "not_applied")
    assert "no longer the one that was approved" in done.explanation
    assert accepted(desk, done) == [1, 0, 0]


def test_a_refusal_for_good_at_a_later_step_says_what_stands_and_what_was_not_begun(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    found.fault("refused", "POST", "/draft/publish$", refusal={"status": 403, "code": "missing.any.permissions"})
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "not_applied")
    assert "Step 1 (write the content of v1 into the draft) stands." in done.explanation
    assert "was not begun" in done.explanation
    entry = AuditEntry.objects.filter(rollback=done, action="write.outcome").order_by("seq").last()
    assert entry is not None
    assert entry.outcome == "failed"
    assert entries_of(done)[-1] == "write.outcome"


def test_a_step_whose_outcome_was_open_is_followed_by_the_next_once_it_is_seen_to_stand(desk: Desk) -> None:
    found = bench(desk, TABLE)
    rollback = found.approved()
    found.fault("drop_after_commit", "POST", "/rollback$")
    desk.world.practice.add_fault("unavailable_503", method="GET", path="/decisiontables/[^/]+$", after=2, times=12)
    waiting = found.run(rollback, pace=driving.Pace(patience=0.6, first_wait=0.05, horizon=0.1))
    assert waiting.state in {"unknown", "applying"}
    desk.world.practice.clear_faults()
    done = found.run(rollback, pace=QUICK)
    assert (done.state, done.verdict) == ("applied", "reached"), done.explanation
    assert accepted(desk, done) == [1, 1]


def _edited(found: Bench, path: str, edits: list[dict[str, str]]) -> dict[str, object]:
    shown = json.loads(found.desk.world.platform.read(path).body)
    body = {key: value for key, value in shown.items() if key in _DEPLOYMENT_TAKES}
    return {**body, **{edit["path"][1:]: edit["value"] for edit in edits}}


_DEPLOYMENT_TAKES = (
    "name",
    "description",
    "allowAllDomains",
    "allowedDomains",
    "supportedContent",
    "flow",
    "status",
    "pushIntegrations",
    "configuration",
)
