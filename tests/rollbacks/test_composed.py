"""Keeping later work, and undoing one version among others: from the choice to the verdict and the record."""

import io
import json
import zipfile
from typing import Any

import pytest

from rollbacks import actions, audit, collateral, composing, evidence, facts, surveys
from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants import archive
from tenants.documents import compare, load, place_text
from tenants.models import Snapshot, Tenant
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, Desk
from tests.rollbacks.terminal_shapes import DOCUMENT, PLAN, check_shape, set_pace
from tests.tenants.running import Ran, run
from tests.world import ASSIST, BILLING_PATH, type_of, version

pytestmark = pytest.mark.django_db

CONFIG = ("northwind", f"{ASSIST}:cfg-1")
DESCRIPTION = "/content/description"
CONFIDENCE = "/content/suggestions/minConfidence"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    set_pace(monkeypatch, QUICK)


@pytest.fixture
def alone(desk: Desk) -> Desk:
    """Give the desk of a bank that needs no approval."""
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(approvals_needed=0)
    return desk


def content_of(desk: Desk) -> Any:
    """Give what live holds on the platform now, as any script would read it."""
    return json.loads(desk.world.platform.read(BILLING_PATH).body)["content"]


def held(snapshot: Snapshot) -> Any:
    return json.loads(archive.bytes_of(snapshot))["content"]


def undo(desk: Desk, number: int, **changes: object) -> Rollback:
    """Let Alice ask for taking back just what a version changed."""
    reverts = version(desk.world.config, number)
    before = actions.before(reverts)
    assert before is not None
    known: dict[str, object] = {"reason": REASON, "acting_user": desk.world.alice, "reverts": reverts}
    return actions.request_rollback(desk.world.config, before, **(known | changes))  # type: ignore[arg-type]


def test_one_version_is_undone_and_later_work_stays(desk: Desk) -> None:
    live, bad = desk.world.live_version, desk.world.live_version - 1
    before, then, now = (held(version(desk.world.config, number)) for number in (bad - 1, bad, live))
    assert (before["description"], now["description"]) != (then["description"], before["description"])

    rollback = undo(desk, bad)
    assert (rollback.target.version, rollback.reverts, rollback.goal) == (
        bad - 1,
        version(desk.world.config, bad),
        f"without v{bad}",
    )
    done = desk.run(desk.approve(rollback))

    assert (done.state, done.verdict) == ("applied", "verified")
    expected = json.loads(json.dumps(now))
    expected["description"] = before["description"]
    [rule] = [one for one in expected["rules"] if one["name"] == "Cancel contract"]
    [old] = [one for one in before["rules"] if one["name"] == "Cancel contract"]
    rule["triggers"] = old["triggers"]
    assert content_of(desk) == expected
    assert len(desk.writes()) == 1
    # What is live since differs from what it was in exactly what the version had changed.
    entry = AuditEntry.objects.get(rollback=rollback, action="rollback.requested")
    said: Any = audit.payload_of(entry)["details"]
    assert said["composition"] == {
        "only": [],
        "keep": [],
        "undone": {"version": bad, "digest": version(desk.world.config, bad).digest},
    }
    with zipfile.ZipFile(io.BytesIO(evidence.pack_bytes(done, actor="carol"))) as pack:
        story = json.loads(pack.read("rollback.json"))
        assert story["plan"]["composition"] == said["composition"]
        assert story["plan"]["undone"]["version"] == bad
        composed = json.loads(pack.read("composed.json"))
        assert composed["content"] == expected
        assert {"undone.json", "composed.canonical.json", "target.json"} <= set(pack.namelist())


def test_going_back_tells_what_later_work_it_undoes_and_keeps_what_was_ticked(desk: Desk) -> None:
    config, live = desk.world.config, desk.world.live_version
    first = desk.run(desk.approve(desk.request(live - 1, ticket="INC-4711")))
    target = version(config, live - 4)
    survey = actions.plan_rollback(config, target, acting_user=desk.world.alice)

    later = surveys.later_work(survey)
    assert [one.author.snapshot.version for one in later if one.author] == [live - 1, live - 2, live - 3]
    assert [one.author.name for one in later if one.author] == ["Marek Wolski", "Ines Duarte", "Dana Reyes"]
    places = {one.place for group in later for one in group.undone}
    assert DESCRIPTION in places

    kept = [one.place for one in later[0].undone]
    rollback = desk.request(live - 4, keep=kept)
    assert rollback.keep == kept
    again = surveys.later_work(actions.plan_rollback(config, target, keep=kept, acting_user=desk.world.alice))
    assert [(one.author.snapshot.version, one.kept) for one in again if one.author] == [
        (live - 1, len(kept)),
        (live - 2, 0),
        (live - 3, 0),
    ]
    done = desk.run(desk.approve(rollback))
    assert (done.state, done.verdict) == ("applied", "verified")
    now, then, was = content_of(desk), held(target), held(version(config, live - 1))
    assert now["description"] == was["description"] != then["description"]
    rtype = type_of(config)
    left = composing.parts_between(rtype, {"content": now}, {"content": then})
    assert [place_text(part.place) for part in left] == kept
    assert first.ticket == "INC-4711"


