"""A secret that the platform shows is kept, and leaves the console nowhere; that it was changed is still said."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from rollbacks import actions, applying, surveys
from rollbacks.models import AuditEntry
from tenants import archive
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue, get, secrets
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, Desk
from tests.tenants.running import run

OLD, NEW = "Hunter2 \u2013 ring the vault", "Correct-Horse-7"


@pytest.fixture
def queue(desk: Desk, tmp_path: Path) -> Iterator[tuple[TrackedConfig, Snapshot]]:
    """Give a queue whose description an operator declared a secret, changed by a stranger, and the version before."""
    file = tmp_path / "types.toml"
    file.write_text('["routing.queue"]\nsecret = ["description"]\n', encoding="utf-8")
    catalogue.use_file(file)
    objects = desk.world.practice.platform.store.organizations["northwind"].objects
    queue_id = next(object_id for kind, object_id in objects if kind == "queue")
    path = f"/api/v2/routing/queues/{queue_id}"
    desk.world.practice.foreign_write(path, edits=[{"path": "/description", "value": OLD}])
    config = making.track(desk.world.northwind, queue_id, type_name="routing.queue")
    making.look(config)
    before = TrackedConfig.objects.get(pk=config.pk).live
    assert before is not None
    edits = [{"path": "/description", "value": NEW}, {"path": "/scoringMethod", "value": "PriorityOnly"}]
    desk.world.practice.foreign_write(path, edits=edits)
    making.look(config)
    config.refresh_from_db()
    yield config, before
    catalogue.use_file(None)


def holds_none(text: str | bytes) -> bool:
    """Tell whether a text shows neither secret, escaped or not."""
    said = text.decode() if isinstance(text, bytes) else text
    return not any(form in said for secret in (OLD, NEW) for form in (secret, json.dumps(secret)[1:-1]))


def test_the_bytes_are_kept_as_they_came_and_the_words_stand_in_their_place_elsewhere(
    queue: tuple[TrackedConfig, Snapshot],
) -> None:
    config, before = queue
    raw = archive.bytes_of(before)
    assert not holds_none(raw)

    shown = secrets.hidden_bytes(get("routing.queue"), raw)

    assert holds_none(shown)
    assert json.loads(shown) == {**json.loads(raw), "description": "a secret, not shown"}
    assert secrets.hidden_bytes(get("outbound.campaign"), raw) is raw
    assert config.snapshots.count() == 2


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda c, _b: reverse("admin:tenants_trackedconfig_change", args=[c.pk]), id="timeline"),
        pytest.param(
            lambda c, b: reverse("admin:tenants_trackedconfig_compare", args=[c.pk]) + f"?from={b.version}&to=live",
            id="compare",
        ),
        pytest.param(
            lambda c, b: (
                reverse("admin:tenants_trackedconfig_compare", args=[c.pk]) + f"?from={b.version}&to=live&view=unified"
            ),
            id="unified",
        ),
        pytest.param(lambda c, b: reverse("admin:tenants_trackedconfig_version", args=[c.pk, b.pk]), id="version"),
        pytest.param(lambda c, b: reverse("admin:tenants_trackedconfig_bytes", args=[c.pk, b.pk]), id="download"),
        pytest.param(lambda c, b: reverse("admin:rollbacks_rollback_plan", args=[c.pk, b.pk]), id="plan"),
    ],
)
def test_no_page_and_no_download_shows_it(desk: Desk, queue: tuple[TrackedConfig, Snapshot], make: object) -> None:
    config, before = queue
    browser = Client()
    browser.force_login(desk.world.alice)

    answer = browser.get(make(config, before))  # type: ignore[operator]

    assert answer.status_code == 200
    assert holds_none(b"".join(answer) if answer.streaming else answer.content)
    assert b"secret" in answer.content


def test_the_terminal_says_that_it_differs_and_not_what_it_is(queue: tuple[TrackedConfig, Snapshot]) -> None:
    config, before = queue
    name = ("northwind", f"routing.queue:{config.object_id}")

    for json_or_not in ((), ("--json",)):
        for command in (("diff", *name, str(before.version), "live"), ("show", *name, "live")):
            ended = run(*command, *json_or_not)
            assert holds_none(ended.out + ended.err), command
            assert "a secret, not shown" in ended.out, command
    changes = {
        one["path"]: one["after"] for one in json.loads(run("diff", *name, "1", "live", "--json").out)["changes"]
    }
    assert changes["/description"] == "a secret, not shown: another one than on the other side"
    assert json.loads(run("show", *name, "live", "--json").out)["hidden"] == ["description"]


def test_a_plan_shows_it_neither_in_its_changes_nor_in_its_refusals(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot]
) -> None:
    config, before = queue

    survey = actions.plan_rollback(config, before, acting_user=desk.world.alice, only=["/scoringMethod"])

    assert survey.difference is not None
    assert holds_none(json.dumps(survey.difference.to_json(), default=str, ensure_ascii=False))
    # A PUT that leaves the secret out would reset it.
    assert {check.guard for check in survey.refusals} == {"restorable"}
    assert holds_none(surveys.sentences(survey.refusals))


def test_a_rollback_beside_a_secret_shows_it_neither_on_its_page_nor_in_its_json_nor_in_the_trail(
    desk: Desk, queue: tuple[TrackedConfig, Snapshot], tmp_path: Path
) -> None:
    config, before = queue
    # A member that no body has: it stays on live, and is no obstacle.
    (tmp_path / "types.toml").write_text('["routing.queue"]\nsecret = ["dateCreated"]\n', encoding="utf-8")
    catalogue.use_file(tmp_path / "types.toml")
    secret = str(archive.value_of(before)["dateCreated"])
    rollback = desk.approve(actions.request_rollback(config, before, reason=REASON, acting_user=desk.world.alice))
    done = applying.apply(rollback.pk, pace=QUICK)
    assert done.verdict in {"verified", "reached"}, done.explanation
    browser = Client()
    browser.force_login(desk.world.alice)

    page = browser.get(reverse("admin:rollbacks_rollback_change", args=[done.pk])).content.decode()
    said = run("apply", str(done.pk), "--json")
    trail = [bytes(payload).decode() for payload in AuditEntry.objects.values_list("payload", flat=True)]

    assert "scoringMethod" in page
    assert "rollback." in "".join(trail) or "write." in "".join(trail)
    for text in (page, said.out, said.err, *trail):
        assert secret not in text
