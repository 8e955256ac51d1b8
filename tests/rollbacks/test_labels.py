"""Going back to what is labelled bad: refused, unless a person confirms it with a reason, which the plan signs."""

from urllib.parse import urlencode

import pytest

from rollbacks import actions, audit
from rollbacks.models import AuditEntry, Rollback
from rollbacks.states import State
from tenants import actions as tenant_actions
from tenants.chronicle import BadContentAlarm
from tenants.labelling import Word
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import address_of, browser_of, field_of, plan_address, send, text_of
from tests.tenants.running import CONFIG, run
from tests.world import version

pytestmark = pytest.mark.django_db(transaction=True)

WHY_BAD = "refund rules misfire"
DESPITE = "the platform's support asked for exactly this version"


def label(desk: Desk, number: int, word: Word = Word.BAD) -> None:
    tenant_actions.label_version(version(desk.world.config, number), word, reason=WHY_BAD, acting_user=desk.world.alice)


def test_a_version_labelled_bad_is_refused_until_it_is_confirmed_with_a_reason(desk: Desk) -> None:
    label(desk, desk.good_version)
    with pytest.raises(actions.RequestRefused) as refused:
        desk.request()
    [check] = refused.value.refusals
    assert check.guard == "label"
    assert f"v{desk.good_version} of {desk.world.config} is labelled bad by alice" in check.message
    assert WHY_BAD in check.message
    assert "Nothing was sent" in check.message
    with pytest.raises(actions.NotAllowed, match="at least 10 characters"):
        desk.request(despite="because")

    rollback = desk.request(despite=DESPITE)

    assert rollback.despite_label == DESPITE
    requested = audit.payload_of(AuditEntry.objects.get(action="rollback.requested"))
    assert requested["details"]["despite_label"] == DESPITE  # type: ignore[index]
    done = desk.run(desk.approve(rollback))
    assert done.state == State.APPLIED
    assert BadContentAlarm.objects.filter(config=desk.world.config).exists(), "it is live again, and people are told"


def test_the_confirmation_is_signed(desk: Desk) -> None:
    label(desk, desk.good_version)
    rollback = desk.approve(desk.request(despite=DESPITE))
    Rollback.objects.filter(pk=rollback.pk).update(despite_label="somebody else's words, put there afterwards")
    refused = desk.run(rollback)
    assert (refused.state, desk.writes()) == (State.APPROVED, [])
    assert refused.refusals


def test_a_label_that_comes_after_the_approval_refuses_the_run(desk: Desk) -> None:
    rollback = desk.approve(desk.request(despite=DESPITE))
    assert rollback.despite_label == "", "there was nothing to confirm"
    label(desk, desk.good_version)
    refused = desk.run(rollback)
    assert [one["guard"] for one in refused.refusals] == ["label"]
    assert desk.writes() == []


def test_the_same_content_under_another_number_is_refused_too(desk: Desk) -> None:
    config = desk.world.config
    twins = list(config.snapshots.exclude(digest=config.live.digest).order_by("version"))  # type: ignore[union-attr]
    first, again = next(
        (one, two) for one in twins for two in twins if one.version < two.version and one.digest == two.digest
    )
    label(desk, first.version)
    with pytest.raises(actions.RequestRefused) as refused:
        desk.request(again.version)
    assert [check.guard for check in refused.value.refusals] == ["label"]


def test_the_terminal_ends_with_3_and_takes_a_label_for_a_version(desk: Desk) -> None:
    label(desk, desk.good_version)
    words = ("rollback", *CONFIG, "--reason", REASON, "--as", "alice", "--json")
    refused = run(*words, "--to", str(desk.good_version))
    assert (refused.code, [one["guard"] for one in refused.document["refusals"]]) == (3, ["label"])
    label(desk, desk.good_version - 3, Word.GOOD)
    asked = run(*words, "--to", "known-good")
    assert (asked.code, asked.document["target"]["version"]) == (0, desk.good_version - 3)
    confirmed = run(*words, "--to", str(desk.good_version), "--despite-label", DESPITE)
    assert (confirmed.code, confirmed.document["despite_label"]) == (0, DESPITE)


def test_the_page_asks_why_shows_the_plan_and_signs_what_was_shown(desk: Desk) -> None:
    label(desk, desk.good_version)
    alice = browser_of(desk.world.alice)
    address = plan_address(desk.world.config, version(desk.world.config, desk.good_version))
    refused = text_of(alice.get(address))
    assert "One guard refuses" in refused
    assert "Why does it go back to a version that is labelled bad?" in refused
    assert "Request this rollback" not in refused

    followed = text_of(alice.get(f"{address}?{urlencode({'despite': DESPITE})}"))
    assert "One guard refuses" in followed, "no link confirms it"

    page = send(alice, address, {"do": "confirm", "despite": DESPITE})
    assert f"Confirmed with: “{DESPITE}”" in text_of(page)
    digest, despite = field_of(page, "plan_digest"), field_of(page, "despite")
    assert despite == DESPITE
    send(alice, address, {"reason": REASON, "ticket": "", "plan_digest": digest, "despite": despite})
    rollback = Rollback.objects.get()
    assert (rollback.plan_digest, rollback.despite_label) == (digest, DESPITE)
    assert DESPITE in text_of(browser_of(desk.world.bob).get(address_of(rollback)))


def test_a_confirmation_that_says_nothing_shows_the_refusal(desk: Desk) -> None:
    label(desk, desk.good_version)
    address = plan_address(desk.world.config, version(desk.world.config, desk.good_version))
    page = text_of(send(browser_of(desk.world.alice), address, {"do": "confirm", "despite": "because"}))
    assert "Why does it go back to a version that is labelled bad?" in page
    assert "Request this rollback" not in page