def test_a_later_version_of_ours_is_told_with_its_rollback_and_ticket(desk: Desk) -> None:
    live = desk.world.live_version
    first = desk.run(desk.approve(desk.request(live - 1, ticket="INC-4711")))
    survey = actions.plan_rollback(desk.world.config, version(desk.world.config, live), acting_user=desk.world.alice)
    [later] = surveys.later_work(survey)
    assert later.author is not None
    assert (later.author.rollback, later.author.ticket) == (first, "INC-4711")
    assert later.to_json()["rollback"] == str(first.pk)


def test_where_later_work_overlaps_it_is_refused_with_both_sides_and_what_remains_can_be_undone(desk: Desk) -> None:
    config, live = desk.world.config, desk.world.live_version
    [number] = [
        snapshot.version
        for snapshot in config.snapshots.filter(version__lt=live)
        if snapshot.author_name == "Ines Duarte" and snapshot.version == 33
    ]
    with pytest.raises(actions.RequestRefused) as refused:
        undo(desk, number)
    [check] = refused.value.refusals
    assert check.guard == "overlap"
    assert f"v{number} changed it, and it was changed since: v{live} (Tom Becker" in check.message
    assert "alertingTimeoutSeconds" in check.message
    [told] = refused.value.survey.overlaps
    assert (told.overlap.base, told.overlap.live, told.overlap.other) == (12, 45, 10)
    assert [author.snapshot.version for author in told.authors] == [live]
    assert desk.writes() == []

    with pytest.raises(actions.RequestRefused) as nothing:
        undo(desk, number, keep=[told.place])
    assert [one.guard for one in nothing.value.refusals] == ["no_op"]
    assert "nothing left of what v33 changed" in str(nothing.value)


def test_what_was_chosen_is_signed_and_a_stored_choice_that_was_altered_is_not_carried_out(desk: Desk) -> None:
    rollback = desk.approve(desk.request(desk.good_version - 1, keep=[CONFIDENCE]))
    plain = actions.plan_rollback(
        desk.world.config, version(desk.world.config, desk.good_version - 1), acting_user=desk.world.alice
    )
    assert rollback.plan_digest != plain.plan_digest
    Rollback.objects.filter(pk=rollback.pk).update(keep=[])
    ran = desk.run(rollback)
    assert (ran.state, desk.writes()) == ("approved", [])
    assert ran.refusals


def test_keeping_everything_changes_nothing_and_is_refused(desk: Desk) -> None:
    with pytest.raises(actions.RequestRefused) as refused:
        desk.request(keep=["/content"])
    assert [check.guard for check in refused.value.refusals] == ["no_op"]
    assert "is kept as it is on live" in str(refused.value)


def test_versions_that_were_never_seen_make_the_author_uncertain_and_the_plan_says_so(desk: Desk) -> None:
    config, live = desk.world.config, desk.world.live_version
    config.snapshots.filter(version=live - 1).delete()
    survey = actions.plan_rollback(
        config, version(config, live - 2), reverts=version(config, live), acting_user=desk.world.alice
    )
    assert f"No version between v{live - 2} and v{live} was ever seen" in " ".join(survey.notes)
    steps = collateral.steps_between(
        type_of(config), config, first=version(config, live - 2), last=version(config, live)
    )
    assert [step.author.or_earlier for step in steps] == [True]
    assert "or one before it that was never seen" in steps[0].author.words


# --- the terminal ----------------------------------------------------------------------------------------------------


def rollback(*words: str) -> Ran:
    return run("rollback", *CONFIG, *words, "--json")


def test_undo_in_the_terminal_carries_out_and_tells_what_was_undone(alone: Desk) -> None:
    bad = alone.world.live_version - 1
    ran = rollback("--undo", str(bad), "--reason", REASON)
    assert ran.code == 0, ran.err
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["state"], ran.document["verdict"]) == ("applied", "verified")
    assert ran.document["composition"]["undone"]["version"] == bad
    assert {change["path"] for change in ran.document["changes"]} >= {DESCRIPTION}
    assert len(ran.document["changes"]) == 2


