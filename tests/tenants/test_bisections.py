"""A search for the first bad version: kept with every answer, on pages and in the terminal, by whoever may."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from rollbacks.models import AuditEntry
from tenants import actions, bisect_page, bisections, labelling
from tenants.bisecting import Said
from tenants.chronicle import Bisection, BisectionAnswer
from tenants.models import Snapshot, TrackedConfig
from tests import page_world
from tests.page_world import PageWorld
from tests.tenants.running import run

pytestmark = pytest.mark.django_db

CONFIG = ("northwind", "agentassist.config:cfg-long")
FIRST_BAD = 13


@pytest.fixture
def long(pages: PageWorld) -> TrackedConfig:
    """Give a configuration of 20 versions; 6 and 7 are alike, and the 13th was written by Marek Wolski."""
    config = page_world.config(pages.northwind, "cfg-long", "Agent Assist – Collections")
    content = page_world.first_content()
    made = []
    for number in range(1, 21):
        if number != 7:
            content = {**content, "description": f"Collections, edition {number}"}
        author = "Marek Wolski" if number == FIRST_BAD else "Ines Duarte"
        made.append(page_world.version(config, number, content, author=author))
    return page_world.settle(config, live=made[-1], baseline=made[0])


def number(config: TrackedConfig, version: int) -> Snapshot:
    return config.snapshots.get(version=version)


def test_the_terminal_finds_the_first_bad_version_and_its_author(long: TrackedConfig) -> None:
    ran = run("bisect", *CONFIG, "start", "1", "live", "--as", "alice", "--json")
    asked = []
    while ran.document["ask"] is not None:
        asked.append(ran.document["ask"])
        said = "bad" if ran.document["ask"] >= FIRST_BAD else "good"
        ran = run("bisect", *CONFIG, said, "--as", "bob", "--json")
    assert (ran.code, ran.document["first_bad"], ran.document["author"]) == (0, FIRST_BAD, "Marek Wolski")
    assert len(asked) <= 5
    assert 7 not in asked, "nobody is asked about the same content twice"
    assert {one["by"] for one in ran.document["answers"]} == {"bob"}
    said = run("bisect", *CONFIG, "status").out
    assert "v13 is the first bad version, written by Marek Wolski" in said
    assert "description" in said
    told = AuditEntry.objects.filter(action__startswith="bisection.").order_by("seq")
    assert [entry.action for entry in told] == ["bisection.started", *["bisection.answered"] * len(asked)]


def test_a_search_is_gone_on_with_and_several_are_kept(long: TrackedConfig) -> None:
    first = run("bisect", *CONFIG, "start", "1", "20", "--json").document
    second = run("bisect", *CONFIG, "start", "10", "20", "--json").document
    assert run("bisect", *CONFIG, "skip", "--json").document["id"] == second["id"]
    older = run("bisect", *CONFIG, "good", "--search", first["id"][:8], "--json").document
    assert [one["answer"] for one in older["answers"]] == ["good"]
    assert Bisection.objects.count() == 2


def test_a_last_word_counts_and_what_was_skipped_leaves_several(long: TrackedConfig, pages: PageWorld) -> None:
    alice = pages.people["alice"]
    search = actions.start_bisection(long, number(long, 10), number(long, 14), acting_user=alice)
    for version in (11, 12, 13):
        now = actions.answer_bisection(search, number(long, version), Said.SKIP, acting_user=alice)
    assert [one.version for one in now.suspects] == [11, 12, 13, 14]
    assert now.first_bad is None
    actions.answer_bisection(search, number(long, 12), Said.GOOD, acting_user=alice)
    now = actions.answer_bisection(search, number(long, 13), Said.BAD, acting_user=alice)
    assert now.first_bad == number(long, 13)
    assert BisectionAnswer.objects.count() == 5


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [(20, 1, "is not after"), (5, 5, "is not after"), (6, 7, "hold the same content")],
)
def test_a_search_needs_a_good_version_before_a_bad_one(
    long: TrackedConfig, pages: PageWorld, good: int, bad: int, sentence: str
) -> None:
    with pytest.raises(actions.NotPossible, match=sentence):
        actions.start_bisection(long, number(long, good), number(long, bad), acting_user=pages.people["alice"])
    assert not Bisection.objects.exists()


def test_only_what_is_in_question_is_answered_and_only_by_who_may(long: TrackedConfig, pages: PageWorld) -> None:
    alice = pages.people["alice"]
    search = actions.start_bisection(long, number(long, 5), number(long, 9), acting_user=alice)
    for version in (1, 5, 9, 20):
        with pytest.raises(actions.NotPossible, match="not in question"):
            actions.answer_bisection(search, number(long, version), Said.BAD, acting_user=alice)
    for name in ("carol", "dana"):
        with pytest.raises(PermissionDenied):
            actions.answer_bisection(search, number(long, 8), Said.BAD, acting_user=pages.people[name])
        with pytest.raises(PermissionDenied):
            actions.start_bisection(long, number(long, 5), number(long, 9), acting_user=pages.people[name])
    assert not BisectionAnswer.objects.exists()
    held = labelling.held().filter(config=long).values_list("version", flat=True)
    assert set(held) == {5, 9}


def test_the_pages_lead_from_the_question_to_the_first_bad_version(
    long: TrackedConfig, pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    alice, carol = as_user("alice"), as_user("carol")
    home = reverse("admin:tenants_trackedconfig_bisects", args=[long.pk])
    assert "Look for the first bad version" in alice.get(home).content.decode()
    assert "Look for the first bad version" not in carol.get(home).content.decode()
    page = alice.post(home, {"good": "10", "bad": "14"})["Location"]
    asked = alice.get(page).content.decode()
    assert "Is v12 good or bad?" in asked
    assert 'name="answer"' not in carol.get(page).content.decode()
    assert "Collections, edition 12" in asked
    alice.post(page, {"answer": "good", "version": number(long, 12).pk, "note": "tried with two agents"})
    done = alice.post(page, {"answer": "bad", "version": number(long, 13).pk}, follow=True).content.decode()
    assert "The first bad one is version 13." in done
    assert "v13 is the first bad version" in done
    assert "Marek Wolski" in done
    assert "tried with two agents" in done
    assert "Label v13 bad" in done
    assert "v13 is the first bad one" in carol.get(home).content.decode()
    for wrong in ({"answer": "perhaps", "version": "1"}, {"answer": "bad"}, {"answer": "bad", "version": "999999"}):
        assert 'class="error"' in alice.post(page, wrong, follow=True).content.decode()
    for url in (home, page):
        assert as_user("dana").get(url).status_code == 404
    assert carol.post(page, {"answer": "bad", "version": number(long, 13).pk}).status_code == 403
    assert 'class="error"' in alice.post(home, {"good": "14", "bad": "10"}, follow=True).content.decode()
    assert bisections.search(Bisection.objects.get()).first_bad == number(long, 13)


def test_the_form_says_how_many_versions_it_does_not_list_and_takes_one_by_its_number(
    long: TrackedConfig, as_user: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bisect_page, "LISTED", 5)
    alice = as_user("alice")
    home = reverse("admin:tenants_trackedconfig_bisects", args=[long.pk])
    shown = alice.get(home).content.decode()
    assert "newest 5 versions. 14 older ones are kept too" in shown
    assert f'value="id:{number(long, 1).pk}" selected' in shown, "what it proposes is in the list, however old"
    assert f'value="id:{number(long, 15).pk}"' not in shown

    live = f"id:{number(long, 20).pk}"
    alice.post(home, {"good": live, "good_number": "3", "bad": live, "bad_number": ""})

    started = Bisection.objects.get()
    assert (started.good.version, started.bad.version) == (3, 20)
