"""What a version refers to is looked up before anything is sent: what is gone refuses the plan, the unknown warns."""

import json
from typing import Any

import pytest

from rollbacks import actions, applying
from tenants import capture, discovery, object_paths, references
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import get
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, Desk

HOURS = "architect.schedulegroup"


def first(desk: Desk, type_name: str) -> TrackedConfig:
    """Give the bank's first object of a type, tracked and looked at."""
    world = desk.world
    (object_id, _), *_rest = discovery.discover(world.northwind, get(type_name), world.platform)
    config = making.track(world.northwind, object_id, type_name=type_name)
    making.look(config)
    config.refresh_from_db()
    assert config.live is not None, config.presence_detail
    return config


def path_of(config: TrackedConfig) -> str:
    """Give the path of a config's object."""
    return object_paths.object_path(get(config.resource_type), config.object_id)


def shown(desk: Desk, path: str) -> dict[str, Any]:
    """Give what the platform shows at a path."""
    value: dict[str, Any] = json.loads(desk.world.platform.read(path).body)
    return value


def refer_elsewhere(desk: Desk, config: TrackedConfig, member: str) -> Snapshot:
    """Let a stranger take a reference away from live; give the version that still has it."""
    before = config.live
    assert before is not None
    desk.world.practice.foreign_write(path_of(config), edits=[{"path": f"/{member}", "value": []}])
    making.look(config)
    config.refresh_from_db()
    return before


def delete(desk: Desk, path: str) -> None:
    """Let an object vanish from the bank."""
    desk.world.practice.platform.control.delete({"organization": "northwind", "object": path})


def planned(desk: Desk, config: TrackedConfig, target: Snapshot) -> dict[str, tuple[str, str]]:
    """Give how each guard of a plan stands, and its message."""
    survey = actions.plan_rollback(config, target, acting_user=desk.world.alice)
    return {check.guard: (str(check.standing), check.message) for check in survey.checks}


@pytest.fixture
def hours(desk: Desk) -> tuple[TrackedConfig, Snapshot, str]:
    """Give a schedule group of which a stranger took the hours, the version before, and its first schedule's path."""
    config = first(desk, HOURS)
    schedule = shown(desk, path_of(config))["openSchedules"][0]["id"]
    before = refer_elsewhere(desk, config, "openSchedules")
    return config, before, f"/api/v2/architect/schedules/{schedule}"


def test_what_is_still_there_is_looked_up_once_and_holds(
    desk: Desk, hours: tuple[TrackedConfig, Snapshot, str]
) -> None:
    config, before, path = hours
    asked = len([one for one in desk.world.practice.requests() if one["path"] == path])

    assert planned(desk, config, before)["references"] == (
        "holds",
        "3 objects that live does not refer to: looked up, and there.",
    )
    assert len([one for one in desk.world.practice.requests() if one["path"] == path]) == asked + 1


def test_what_was_deleted_refuses_the_plan_by_name_and_nothing_is_sent(
    desk: Desk, hours: tuple[TrackedConfig, Snapshot, str]
) -> None:
    config, before, path = hours
    delete(desk, path)

    standing, message = planned(desk, config, before)["references"]

    assert standing == "refuses"
    named = f"the Schedule “Branch hours – weekdays” ({path.rpartition('/')[2]}, at /openSchedules/0/id)"
    assert message.startswith(
        f"The target refers to {named}, which the platform does not show: deleted, or in a division "
    )
    assert "Nothing was sent" in message
    with pytest.raises(actions.RequestRefused):
        actions.request_rollback(config, before, reason=REASON, acting_user=desk.world.alice)
    assert desk.writes() == []


def test_the_platform_would_indeed_have_refused_that_write(
    desk: Desk, hours: tuple[TrackedConfig, Snapshot, str]
) -> None:
    config, before, path = hours
    rollback = desk.approve(actions.request_rollback(config, before, reason=REASON, acting_user=desk.world.alice))
    delete(desk, path)
    live = shown(desk, path_of(config))

    answer = desk.world.platform.write(
        "PUT",
        path_of(config),
        json.dumps({**live, "openSchedules": [{"id": path.rpartition("/")[2]}]}).encode(),
        if_match=None,
    )

    assert (answer.status, b"not.found" in answer.body) == (400, True)
    done = applying.apply(rollback.pk, pace=QUICK)
    assert [refusal["guard"] for refusal in done.refusals] == ["references"]
    assert not done.attempts.exists()
    assert desk.writes() == []


