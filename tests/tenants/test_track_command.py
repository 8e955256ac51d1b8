"""`track` with a type: some objects or all of them; and what every command says of a name that nothing bears."""

import pytest
from django.utils import timezone

from rollbacks.models import AuditEntry
from tenants.models import Snapshot, TrackedConfig
from tests.tenants.running import CONFIG, run
from tests.world import World

pytestmark = pytest.mark.django_db


def test_track_all_finds_the_objects_and_a_second_time_adds_nothing(world: World) -> None:
    ran = run("track", "northwind", "agentassist.config", "--all", "--json")

    assert ran.code == 0
    assert len(ran.document["added"]) == 2
    assert ran.document["already"] == ["cfg-1"]
    assert TrackedConfig.objects.filter(name="Agent Assist – Cards & Fraud", next_look_at__lte=timezone.now()).exists()
    again = run("track", "northwind", "agentassist.config", "--all", "--json").document
    assert (again["added"], len(again["already"])) == ([], 3)
    assert AuditEntry.objects.filter(action="config.tracked").count() == 2


NOT_FOUND: list[tuple[list[str], str]] = [
    (["track", "nortwind", "agentassist.config", "cfg-2"], "Did you mean northwind?"),
    (["track", "northwind", "agentasist.config", "cfg-2"], "Did you mean"),
    (["track", "northwind", "agentassist.config"], "or write --all"),
    (["track", "northwind", "agentassist.config", "cfg-2", "--all"], "one of the two"),
    (["track", "northwind", "agentassist.config", "../oauth"], "cannot be the id of an object"),
    (["track", "northwind", "scripting.session", "--all"], "cannot be listed"),
    (["capture", "northwind", "agentassist.config:cfg-9"], "cfg-9 is not tracked in northwind"),
    (["capture", "northwind", "cfg-1"], "Write TYPE:OBJECT_ID"),
    (["history", "tailspin", "agentassist.config:cfg-1"], "not tracked in tailspin"),
    (["show", *CONFIG, "99"], "v99 of agentassist.config:cfg-1 is not kept here. Kept are 42 versions from v1"),
    (["show", *CONFIG, "yesterday"], "'yesterday' is no version"),
    (["diff", *CONFIG, "1", "4711"], "v4711"),
    (["tenant", "check", "tailspn"], "Did you mean tailspin?"),
]


def test_what_cannot_be_found_ends_with_2_and_one_sentence_that_helps(world: World) -> None:
    kept = Snapshot.objects.count()
    for words, sentence in NOT_FOUND:
        ran = run(*words, "--json")
        assert ran.code == 2, words
        assert ran.document["exit"] == 2
        assert sentence in ran.document["error"]
    assert TrackedConfig.objects.count() == 1
    assert Snapshot.objects.count() == kept
