"""The exact bytes of a rollback, and what an approval signs."""

from dataclasses import replace
from typing import Any

import pytest

from rollbacks.plans import (
    Base,
    Body,
    PlannedStep,
    StepKind,
    build_body,
    guard_level,
    plan_digest,
    unrestorable,
    usable_for_if_match,
)
from tenants.documents import load
from tenants.resource_types import VersionRule, catalogue

ASSIST = catalogue.get("agentassist.config")
CAMPAIGN = catalogue.get("outbound.campaign")
QUEUE = catalogue.get("routing.queue")

OLD = b"""{"id": "cfg-1", "name": "Agent Assist \\u2013 Billing EMEA", "version": 41,
 "content": {"minConfidence": 0.70, "threshold": 1E2,\r\n "text": "caf\\u00e9"}, "trafficPercent": 100,
 "deployed": true}"""
NOW = b"""{"id": "cfg-1", "name": "Billing", "version": 42, "content": {}, "trafficPercent": 25, "deployed": true,
 "deploymentId": "dep-7", "dateModified": "2026-11-20T22:47:00Z"}"""


def test_the_old_content_is_sent_in_its_own_spelling_with_the_next_version() -> None:
    body = build_body(ASSIST, target=OLD, live=NOW, base_version=42)
    assert b'{"minConfidence": 0.70, "threshold": 1E2,\r\n "text": "caf\\u00e9"}' in body.raw
    assert b'"Agent Assist \\u2013 Billing EMEA"' in body.raw
    value = load(body.raw)
    assert isinstance(value, dict)
    assert value["version"] == body.sent_version == body.expected_version == 43


def test_what_routing_moves_is_taken_from_live_and_what_the_server_manages_is_left_out() -> None:
    value = load(build_body(ASSIST, target=OLD, live=NOW, base_version=42).raw)
    assert isinstance(value, dict)
    assert value["trafficPercent"] == 25
    assert value["deploymentId"] == "dep-7"
    assert "dateModified" not in value


def test_an_echoed_version_is_the_live_one_and_the_server_makes_the_next() -> None:
    live = b'{"id": "c", "name": "Winter", "version": 7, "campaignStatus": "complete"}'
    old = b'{"id": "c", "name": "Autumn", "version": 3, "campaignStatus": "off"}'
    body = build_body(CAMPAIGN, target=old, live=live, base_version=7)
    value = load(body.raw)
    assert isinstance(value, dict)
    assert (value["version"], body.expected_version) == (7, 8)
    assert value["campaignStatus"] == "complete"


def test_a_nested_version_is_changed_in_place_and_its_neighbours_stay() -> None:
    nested = replace(ASSIST, version_rule=VersionRule.NESTED, version_pointer="/metadata/version")
    live = b'{"name": "n", "content": {}, "metadata": {"version": 5, "createdBy": {"id": "u-1"}}}'
    value = load(build_body(nested, target=OLD, live=live, base_version=5).raw)
    assert isinstance(value, dict)
    assert value["metadata"] == {"version": 5, "createdBy": {"id": "u-1"}}


def test_a_member_that_only_live_has_is_cleared_by_an_explicit_null_where_null_clears() -> None:
    clearing = replace(ASSIST, null_clears=True)
    value = load(build_body(clearing, target=b'{"name": "n", "version": 1}', live=NOW, base_version=42).raw)
    assert isinstance(value, dict)
    assert value["content"] is None
    kept = load(build_body(ASSIST, target=b'{"name": "n", "version": 1}', live=NOW, base_version=42).raw)
    assert isinstance(kept, dict)
    assert "content" not in kept


def test_a_type_without_versions_sends_none() -> None:
    body = build_body(QUEUE, target=b'{"name": "Retention"}', live=b'{"name": "Retention EMEA"}', base_version=None)
    assert b"version" not in body.raw
    assert body.sent_version is None


@pytest.mark.parametrize(
    ("etag", "usable"), [(b'"42-9f3c"', True), (b'W/"42"', False), (b"42", False), (b'"', False), (None, False)]
)
def test_only_a_strong_quoted_etag_can_guard(etag: bytes | None, usable: bool) -> None:
    assert usable_for_if_match(etag) is usable
    assert guard_level(ASSIST, etag) == ("A" if usable else "B")


def test_the_level_is_the_one_that_the_server_really_checks() -> None:
    assert guard_level(CAMPAIGN, None) == "B"
    assert guard_level(QUEUE, b'"anything"') == "C"


def test_anything_different_in_what_would_happen_changes_the_signed_digest() -> None:
    step = PlannedStep(
        kind=StepKind.WRITE,
        title="Write the object",
        resource_type="agentassist.config",
        object_id="cfg-1",
        method="PUT",
        path="/api/v2/agentassist/configs/cfg-1",
        body=Body(b"{}", 43, 43),
        guard_level="A",
        base=Base(42, b'"42-9f3c"', "0" * 64),
        target_digest="1" * 64,
    )
    others: list[dict[str, Any]] = [
        {"kind": StepKind.PUBLISH},
        {"resource_type": "analytics.agentassist.config"},
        {"object_id": "cfg-2"},
        {"observed_path": "/api/v2/agentassist/configs/cfg-1/draft"},
        {"method": "PATCH"},
        {"path": "/api/v2/agentassist/configs/cfg-2"},
        {"body": Body(b"[]", 43, 43)},
        {"body": Body(b"{}", 43, 44)},
        {"guard_level": "C"},
        {"base": Base(43, b'"42-9f3c"', "0" * 64)},
        {"base": Base(42, None, "0" * 64)},
        {"base": Base(42, b'"42-9f3c"', "9" * 64)},
        {"target_digest": "9" * 64},
    ]
    signed: dict[str, object] = {
        "tenant": "t",
        "resource_type": "agentassist.config",
        "object_id": "cfg-1",
        "base": Base(42, b'"42-9f3c"', "0" * 64),
        "target_digest": "1" * 64,
        "steps": [step],
        "profile": "3" * 64,
    }
    changes: list[dict[str, object]] = [
        {"tenant": "u"},
        {"object_id": "cfg-2"},
        {"base": Base(43, b'"42-9f3c"', "0" * 64)},
        {"base": Base(42, b'W/"42-9f3c"', "0" * 64)},
        {"base": Base(42, None, "0" * 64)},
        {"base": Base(42, b'"42-9f3c"', "9" * 64)},
        {"target_digest": "9" * 64},
        {"steps": []},
        {"steps": [step, step]},
        {"profile": "9" * 64},
    ]
    changes += [{"steps": [replace(step, **other)]} for other in others]
    digests = {plan_digest(**{**signed, **change}) for change in [{}, *changes]}  # type: ignore[arg-type]
    assert len(digests) == len(changes) + 1