def test_what_nobody_can_tell_is_a_warning_and_no_refusal(
    desk: Desk, hours: tuple[TrackedConfig, Snapshot, str]
) -> None:
    config, before, _path = hours
    desk.take_away("routing:schedule:view")

    standing, message = planned(desk, config, before)["references"]

    assert standing == "warns"
    assert message.startswith(
        "Whether everything that the target refers to is still there could not be told: the Sched"
    )
    assert message.count("the OAuth client may not read it, which takes routing:schedule:view in its division") == 1
    assert actions.request_rollback(config, before, reason=REASON, acting_user=desk.world.alice).refusals == []


def test_what_live_refers_to_as_well_is_not_asked_for(desk: Desk) -> None:
    config = first(desk, HOURS)
    before = config.live
    assert before is not None
    desk.world.practice.foreign_write(path_of(config), edits=[{"path": "/name", "value": "Changed at night"}])
    making.look(config)
    config.refresh_from_db()

    assert planned(desk, config, before)["references"] == ("holds", "It refers to nothing that live does not refer to.")


def test_the_first_silence_ends_the_asking_and_so_many_are_asked_at_most(desk: Desk) -> None:
    rtype = get("routing.queue")
    skills = [{"id": f"skill-{number}"} for number in range(30)]
    target: Any = {"bullseye": {"rings": [{"actions": {"skillsToRemove": skills}}]}, "queueFlow": {"id": "flow-1"}}
    names = references.new_in(rtype, target=target, live={})
    assert len(names) == 31
    desk.world.practice.add_fault("unavailable_503", path="/skills/skill-3$", times=None, method="GET")
    before = {one["path"] for one in desk.world.practice.requests()}

    seen = references.look_up(names, desk.world.platform)

    asked = {one["path"] for one in desk.world.practice.requests()} - before
    assert asked == {f"/api/v2/routing/skills/skill-{number}" for number in range(4)}
    assert [named.object_id for named in seen.missing] == ["skill-0", "skill-1", "skill-2"]
    assert {reason for _, reason in seen.untold} == {seen.untold[0][1]}
    assert seen.beyond == 31 - references.MOST_LOOKED_UP
    assert len(seen.there) + len(seen.missing) + len(seen.untold) == references.MOST_LOOKED_UP


def test_an_id_that_may_be_one_of_several_kinds_is_missing_only_where_none_has_it(desk: Desk) -> None:
    rtype = get("routing.queue")
    group = first(desk, "groups.group").object_id
    target: Any = {"memberGroups": [{"id": group, "type": "GROUP"}, {"id": "no-such-group", "type": "GROUP"}]}

    seen = references.look_up(references.new_in(rtype, target=target, live={}), desk.world.platform)

    assert [named.object_id for named in seen.there] == [group]
    assert "no-such-group" in {named.object_id for named in (*seen.missing, *(named for named, _ in seen.untold))}


def test_what_a_read_shows_whole_and_a_write_takes_by_id_is_taken_back(desk: Desk) -> None:
    for type_name, member in (
        ("users.user", "manager"),
        ("groups.group", "ownerIds"),
        ("locations.location", "contactUser"),
    ):
        config = next(one for one in every(desk, type_name) if has_it(desk, one, member))
        before = config.live
        assert before is not None
        other = next(one for one in people(desk) if one not in json.dumps(shown(desk, path_of(config))))
        value = [other] if member == "ownerIds" else other
        desk.world.practice.foreign_write(path_of(config), edits=[{"path": f"/{member}", "value": value}])
        making.look(config)
        config.refresh_from_db()
        assert config.live is not None
        assert config.live.digest != before.digest, type_name

        rollback = desk.approve(actions.request_rollback(config, before, reason=REASON, acting_user=desk.world.alice))
        done = applying.apply(rollback.pk, pace=QUICK)

        assert done.verdict in {"verified", "reached"}, done.explanation
        making.look(config)
        config.refresh_from_db()
        assert config.live is not None
        assert config.live.digest == before.digest


def every(desk: Desk, type_name: str) -> list[TrackedConfig]:
    """Give all of the bank's objects of a type, tracked and looked at."""
    world = desk.world
    found = capture.track(
        world.northwind,
        get(type_name),
        dict(discovery.discover(world.northwind, get(type_name), world.platform)),
    ).added
    for config in found:
        making.look(config)
        config.refresh_from_db()
    return found


def has_it(desk: Desk, config: TrackedConfig, member: str) -> bool:
    """Tell whether the object shows what a write names by id."""
    return bool(shown(desk, path_of(config)).get({"ownerIds": "owners"}.get(member, member)))


def people(desk: Desk) -> list[str]:
    """Give the ids of the bank's people."""
    world = desk.world
    return [object_id for object_id, _ in discovery.discover(world.northwind, get("users.user"), world.platform)]
