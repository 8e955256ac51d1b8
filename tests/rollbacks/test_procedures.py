"""The steps of each procedure, planned from values: which there are, what they carry, and what is left out and said."""

import json
from dataclasses import replace

import pytest

from rollbacks.plans import Base
from rollbacks.procedures import NO_DRAFT, Draft, Plan, Situation, Surroundings, User, plan
from tenants.documents import load
from tenants.resource_types import catalogue, projection

MESSENGER = catalogue.get("webdeployments.configuration")
DEPLOYMENT = catalogue.get("webdeployments.deployment")
ACTION = catalogue.get("integrations.action")
TABLE = catalogue.get("businessrules.decisiontable")
ARTICLE = catalogue.get("knowledge.document")


def digest(rtype: object, raw: bytes) -> str:
    return projection.content_digest(rtype, load(raw))  # type: ignore[arg-type]


def situation(rtype: object, live: bytes, target: bytes, *, object_id: str = "cfg-7", version: int | None) -> Situation:
    return Situation(
        rtype=rtype,  # type: ignore[arg-type]
        object_id=object_id,
        live=live,
        base=Base(version, None, digest(rtype, live)),
        level="C",
        target=target,
        target_digest=digest(rtype, target),
        target_version=4,
    )


GOOD = b'{"id":"cfg-7","name":"Messenger","version":"4","status":"Active","messenger":{"limit":0.70}}'
BAD = b'{"id":"cfg-7","name":"Messenger","version":"7","status":"Active","messenger":{"limit":0.35}}'
WEB = situation(MESSENGER, BAD, GOOD, version=7)
LIKE_LIVE = Draft(version=None, digest=WEB.base.digest)


def deployment(object_id: str, version: str, name: str = "Web chat EMEA") -> User:
    raw = (
        f'{{"id":"{object_id}","name":"{name}","allowAllDomains":false,"status":"Active","snippet":"<script>",'
        f'"configuration":{{"id":"cfg-7","name":"Messenger","version":"{version}","selfUri":"/v/{version}"}}}}'
    ).encode()
    return User(
        rtype=DEPLOYMENT,
        object_id=object_id,
        name=name,
        raw=raw,
        version=version,
        base=Base(None, None, digest(DEPLOYMENT, raw)),
    )


def kinds(made: Plan) -> list[str]:
    return [step.kind for step in made.steps]


def among(**around: object) -> Situation:
    return WEB.among(Surroundings(**{"draft": LIKE_LIVE, **around}))  # type: ignore[arg-type]


def test_a_messenger_is_written_published_and_everything_that_used_the_live_version_is_pointed_at_the_next() -> None:
    made = plan(
        among(users=(deployment("d-1", "7"), deployment("d-2", "7", "App chat"), deployment("d-3", "2", "Old")))
    )
    assert kinds(made) == ["write_draft", "publish", "repoint", "repoint"]
    draft, publish, first, second = made.steps
    assert json.loads(draft.body.raw) == {"name": "Messenger", "messenger": {"limit": 0.7}}
    assert b"0.70" in draft.body.raw  # spelled as it was
    assert (publish.base.version, publish.body.expected_version, publish.body.raw) == (7, 8, b"")
    assert [step.object_id for step in (first, second)] == ["d-2", "d-1"]
    assert json.loads(first.body.raw)["configuration"] == {"id": "cfg-7", "version": "8"}
    assert "snippet" not in json.loads(first.body.raw)
    assert {step.guard_level for step in made.steps} == {"C"}
    assert made.notes == ("The web messenger deployment “Old” uses version 2 and is left alone.",)


def test_what_a_repointed_deployment_is_to_be_is_its_content_with_only_the_version_changed() -> None:
    after = deployment("d-1", "8")
    step = plan(among(users=(deployment("d-1", "7"),))).steps[-1]
    assert step.target_digest == after.base.digest
    assert step.base == deployment("d-1", "7").base


def test_a_draft_that_has_the_content_is_left_out_and_unpublished_work_in_it_is_named() -> None:
    ready = plan(among(draft=Draft(version=None, digest=WEB.target_digest)))
    assert kinds(ready) == ["publish"]
    assert "already" in ready.notes[0]
    foreign = plan(among(draft=Draft(version=None, digest="9" * 64)))
    assert kinds(foreign) == ["write_draft", "publish"]
    assert "never published" in foreign.losses[0]
    assert plan(among()).notes == (
        "Nothing uses the version that is live now, so nothing has to be pointed at the new one.",
    )


def test_what_an_interrupted_rollback_left_is_all_that_is_planned_once_its_content_is_live() -> None:
    old, moved = deployment("d-1", "7"), deployment("d-2", "6")
    live = replace(WEB, base=Base(8, None, WEB.target_digest))
    around = Surroundings(draft=LIKE_LIVE, users=(old, moved), left_over={"d-1": "7", "d-2": "7"})
    made = plan(live.among(around))
    assert [(step.kind, step.object_id) for step in made.steps] == [("repoint", "d-1")]
    assert json.loads(made.steps[0].body.raw)["configuration"]["version"] == "8"
    assert any("uses version 6 and is left alone" in note for note in made.notes)
    assert plan(live.among(replace(around, left_over={}))).steps == ()


def test_without_a_draft_or_a_version_nothing_of_a_messenger_can_be_planned() -> None:
    assert plan(WEB).problems
    assert plan(replace(WEB, base=Base(None, None, "0" * 64)).among(Surroundings(draft=LIKE_LIVE))).problems


