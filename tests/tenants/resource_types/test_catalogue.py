"""The catalogue loads, says what PLATFORM.md says, and names every kind of mistake by type and key."""

import re
from collections.abc import Callable

import pytest

from tenants.resource_types import Guard, InvalidCatalogue, Paging, UnknownType, VersionRule, all_types, catalogue, get
from tenants.resource_types.definition import NO_PERMISSIONS, LiveAt, Permissions

WRAPUP_CODE = """
["routing.wrapupcode"]
title = "Wrap-up code"
object_path = "/api/v2/routing/wrapupcodes/{id}"
list_path = "/api/v2/routing/wrapupcodes"
paging = "numbered"
history_path = "/api/v2/routing/wrapupcodes/{id}/versions"
history_version_path = "/api/v2/routing/wrapupcodes/{id}/versions/{version}"
update_method = "PUT"
version_rule = "echo"
version_pointer = "/version"
guard = "version"
etags = false
writable = ["name", "description"]
required = ["name"]
stateful = ["state"]
read_only = ["id", "version", "selfUri"]
carried = ["id"]
volatile = ["state", "selfUri"]
null_clears = false
identity_keys = ["id"]
read_permissions = { any = ["routing:wrapupCode:view", "routing:wrapupCode:all"] }
write_permissions = { all = ["routing:wrapupCode:edit"] }
visibility_horizon_seconds = 300.0
lost_race = ["409 general.conflict"]
locked = ["409 ~ currently locked"]
"""


NOT_IN_IT = {
    "list_parameter",
    "object_query",
    "live",
    "procedure",
    "steps",
    "history_paging",
    "history_key_pointer",
    "history_content_pointer",
    "stepped",
    "nested_volatile",
    "references",
    "written_as",
    "caveat",
    "parent",
    "parents_path",
    "parents_paging",
    "native_history",
    "immutable",
    "reset",
    "secret",
    "refused",
}


def with_line(key: str, line: str) -> str:
    """Give the wrap-up code's table with one key's line replaced (or, by an empty line, left out)."""
    changed = WRAPUP_CODE
    for one in line.split("\n")[1:]:  # a mistake of two lines replaces the second one's key too
        changed = re.sub(rf"(?m)^{one.partition(' ')[0]} = .*\n", "", changed)
    changed, count = re.subn(rf"(?m)^{key} = .*$", lambda _: line, changed)
    assert count == (key not in NOT_IN_IT)
    return changed if count else f"{WRAPUP_CODE}{line}\n"


def test_the_table_that_the_mistakes_are_made_in_is_itself_right() -> None:
    (rtype,) = catalogue.load(WRAPUP_CODE).values()

    assert rtype.name == "routing.wrapupcode"
    assert rtype.guard_level == "B"
    assert rtype.from_live == ("id", "state")
    assert rtype.known == {"name", "description", "state", "id", "version", "selfUri"}


