"""The rules of a type stand on the plan as refusals before anything is sent, whoever declared them.

An operator's own file gives the bank's queues rules that the shipped ones lack, so that the practice platform serves.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollbacks import actions
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue
from tests import world as making
from tests.rollbacks.conftest import REASON, Desk

Declare = Callable[[str], None]


@pytest.fixture
def declare(tmp_path: Path) -> Iterator[Declare]:
    """Give a function that declares types in a file of the operator's own."""

    def declared(text: str) -> None:
        file = tmp_path / "types.toml"
        file.write_text(text, encoding="utf-8")
        catalogue.use_file(file)

    yield declared
    catalogue.use_file(None)


@pytest.fixture
def queue(desk: Desk) -> tuple[TrackedConfig, Snapshot]:
    """Give a queue of the bank whose description somebody changed, and the version before that."""
    objects = desk.world.practice.platform.store.organizations["northwind"].objects
    queue_id = next(object_id for kind, object_id in objects if kind == "queue")
    config = making.track(desk.world.northwind, queue_id, type_name="routing.queue")
    making.look(config)
    before = TrackedConfig.objects.get(pk=config.pk).live
    assert before is not None
    edit = [{"path": "/description", "value": "Changed at night"}, {"path": "/scoringMethod", "value": "PriorityOnly"}]
    desk.world.practice.foreign_write(f"/api/v2/routing/queues/{queue_id}", edits=edit)
    making.look(config)
    config.refresh_from_db()
    return config, before


def refusals_of(desk: Desk, config: TrackedConfig, target: Snapshot, **only: object) -> dict[str, str]:
    """Give what a plan refuses, by guard."""
    survey = actions.plan_rollback(config, target, acting_user=desk.world.alice, **only)  # type: ignore[arg-type]
    return {check.guard: check.message for check in survey.refusals}


def test_an_immutable_field_that_differs_refuses_the_plan_and_nothing_is_sent(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot], declare: Declare
) -> None:
    config, before = queue
    assert refusals_of(desk, config, before) == {}

    declare('["routing.queue"]\nimmutable = ["description"]\n')

    refused = refusals_of(desk, config, before)
    assert refused.keys() == {"restorable"}
    assert refused["restorable"].startswith("description differs between live and the target, and the platform never")
    with pytest.raises(actions.RequestRefused):
        actions.request_rollback(config, before, reason=REASON, acting_user=desk.world.alice)
    assert desk.writes() == []


def test_other_values_can_still_be_restored_one_by_one(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot], declare: Declare
) -> None:
    config, before = queue
    declare('["routing.queue"]\nimmutable = ["description"]\n')

    assert refusals_of(desk, config, before, only=["/scoringMethod"]) == {}


def test_a_secret_that_cannot_be_read_back_refuses_the_plan(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot], declare: Declare
) -> None:
    config, before = queue
    declare('["routing.queue"]\nsecret = ["description"]\n')

    assert (
        "description holds a secret that the platform does not show" in refusals_of(desk, config, before)["restorable"]
    )


def test_a_type_whose_procedure_the_console_cannot_carry_out_refuses_and_says_which(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot], declare: Declare
) -> None:
    config, before = queue
    declare('["routing.queue"]\nprocedure = "publish_version"\n')

    assert refusals_of(desk, config, before)["type"] == (
        "Taking a Queue back takes an older version that is published again. The console does not carry "
        "that out yet, so the type is tracked read-only. Nothing was sent. Its versions can be compared and downloaded "
        "here."
    )
    assert desk.writes() == []


def test_of_several_permissions_one_is_enough_or_all_are_needed_as_the_type_says(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot], declare: Declare
) -> None:
    config, before = queue
    names = '["routing:queue:edit", "routing:queue:all"]'
    declare(f'["routing.queue"]\nwrite_permissions = {{ any = {names} }}\n')
    assert refusals_of(desk, config, before) == {}

    desk.take_away("routing:queue:edit")
    lacking = refusals_of(desk, config, before)["permissions"]
    assert "lacks one of routing:queue:edit or routing:queue:all. Nothing was sent." in lacking

    declare(f'["routing.queue"]\nwrite_permissions = {{ all = {names} }}\n')
    lacking = refusals_of(desk, config, before)["permissions"]
    assert "lacks routing:queue:all and routing:queue:edit." in lacking


def test_a_version_of_a_type_that_nobody_may_write_is_seen_to_drift_by_any_member(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot], declare: Declare
) -> None:
    config, before = queue
    text = (
        '["routing.queue"]\nupdate_method = ""\nwritable = []\nrequired = []\nread_only = ["memberCount", "selfUri"]\n'
    )
    declare(text + 'volatile = []\nwrite_permissions = ""\n')

    refused = refusals_of(desk, config, before)

    assert refused["type"].startswith("The platform lets nobody write a Queue through its API")
    assert "schema" not in refused
    making.look(config)
    config.refresh_from_db()
    assert config.live is not None
    assert config.live.digest != before.digest
