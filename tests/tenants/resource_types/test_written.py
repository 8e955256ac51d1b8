"""What a body names otherwise than a read shows it comes from the raw bytes, and is compared by what a body says."""

import pytest

from rollbacks import plans
from tenants.documents import Value, load
from tenants.resource_types import ResourceType, content_digest, get, written

USER = b"""{"id": "u-1", "name": "Ada Lindqvist", "version": 4, "title": "Team lead",
    "manager": {"id": "u-\\u0037", "name": "Bruno Costa", "selfUri": "/api/v2/users/u-7"}}"""
GROUP = b"""{"id": "g-1", "name": "Card block", "version": 9, "type": "official",
    "owners": [{"id": "u-1", "name": "Ada", "selfUri": "/x"}, {"id": "u-2", "name": "Bruno"}]}"""
WORKTYPE = b"""{"id": "wt-1", "name": "Claim", "version": 3, "defaultPriority": 1e2, "statuses": [],
    "defaultQueue": {"id": "q-1", "name": "Claims"}, "defaultSkills": [{"id": "s-1"}, {"id": "s-2", "name": "Fraud"}],
    "schema": {"id": "sch-1", "name": "Claims", "version": 12}, "defaultScript": null}"""
PLANNING = b"""{"id": "pg-1", "name": "Billing", "metadata": {"version": 5},
    "serviceGoalTemplate": {"id": "sg-1", "selfUri": "/y"},
    "routePaths": [
        {"queue": {"id": "q-1", "name": "Billing"}, "mediaType": "Voice", "language": {"id": "l-1"},
         "skills": [{"id": "s-1"}, {"id": "s-2"}]},
        {"queue": {"id": "q-2"}, "mediaType": "Chat"}]}"""


def value_of(raw: bytes) -> dict[str, Value]:
    """Give an object as a value."""
    value = load(raw)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("users.user", USER, {"manager": b'"u-\\u0037"'}),
        ("groups.group", GROUP, {"ownerIds": b'["u-1","u-2"]'}),
        (
            "taskmanagement.worktype",
            WORKTYPE,
            {
                "defaultQueueId": b'"q-1"',
                "defaultSkillIds": b'["s-1","s-2"]',
                "schemaId": b'"sch-1"',
                "schemaVersion": b"12",
                "defaultPriority": b"1e2",
            },
        ),
        (
            "wfm.planninggroup",
            PLANNING,
            {
                "serviceGoalTemplateId": b'"sg-1"',
                "routePaths": b'{"values":[{"queueId":"q-1","mediaType":"Voice","languageId":"l-1","skillIds":'
                b'["s-1","s-2"]},{"queueId":"q-2","mediaType":"Chat"}]}',
            },
        ),
    ],
)
def test_a_body_names_it_in_its_own_form_spelled_as_it_was(name: str, raw: bytes, said: dict[str, bytes]) -> None:
    members = written.body_members(get(name), raw)

    assert members.items() >= said.items()
    otherwise = {rule.shown_in for rule in get(name).written_as} - {rule.member for rule in get(name).written_as}
    assert not members.keys() & otherwise
    assert "defaultScriptId" not in members


def test_that_somebody_else_was_renamed_is_no_change_and_another_manager_is_one() -> None:
    rtype = get("users.user")
    before = content_digest(rtype, value_of(USER))

    assert content_digest(rtype, value_of(USER.replace(b"Bruno Costa", b"Bruno Costa-Lima"))) == before
    assert content_digest(rtype, value_of(USER.replace(b'"u-\\u0037"', b'"u-8"'))) != before


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("users.user", USER),
        ("groups.group", GROUP),
        ("taskmanagement.worktype", WORKTYPE),
        ("wfm.planninggroup", PLANNING),
    ],
)
def test_what_a_body_says_is_shown_as_a_read_would_show_it(name: str, raw: bytes) -> None:
    rtype = get(name)
    said = {key: load(member) for key, member in written.body_members(rtype, raw).items()}

    shown = written.as_shown(rtype, said)

    assert content_digest(rtype, shown) == content_digest(rtype, value_of(raw))
    comparable = written.comparable(rtype, value_of(raw))
    assert {key: shown[key] for key in (rule.shown_in for rule in rtype.written_as) if key in shown} == {
        key: comparable[key] for key in (rule.shown_in for rule in rtype.written_as) if key in comparable
    }


