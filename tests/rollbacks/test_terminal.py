"""The rollback commands: every exit code and every JSON shape of CONTRACT.md, and what reached the platform."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection

from rollbacks import driving, leases, transitions
from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants import archive
from tenants.documents import extract, replace
from tenants.models import Tenant
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, Desk
from tests.rollbacks.terminal_shapes import DOCUMENT, PLAN, check_shape, set_pace
from tests.tenants.running import Ran, run, run_process
from tests.world import BILLING_PATH

pytestmark = pytest.mark.django_db(transaction=True)

CONFIG = ("northwind", "agentassist.config:cfg-1")
CONFIDENCE = "/content/suggestions/minConfidence"

IMPATIENT = driving.Pace(patience=0.3, first_wait=0.02, longest_wait=0.1, horizon=0.1)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands of this process wait shortly; nothing else is different."""
    set_pace(monkeypatch, QUICK)


@pytest.fixture
def alone(desk: Desk) -> Desk:
    """Give the desk of a bank that needs no approval."""
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(approvals_needed=0)
    return desk


def go_back(desk: Desk, *more: str, reason: str = REASON) -> Ran:
    """Run `rollback --json` to last night's good version."""
    return run("rollback", *CONFIG, "--to", str(desk.good_version), "--reason", reason, "--json", *more)


def entries_of(desk: Desk) -> list[tuple[str, str]]:
    """Give action and outcome of every entry about the object, oldest first."""
    found = AuditEntry.objects.filter(config=desk.world.config).order_by("seq")
    return list(found.values_list("action", "outcome"))


# rollback


@pytest.mark.slow
def test_a_rollback_that_needs_no_approval_is_carried_out_in_this_process(alone: Desk, database_url: str) -> None:
    base, good = alone.world.live_version, alone.good_version
    words = ("rollback", *CONFIG, "--to", str(good), "--reason", REASON, "--ticket", "INC-4711", "--json")

    ran = run_process(*words, database_url=database_url)

    assert ran.code == 0, ran.err
    shown = ran.document
    check_shape(shown, DOCUMENT)
    assert (shown["state"], shown["verdict"], shown["guard"]) == ("applied", "verified", "A")
    assert (shown["base"]["version"], shown["target"]["version"], shown["sent_version"]) == (base, good, base + 1)
    assert shown["live"]["version"] == base + 1
    assert shown["live"]["digest"] == shown["target"]["digest"]
    assert shown["attempts"][0]["if_match"] == shown["base"]["etag"]
    assert [send["status"] for send in shown["attempts"][0]["sends"]] == [200]
    assert CONFIDENCE in {change["path"] for change in shown["changes"]}
    assert (shown["refusals"], shown["approved_by"]) == ([], [])
    assert shown["requested_by"].startswith("terminal (")
    assert len(alone.writes()) == 1
    assert Rollback.objects.get().ticket == "INC-4711"


def test_a_rollback_that_needs_a_colleague_waits_and_says_what_to_run_next(desk: Desk) -> None:
    ran = go_back(desk, "--as", "alice")
    assert ran.code == 0
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["state"], ran.document["verdict"]) == ("awaiting_approval", None)
    assert (ran.document["requested_by"], ran.document["attempts"]) == ("alice", [])
    assert desk.writes() == []
    spoken = run("rollback", *CONFIG, "--to", str(desk.good_version), "--reason", REASON)
    rollback = Rollback.objects.latest("requested_at")
    assert spoken.code == 0
    assert f"Waits for 1 approval(s): manage.py approve {rollback.pk} --as USER" in spoken.out


