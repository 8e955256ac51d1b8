"""Who met a conflict sees what was refused, what is live, who wrote it and both beside the base; and plans again."""

import hashlib
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from rollbacks import dossier, inquiries
from rollbacks.models import Inquiry, Rollback
from tenants.audit_records import PERMISSION
from tenants.checking import check
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import markup_of, text_of
from tests.tenants.running import run
from tests.world import BILLING_PATH, PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


def page(client: Client, rollback: Rollback) -> Any:
    return client.get(reverse("admin:rollbacks_rollback_change", args=(rollback.pk,)))


def asked() -> None:
    """Ask the platform about everything there is to ask."""
    inquiries.begin()
    for pk in Inquiry.objects.values_list("pk", flat=True):
        inquiries.look(pk, everything=True)


def refused_by_the_platform(desk: Desk) -> Rollback:
    rollback = desk.approved()
    desk.fault("foreign_write", by="Ines Duarte")
    rollback = desk.run(rollback)
    assert rollback.verdict == "conflict"
    return rollback


def test_a_refused_write_has_a_dossier_with_the_body_live_the_writer_and_the_three_ways(
    desk: Desk, client: Client
) -> None:
    rollback = refused_by_the_platform(desk)
    asked()
    found = dossier.dossier_of(rollback)
    assert found is not None
    assert found.headline == "The platform refused the write, because somebody was first."
    assert found.theirs is not None
    assert found.theirs.version == (rollback.base_version or 0) + 1
    assert found.author == "Ines Duarte"
    assert {row.standing for row in found.rows} >= {"ours", "theirs"}
    client.login(username="alice", password=PASSWORD)
    shown = page(client, rollback)
    words = text_of(shown)
    assert "The conflict The platform refused the write, because somebody was first." in words
    assert "named by the platform" in words
    assert "198.51.100.23" in words
    assert "only theirs" in words
    [body] = found.bodies
    bytes_sent = client.get(body.url)
    assert hashlib.sha256(bytes_sent.content).hexdigest() == body.step.body_sha256
    assert bytes_sent["Content-Disposition"].startswith("attachment")
    assert "Plan again on the new live" in words


def test_planning_again_is_one_click_with_everything_filled_in_and_no_approval_carried_over(
    desk: Desk, client: Client
) -> None:
    rollback = refused_by_the_platform(desk)
    Rollback.objects.filter(pk=rollback.pk).update(ticket="INC-4711")
    client.login(username="alice", password=PASSWORD)
    address = dossier.again_url(rollback)
    assert address in markup_of(page(client, rollback)).replace("&amp;", "&")
    plan = client.get(address)
    assert plan.status_code == 200
    assert REASON in markup_of(plan)
    assert "INC-4711" in markup_of(plan)
    digest = plan.context["digest"]
    assert digest != rollback.plan_digest
    client.post(address, {"reason": REASON, "ticket": "INC-4711", "plan_digest": digest})
    new = Rollback.objects.exclude(pk=rollback.pk).get()
    assert (new.state, new.approvals.count()) == ("awaiting_approval", 0)
    assert new.base_version == (rollback.base_version or 0) + 1
    rollback.refresh_from_db()
    assert rollback.state == "conflict"


def test_a_base_that_moved_before_the_run_shows_what_was_not_sent(desk: Desk, client: Client) -> None:
    rollback = desk.approved()
    desk.world.practice.foreign_write(BILLING_PATH, by="Ines Duarte")
    rollback = desk.run(rollback)
    found = dossier.dossier_of(rollback)
    assert found is not None
    assert found.headline == "Live had moved before anything was sent."
    assert [body.sent for body in found.bodies] == [False]
    assert found.theirs is not None
    assert found.theirs.version == (rollback.base_version or 0) + 1
    client.login(username="carol", password=PASSWORD)
    assert "What was not sent" in text_of(page(client, rollback))