MISTAKES = [
    ("title", "", "it is missing"),
    ("title", "title = 7", "it must be a text that is not empty, not 7"),
    ("title", 'title = " "', "it must be a text that is not empty"),
    ("etags", 'etags = "yes"', "it must be true or false, not 'yes'"),
    ("null_clears", "null_clears = 0", "it must be true or false, not 0"),
    ("guard", 'guard = "etags"', "it must be 'etag', 'version' or 'compare', not 'etags'"),
    ("guard", 'guard = "etag"', "it is 'etag', yet 'etags' is false"),
    ("version_rule", 'version_rule = "plus"', "'nested', 'assigned' or 'none', not 'plus'"),
    ("paging", 'paging = "pages"', "it must be 'numbered', 'cursor', 'unpaged', 'scim', 'singleton' or 'none'"),
    (
        "object_path",
        'object_path = "/api/v2/routing/{parent}/codes"',
        "has {parent}; it needs exactly one {parent} and",
    ),
    ("object_path", 'object_path = "/api/v2/{id}/codes/{parent}"', "it needs exactly one {parent} and one {id}"),
    ("paging", 'paging = "none"', "it has neither"),
    ("object_path", 'object_path = "/api/v2/routing/wrapupcodes"', "has no placeholder; it needs exactly one {id}"),
    ("object_path", 'object_path = "/api/v2/{id}/{id}"', "has {id} and {id}; it needs exactly one {id}"),
    ("object_path", 'object_path = "https://api.example/{id}"', "is no path that begins with /api/"),
    ("list_path", 'list_path = "/api/v2/routing/{id}"', "it needs no placeholder"),
    ("parents_path", 'parents_path = "/api/v2/x/{id}"', "it needs no placeholder"),
    ("parents_path", 'parents_path = "/api/v2/routing"', "it stands beside 'parent', a list without a {parent}"),
    ("parents_paging", 'parents_paging = "by hand"', "it must be 'numbered', 'cursor'"),
    ("history_version_path", 'history_version_path = "/api/v2/x/{id}"', "exactly one {id} and one {version}"),
    ("history_version_path", "", "a history has a path for all versions and one for each"),
    ("history_path", "", "a history has a path for all versions and one for each"),
    ("update_method", 'update_method = "POST"', "it must be 'PUT' or 'PATCH', not 'POST'"),
    ("write_permissions", "", "exactly when 'update_method' does"),
    ("write_permissions", 'write_permissions = ["a:b:c"]', 'it must be { any = ["domain:entity:action", …] }'),
    ("write_permissions", "write_permissions = { every = [] }", 'it must be { any = ["domain:entity:action", …] }'),
    ("write_permissions", "write_permissions = { any = [], all = [] }", 'it must be { any = ["domain:entity'),
    ("write_permissions", "write_permissions = { all = [] }", "it names no permission"),
    ("write_permissions", 'write_permissions = { all = ["may write"] }', "'may write' is no permission"),
    ("procedure", 'procedure = "pray"', "it must be 'draft_and_publish', 'publish_and_repoint'"),
    ("live", 'live = "draft"', "it must be 'object' or 'newest_version', not 'draft'"),
    ("object_query", 'object_query = "?expand=all"', "it must be a query such as 'expand=variations'"),
    ("history_paging", 'history_paging = "scim"', "it must be 'numbered', 'cursor' or 'unpaged', not 'scim'"),
    ("history_key_pointer", 'history_key_pointer = "id"', "is not a JSON Pointer"),
    ("stepped", 'stepped = ["id"]', "it stands there, yet 'procedure' does not"),
    ("nested_volatile", 'nested_volatile = ["/name"]', "leads to no place inside a member"),
    ("nested_volatile", 'nested_volatile = ["/state/*/id"]', "the member 'state' does not stand in 'writable', 'imm"),
    ("guard", 'guard = "version"\nversion_rule = "assigned"', "yet no write names an 'assigned' version"),
    ("steps", "steps = 7", "it must be a table of its own"),
    ("references", "references = []", "it must be a table of its own"),
    ("written_as", 'written_as = "id"', "it must be a table of its own"),
    ("steps", 'steps = { native_path = "/api/v2/x/{id}" }', "it stands there, yet 'procedure' does not"),
    ("caveat", 'caveat = "no sentence"', "it must be whole sentences"),
    ("parent", 'parent = "Queue"', "it must be the name of a type"),
    ("parent", 'parent = "routing.queue"', "has no {parent}"),
    ("list_parameter", 'list_parameter = "queueId"', "yet 'list_path' or 'parent' does not"),
    ("native_history", 'native_history = ["/api/v2/x/{version}/{version}"]', "each once"),
    ("native_history", 'native_history = ["versions"]', "is no path that begins with /api/"),
    ("immutable", 'immutable = ["state"]', "the member 'state' does not stand in 'writable' or 'read_only'"),
    ("volatile", 'volatile = ["selfUri"]\nimmutable = ["selfUri"]', "is immutable, so it cannot also move by itself"),
    ("reset", 'reset = ["name"]', "the member 'name' does not stand in 'read_only'"),
    ("secret", 'secret = ["password"]', "the member 'password' does not stand in any list of members"),
    ("refused", 'refused = ["400"  , "400"]', "'400' stands in it twice"),
    ("version_rule", 'version_rule = "echo"\nguard = "compare"', "it is 'echo', yet 'guard' is 'compare'"),
    ("version_pointer", 'version_pointer = "version"', "is not a JSON Pointer"),
    ("version_pointer", 'version_pointer = "/metadata/version"', "'version_rule' is 'echo', which does not fit"),
    ("version_pointer", 'version_pointer = "/revision"', "the member 'revision' does not stand in 'read_only'"),
    ("version_pointer", "", "it is missing, yet 'version_rule' is 'echo'"),
    ("writable", 'writable = "name"', "it must be a list of texts"),
    ("writable", 'writable = ["name", 3]', "it must be a list of texts"),
    ("writable", 'writable = ["name", "name"]', "'name' stands in it twice"),
    ("stateful", 'stateful = ["state", "name"]', "the member 'name' stands in 'writable' too"),
    ("read_only", 'read_only = ["id", "version", "selfUri", "state"]', "the member 'state' stands in 'stateful' too"),
    (
        "required",
        'required = ["selfUri"]',
        "the member 'selfUri' does not stand in 'writable', 'stateful' or 'carried'",
    ),
    ("carried", 'carried = ["name"]', "the member 'name' does not stand in 'read_only'"),
    ("volatile", 'volatile = ["snippet"]', "the member 'snippet' does not stand in any list of members"),
    ("volatile", 'volatile = ["name"]', "the member 'name' is writable"),
    ("visibility_horizon_seconds", "visibility_horizon_seconds = -1", "a number of seconds, 0 or more, not -1"),
    ("visibility_horizon_seconds", "visibility_horizon_seconds = inf", "a number of seconds, 0 or more, not inf"),
    ("visibility_horizon_seconds", "visibility_horizon_seconds = true", "a number of seconds, 0 or more, not True"),
    ("lost_race", 'lost_race = ["conflict"]', "'conflict' is no signature"),
    ("lost_race", 'lost_race = ["200"]', "'200' is no signature"),
    ("locked", 'locked = ["409 ~ "]', "'409 ~ ' is no signature"),
]


