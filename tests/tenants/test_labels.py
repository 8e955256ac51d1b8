"""Labels: facts that are added and withdrawn once, the words that name them, and the alarm for bad content."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.test import Client, TestCase
from django.urls import reverse

from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants import actions, addresses, comparing, labelling
from tenants.chronicle import BadContentAlarm, Label
from tenants.labelling import Word
from tenants.models import Snapshot, TrackedConfig
from tests import page_world
from tests.page_world import PageWorld
from tests.tenants.running import run

pytestmark = pytest.mark.django_db

CONFIG = ("northwind", "agentassist.config:cfg-billing-emea")
REASON = "refund rules misfire since this version"


def number(config: TrackedConfig, version: int) -> Snapshot:
    return config.snapshots.get(version=version)


def label(pages: PageWorld, version: int, word: Word, reason: str = REASON, who: str = "alice") -> Label:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return actions.label_version(number(pages.billing, version), word, reason=reason, acting_user=pages.people[who])


def entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("seq"))


def test_a_label_says_who_when_and_why_and_so_does_the_trail(pages: PageWorld) -> None:
    good = label(pages, 41, Word.GOOD, "")
    bad = label(pages, 42, Word.BAD, who="bob")

    assert (good.setter, good.earned, good.withdrawn_at) == ("alice", False, None)
    assert (bad.setter, bad.reason, bad.digest) == ("bob", REASON, number(pages.billing, 42).digest)
    told = [audit.payload_of(entry) for entry in entries("label.set")]
    assert [(one["actor"], one["details"]["label"], one["details"]["version"]) for one in told] == [  # type: ignore[index]
        ("alice", "known good", "41"),
        ("bob", "bad", "42"),
    ]
    actions.withdraw_label(bad, reason="it was the queue after all", acting_user=pages.people["alice"])
    bad.refresh_from_db()
    assert (bad.withdrawer, bad.withdrawal_reason) == ("alice", "it was the queue after all")
    assert [entry.actor for entry in entries("label.withdrawn")] == ["alice"]
    assert set(labelling.of_config(pages.billing)) == {number(pages.billing, 41).pk}


def test_bad_needs_a_reason_and_a_role_and_one_label_stands_at_a_time(pages: PageWorld) -> None:
    with pytest.raises(actions.NotPossible, match="say why"):
        label(pages, 42, Word.BAD, "  ")
    for stranger in ("carol", "dana"):
        with pytest.raises(PermissionDenied):
            label(pages, 42, Word.BAD, who=stranger)
    good = label(pages, 41, Word.GOOD, "held for a month")
    with pytest.raises(actions.NotPossible, match=r"already labelled known good by alice .* Withdraw it first"):
        label(pages, 41, Word.BAD)
    actions.withdraw_label(good, acting_user=pages.people["alice"])
    with pytest.raises(actions.NotPossible, match="withdrawn already"):
        actions.withdraw_label(good, acting_user=pages.people["alice"])
    label(pages, 41, Word.BAD)
    assert Label.objects.count() == 2


def test_what_was_earned_gives_way_to_a_person(pages: PageWorld) -> None:
    earned = labelling.put(number(pages.billing, 41), Word.GOOD, reason="7 days", acting_user=None, earned=True)
    label(pages, 41, Word.BAD)
    earned.refresh_from_db()
    assert (earned.withdrawer, earned.withdrawal_reason) == ("alice", "alice labels it bad.")
    assert labelling.of_config(pages.billing)[earned.snapshot_id].word == Word.BAD


def test_the_database_itself_keeps_labels_as_they_were(pages: PageWorld) -> None:
    kept = label(pages, 42, Word.BAD)
    for change in (
        "UPDATE tenants_label SET reason = 'nothing was wrong'",
        "DELETE FROM tenants_label",
        "TRUNCATE tenants_label CASCADE",
    ):
        with pytest.raises(DatabaseError, match="label"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
    actions.withdraw_label(kept, acting_user=pages.people["alice"])
    with pytest.raises(DatabaseError, match="withdrawn once"), transaction.atomic():
        Label.objects.update(withdrawn_at=None, withdrawer="", withdrawn_by=None)


def test_words_name_the_newest_version_with_the_label(pages: PageWorld) -> None:
    config = pages.billing
    with pytest.raises(
        addresses.NotFound, match=r"No version of .* is labelled known good. Label one: manage.py label"
    ):
        addresses.find_snapshot(config, "known-good")
    label(pages, 39, Word.GOOD, "")
    label(pages, 41, Word.GOOD, "")
    label(pages, 42, Word.BAD)
    for word in ("known-good", "last-known-good", "good"):
        assert addresses.find_snapshot(config, word).version == 41
        assert comparing.find(config, word).version == 41
    assert comparing.find(config, "bad").version == 42
    assert labelling.last_known_good(config) == number(config, 41)
    assert labelling.last_known_good_of([config]) == {config.pk: number(config, 41)}


def test_good_content_that_is_labelled_bad_elsewhere_in_the_history_is_no_place_to_go_back_to(pages: PageWorld) -> None:
    config = pages.billing
    label(pages, 39, Word.GOOD, "")
    label(pages, 41, Word.GOOD, "")
    Snapshot.objects.filter(config=config, version=40).update(digest=number(config, 41).digest)
    label(pages, 40, Word.BAD)
    assert labelling.last_known_good(config) == number(config, 39)
    assert labelling.last_known_good_of([config]) == {config.pk: number(config, 39)}


def test_live_content_is_never_what_to_go_back_to(pages: PageWorld) -> None:
    label(pages, 42, Word.GOOD, "")
    assert labelling.newest(pages.billing, Word.GOOD) == number(pages.billing, 42)
    assert labelling.last_known_good(pages.billing) is None
    assert labelling.last_known_good_of([pages.billing]) == {}


def test_bad_content_that_is_live_in_another_tenant_raises_the_alarm_there_and_names_nobody(pages: PageWorld) -> None:
    twin = page_world.config(pages.litware, "cfg-9", "Agent Assist – Retail")
    bad = number(pages.billing, 42)
    there = Snapshot.objects.create(
        config=twin, version=7, document=bad.document, digest=bad.digest, source="live", captured_at=bad.captured_at
    )
    page_world.settle(twin, live=there, baseline=there)

    label(pages, 42, Word.BAD)

    assert {alarm.config_id for alarm in BadContentAlarm.objects.all()} == {pages.billing.pk, twin.pk}
    told = {entry.tenant.slug: audit.payload_of(entry) for entry in entries("config.bad_content")}
    assert {entry["outcome"] for entry in told.values()} == {"alarm"}
    litware = told["litware"]["details"]
    assert litware == {"version": "7", "digest": bad.digest, "labelled": [], "elsewhere": True}
    assert "northwind" not in str(told["litware"]).lower()
    assert "refund" not in str(told["litware"])
    [own] = told["northwind"]["details"]["labelled"]  # type: ignore[index]
    assert (own["version"], own["by"], own["reason"]) == ("42", "alice", REASON)
    assert labelling.raise_alarms() == 0, "once is enough"
    assert set(labelling.with_bad_live(TrackedConfig.objects.all())) == {pages.billing, twin}
    found = labelling.against(twin, there, digests=[])
    assert found.sentences == ["The same content is labelled bad in another tenant of this console."]


def test_the_schedule_raises_what_a_crash_left_out(pages: PageWorld) -> None:
    actions.label_version(
        number(pages.billing, 42), Word.BAD, reason=REASON, acting_user=pages.people["alice"]
    )  # its on_commit never ran
    assert not BadContentAlarm.objects.exists()
    assert labelling.raise_alarms() == 1
    assert labelling.raise_alarms() == 0


def test_another_type_with_the_same_digest_is_another_content(pages: PageWorld) -> None:
    queue = page_world.config(pages.litware, "q-1", "Retail", rtype="routing.queue")
    bad = number(pages.billing, 42)
    there = Snapshot.objects.create(
        config=queue, version=7, document=bad.document, digest=bad.digest, source="live", captured_at=bad.captured_at
    )
    page_world.settle(queue, live=there, baseline=there)
    label(pages, 42, Word.BAD)
    assert not BadContentAlarm.objects.filter(config=queue).exists()


def test_what_bears_or_bore_a_label_is_held(pages: PageWorld) -> None:
    label(pages, 39, Word.GOOD, "")
    actions.withdraw_label(label(pages, 40, Word.BAD), acting_user=pages.people["alice"])
    held = set(labelling.held().filter(config=pages.billing).values_list("version", flat=True))
    assert held == {39, 40}


def test_the_command_labels_lists_and_withdraws(pages: PageWorld) -> None:
    ran = run("label", *CONFIG, "42", "bad", "--reason", REASON, "--as", "alice", "--json")
    assert (ran.code, ran.document["label"], ran.document["set_by"]) == (0, "bad", "alice")
    assert run("label", *CONFIG, "41", "good").code == 0
    listed = run("label", *CONFIG, "--json").document
    assert [(one["version"], one["label"]) for one in listed] == [(41, "known-good"), (42, "bad")]
    history = {one["version"]: one["labels"] for one in run("history", *CONFIG, "--json").document}
    assert (history[42], history[41], history[40]) == (["bad"], ["baseline", "known-good"], [])
    assert run("diff", *CONFIG, "known-good", "bad", "--json").document["from"]["version"] == 41
    assert run("label", *CONFIG, "42", "--withdraw", "--reason", "the queue was it").code == 0
    assert [one["version"] for one in run("label", *CONFIG, "--json").document] == [41]
    assert "withdrawn by terminal" in run("label", *CONFIG, "--all").out


def test_the_command_says_what_was_wrong(pages: PageWorld) -> None:
    assert run("label", *CONFIG, "42", "bad").code == 2
    assert "Nothing was done" in run("label", *CONFIG, "42").err
    assert "bears no label" in run("label", *CONFIG, "42", "--withdraw").err
    refused = run("label", *CONFIG, "42", "bad", "--reason", REASON, "--as", "carol")
    assert (refused.code, Label.objects.count()) == (2, 0)
    assert "is viewer in northwind" in refused.err


# pages


def address(pages: PageWorld, version: int, page: str = "version") -> str:
    return reverse(f"admin:tenants_trackedconfig_{page}", args=[pages.billing.pk, number(pages.billing, version).pk])


def test_people_label_on_the_page_of_a_version_and_every_page_shows_it(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    alice, carol = as_user("alice"), as_user("carol")
    alice.post(address(pages, 41, "label"), {"label": "good", "reason": "quiet since Tuesday"})
    answer = alice.post(address(pages, 42, "label"), {"label": "bad", "reason": REASON}, follow=True)
    assert "V42 is labelled bad." in answer.content.decode()

    version = carol.get(address(pages, 42)).content.decode()
    assert REASON in version
    assert 'name="label"' not in version, "carol may only look"
    config = reverse("admin:tenants_trackedconfig_change", args=[pages.billing.pk])
    page = alice.get(config).content.decode()
    assert "What is live is labelled bad." in page
    assert "Roll back to last known good (v41)" in page
    assert "known good</span>" in page
    assert "Roll back to last known good" not in carol.get(config).content.decode()
    compare = carol.get(reverse("admin:tenants_trackedconfig_compare", args=[pages.billing.pk])).content.decode()
    assert "last known good (v41)" in compare
    assert "· bad</option>" in compare
    assert "Roll back to last known good (v41)" in alice.get(reverse("admin:index")).content.decode()
    overview = carol.get(reverse("admin:index")).content.decode()
    assert "Roll back to last known good" not in overview, "carol may not ask for it"
    assert "labelled bad</span>" in overview

    alice.post(address(pages, 42, "label"), {"label": "withdraw", "reason": "it was the queue"})
    assert "Withdrawn by alice" in carol.get(address(pages, 42)).content.decode()
    assert "labelled bad</span>" not in carol.get(reverse("admin:index")).content.decode()


def test_labels_are_not_there_for_other_tenants_and_not_for_viewers_to_set(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    words = {"label": "bad", "reason": REASON}
    assert as_user("dana").post(address(pages, 42, "label"), words).status_code == 404
    assert as_user("carol").post(address(pages, 42, "label"), words).status_code == 403
    assert as_user("alice").get(address(pages, 42, "label")).status_code == 405
    for wrong in ({"label": "bad"}, {"label": "excellent", "reason": REASON}, {"label": "withdraw"}):
        said = as_user("alice").post(address(pages, 42, "label"), wrong, follow=True).content.decode()
        assert 'class="error"' in said
    assert not Label.objects.exists()


def test_a_stranger_reads_of_the_same_bad_content_and_no_name_of_the_tenant_that_labelled_it(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    twin = page_world.config(pages.litware, "cfg-9", "Agent Assist – Retail")
    bad = number(pages.billing, 42)
    there = Snapshot.objects.create(
        config=twin, version=7, document=bad.document, digest=bad.digest, source="live", captured_at=bad.captured_at
    )
    page_world.settle(twin, live=there, baseline=there)
    label(pages, 42, Word.BAD)
    for url in (reverse("admin:index"), reverse("admin:tenants_trackedconfig_change", args=[twin.pk])):
        text = as_user("dana").get(url).content.decode()
        assert "labelled bad in another tenant of this console" in text
        assert "Northwind" not in text
        assert REASON not in text


def test_how_many_days_are_needed_stays_within_a_year(db: None) -> None:
    where = ("--region", "mypurecloud.de", "--client-id", "c", "--client-secret-file", "-")
    refused = run("tenant", "add", "litware", "--name", "Litware", *where, "--good-after-days", "900")
    assert (refused.code, refused.err) == (2, "900 days cannot be kept: 0 to 365 can. Nothing was added.")