USER = catalogue.get("users.user")
GROUP = catalogue.get("groups.group")
PLANNING_GROUP = catalogue.get("wfm.planninggroup")


def test_a_patch_names_what_it_restores_and_repeats_nothing_else_of_live() -> None:
    old = b'{"id": "u-1", "name": "Ines Duarte", "version": 3, "title": "Agent", "state": "inactive"}'
    now = b'{"id": "u-1", "name": "Ines D.", "version": 9, "title": "Lead", "state": "active", "skills": []}'

    body = build_body(USER, target=old, live=now, base_version=9)

    assert load(body.raw) == {"name": "Ines Duarte", "title": "Agent", "version": 9}
    assert body.expected_version == 10


def test_a_version_inside_metadata_goes_out_unchanged_with_what_is_beside_it() -> None:
    old = b'{"id": "g", "name": "Billing", "routePaths": [], "metadata": {"version": 3}}'
    now = (
        b'{"id": "g", "name": "Bills", "routePaths": [{"mediaType": "Voice"}], '
        b'"metadata": {"version": 7, "modifiedBy": {"id": "u-2"}}}'
    )

    body = build_body(PLANNING_GROUP, target=old, live=now, base_version=7)

    assert load(body.raw) == {
        "name": "Billing",
        "routePaths": {"values": []},
        "metadata": {"version": 7, "modifiedBy": {"id": "u-2"}},
    }
    assert (body.sent_version, body.expected_version) == (7, 8)


def test_a_secret_is_never_sent() -> None:
    masked = replace(QUEUE, secret=("description",))

    value = load(build_body(masked, target=b'{"name": "n", "description": "***"}', live=b"{}", base_version=None).raw)

    assert value == {"name": "n"}


def test_columns_of_a_contact_list_that_differ_are_named_and_other_order_of_members_is_no_difference() -> None:
    contacts = catalogue.get("outbound.contactlist")
    live = {"columnNames": ["name", "phone"], "phoneColumns": [{"columnName": "phone", "type": "cell"}]}
    target = {"columnNames": ["name", "mobile"], "phoneColumns": [{"type": "cell", "columnName": "phone"}]}

    found = unrestorable(contacts, live=live, target=target)  # type: ignore[arg-type]  # lists of one kind

    assert found.immutable == ("columnNames",)
    assert (found.secret, found.reset, found.left) == ((), (), ())


def test_a_member_that_a_write_would_take_away_is_named_and_none_is_none() -> None:
    rtype = replace(GROUP, reset=("owners",))

    assert unrestorable(rtype, live={"owners": [{"id": "u-1"}]}, target={}).reset == ("owners",)
    assert unrestorable(rtype, live={"owners": []}, target={"owners": [{"id": "u-1"}]}).reset == ()


def test_a_patch_that_cannot_take_a_member_away_says_so_unless_null_clears() -> None:
    live, target = {"name": "n", "title": "Lead"}, {"name": "n"}

    assert unrestorable(USER, live=live, target=target).left == ("title",)
    assert unrestorable(replace(USER, null_clears=True), live=live, target=target).left == ()
    assert unrestorable(replace(USER, update_method="PUT"), live=live, target=target).left == ()


def test_a_secret_stands_in_the_way_of_a_put_always_and_of_a_patch_only_where_it_shows_a_difference() -> None:
    put, patch = replace(QUEUE, secret=("description",)), replace(USER, secret=("title",))

    assert unrestorable(put, live={"description": "***"}, target={"description": "***"}).secret == ("description",)
    assert unrestorable(put, live={}, target={}).secret == ()
    assert unrestorable(patch, live={"title": "***"}, target={"title": "***"}).secret == ()
    assert unrestorable(patch, live={"title": "***"}, target={"title": "**"}).secret == ("title",)
    assert unrestorable(catalogue.get("oauth.client"), live={"secret": "a"}, target={"secret": "b"}).secret == ()


def test_a_patch_leaves_out_what_is_equal_so_that_a_reference_is_not_sent_in_its_read_form() -> None:
    location = catalogue.get("locations.location")
    old = b'{"name": "Lisbon", "notes": "2nd floor", "contactUser": {"id": "u-1", "name": "Ines"}, "version": 1}'
    now = b'{"name": "Lisbon", "notes": "moved", "contactUser": {"name": "Ines", "id": "u-1"}, "version": 4}'

    assert load(build_body(location, target=old, live=now, base_version=4).raw) == {
        "name": "Lisbon",
        "notes": "2nd floor",
        "version": 4,
    }
    other = now.replace(b"u-1", b"u-2")
    assert load(build_body(location, target=old, live=other, base_version=4).raw)["contactUser"] == "u-1"  # type: ignore[index,call-overload]