@pytest.mark.parametrize(("key", "line", "reason"), MISTAKES, ids=[f"{key}: {line}" for key, line, _ in MISTAKES])
def test_each_mistake_in_a_table_is_named_by_type_and_key(key: str, line: str, reason: str) -> None:
    with pytest.raises(InvalidCatalogue) as refused:
        catalogue.load(with_line(key, line))

    assert str(refused.value).startswith(
        "The catalogue of resource types was not loaded: type 'routing.wrapupcode', key "
    )
    assert f"key '{key}'" in str(refused.value)
    assert reason in str(refused.value)
    assert str(refused.value).endswith(".")


PROCEDURES = [
    ("native_rollback", "", "steps.native_key_pointer", "it is missing, yet 'procedure' is 'native_rollback'"),
    ("native_rollback", 'native_key_pointer = "/id"', "steps.native_path", "it is missing"),
    (
        "native_rollback",
        'native_key_pointer = "/id"\nnative_path = "/api/v2/x/{id}/rollback"',
        "steps.native_path",
        "it needs exactly one {id} and one {version}",
    ),
    ("native_restore", 'native_kay = "/id"', "steps.native_kay", "no such key; did you mean 'native_path'?"),
    ("native_restore", 'native_body_key = ""', "steps.native_body_key", "it must be a text that is not empty"),
    ("draft_and_publish", 'draft_path = "drafts"', "steps.draft_path", "is no path that begins with /api/"),
    (
        "native_rollback",
        'native_key_pointer = "/id"\nnative_path = "/api/v2/x/{id}/v/{version}"\nnative_writable = ["published"]',
        "steps.native_writable",
        "the member 'published' does not stand in 'writable'",
    ),
    ("draft_and_publish", 'draft_writable = "name"', "steps.draft_writable", "it must be a list of texts"),
    (
        "draft_and_publish",
        """
        draft_path = "/api/v2/x/{id}"
        publish_path = "/api/v2/x/{id}/p"
        draft_version_pointer = "/version"
        draft_writable = ["contract"]
        """,
        "steps.draft_writable",
        "the member 'contract' does not stand in 'writable', 'immutable' or 'stepped'",
    ),
    ("publish_version", 'ready_value = "Active"', "steps.ready_value", "exactly when 'ready_pointer' does"),
    ("publish_version", 'used_by_type = "routing.queue"', "steps.used_by_pointer", "exactly when 'used_by_type' does"),
    (
        "publish_version",
        'used_by_type = "routing.queue"\nused_by_pointer = "/wrapup"',
        "steps.used_by_type",
        "'routing.queue' is no type that can be listed and written",
    ),
    (
        "publish_version",
        'used_by_type = "routing.wrapupcode"\nused_by_pointer = "/wrapup"',
        "steps.used_by_pointer",
        "the member 'wrapup' does not stand in 'writable' of routing.wrapupcode",
    ),
]


