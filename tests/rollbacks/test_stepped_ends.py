"""What a rollback of several steps says and leaves behind where it did not go to its end, or had nothing to do."""

import json

import pytest

from rollbacks import actions, driving
from rollbacks.models import Rollback
from tenants import drift
from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import address_of, browser_of, plan_address, text_of
from tests.rollbacks.stepped_world import (
    ACTION,
    ARTICLE,
    DEPLOYMENTS,
    MESSENGER,
    TABLE,
    Bench,
    bench,
    deployments_of,
    steps_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

SLOW = driving.Pace(patience=0.0, first_wait=0.01, horizon=20)


def on_draft(found: Bench) -> str:
    return f"/api/v2/webdeployments/configurations/{found.config.object_id}/versions/draft"


def half_done(found: Bench, *, times: int = 1) -> Rollback:
    """Carry it out up to the deployments, of which none can be pointed anywhere."""
    rollback = found.approved()
    found.fault("drop_before_commit", "PUT", DEPLOYMENTS, times=times)
    return found.run(rollback)


@pytest.mark.parametrize("type_name", [MESSENGER, ACTION, TABLE, ARTICLE])
def test_what_is_live_already_is_never_published_again(desk: Desk, type_name: str) -> None:
    found = bench(desk, type_name)
    survey = actions.plan_rollback(found.config, found.live, acting_user=desk.world.alice)
    assert [check.guard for check in survey.refusals] == ["no_op"]


def test_unpublished_work_in_a_draft_is_not_overwritten_for_what_is_live_already(desk: Desk) -> None:
    found = bench(desk, ACTION)
    path = f"/api/v2/integrations/actions/{found.config.object_id}"
    desk.world.practice.foreign_write(path, step={"method": "POST", "path": f"{path}/draft"})
    body = {"version": 1, "category": "Half done"}
    desk.world.practice.foreign_write(path, step={"method": "PATCH", "path": f"{path}/draft", "body": body})
    survey = actions.plan_rollback(found.config, found.live, acting_user=desk.world.alice)
    assert [check.guard for check in survey.refusals] == ["no_op"]


def test_an_order_to_publish_that_landed_after_its_rollback_was_given_up_leaves_only_the_deployments(
    desk: Desk,
) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    found.fault("drop_before_commit", "POST", "/draft/publish$")
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("unknown", "indeterminate")
    step = done.steps.get(kind="publish")
    desk.world.platform.write(step.method, step.path, bytes(step.body), if_match=None)
    found.look()
    again = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice)
    assert [planned.kind for planned in again.steps] == ["repoint"]
    assert not again.refusals
    alice = browser_of(desk.world.alice)
    assert "nobody can say whether step 2 of 3 landed" in text_of(alice.get(address_of(done)))
    shown = text_of(alice.get(plan_address(found.config, found.good)))
    assert "It has that content already; the steps change only what uses it." in shown
    assert "nothing to change" not in shown
    assert (found.run(found.approved()).state, list(deployments_of(found).values())) == ("applied", ["3"])


def test_a_deployment_that_was_not_repointed_and_was_edited_since_can_be_pointed_by_a_new_plan(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    done = half_done(found)
    path = done.steps.get(kind="repoint").path
    desk.world.practice.foreign_write(path, edits=[{"path": "/description", "value": "New shop opening"}])
    finished = found.run(found.approved())
    assert (finished.state, steps_of(finished)) == ("applied", [("repoint", "verified")])
    shown = found.get(path)
    assert (shown["configuration"]["version"], shown["description"]) == ("3", "New shop opening")


def test_the_rollback_that_does_what_another_left_ends_the_drift(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    half_done(found)
    found.look()
    assert drift.is_drifted(found.config)
    finished = found.run(found.approved())
    assert (finished.state, finished.verdict) == ("applied", "verified")
    found.look()
    assert not drift.is_drifted(found.config)


def test_a_version_that_somebody_publishes_before_ours_is_told_as_theirs(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    desk.world.practice.set_switches("northwind", propagation_seconds=3600)
    rollback = found.approved()
    assert found.run(rollback, pace=SLOW).state == "applying"
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    path = f"/api/v2/webdeployments/configurations/{found.config.object_id}"
    publish = {"method": "POST", "path": f"{on_draft(found)}/publish"}
    desk.world.practice.foreign_write(path, step=publish)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "conflict")
    assert "nothing was sent, because somebody else changed what it writes" in done.explanation
    assert "This rollback has not changed what is live" in done.explanation
    assert "What is live has not changed" not in done.explanation


def test_a_draft_that_changes_after_the_order_was_turned_away_without_proof_is_not_called_unsent(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    found.fault("rate_limited_429", "POST", "/draft/publish$", seconds=3)
    assert found.run(rollback, pace=driving.Pace(patience=0.5, first_wait=0.01, horizon=0.5)).state == "applying"
    desk.world.practice.foreign_write(on_draft(found), edits=[{"path": "/description", "value": "Half done"}])
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("unknown", "indeterminate")
    assert "somebody changed the draft" in done.explanation
    assert "nothing was sent" not in done.explanation
    assert list(deployments_of(found).values()) == ["2"]


def test_a_deployment_with_a_very_long_name_is_named_as_far_as_there_is_room(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    listed = desk.world.platform.entities("/api/v2/webdeployments/deployments")
    shown = next(one for one in map(json.loads, listed) if one["configuration"]["id"] == found.config.object_id)
    edits = [{"path": "/name", "value": "Web chat " * 70}]
    desk.world.practice.foreign_write(f"/api/v2/webdeployments/deployments/{shown['id']}", edits=edits)
    done = found.run(found.approved())
    assert done.state == "applied", done.explanation
    assert "…” at version 3" in done.steps.get(kind="repoint").title
    assert list(deployments_of(found)) == ["Web chat " * 70]


def test_a_plan_that_restores_single_values_does_not_say_that_it_writes_all_of_them(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    live, good = found.look(), found.get(f"/api/v2/webdeployments/configurations/{found.config.object_id}/versions/1")
    pointer = next(f"/{key}" for key in ("messenger", "description", "name") if live[key] != good.get(key))
    survey = actions.plan_rollback(found.config, found.good, acting_user=desk.world.alice, only=[pointer])
    assert survey.steps[0].title == "Write the chosen values of v1 into the draft"


def test_a_step_that_a_person_gives_up_leaves_word_of_those_that_stand(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    desk.world.practice.set_switches("northwind", propagation_seconds=3600)
    assert found.run(rollback, pace=SLOW).state == "applying"
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    found.fault("drop_after_commit", "POST", "/draft/publish$")
    found.fault("unavailable_503", "GET", "/versions$", after=1, times=500)
    waiting = found.run(rollback, pace=driving.Pace(patience=0.8, first_wait=0.05, longest_wait=0.2, horizon=0.0))
    assert waiting.state == "unknown", waiting.explanation
    reason = "The vendor cannot say either"
    closed = actions.close_presumed(waiting, acting_user=desk.world.bob, reason=reason)
    assert (closed.state, closed.verdict) == ("failed", "not_applied")
    for told in (
        f"Step 2 of 3 (publish the draft as version 3): bob closed it as presumed not applied: {reason}.",
        "Step 1 (write the content of v1 into the draft) stands.",
        "was not begun",
    ):
        assert told in closed.explanation
    assert "not changed" not in closed.explanation
    assert "has not changed live" not in text_of(browser_of(desk.world.bob).get(address_of(closed)))