def body(rtype: ResourceType, *, target: bytes, live: bytes) -> dict[str, Value]:
    """Give the body that takes live to the target."""
    return value_of(plans.build_body(rtype, target=target, live=live, base_version=9).raw)


def test_a_put_of_a_group_names_its_owners_so_that_they_are_not_taken_away() -> None:
    rtype, live = get("groups.group"), GROUP.replace(b"u-2", b"u-3")

    assert body(rtype, target=GROUP, live=live)["ownerIds"] == ["u-1", "u-2"]
    unrestorable = plans.unrestorable(rtype, live=value_of(live), target=value_of(GROUP))
    assert (unrestorable.immutable, unrestorable.reset, unrestorable.left) == ((), (), ())


def test_a_patch_names_only_what_differs() -> None:
    rtype = get("users.user")

    assert "manager" not in body(rtype, target=USER, live=USER.replace(b"Bruno Costa", b"B. Costa"))
    assert body(rtype, target=USER, live=USER.replace(b'"u-\\u0037"', b'"u-8"'))["manager"] == "u-7"


def test_a_patch_that_cannot_take_a_reference_away_is_refused_by_the_name_that_a_read_shows() -> None:
    rtype = get("users.user")
    without_manager = b'{"id": "u-1", "name": "Ada Lindqvist", "version": 3, "title": "Team lead"}'

    unrestorable = plans.unrestorable(rtype, live=value_of(USER), target=value_of(without_manager))

    assert unrestorable.left == ("manager",)
    assert plans.unrestorable(rtype, live=value_of(without_manager), target=value_of(USER)).left == ()


def test_the_version_of_a_planning_group_goes_into_the_body_beside_its_paths() -> None:
    rtype = get("wfm.planninggroup")
    said = value_of(
        plans.build_body(rtype, target=PLANNING.replace(b"Chat", b"Email"), live=PLANNING, base_version=5).raw
    )

    assert said["metadata"] == {"version": 5}
    assert said["routePaths"] == {
        "values": [
            {"queueId": "q-1", "mediaType": "Voice", "languageId": "l-1", "skillIds": ["s-1", "s-2"]},
            {"queueId": "q-2", "mediaType": "Email"},
        ]
    }
    assert "serviceGoalTemplateId" not in said


def test_what_the_platform_sets_inside_a_member_is_in_neither_body_nor_digest() -> None:
    rtype = get("integrations.action.draft")
    shown = (
        b'{"id": "a-1", "name": "Look up order", "version": 3, "contract": '
        b'{"input": {"inputSchema": {"type" : "object"}, "inputSchemaUri": "/x"}, '
        b'"output": {"successSchema": {}, "errorSchema": {"type": "object"}}}}'
    )

    members = written.body_members(rtype, shown)

    assert members["contract"] == b'{"input":{"inputSchema":{"type" : "object"}},"output":{"successSchema":{}}}'
    without = shown.replace(b', "inputSchemaUri": "/x"', b"")
    assert content_digest(rtype, value_of(shown)) == content_digest(rtype, value_of(without))
    plain = b'{"name": "n", "contract": {"input": {"inputSchema": {"a" : 1e2}}}}'
    assert written.body_members(rtype, plain)["contract"] == b'{"input": {"inputSchema": {"a" : 1e2}}}'


def test_the_columns_of_a_decision_table_go_into_a_body_without_their_ids() -> None:
    rtype = get("businessrules.decisiontable")
    table = b'{"name": "n", "columns": {"inputs": [{"id": "c-1", "name": "tier"}, {"name": "x"}], "outputs": []}}'

    columns = written.body_members(rtype, table)["columns"]

    assert load(columns) == {"inputs": [{"name": "tier"}, {"name": "x"}], "outputs": []}