@pytest.mark.parametrize(
    ("procedure", "steps", "key", "reason"), PROCEDURES, ids=[f"{p}: {s}" for p, s, *_ in PROCEDURES]
)
def test_each_mistake_in_the_steps_of_a_procedure_is_named(procedure: str, steps: str, key: str, reason: str) -> None:
    table = f'{WRAPUP_CODE}procedure = "{procedure}"\n["routing.wrapupcode".steps]\n{steps}\n'

    with pytest.raises(InvalidCatalogue) as refused:
        catalogue.load(table)

    assert f"type 'routing.wrapupcode', key '{key}'" in str(refused.value)
    assert reason in str(refused.value)


INNER = [
    ("references", '"/name" = 7', "references./name", "it must be a list of texts"),
    ("references", 'name = "routing.wrapupcode"', "references.name", "is not a JSON Pointer"),
    ("references", '"/name" = []', "references./name", "it leads to nothing"),
    (
        "references",
        '"/name" = "Queue"',
        "references./name",
        "must be the name of a type or a path with {id}, not 'Queue'",
    ),
    ("references", '"/name" = "/api/v2/queues"', "references./name", "it needs exactly one {id}"),
    (
        "references",
        '"/name" = "routing.queue"',
        "references./name",
        "'routing.queue' is no type whose objects are found",
    ),
    ("references", '"/state/id" = "routing.wrapupcode"', "references./state/id", "the member 'state' is in no body"),
    ("written_as", 'name = "id"', "written_as.name", "is not a JSON Pointer"),
    ("written_as", 'name = "/name/*/skills/*"', "written_as.name", "has more than one *"),
    ("written_as", "name = 7", "written_as.name", "it must be a JSON Pointer or { each = "),
    ("written_as", 'name = { each = "/name", members = { id = "/id" } }', "written_as.name", "'each' must end with /*"),
    ("written_as", 'name = { each = "/name/*" }', "written_as.name", "'members' must name what each item has"),
    ("written_as", 'owner = "/name/id"', "written_as.owner", "the member 'owner' does not stand in 'writable'"),
    ("written_as", 'name = "/state/id"', "written_as.name", "'state' does not stand in 'writable' or 'read_only'"),
    ("written_as", 'name = "/selfUri/id"', "written_as.name", "the member 'selfUri' stands in 'volatile' too"),
]