def test_a_lost_answer_and_a_foreign_version_say_so(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("drop_before_commit")
    desk.fault("foreign_write", by="Ines Duarte", after=0)
    rollback = desk.run(rollback)
    found = dossier.dossier_of(rollback)
    assert found is not None
    assert rollback.verdict == "conflict"
    assert found.headline in {
        "The answer was lost, and somebody was first.",
        "The platform refused the write, because somebody was first.",
    }


def test_what_both_changed_differently_comes_first_and_what_only_they_changed_is_theirs(desk: Desk) -> None:
    rollback = desk.approved()
    steps = rollback.steps.get()
    ours = json.loads(bytes(steps.body))["content"]
    base = json.loads(
        desk.world.practice.platform.store.organizations["northwind"].objects["assist", "cfg-1"].live.members["content"]
    )
    changed = next(key for key in ours if key in base and ours[key] != base[key])
    desk.world.practice.foreign_write(
        BILLING_PATH,
        by="Ines Duarte",
        edits=[
            {"path": f"/content/{changed}", "value": "something else altogether"},
            {"path": "/content/addedByInes", "value": 7},
        ],
    )
    found = dossier.dossier_of(desk.run(rollback))
    assert found is not None
    first = found.rows[0]
    assert first.standing == "overlap"
    assert first.place.startswith(f"/content/{changed}")
    theirs = {row.place: row for row in found.rows if row.standing == "theirs"}
    assert theirs["/content/addedByInes"].raw[2] == 7
    assert found.overlaps >= 1


def test_without_the_permission_the_page_names_it_and_falls_back_to_the_versions_author(
    desk: Desk, client: Client
) -> None:
    desk.take_away(PERMISSION)
    rollback = refused_by_the_platform(desk)
    asked()
    client.login(username="carol", password=PASSWORD)
    words = text_of(page(client, rollback))
    assert f"Missing: {PERMISSION}" in words
    assert "By the version itself Ines Duarte" in words
    findings = {one.name: one for one in check(desk.world.northwind)}
    assert findings["audit"].ok is None
    assert PERMISSION in findings["audit"].sentence


def test_a_rollback_that_met_nobody_has_no_dossier_and_its_write_is_attested_on_its_page_and_entry(
    desk: Desk, client: Client
) -> None:
    rollback = desk.run(desk.approved())
    assert dossier.dossier_of(rollback) is None
    ran = run("dossier", str(rollback.pk))
    assert ran.code == 2
    assert "has met no foreign write" in ran.err
    asked()
    client.login(username="carol", password=PASSWORD)
    shown = text_of(page(client, rollback))
    assert "attested by the platform" in shown
    assert "The conflict" not in shown
    entry = rollback.audit_entries.get(action="write.outcome")
    told = text_of(client.get(reverse("admin:rollbacks_auditentry_change", args=(entry.pk,))))
    assert "The platform's own audit has this write" in told
    assert "1 of 1 write attested by the platform." in text_of(client.get(reverse("admin:index")))


def test_another_tenants_person_gets_neither_body_nor_sum(desk: Desk, client: Client) -> None:
    rollback = refused_by_the_platform(desk)
    asked()
    found = dossier.dossier_of(rollback)
    assert found is not None
    desk.world.carol.memberships.all().delete()
    client.login(username="carol", password=PASSWORD)
    assert client.get(found.bodies[0].url).status_code == 404
    assert "attested by the platform" not in text_of(client.get(reverse("admin:index")))


def test_the_terminal_shows_the_dossier_and_asks_the_platform_now(desk: Desk) -> None:
    rollback = refused_by_the_platform(desk)
    ran = run("dossier", str(rollback.pk))
    assert ran.code == 0
    assert "not asked yet" in ran.out
    assert f"Plan again on the new live: again {rollback.pk}" in ran.out
    ran = run("attest", "northwind", "--json")
    [told] = ran.document
    assert (ran.code, told["tenant"]) == (0, "northwind")
    assert [one["state"] for one in told["inquiries"]] == ["named"]
    document = run("dossier", str(rollback.pk), "--json").document
    assert document["platform"]["state"] == "named"
    assert document["live"]["author"] == "Ines Duarte"
    refused = document["refused"][0]
    assert refused["sends"][0]["status"] in {409, 412}
    assert hashlib.sha256(refused["body"].encode()).hexdigest() == refused["body_sha256"]
    assert "named by the platform" in run("attest").out
