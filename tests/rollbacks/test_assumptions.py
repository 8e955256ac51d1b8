"""A verdict says what it assumes where the platform names no author: on its page, in the terminal, pack and trail."""

import io
import json
import zipfile
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from rollbacks import actions, evidence
from rollbacks.models import AuditEntry, Rollback
from tenants import object_paths
from tenants.models import TrackedConfig
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, Desk
from tests.rollbacks.page_reading import address_of, browser_of, text_of
from tests.rollbacks.terminal_shapes import DOCUMENT, check_shape, set_pace
from tests.rollbacks.trail_world import SEED
from tests.tenants.running import run

EQUAL = (
    "The platform names no author of this version; that nobody else wrote the same content at the same moment is "
    "assumed, not shown."
)
ALTERED = (
    "The platform names no author of this version; that it is not our own write, stored otherwise than it was sent, is "
    "assumed, not shown."
)


def taken_back(desk: Desk, *faults: str) -> Rollback:
    """Give a rollback of callable times, of which the platform says who made them and not who wrote them last."""
    world = desk.world
    stored = world.practice.platform.store.organizations["northwind"].of_family("callabletimeset")[0]
    config = making.track(world.northwind, stored.id, type_name="outbound.callabletimeset")
    making.look(config)
    config.refresh_from_db()
    good = config.live
    assert good is not None
    path = object_paths.object_path(making.type_of(config), stored.id)
    world.practice.foreign_write(path, edits=[{"path": "/name", "value": "Sundays too"}])
    making.look(config)
    config = TrackedConfig.objects.select_related("live", "tenant").get(pk=config.pk)
    rollback = actions.request_rollback(config, good, reason=REASON, acting_user=world.alice)
    desk.approve(rollback)
    for fault in faults:
        world.practice.add_fault(fault, method="PUT", path=f"{stored.id}$")
    return desk.run(rollback)


def told_everywhere(desk: Desk, rollback: Rollback) -> dict[str, str]:
    """Give where a person may read of the rollback, and what stands there."""
    page = browser_of(desk.world.alice).get(address_of(rollback))
    outcome = AuditEntry.objects.get(action="write.outcome")
    pack = zipfile.ZipFile(io.BytesIO(evidence.pack_bytes(rollback, actor="alice")))
    story: dict[str, Any] = json.loads(pack.read("rollback.json"))
    shown = run("apply", str(rollback.pk), "--json").document
    check_shape(shown, DOCUMENT)
    return {
        "page": text_of(page).partition("Evidence")[2],
        "text": run("apply", str(rollback.pk)).out,
        "json": str(shown["attempts"][0]["assumes"]),
        "pack": str(story["attempts"][0]["assumes"]),
        "entry": text_of(browser_of(desk.world.carol).get(address_of(outcome))),
        "payload": bytes(outcome.payload).decode(),
    }


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    set_pace(monkeypatch, QUICK)
    settings.CONSOLE_CHECKPOINT_KEY = SEED


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("faults", "verdict", "code", "sentence"),
    [
        ((), "verified", "equal_write_not_answered_as_ours", EQUAL),
        (("foreign_write",), "conflict", "stored_as_sent", ALTERED),
        (("foreign_write", "drop_before_commit"), "conflict", "stored_as_sent", ALTERED),
    ],
    ids=["answered", "lost race", "lost answer"],
)
def test_what_a_verdict_assumes_is_told_in_words_wherever_it_is_shown(
    desk: Desk, faults: tuple[str, ...], verdict: str, code: str, sentence: str
) -> None:
    rollback = taken_back(desk, *faults)
    assert rollback.verdict == verdict
    assert rollback.attempts.get().evidence["assumes"] == code
    assert rollback.explanation.endswith(sentence)
    for where, told in told_everywhere(desk, rollback).items():
        assert sentence in " ".join(told.split()), where


@pytest.mark.django_db
def test_what_names_its_author_assumes_nothing_and_says_so_nowhere(desk: Desk) -> None:
    rollback = desk.run(desk.approved())
    assert rollback.verdict == "verified"
    assert "assumes" not in rollback.attempts.get().evidence
    told = told_everywhere(desk, rollback)
    assert (told["json"], told["pack"]) == ("None", "None")
    assert json.loads(told["payload"])["details"]["assumes"] is None
    assert "not shown" not in told["page"] + told["text"]
