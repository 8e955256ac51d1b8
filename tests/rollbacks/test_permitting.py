"""A division that the client's roles do not reach refuses the plan, and is not met by a failed write."""

import pytest

from console.practice.server import PracticeServer
from rollbacks import actions
from rollbacks.models import Rollback
from tests.rollbacks.conftest import REASON
from tests.rollbacks.test_types import Case, make_case
from tests.world import People, version

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = "routing:queue:edit"


@pytest.fixture
def queue(practice: PracticeServer, people: People) -> Case:
    """Give the queue that is in the division "Card security", seen in two versions."""
    last = practice.platform.store.organizations["northwind"].of_family("queue")[-1]
    case = make_case(practice, people, "northwind", "routing.queue", last.id)
    case.edit("/description", "Nights and weekends")
    return case


def take(queue: Case, division: str) -> None:
    queue.practice.set_divisions("northwind", remove=[division], permissions=[WRITE])


def refusals_of(queue: Case, to: int) -> dict[str, str]:
    with pytest.raises(actions.RequestRefused) as refused:
        actions.request_rollback(queue.config, version(queue.config, to), reason=REASON, acting_user=queue.people.alice)
    return {check.guard: check.message for check in refused.value.refusals}


def test_a_plan_names_the_division_in_which_the_write_is_granted(queue: Case) -> None:
    survey = actions.plan_rollback(queue.config, version(queue.config, 1), acting_user=queue.people.alice)

    (check,) = [check for check in survey.checks if check.guard == "permissions"]
    assert not check.refuses
    assert WRITE in check.message
    assert check.message.endswith("also in the object's division Card security.")


def test_a_write_that_is_not_granted_in_the_division_of_the_object_refuses_the_plan(queue: Case) -> None:
    take(queue, "Card security")

    said = refusals_of(queue, 1)

    assert said == {
        "permissions": "The OAuth client may not write a Queue in the division Card security (routing:queue:edit), "
        "where this object is. Nothing was sent. Grant its role “Config Vault” in the division Card security too. Then "
        "plan again."
    }
    assert queue.writes() == []
    assert not Rollback.objects.exists()


def test_a_division_that_is_elsewhere_does_not_stand_in_the_way(queue: Case) -> None:
    take(queue, "EMEA")
    rollback = queue.run(queue.approved(1))

    assert (rollback.state, rollback.verdict) == ("applied", "verified")


def test_a_division_that_is_taken_after_the_approval_stops_the_run_and_keeps_the_request(queue: Case) -> None:
    rollback = queue.approved(1)
    take(queue, "Card security")
    rollback = queue.run(rollback)

    assert rollback.state == "approved"
    assert [refusal["guard"] for refusal in rollback.refusals] == ["permissions"]
    assert "Card security" in rollback.explanation
    assert queue.writes() == []
    queue.practice.set_divisions("northwind", reset=True)
    actions.run_rollback(rollback, acting_user=queue.people.alice)
    assert queue.run(rollback).verdict == "verified"


def test_a_permission_that_is_granted_nowhere_names_the_role_to_change(queue: Case) -> None:
    queue.practice.platform.control.set_permissions({"organization": "northwind", "remove": [WRITE]})

    assert refusals_of(queue, 1) == {
        "permissions": f"The OAuth client lacks {WRITE}. Nothing was sent. Add {WRITE} to its role “Config Vault”. "
        "Then plan again."
    }


def test_a_write_that_would_move_the_object_needs_the_division_that_it_moves_to(queue: Case) -> None:
    organization = queue.practice.platform.store.organizations["northwind"]
    home = next(one for one in organization.of_family("division") if one.fixed["homeDivision"])
    queue.edit("/division", {"id": home.id, "name": "Home"})
    take(queue, "Card security")

    said = refusals_of(queue, 2)

    assert "in the division Card security (routing:queue:edit), to which this would move it" in said["permissions"]
    assert queue.writes() == []