def test_a_dry_run_shows_the_plan_and_stores_and_sends_nothing(desk: Desk) -> None:
    before = entries_of(desk)
    ran = run("rollback", *CONFIG, "--to", str(desk.good_version), "--dry-run", "--json")
    assert ran.code == 0
    check_shape(ran.document, PLAN)
    assert (ran.document["state"], ran.document["refusals"]) == ("planned", [])
    assert len(ran.document["changes"]) >= 6
    spoken = run("rollback", *CONFIG, "--to", str(desk.good_version), "--dry-run")
    assert spoken.code == 0
    assert "[..] Enough people have approved: 0 of 1 given" in spoken.out
    assert "[ok] There is something to change" in spoken.out
    assert "Nothing was sent." in spoken.out
    assert not Rollback.objects.exists()
    assert entries_of(desk) == before
    assert desk.writes() == []


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_what_guards_refuse_has_the_shape_of_a_plan_and_exit_code_3(desk: Desk, more: tuple[str, ...]) -> None:
    Tenant.objects.update(frozen=True, frozen_reason="year-end close")
    desk.take_away("agentassist:config:write")
    ran = go_back(desk, *more)
    assert ran.code == 3
    check_shape(ran.document, PLAN)
    assert ran.document["state"] == "refused"
    assert {one["guard"] for one in ran.document["refusals"]} == {"tenant", "permissions"}
    assert ("rollback.refused", "refused") in entries_of(desk) or more
    assert not Rollback.objects.exists()
    assert desk.writes() == []


def test_a_rollback_to_what_is_live_is_refused_as_a_plan_without_changes(desk: Desk) -> None:
    ran = run("rollback", *CONFIG, "--to", str(desk.world.live_version), "--reason", REASON, "--json")
    assert ran.code == 3
    check_shape(ran.document, PLAN)
    assert [one["guard"] for one in ran.document["refusals"]] == ["no_op"]
    assert ran.document["changes"] == []


def test_a_plan_while_the_platform_is_out_of_reach_is_refused_with_what_is_known(desk: Desk) -> None:
    good = desk.good_version
    desk.world.practice.stop()
    ran = run("rollback", *CONFIG, "--to", str(good), "--reason", REASON, "--json")
    assert ran.code == 3
    check_shape(ran.document, PLAN | dict.fromkeys(("base", "live", "sent_version", "plan_digest"), type(None)))
    assert "live_readable" in {one["guard"] for one in ran.document["refusals"]}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--to", "41", "--as", "mallory", "--reason", REASON), "no active user 'mallory'"),
        (("--to", "41", "--reason", "oops"), "at least 10 characters; this one has 4"),
        (("--to", "41"), "needs --reason TEXT"),
        (("--to", "9000", "--reason", REASON), "v9000"),
        (("--to", "yesterday", "--reason", REASON), "'yesterday' is no version"),
        (("--to", "live", "--reason", REASON), "live is the object as it is now, not a kept version"),
        (("--to", "41", "--as", "carol", "--reason", REASON), "operator"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(desk: Desk, words: tuple[str, ...], sentence: str) -> None:
    ran = run("rollback", *CONFIG, *words, "--json")
    assert ran.code == 2
    assert ran.document.keys() == {"error", "exit"}
    assert ran.document["exit"] == 2
    assert sentence in ran.document["error"]
    assert not Rollback.objects.exists()
    assert desk.writes() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("approve", "1"),
            "The following arguments are required: --as. Nothing was done; manage.py approve --help",
        ),
        (("rollback", "northwind"), "required: TYPE:OBJECT_ID. Nothing was done"),
        (("audit", "export", "northwind"), "required: --output. Nothing was done; manage.py audit export --help says"),
    ],
)
def test_words_that_cannot_be_read_are_one_sentence_and_one_document(
    db: None, database_url: str, words: tuple[str, ...], sentence: str
) -> None:
    ran = run_process(*words, "--json", database_url=database_url)
    assert ran.code == 2
    assert ran.document["exit"] == 2
    assert sentence in ran.document["error"]
    assert ran.err.strip() == ran.document["error"]


def test_apply_gives_the_outcome_also_where_a_worker_was_quicker(desk: Desk) -> None:
    rollback = desk.approved()
    worker = leases.Lease("elsewhere:1:1", seconds=60)
    attempt = transitions.begin_attempt(rollback, lease=worker, horizon_seconds=5, actor="alice")

    def work() -> None:
        try:
            leases.end_lease_of(Attempt.objects.get(pk=attempt.pk), driver=worker.driver)
            driving.drive(attempt.pk, pace=QUICK)
        finally:
            connection.close()

    late = threading.Timer(0.5, work)
    late.start()
    ran = run("apply", str(rollback.pk), "--json")
    late.join()
    assert (ran.code, ran.document["verdict"]) == (0, "verified")
    assert len(desk.writes()) == 1