@pytest.mark.parametrize(("table", "line", "key", "reason"), INNER, ids=[f"{t}: {line}" for t, line, *_ in INNER])
def test_each_mistake_in_what_a_type_refers_to_or_names_otherwise_is_named(
    table: str, line: str, key: str, reason: str
) -> None:
    with pytest.raises(InvalidCatalogue) as refused:
        catalogue.load(f'{WRAPUP_CODE}["routing.wrapupcode".{table}]\n{line}\n')

    assert f"type 'routing.wrapupcode', key '{key}'" in str(refused.value)
    assert reason in str(refused.value)


def test_every_reference_leads_to_a_member_that_a_rollback_brings_back_and_most_types_have_some() -> None:
    referring = [rtype.name for rtype in all_types() if rtype.references]

    assert len(referring) >= 38
    assert {"routing.queue", "outbound.campaign", "architect.ivr", "wfm.planninggroup"} <= set(referring)
    queue = {reference.at: reference.to for reference in get("routing.queue").references}
    assert queue["/queueFlow/id"] == ("architect.flow",)
    assert queue["/memberGroups/*/id"] == ("groups.group", "routing.skillgroup", "/api/v2/teams/{id}")


def test_the_types_with_steps_say_where_live_is_seen_and_where_each_write_goes() -> None:
    web, action = get("webdeployments.configuration"), get("integrations.action")
    table, document = get("businessrules.decisiontable"), get("knowledge.document")

    assert (web.live, web.version_rule, web.guard_level) == (LiveAt.NEWEST_VERSION, VersionRule.ASSIGNED, "C")
    assert web.steps is not None
    assert (web.steps.ready_pointer, web.steps.ready_value) == ("/status", "Active")
    assert (web.steps.used_by_type, web.steps.used_by_pointer) == ("webdeployments.deployment", "/configuration")
    assert (action.object_query, action.version_rule) == ("includeConfig=true", VersionRule.ECHO)
    assert action.steps is not None
    assert set(action.steps.draft_writable) == set(action.content)
    assert (table.version_rule, table.stepped) == (VersionRule.NONE, ("published",))
    assert table.steps is not None
    assert table.steps.native_key_pointer == "/published/version"
    assert (document.version_rule, document.history_content_pointer) == (VersionRule.ASSIGNED, "/document")
    assert document.steps is not None
    assert document.steps.native_body_key == "restoreFromVersionId"


def test_a_key_that_no_type_has_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(InvalidCatalogue, match=r"key 'readonly': no such key; did you mean 'read_only'\?"):
        catalogue.load(WRAPUP_CODE + "readonly = []\n")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda text: text.replace('["routing.wrapupcode"]', "[routing.wrapupcode]"), "type 'routing'"),
        (lambda text: text.replace('["routing.wrapupcode"]', '["Routing Queue"]'), "type 'Routing Queue'"),
        (lambda text: "horizon = 5\n" + text, "key 'horizon': it stands outside of every type"),
        (lambda text: text + "title = 'twice'\n", "it is not TOML"),
        (lambda text: text[:0], "it declares no type"),
    ],
    ids=["name without quotes", "name with capitals", "key outside", "key twice", "empty"],
)
def test_a_catalogue_of_the_wrong_shape_is_refused_with_a_sentence(make: Callable[[str], str], says: str) -> None:
    with pytest.raises(InvalidCatalogue, match=re.escape(says)):
        catalogue.load(make(WRAPUP_CODE))


def test_a_type_that_nobody_may_write_needs_no_method_and_no_write_permission() -> None:
    text = with_line("update_method", "").replace('write_permissions = { all = ["routing:wrapupCode:edit"] }\n', "")

    assert catalogue.load(text)["routing.wrapupcode"].update_method == ""


def test_the_three_families_of_rules_are_all_declared() -> None:
    rules = {rtype.name: (rtype.version_rule, rtype.guard, rtype.guard_level) for rtype in all_types()}

    assert (
        rules.items()
        >= {
            "agentassist.config": (VersionRule.INCREMENT, Guard.ETAG, "A"),
            "analytics.agentassist.config": (VersionRule.INCREMENT, Guard.ETAG, "A"),
            "scripting.session": (VersionRule.INCREMENT, Guard.VERSION, "B"),
            "outbound.campaign": (VersionRule.ECHO, Guard.VERSION, "B"),
            "routing.queue": (VersionRule.NONE, Guard.COMPARE, "C"),
            "wfm.planninggroup": (VersionRule.NESTED, Guard.VERSION, "B"),
            "scim.group": (VersionRule.NONE, Guard.ETAG, "A"),
        }.items()
    )