OLD_ACTION = (
    b'{"id":"act-1","name":"Look up order","category":"Shop","version":5,"config":{"timeout":3.0},"secure":false}'
)
NEW_ACTION = (
    b'{"id":"act-1","name":"Look up order","category":"Shop","version":6,"config":{"timeout":30},"secure":true}'
)
LOOK_UP = situation(ACTION, NEW_ACTION, OLD_ACTION, object_id="act-1", version=6)


def test_a_data_action_without_a_draft_gets_one_and_every_number_follows_from_its_first_version() -> None:
    made = plan(LOOK_UP)
    assert kinds(made) == ["create_draft", "write_draft", "publish"]
    create, write, publish = made.steps
    assert (create.base.digest, create.target_digest) == (NO_DRAFT, LOOK_UP.base.digest)
    assert (write.base.version, write.body.sent_version, write.body.expected_version) == (1, 1, 2)
    assert write.base.digest == create.target_digest
    assert json.loads(write.body.raw)["secure"] is False
    assert b"3.0" in write.body.raw
    assert (write.guard_level, publish.guard_level) == ("B", "C")
    assert json.loads(publish.body.raw) == {"version": 2}
    assert (publish.base, publish.body.expected_version) == (LOOK_UP.base, None)


def test_a_contract_is_written_into_the_draft_without_what_the_platform_adds_to_it() -> None:
    contract = b'"contract":{"input":{"inputSchema":{"type" : "object"},"inputSchemaUri":"/schemas/7"}}'
    target = OLD_ACTION[:-1] + b"," + contract + b"}"
    write = plan(situation(ACTION, NEW_ACTION, target, object_id="act-1", version=6)).steps[1]
    assert b'"inputSchema":{"type" : "object"}' in write.body.raw
    assert b"inputSchemaUri" not in write.body.raw


def test_the_draft_of_a_data_action_is_written_under_its_own_version() -> None:
    made = plan(LOOK_UP.among(Surroundings(draft=Draft(version=9, digest="9" * 64))))
    assert kinds(made) == ["write_draft", "publish"]
    assert [json.loads(step.body.raw)["version"] for step in made.steps] == [9, 10]
    standing = plan(LOOK_UP.among(Surroundings(draft=Draft(version=9, digest=LOOK_UP.target_digest))))
    assert kinds(standing) == ["publish"]
    assert json.loads(standing.steps[0].body.raw) == {"version": 9}
    assert plan(LOOK_UP.among(Surroundings(draft=Draft(version=None, digest="9" * 64)))).problems


def table(name: str, published: int, columns: str = "a") -> bytes:
    entity = f'{{"id":"tab-1","version":{published},"selfUri":"/v/{published}"}}'
    return f'{{"id":"tab-1","name":"{name}","columns":{{"inputs":["{columns}"]}},"published":{entity}}}'.encode()


@pytest.mark.parametrize(
    ("live", "target", "expected"),
    [
        (table("Routing", 4), table("Routing", 3), ["native_rollback"]),
        (table("Routing", 4, "b"), table("Routing", 3, "a"), ["native_rollback"]),
        (table("Routing (old)", 4), table("Routing", 3), ["native_rollback", "write"]),
        (table("Routing (old)", 3), table("Routing", 3), ["write"]),
        (table("Routing", 3), table("Routing", 3), []),
    ],
)
def test_a_decision_table_takes_the_platforms_rollback_and_a_patch_only_for_what_that_leaves(
    live: bytes, target: bytes, expected: list[str]
) -> None:
    made = plan(situation(TABLE, live, target, object_id="tab-1", version=None))
    assert kinds(made) == expected
    before = digest(TABLE, live)
    for step in made.steps:
        assert step.base.digest == before
        before = step.target_digest
    assert before == digest(TABLE, target)
    for step in made.steps:
        if step.kind == "native_rollback":
            assert step.path == "/api/v2/businessrules/decisiontables/tab-1/versions/3/rollback"
        else:
            assert json.loads(step.body.raw) == {"name": "Routing"}


def test_a_decision_table_of_which_no_version_is_known_cannot_be_rolled_back() -> None:
    target = b'{"id":"tab-1","name":"Routing"}'
    made = plan(situation(TABLE, table("Routing", 4), target, object_id="tab-1", version=None))
    assert made.steps == ()
    assert "does not name the platform's version" in made.problems[0]


def article(title: str, number: int, key: str) -> bytes:
    version = f'"lastPublishedVersionNumber":{number},"documentVersion":{{"id":"{key}"}}'
    return f'{{"id":"doc-1","title":"{title}","variations":[],{version}}}'.encode()


def test_an_article_is_restored_from_the_version_that_the_snapshot_names() -> None:
    given = situation(ARTICLE, article("Bad", 6, "v-6"), article("Good", 4, "v-4"), object_id="kb-1~doc-1", version=6)
    made = plan(given)
    assert kinds(made) == ["native_restore"]
    assert json.loads(made.steps[0].body.raw) == {"restoreFromVersionId": "v-4"}
    assert made.steps[0].path == "/api/v2/knowledge/knowledgebases/kb-1/documents/doc-1/versions"
    assert (made.steps[0].base.version, made.steps[0].body.expected_version) == (6, 7)
    assert plan(replace(given, chosen=True)).problems
    assert plan(replace(given, target=b'{"id":"doc-1","title":"Good"}')).problems
