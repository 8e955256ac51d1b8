"""The catalogue loads, says what PLATFORM.md says, and names every kind of mistake by type and key."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tenants.resource_types import Guard, InvalidCatalogue, Paging, UnknownType, VersionRule, all_types, catalogue, get

CATALOGUE = Path(catalogue.__file__).with_name("catalogue.toml").read_text(encoding="utf-8")

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
read_permission = "routing:wrapupCode:view"
write_permission = "routing:wrapupCode:edit"
visibility_horizon_seconds = 300.0
lost_race = ["409 general.conflict"]
locked = ["409 ~ currently locked"]
"""


def with_line(key: str, line: str) -> str:
    """Give the wrap-up code's table with one key's line replaced (or, by an empty line, left out)."""
    changed, count = re.subn(rf"(?m)^{key} = .*$", lambda _: line, WRAPUP_CODE)
    assert count == 1
    return changed


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
    ("version_rule", 'version_rule = "plus"', "it must be 'increment', 'echo', 'nested' or 'none', not 'plus'"),
    ("paging", 'paging = "cursor"', "it must be 'numbered' or 'none', not 'cursor'"),
    ("paging", 'paging = "none"', "it has neither"),
    ("object_path", 'object_path = "/api/v2/routing/wrapupcodes"', "has no placeholder; it needs exactly one {id}"),
    ("object_path", 'object_path = "/api/v2/{id}/{id}"', "has {id} and {id}; it needs exactly one {id}"),
    ("object_path", 'object_path = "https://api.example/{id}"', "is no path that begins with /api/"),
    ("list_path", 'list_path = "/api/v2/routing/{id}"', "it needs no placeholder"),
    ("history_version_path", 'history_version_path = "/api/v2/x/{id}"', "exactly one {id} and one {version}"),
    ("history_version_path", "", "a history has a path for all versions and one for each"),
    ("history_path", "", "a history has a path for all versions and one for each"),
    ("update_method", 'update_method = "POST"', "it must be 'PUT' or 'PATCH', not 'POST'"),
    ("write_permission", "", "exactly when 'update_method' does"),
    ("version_pointer", 'version_pointer = "version"', "is not a JSON Pointer"),
    ("version_pointer", 'version_pointer = "/metadata/version"', "'version_rule' is 'echo', which does not fit"),
    ("version_pointer", 'version_pointer = "/revision"', "the member 'revision' does not stand in 'read_only'"),
    ("version_pointer", "", "it is missing, yet 'version_rule' is 'echo'"),
    ("writable", 'writable = "name"', "it must be a list of texts"),
    ("writable", 'writable = ["name", 3]', "it must be a list of texts"),
    ("writable", 'writable = ["name", "name"]', "'name' stands in it twice"),
    ("stateful", 'stateful = ["state", "name"]', "the member 'name' stands in 'writable' too"),
    ("read_only", 'read_only = ["id", "version", "selfUri", "state"]', "the member 'state' stands in 'stateful' too"),
    ("required", 'required = ["id"]', "the member 'id' does not stand in 'writable'"),
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
    text = with_line("update_method", "").replace('write_permission = "routing:wrapupCode:edit"\n', "")

    assert catalogue.load(text)["routing.wrapupcode"].update_method == ""


def test_the_three_families_of_rules_are_all_declared() -> None:
    rules = {rtype.name: (rtype.version_rule, rtype.guard, rtype.guard_level) for rtype in all_types()}

    assert rules == {
        "agentassist.config": (VersionRule.INCREMENT, Guard.ETAG, "A"),
        "analytics.agentassist.config": (VersionRule.INCREMENT, Guard.ETAG, "A"),
        "scripting.session": (VersionRule.INCREMENT, Guard.VERSION, "B"),
        "outbound.campaign": (VersionRule.ECHO, Guard.VERSION, "B"),
        "routing.queue": (VersionRule.NONE, Guard.COMPARE, "C"),
    }


def test_the_assist_types_know_the_contracts_fields_and_nothing_that_looks_like_a_revert_flag() -> None:
    config, alias = get("agentassist.config"), get("analytics.agentassist.config")

    for rtype in (config, alias):
        assert {"id", "name", "version", "content", "trafficPercent", "deployed", "deploymentId"} <= rtype.known
        assert not {"versionRevert", "trafficShift"} & rtype.known
        assert rtype.from_live == ("id", "trafficPercent", "deployed", "deploymentId")
        assert rtype.history_version_path == rtype.object_path + "/versions/{version}"
        assert rtype.paging is Paging.NUMBERED
    assert alias.object_path == config.object_path.replace("/api/v2/", "/api/v2/analytics/")
    assert config.write_permission == "agentassist:config:write"
    assert alias.write_permission == "analytics:agentassist-config:write"


@pytest.mark.parametrize("name", ["outbound.campaign", "routing.queue"])
def test_the_published_types_declare_every_field_that_the_platform_publishes(name: str) -> None:
    published_at = Path(__file__).parents[4] / "shared" / "platform" / "resource_types.json"
    if not published_at.exists():
        pytest.skip("The platform's published resource types are not beside this checkout.")
    published = json.loads(published_at.read_text(encoding="utf-8"))[name]
    rtype = get(name)

    assert rtype.known == set(published["fields"])
    assert set(published["ro"]) <= set(rtype.read_only)
    assert set(published["required"]) == set(rtype.required)
    assert rtype.update_method == published["update"]
    assert rtype.list_path == published["list"]
    assert re.sub(r"\{.*\}", "{id}", published["path"]) == rtype.object_path
    assert [rtype.read_permission] == published["get_perm"][1]
    assert [rtype.write_permission] == published["upd_perm"][1]


def test_an_unknown_name_is_answered_with_the_names_that_are_near() -> None:
    with pytest.raises(UnknownType) as refused:
        get("agentassist.confg")

    assert str(refused.value) == (
        "There is no resource type 'agentassist.confg', so nothing was done. "
        "Did you mean 'agentassist.config' or 'analytics.agentassist.config'?"
    )


def test_a_name_that_is_near_to_nothing_is_answered_with_all_of_them() -> None:
    with pytest.raises(UnknownType, match=r"The types are agentassist\.config, .*scripting\.session\.$"):
        get("zzz")


def test_the_profile_changes_with_any_rule_so_that_an_approval_is_void_then() -> None:
    before = catalogue.load(WRAPUP_CODE)["routing.wrapupcode"]
    after = catalogue.load(with_line("stateful", 'stateful = ["state", "status"]'))["routing.wrapupcode"]

    assert before.profile != after.profile
    assert before.profile == catalogue.load(WRAPUP_CODE)["routing.wrapupcode"].profile
    assert len({rtype.profile for rtype in all_types()}) == len(all_types())