def test_a_user_who_is_not_active_cannot_ask(desk: Desk) -> None:
    User.objects.filter(username="alice").update(is_active=False)
    ran = go_back(desk, "--as", "alice")
    assert (ran.code, ran.document["error"]) == (2, "There is no active user 'alice'. Nothing was done.")


def test_only_restores_that_value_and_leaves_every_other_byte_of_live(alone: Desk) -> None:
    before = alone.world.platform.read(BILLING_PATH).body
    ran = go_back(alone, "--only", CONFIDENCE)
    assert ran.code == 0, ran.err
    check_shape(ran.document, DOCUMENT)
    assert [change["path"] for change in ran.document["changes"]] == [CONFIDENCE]
    assert ran.document["verdict"] == "verified"
    now = alone.world.platform.read(BILLING_PATH).body
    old = extract(before, "/content")
    new = extract(now, "/content")
    good = archive.bytes_of(making.version(alone.world.config, alone.world.live_version - 2))
    assert extract(old, "/suggestions/minConfidence") == b"0.25"
    assert new == replace(old, "/suggestions/minConfidence", extract(good, CONFIDENCE)) != old


@pytest.mark.parametrize(
    ("pointer", "guard", "sentence"),
    [
        ("/content/suggestions/nowhere", "schema", "'nowhere' is not there"),
        ("/trafficPercent", "schema", "/trafficPercent is not in a member that can be written"),
        ("content", "schema", "content cannot be restored by itself"),
        ("/content/language", "no_op", "already has this value of version"),
        # Last night "Complaint" was moved to the top: the first rule of live is not the first rule of then.
        ("/content/rules/0/enabled", "schema", "/content/rules/0 is id"),
        ("/content/rules/0", "schema", "/content/rules/0 is id"),
    ],
)
def test_only_refuses_what_it_cannot_restore_alone(alone: Desk, pointer: str, guard: str, sentence: str) -> None:
    ran = go_back(alone, "--only", pointer)
    assert ran.code == 3
    assert {one["guard"]: one["message"] for one in ran.document["refusals"]}.keys() == {guard}
    assert sentence in ran.document["refusals"][0]["message"]
    assert alone.writes() == []


def test_a_foreign_write_in_between_is_a_conflict_with_exit_code_4(alone: Desk) -> None:
    alone.fault("foreign_write", by="Ines Duarte")
    ran = go_back(alone)
    assert ran.code == 4
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["state"], ran.document["verdict"]) == ("conflict", "conflict")
    assert ran.document["attempts"][0]["sends"][0]["status"] == 409
    assert ran.document["live"]["version"] == ran.document["base"]["version"] + 1
    assert alone.writes() == []


def test_an_outcome_that_stays_open_has_exit_code_5_and_recover_ends_it(
    alone: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone.fault("drop_after_commit")
    alone.world.practice.add_fault("unavailable_503", method="GET", path="/configs/cfg-1$", after=3, times=None)
    set_pace(monkeypatch, IMPATIENT)
    ran = go_back(alone)
    assert ran.code == 5
    check_shape(ran.document, DOCUMENT)
    assert ran.document["state"] in {"applying", "unknown"}
    still = run("recover", "--json")
    assert (still.code, still.document["open"]) == (5, 1)
    alone.world.practice.clear_faults()
    ended = run("recover", "--json")
    assert ended.code == 0
    assert ended.document.keys() == {"driven", "open"}
    (driven,) = ended.document["driven"]
    check_shape(driven, DOCUMENT)
    assert (driven["state"], driven["verdict"], ended.document["open"]) == ("applied", "verified", 0)
    assert driven["attempts"][0]["sends"] == [{"status": None, "code": None, "correlation_id": None, "refusal": None}]
    assert len(alone.writes()) == 1


def test_a_secret_that_cannot_be_opened_is_exit_code_1(desk: Desk) -> None:
    Tenant.objects.filter(slug="northwind").update(client_secret_sealed=b"no seal at all")
    ran = go_back(desk)
    assert (ran.code, ran.document["exit"]) == (1, 1)
    assert desk.writes() == []
