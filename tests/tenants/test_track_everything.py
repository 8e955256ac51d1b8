"""`track TENANT --all`: what is there by type and what it costs, the choice, the first sweep, the report at its end."""

import io
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from os import environ
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from console.practice.server import PracticeServer
from rollbacks.models import AuditEntry
from tenants import sweeping
from tenants.models import Snapshot, Tenant, TrackedConfig
from tests import world as making
from tests.tenants.running import ROOT, Terminal, run
from tests.world import World

pytestmark = pytest.mark.django_db

QUEUE = "routing.queue"
ASSIST = "agentassist.config"
SOME = f"{ASSIST},{QUEUE}"


def by_type(document: Any) -> dict[str, Any]:
    """Give the lines of the types by their names."""
    return {one["type"]: one for one in document["types"]}


def groups(report: Any) -> dict[str, Any]:
    """Give the groups of objects that could not be read by their causes."""
    return {one["cause"]: one for one in report["objects"]}


def without(world: World, *permissions: str) -> None:
    """Take permissions from the role of the bank's client."""
    world.practice.platform.control.set_permissions({"organization": "northwind", "remove": list(permissions)})


# What is there


def test_a_dry_run_shows_every_type_with_counts_and_costs_and_tracks_nothing(world: World) -> None:
    ran = run("track", "northwind", "--all", "--dry-run", "--json")

    assert ran.code == 0
    assert ran.err == ""
    found = by_type(ran.document)
    assist, queues = found[ASSIST], found[QUEUE]
    assert (assist["objects"], assist["tracked"], assist["to_read"]) == (3, 1, 2)
    assert (queues["objects"], queues["tracked"], queues["to_read"]) == (3, 0, 3)
    assert queues["requests"] == 3  # one read each; the platform keeps no history of queues
    assert assist["requests"] > 2 * 10  # each with its history
    total = sum(one["requests"] for one in found.values())
    assert ran.document["estimate"]["requests"] == total
    assert ran.document["estimate"]["minutes"] == -(-total // ran.document["estimate"]["requests_a_minute"])
    assert TrackedConfig.objects.count() == 1


def test_objects_inside_others_are_found_though_those_others_are_no_type_of_the_catalogue(world: World) -> None:
    types = ("knowledge.document", "wfm.planninggroup", "integrations.config", "assistants.copilot")
    ran = run("track", "northwind", "--all", "--types", ",".join(types), "--yes", "--json")

    assert ran.code == 0, ran.err
    kept = TrackedConfig.objects.exclude(live=None).values_list("resource_type", "object_id")
    found = {name: [object_id for kind, object_id in kept if kind == name] for name in types}
    assert all(found.values()), found
    assert all("~" in object_id for name in types[:2] for object_id in found[name])
    assert not any("~" in object_id for name in types[2:] for object_id in found[name])


def test_the_table_for_people_has_numbers_to_choose_by_and_one_estimate(world: World) -> None:
    ran = run("track", "northwind", "--all", "--dry-run")

    lines = ran.out.splitlines()
    assert lines[0].startswith("Northwind Bank: ")
    assert lines[1].split() == ["#", "TYPE", "OBJECTS", "TRACKED", "TO", "READ", "REQUESTS"]
    assert lines[2].split()[:5] == ["1", ASSIST, "3", "1", "2"]
    assert re.search(r"To read all of it: about \d+ requests: less than a minute at [\d,]+ a minute \(of ", ran.out)
    assert "Nothing was tracked. To take it in: manage.py track northwind --all" in ran.out
    assert "\x1b" not in ran.out
    assert "Types listed: " in ran.err  # plain lines where stderr is no terminal


def test_a_type_that_the_client_may_not_read_is_not_asked_for_and_its_permission_is_named(world: World) -> None:
    without(world, "routing:queue:view", "outbound:campaign:view")
    asked = len(world.practice.requests())

    document = run("track", "northwind", "--all", "--dry-run", "--json").document

    assert by_type(document)[QUEUE]["missing_permissions"] == ["routing:queue:view"]
    assert "/api/v2/routing/queues" not in {one["path"] for one in world.practice.requests()[asked:]}
    (group,) = [one for one in document["report"]["types"] if one["cause"] == "permission"]
    assert "routing:queue:view: Queue" in group["lines"]
    assert "outbound:campaign:view: Outbound campaign" in group["lines"]
    assert group["fault"] is True


def test_another_address_of_the_same_objects_is_not_taken_twice_unless_it_is_named(world: World) -> None:
    alias = "analytics.agentassist.config"

    everything = by_type(run("track", "northwind", "--all", "--dry-run", "--json").document)[alias]
    named = by_type(run("track", "northwind", "--all", "--types", alias, "--dry-run", "--json").document)[alias]

    assert (everything["objects"], [one["cause"] for one in everything["troubles"]]) == (0, ["alias"])
    assert named["objects"] == 3


@pytest.mark.parametrize(("fault", "cause"), [("html_200", "not_json"), ("redirect_302", "refused")])
def test_a_list_that_answers_with_something_else_hides_no_other_type(world: World, fault: str, cause: str) -> None:
    world.practice.add_fault(fault, path="/routing/queues", times=None)

    document = run("track", "northwind", "--all", "--dry-run", "--json").document

    assert [one["cause"] for one in by_type(document)[QUEUE]["troubles"]] == [cause]
    assert by_type(document)["routing.wrapupcode"]["objects"] > 0


def test_a_platform_that_is_down_is_one_sentence_and_tracks_nothing(world: World) -> None:
    world.practice.add_fault("unavailable_503", path="/api/v2/", times=None)

    ran = run("track", "northwind", "--all", "--yes", "--json")

    assert ran.code == 1
    assert "503" in ran.document["error"]
    assert TrackedConfig.objects.count() == 1


def test_the_client_of_another_organization_takes_in_nothing(world: World) -> None:
    Tenant.objects.filter(slug="northwind").update(organization_id="00000000-0000-4000-8000-000000000000")

    ran = run("track", "northwind", "--all", "--yes", "--json")

    assert ran.code == 1
    assert "belongs to the organization" in ran.document["error"]
    assert TrackedConfig.objects.count() == 1


def test_the_estimate_leaves_the_reserve_of_rollbacks_alone(world: World) -> None:
    Tenant.objects.filter(slug="northwind").update(requests_a_minute=300)
    making.track(world.northwind, "q-1", type_name=QUEUE)

    estimate = run("track", "northwind", "--all", "--dry-run", "--json").document["estimate"]

    assert estimate["requests_a_minute"] == 240


def test_divisions_out_of_sight_are_counted_and_named_whatever_shows_of_them(world: World) -> None:
    world.practice.set_divisions("northwind", remove=["Card security"])

    ran = run("track", "northwind", "--all", "--types", QUEUE, "--json")

    divisions = ran.document["divisions"]
    assert [one["name"] for one in divisions["seen"]] == ["EMEA", "Home"]
    assert [one["name"] for one in divisions["unseen"]] == ["Card security"]
    assert divisions["message"] == (
        "The OAuth client sees 2 of 3 divisions: EMEA and Home. What is in Card security does not show: grant its role "
        "there too, then look again."
    )
    assert by_type(ran.document)[QUEUE]["objects"] == 2  # of three: the list says nothing about the third
    assert ran.document["report"]["sees_all"] is False
    assert f"! {divisions['message']}" in run("track", "northwind", "--all", "--types", QUEUE).out


def test_one_permission_that_reaches_less_far_than_the_others_is_told_with_its_types(world: World) -> None:
    world.practice.set_divisions("northwind", remove=["EMEA"], permissions=["routing:queue:view"])

    report = run("track", "northwind", "--all", "--dry-run", "--json").document["report"]

    assert report["sees_all"] is True
    assert report["blind"] == ["Queue: the permission is not granted in EMEA. Grant it there too, then look again."]


def test_an_object_whose_division_was_taken_away_is_grouped_under_the_permission(world: World) -> None:
    run("track", "northwind", "routing.queue", "--all")
    world.practice.set_divisions("northwind", remove=["Card security"])

    report = run("track", "northwind", "--all", "--types", QUEUE, "--json").document["report"]

    (group,) = report["objects"]
    assert group["cause"] == "permission"
    assert "in the divisions of these objects" in group["advice"]


# Choosing


WRONG: list[tuple[list[str], str]] = [
    (["--all"], "There is no terminal to choose at. Write --yes for everything"),
    (["--all", "--types", "routing.que"], "Did you mean"),
    ([], "or write --all for everything that is there"),
    (["routing.queue", "--all", "--yes"], "With a TYPE leave them out"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG)
def test_what_cannot_be_meant_is_refused_before_a_request_is_spent(
    world: World, words: list[str], sentence: str
) -> None:
    asked = len(world.practice.requests())

    ran = run("track", "northwind", *words, "--json")

    assert ran.code == 2
    assert sentence in ran.document["error"]
    assert len(world.practice.requests()) == asked
    assert TrackedConfig.objects.count() == 1


class Typing(Terminal):
    """A person at a terminal who types these lines."""


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> tuple[str, str]:
    """Run it as a person does who types this; give what the two streams showed."""
    monkeypatch.setattr(sys, "stdin", Typing(typed))
    monkeypatch.setenv("NO_COLOR", "1")
    out, err = Terminal(), Terminal()
    call_command("track", "northwind", "--all", stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_person_chooses_by_numbers_and_is_asked_again_after_a_slip(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = next(
        line.split()[0] for line in run("track", "northwind", "--all", "--dry-run").out.splitlines() if QUEUE in line
    )

    out, err = at_a_terminal(monkeypatch, f"99\n{number}\n")

    assert "There is no number 99 in the list" in out
    assert set(TrackedConfig.objects.values_list("resource_type", flat=True)) == {ASSIST, QUEUE}
    assert "3 objects newly tracked, 3 of 3 objects read, 3 versions kept by this run." in out
    assert "█" in err
    assert err.endswith("\r\x1b[2K")  # the bar leaves nothing behind


@pytest.mark.parametrize("typed", ["none\n", ""])
def test_a_person_who_chooses_nothing_gets_nothing(world: World, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    out, _err = at_a_terminal(monkeypatch, typed)

    assert "Nothing was chosen, and nothing was tracked." in out
    assert TrackedConfig.objects.count() == 1


# The first sweep


def test_what_was_chosen_is_tracked_and_read_with_its_history(world: World) -> None:
    ran = run("track", "northwind", "--all", "--types", SOME, "--json")

    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert (ran.document["added"], ran.document["stopped"]) == (5, "")
    assert {one["type"] for one in ran.document["types"] if one["chosen"]} == {ASSIST, QUEUE}
    assert TrackedConfig.objects.filter(presence="present", live__isnull=False).count() == 6
    assert not TrackedConfig.objects.filter(resource_type=ASSIST, history_imported_at=None).exists()
    assert ran.document["report"]["read"] == ran.document["report"]["tracked"] == 6
    assert ran.document["report"]["versions"] == Snapshot.objects.count()
    assert AuditEntry.objects.filter(action="config.tracked").count() == 5


def test_a_second_run_finds_nothing_left_to_read(world: World) -> None:
    run("track", "northwind", "--all", "--types", SOME)
    kept, asked = Snapshot.objects.count(), len(world.practice.requests())

    again = run("track", "northwind", "--all", "--types", SOME, "--json")

    assert (again.document["added"], again.document["versions_kept"]) == (0, 0)
    assert {one["to_read"] for one in again.document["types"]} == {0}
    assert again.document["estimate"]["requests"] == 0
    assert Snapshot.objects.count() == kept
    paths = [one["path"] for one in world.practice.requests()[asked:]]
    assert not [path for path in paths if path.startswith("/api/v2/routing/queues/")]


@pytest.mark.slow
def test_everything_is_taken_in_with_yes(world: World) -> None:
    ran = run("track", "northwind", "--all", "--yes", "--json")

    assert ran.code == 0
    found = by_type(ran.document)
    kept = Counter(TrackedConfig.objects.values_list("resource_type", flat=True))
    assert kept == {name: one["objects"] for name, one in found.items() if one["objects"]}
    assert len(kept) > 15


def test_objects_that_cannot_be_read_are_grouped_by_what_a_person_can_do(world: World) -> None:
    listed = [
        one for family, one in world.practice.platform.store.organizations["northwind"].objects if family == "queue"
    ]
    assert len(listed) == 3
    world.practice.add_fault("html_200", path=f"/routing/queues/{listed[0]}$", times=None)
    world.practice.add_fault("redirect_302", path=f"/routing/queues/{listed[1]}$", times=None)

    ran = run("track", "northwind", "--all", "--types", QUEUE, "--json")

    assert ran.code == 0  # the run came to its end; what could not be read is in its report
    causes = groups(ran.document["report"])
    assert set(causes) == {"not_json", "refused"}
    assert causes["not_json"]["lines"][0].startswith(f"{QUEUE}:{listed[0]} ")
    assert "gateway" in causes["not_json"]["advice"]
    assert ran.document["report"]["read"] == 1
    text = run("track", "northwind", "--all", "--types", QUEUE).out
    assert "! The answer was not JSON: 1" in text


def test_an_object_that_was_deleted_since_it_was_listed_is_told_as_404(world: World) -> None:
    run("track", "northwind", QUEUE, "q-deleted-last-week")

    ran = run("track", "northwind", "--all", "--types", QUEUE, "--json")

    (line,) = groups(ran.document["report"])["missing"]["lines"]
    assert line.startswith("routing.queue:q-deleted-last-week:")


def test_a_version_of_the_history_that_cannot_be_kept_is_in_the_report(world: World) -> None:
    world.practice.add_fault("html_200", path="/configs/cfg-2/versions/3$", times=None)

    ran = run("track", "northwind", "--all", "--types", ASSIST, "--json")

    (group,) = ran.document["report"]["history"]
    assert len(group["lines"]) == 1
    assert "cfg-2" in group["lines"][0]
    assert "v3 was not kept." in group["lines"][0]


# Stopped and taken up again


def test_a_service_that_is_silent_keeps_no_other_type_from_being_read_and_the_next_run_goes_on(world: World) -> None:
    world.practice.add_fault("unavailable_503", path="/outbound/campaigns/.+", times=None)
    some = "outbound.campaign,routing.queue"

    stopped = run("track", "northwind", "--all", "--types", some, "--json")

    assert stopped.code == 1
    assert stopped.document["stopped"].startswith("Some objects had no answer, although the platform answers.")
    assert len(groups(stopped.document["report"])["silence"]["lines"]) == stopped.document["report"]["waiting"] == 2
    assert TrackedConfig.objects.filter(resource_type=QUEUE, live__isnull=False).count() == 3
    assert "To go on: manage.py track northwind --all" in stopped.err
    versions = Snapshot.objects.count()
    world.practice.clear_faults()

    again = run("track", "northwind", "--all", "--types", some, "--json")

    assert again.code == 0
    assert (again.document["added"], again.document["versions_kept"]) == (0, 2)
    assert again.document["report"]["waiting"] == 0
    assert Snapshot.objects.count() == versions + 2


def test_a_platform_that_falls_silent_half_way_ends_the_run(world: World) -> None:
    world.practice.add_fault("unavailable_503", path="/routing/queues/.+", times=None)
    world.practice.add_fault("unavailable_503", path="/tokens/me", times=None, after=1)

    stopped = run("track", "northwind", "--all", "--types", QUEUE, "--json")

    assert stopped.code == 1
    assert stopped.document["stopped"].startswith("The platform is silent, so the rest was not asked for.")
    assert stopped.document["report"]["waiting"] == 3


def test_an_object_that_the_worker_is_reading_is_left_to_it_and_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("track", "northwind", QUEUE, "--all")
    mine = TrackedConfig.objects.filter(resource_type=QUEUE).order_by("name")[0]
    TrackedConfig.objects.filter(pk=mine.pk).update(next_look_at=timezone.now() + timedelta(minutes=1))

    class Waited:
        """The claim ends, unused, while it is waited for."""

        monotonic = time.monotonic

        def sleep(self, _seconds: float) -> None:
            TrackedConfig.objects.filter(pk=mine.pk).update(next_look_at=timezone.now())

    monkeypatch.setattr(sweeping, "time", Waited())

    ran = run("track", "northwind", "--all", "--types", QUEUE, "--json")

    assert ran.code == 0
    assert ran.document["report"]["waiting"] == 0
    last = [one["path"] for one in world.practice.requests() if one["path"].startswith("/api/v2/routing/queues/")][-1]
    assert last.endswith(mine.object_id)  # its claim ended unused, so it was read last


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_ctrl_c_keeps_what_was_read_and_the_next_run_reads_only_the_rest(
    practice: PracticeServer, database_url: str
) -> None:
    making.make_tenant(practice, "northwind")
    practice.add_fault("slow", path="/configs/cfg-[0-9]+$", times=None, seconds=0.3)
    env = {**environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "track", "northwind", "--all", "--types", SOME],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not TrackedConfig.objects.filter(live__isnull=False).exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=180)

    assert process.returncode == 1, err.decode()
    assert "Nothing is read twice when you run it again: manage.py track northwind --all" in err.decode()
    assert "Traceback" not in err.decode()
    left = TrackedConfig.objects.filter(looked_at=None).count()
    assert left > 0
    practice.clear_faults()
    asked = len(practice.requests())

    ran = run("track", "northwind", "--all", "--types", SOME, "--json")

    assert (ran.code, ran.document["report"]["waiting"]) == (0, 0)
    read = Counter(
        one["path"] for one in practice.requests()[asked:] if one["path"].startswith("/api/v2/routing/queues/")
    )
    assert set(read.values()) <= {1}
    assert AuditEntry.objects.filter(action="config.tracked").count() == TrackedConfig.objects.count() == 6
    assert AuditEntry.objects.filter(action="config.first_seen").count() == 6


def test_nothing_but_the_document_is_written_with_json(world: World) -> None:
    out, err = io.StringIO(), Terminal()
    call_command("track", "northwind", "--all", "--types", QUEUE, "--json", stdout=out, stderr=err)
    assert out.getvalue().startswith("{")
    assert err.getvalue() == ""
