"""What the platform's no comes to: its kind and its name on the page, in the terminal, in JSON and in the trail."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from rollbacks import audit, driving
from rollbacks.models import AuditEntry, Rollback
from rollbacks.refusals import TITLES, Told
from rollbacks.terminal import describe
from tenants.resource_types import Kind
from tests.rollbacks.conftest import QUICK, Desk

pytestmark = pytest.mark.django_db(transaction=True)

FOR_GOOD = [
    (
        {"status": 400, "code": "invalid.status.transition", "message": "Invalid transition from <COMPLETE> to <OFF>"},
        {"kind": "bad_transition", "name": "COMPLETE to OFF"},
        "does not let the object's status go from COMPLETE to OFF",
    ),
    (
        {"status": 400, "code": "cannot.update.phone.columns", "message": "Phone columns cannot be updated."},
        {"kind": "immutable", "name": "phone columns"},
        "never changes phone columns",
    ),
    (
        {"status": 400, "code": "location.not.found", "message": "No such location.", "params": {"id": "loc-9"}},
        {"kind": "reference_not_found", "name": "location loc-9"},
        "does not find any more: location loc-9",
    ),
    (
        {
            "status": 403,
            "code": "missing.any.permissions",
            "message": "You must have at least one of: [agentassist:config:write]",
        },
        {"kind": "missing_permission", "name": "agentassist:config:write"},
        "lacks the permission agentassist:config:write",
    ),
    (
        {
            "status": 400,
            "code": "invalid.property",
            "message": "Value [trafficShift] is not a valid property for object [AgentAssistConfig]",
            "params": {"value": "trafficShift"},
        },
        {"kind": "unknown_property", "name": "trafficShift"},
        "does not know the property trafficShift",
    ),
    ({"status": 413, "code": "", "message": ""}, {"kind": "too_large", "name": ""}, "because it is too large"),
    ({"status": 422, "code": "", "message": "No."}, {"kind": "otherwise", "name": ""}, "refused the write for good"),
]


def outcome_of(rollback: Rollback) -> dict[str, object]:
    entry = AuditEntry.objects.get(rollback=rollback, action="write.outcome")
    details = audit.payload_of(entry)["details"]
    assert isinstance(details, dict)
    return details


@pytest.mark.parametrize(("refusal", "told", "words"), FOR_GOOD)
def test_a_refusal_for_good_says_its_kind_and_its_name_wherever_the_rollback_is_shown(
    desk: Desk, client: Client, refusal: dict[str, object], told: dict[str, str], words: str
) -> None:
    rollback = desk.approved()
    desk.fault("refused", refusal=refusal)
    rollback = desk.run(rollback)

    assert (rollback.state, rollback.verdict) == ("refused", "not_applied")
    assert words in rollback.explanation
    assert "Nothing of ours was written." in rollback.explanation
    assert desk.writes() == []
    document = describe(rollback)
    assert document["refusal"] == told
    assert document["attempts"][0]["sends"][0]["refusal"] == told
    details = outcome_of(rollback)
    assert details["refusal"] == told
    assert details["sends"][0]["refusal"] == told  # type: ignore[index]
    client.force_login(desk.world.carol)
    page = client.get(reverse("admin:rollbacks_rollback_change", args=(rollback.pk,))).content.decode()
    said = Told(Kind(told["kind"]), told["name"], settled=True)
    assert said.title[1:] in page
    assert words in page.replace("&#x27;", "'")
    entry = AuditEntry.objects.get(rollback=rollback, action="write.outcome")
    page = client.get(reverse("admin:rollbacks_auditentry_change", args=(entry.pk,))).content.decode()
    assert said.title[1:] in page


def test_a_dependency_that_is_told_with_a_409_proves_nothing_and_is_named_while_the_outcome_is_open(
    desk: Desk,
) -> None:
    rollback = desk.approved()
    desk.fault(
        "refused",
        times=None,
        refusal={
            "status": 409,
            "code": "architect.dependency.object.in.use",
            "message": "The configuration is in use.",
            "params": {"entityName": "Billing IVR"},
        },
    )
    rollback = desk.run(rollback, pace=replace(QUICK, horizon=0.0, patience=1.0))

    assert (rollback.state, rollback.verdict) == ("unknown", "")
    assert rollback.attempts.get().state == "open"
    assert {send.outcome for send in rollback.attempts.get().sends.all()} == {"unknown"}
    assert describe(rollback)["refusal"] == {"kind": "dependency", "name": "Billing IVR"}
    assert "because Billing IVR depends on this object" in rollback.explanation
    assert "does not prove that nothing was written" in rollback.explanation
    assert desk.writes() == []


def test_a_lock_says_by_whom_and_for_how_long_the_console_waits(desk: Desk, client: Client) -> None:
    rollback = desk.approved()
    desk.fault(
        "refused",
        refusal={
            "status": 423,
            "code": "resource.locked",
            "message": "The configuration is locked by user [Ines Duarte].",
        },
    )
    rollback = desk.run(rollback)

    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    locked, landed = rollback.attempts.get().sends.all()
    assert (locked.refusal_kind, locked.refusal_name) == ("locked", "Ines Duarte")
    assert landed.refusal_kind == ""
    client.force_login(desk.world.carol)
    page = client.get(reverse("admin:rollbacks_rollback_change", args=(rollback.pk,))).content.decode()
    assert "Locked: Ines Duarte" in page
    assert "The object is locked by Ines Duarte." in page


def test_while_a_lock_lasts_the_page_says_who_holds_it_and_how_long_the_console_waits(
    desk: Desk, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollback = desk.approved()
    monkeypatch.setattr(driving, "full_jitter", lambda *_, **__: 45.0)
    desk.fault(
        "refused",
        times=None,
        refusal={"status": 423, "code": "", "message": "It is locked by user [Ines Duarte]."},
    )
    rollback = desk.run(rollback, pace=replace(QUICK, patience=2.0))

    attempt = rollback.attempts.get()
    (send,) = attempt.sends.all()
    assert (rollback.state, attempt.state, send.refusal_name) == ("applying", "open", "Ines Duarte")
    assert send.retry_at is not None
    assert send.ended_at is not None
    wait = round((send.retry_at - send.ended_at).total_seconds())
    client.force_login(desk.world.carol)
    page = client.get(reverse("admin:rollbacks_rollback_change", args=(rollback.pk,))).content.decode()
    assert "locked: Ines Duarte" in page
    assert f"The same bytes are sent again in {wait} s if live has not moved, at most 19 more times." in page
    assert desk.writes() == []


def test_the_terminal_says_the_kind_beside_the_answer_and_in_json(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("refused", refusal={"status": 403, "code": "missing.any.permissions", "message": "[a:b:c]"})
    desk.run(rollback)

    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("apply", str(rollback.pk), stdout=out)
    assert ended.value.code == 6
    assert "a missing permission: a:b:c" in out.getvalue()
    assert "lacks the permission a:b:c" in out.getvalue()

    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("apply", str(rollback.pk), "--json", stdout=out)
    assert json.loads(out.getvalue())["refusal"] == {"kind": "missing_permission", "name": "a:b:c"}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("name", ["", "routing:queue:edit"])
def test_every_kind_says_what_happened_what_was_not_done_and_what_to_do_next(kind: Kind, name: str) -> None:
    settled, unsettled = Told(kind, name, settled=True).sentences, Told(kind, name, settled=False).sentences

    assert "Nothing of ours was written." in settled
    assert "Nothing of ours was written." not in unsettled
    assert "does not prove" in unsettled
    assert settled.count(". ") >= 2
    assert "{" not in settled
    assert kind in TITLES