def test_the_assist_types_know_the_contracts_fields_and_nothing_that_looks_like_a_revert_flag() -> None:
    config, alias = get("agentassist.config"), get("analytics.agentassist.config")

    for rtype in (config, alias):
        assert {"id", "name", "version", "content", "trafficPercent", "deployed", "deploymentId"} <= rtype.known
        assert not {"versionRevert", "trafficShift"} & rtype.known
        assert rtype.from_live == ("id", "trafficPercent", "deployed", "deploymentId")
        assert rtype.history_version_path == rtype.object_path + "/versions/{version}"
        assert rtype.paging is Paging.NUMBERED
    assert alias.object_path == config.object_path.replace("/api/v2/", "/api/v2/analytics/")
    assert config.write_permissions.names == ("agentassist:config:write",)
    assert alias.write_permissions.names == ("analytics:agentassist-config:write",)


def test_an_unknown_name_is_answered_with_the_names_that_are_near() -> None:
    with pytest.raises(UnknownType) as refused:
        get("agentassist.confg")

    assert str(refused.value) == (
        "There is no resource type 'agentassist.confg', so nothing was done. "
        "Did you mean 'agentassist.config' or 'analytics.agentassist.config'?"
    )


def test_a_name_that_is_near_to_nothing_is_answered_with_all_of_them() -> None:
    with pytest.raises(UnknownType, match=r"The families are agentassist, alerting, .*webdeployments, wfm\.$"):
        get("zzz")


def test_a_permission_of_several_is_lacking_only_where_none_is_held() -> None:
    any_of, all_of = Permissions("any", ("a:b:view", "a:b:all")), Permissions("all", ("a:b:edit", "c:d:view"))

    assert any_of.missing({"a:b:all"}.__contains__) == ()
    assert any_of.missing(set[str]().__contains__) == ("one of a:b:view or a:b:all",)
    assert all_of.missing({"a:b:edit"}.__contains__) == ("c:d:view",)
    assert all_of.missing(set[str]().__contains__) == ("a:b:edit", "c:d:view")
    assert str(any_of) == "a:b:view or a:b:all"
    assert str(all_of) == "a:b:edit and c:d:view"
    assert NO_PERMISSIONS.missing(set[str]().__contains__) == ()
    assert Permissions("any", ()).missing(set[str]().__contains__) == ()


def test_every_type_that_cannot_be_taken_back_says_why_in_whole_sentences() -> None:
    reasons = {rtype.name: rtype.why_read_only for rtype in all_types() if rtype.why_read_only}

    assert reasons["scripts.script"] == (
        "The platform lets nobody write a Agent script through its API, so it is tracked read-only."
    ).replace("a Agent", "an Agent")
    carried_out = {"webdeployments.configuration", "businessrules.decisiontable", "knowledge.document"}
    assert not (carried_out | {"integrations.action"}) & set(reasons)
    assert not {"agentassist.config", "outbound.campaign", "routing.queue", "integrations.action.draft"} & set(reasons)


def test_the_profile_changes_with_any_rule_so_that_an_approval_is_void_then() -> None:
    before = catalogue.load(WRAPUP_CODE)["routing.wrapupcode"]
    after = catalogue.load(with_line("stateful", 'stateful = ["state", "status"]'))["routing.wrapupcode"]

    assert before.profile != after.profile
    assert before.profile == catalogue.load(WRAPUP_CODE)["routing.wrapupcode"].profile
    assert len({rtype.profile for rtype in all_types()}) == len(all_types())