def test_a_dry_run_tells_later_work_and_what_is_kept_of_it(alone: Desk) -> None:
    live = alone.world.live_version
    words = ("--to", str(live - 2), "--keep", DESCRIPTION, "--dry-run")
    ran = rollback(*words)
    assert ran.code == 0
    check_shape(ran.document, PLAN)
    assert [later["version"] for later in ran.document["later"]] == [live, live - 1]
    kept = {one["place"] for later in ran.document["later"] for one in later["changes"] if one["kept"]}
    assert kept == {DESCRIPTION}
    assert DESCRIPTION not in {change["path"] for change in ran.document["changes"]}
    spoken = run("rollback", *CONFIG, *words)
    assert f"would also undo 1 of v{live - 1} (Marek Wolski" in spoken.out
    assert f"keeps  {DESCRIPTION}" in spoken.out
    assert not Rollback.objects.exists()


def test_an_overlap_in_the_terminal_shows_both_sides_and_has_exit_code_3(alone: Desk) -> None:
    ran = rollback("--undo", "33", "--dry-run")
    assert ran.code == 3
    check_shape(ran.document, PLAN | dict.fromkeys(("sent_version", "plan_digest"), type(None)))
    [told] = ran.document["overlaps"]
    assert (told["before"], told["undone"], told["live"]) == (10, 12, 45)
    assert told["versions"][0]["author"] == "Tom Becker"
    spoken = run("rollback", *CONFIG, "--undo", "33", "--reason", REASON)
    assert spoken.code == 3
    assert "before   10" in spoken.out
    assert "v33      12" in spoken.out
    assert "live     45" in spoken.out
    assert alone.writes() == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--undo", "1", "--reason", REASON), 2, "v1 is the first version of agentassist.config:cfg-1 that was seen"),
        (("--undo", "9000", "--reason", REASON), 2, "v9000"),
        (("--reason", REASON), 2, "A rollback needs --to VERSION"),
        (
            ("--undo", "41", "--to", "40", "--reason", REASON),
            2,
            "--undo VERSION, to take back just what that version changed: one of them",
        ),
    ],
)
def test_what_cannot_be_undone_is_said(alone: Desk, words: tuple[str, ...], code: int, sentence: str) -> None:
    ran = rollback(*words)
    assert ran.code == code
    assert sentence in ran.document["error"]


@pytest.mark.parametrize(
    ("pointer", "sentence"),
    [
        ("/trafficPercent", "/trafficPercent is not in a member that can be written"),
        ("/content/rules/0/enabled", "Name the item instead: /content/rules/id="),
        ("", "The whole document cannot be kept by itself"),
        ("/content/nowhere", "'nowhere' is not there"),
    ],
)
def test_what_cannot_be_kept_by_itself_is_refused(alone: Desk, pointer: str, sentence: str) -> None:
    ran = rollback("--to", str(alone.good_version), "--keep", pointer, "--reason", REASON)
    assert ran.code == 3
    assert sentence in ran.document["refusals"][0]["message"]
    assert alone.writes() == []


def test_only_brings_back_an_item_that_was_removed_and_takes_away_one_that_was_added(alone: Desk) -> None:
    good = version(alone.world.config, alone.good_version)
    now, then = content_of(alone), held(good)
    [gone] = [rule for rule in then["rules"] if rule["id"] not in {one["id"] for one in now["rules"]}]
    ran = rollback("--to", str(good.version), "--only", f"/content/rules/id={gone['id']}", "--reason", REASON)
    assert (ran.code, ran.document["verdict"]) == (0, "verified"), ran.err
    after = content_of(alone)
    [change] = compare(load(json.dumps(now).encode()), load(json.dumps(after).encode())).changes
    assert (change.kind, change.after["id"]) == ("added", gone["id"])  # type: ignore[call-overload, index]
    again = rollback(
        "--to", str(alone.world.live_version - 1), "--only", f"/content/rules/id={gone['id']}", "--reason", REASON
    )
    assert (again.code, again.document["verdict"]) == (0, "verified"), again.err
    assert content_of(alone) == now
    assert making.content(version(alone.world.config, alone.world.live_version)) is not None


def test_a_request_for_parts_from_before_plans_signed_which_parts_is_to_be_planned_again_and_alarms_nobody(
    desk: Desk,
) -> None:
    rollback = desk.approve(desk.request(only=(CONFIDENCE,)))
    earlier = facts.frozen_digest(rollback, composition={})
    Rollback.objects.filter(pk=rollback.pk).update(plan_digest=earlier)
    rollback.approvals.update(plan_digest=earlier)
    rollback.refresh_from_db()
    done = desk.run(rollback)
    assert (done.state, desk.writes()) == ("approved", [])
    assert "Plan again." in done.explanation
    assert "checked" not in done.explanation
    assert not Attempt.objects.exists()

    Rollback.objects.filter(pk=rollback.pk).update(only=[DESCRIPTION, CONFIDENCE], keep=[DESCRIPTION])
    assert "Have the database checked" in desk.run(rollback).explanation
