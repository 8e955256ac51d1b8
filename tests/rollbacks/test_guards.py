"""Each guard says what happened, what was not done and what to do next."""

import pytest

from rollbacks import guards
from rollbacks.guards import Standing

KNOWN = {"id", "name", "version", "content", "trafficPercent", "deployed", "deploymentId"}


def test_unknown_fields_are_refused_by_name_with_the_known_one_suggested() -> None:
    check = guards.check_schema(
        unknown_in_target={"versionRevert", "trafficShift", "contents"}, unknown_in_live=(), missing=(), known=KNOWN
    )
    assert check.refuses
    assert "versionRevert (there is no revert flag" in check.message
    assert "trafficPercent" in check.message
    assert "contents (did you mean content?)" in check.message
    assert "Nothing was sent" in check.message


def test_a_field_that_only_live_has_and_a_missing_required_one_refuse_too() -> None:
    assert guards.check_schema(unknown_in_target=(), unknown_in_live={"region"}, missing=(), known=KNOWN).refuses
    assert guards.check_schema(unknown_in_target=(), unknown_in_live=(), missing=["name"], known=KNOWN).refuses
    assert not guards.check_schema(unknown_in_target=(), unknown_in_live=(), missing=(), known=KNOWN).refuses


@pytest.mark.parametrize(
    ("rule", "base", "sent", "expected", "refuses"),
    [
        ("increment", 42, 43, 43, False),
        ("increment", 42, 42, 43, True),
        ("increment", 42, 44, 44, True),
        ("echo", 7, 7, 8, False),
        ("echo", 7, 8, 8, True),
        ("nested", 7, 7, 8, False),
        ("increment", None, None, None, True),
        ("none", None, None, None, False),
    ],
)
def test_the_version_to_send_follows_from_live_by_the_types_rule(
    rule: str, base: int | None, sent: int | None, expected: int | None, refuses: bool
) -> None:
    assert guards.check_version(rule=rule, base=base, sent=sent, expected=expected).refuses is refuses


def test_a_missing_permission_is_named() -> None:
    needed = ["agentassist:config:read", "agentassist:config:write"]
    check = guards.check_permissions(needed=needed, missing=needed[1:], problem=None)
    assert check.refuses
    assert "agentassist:config:write" in check.message
    assert "config:read" not in check.message
    assert not guards.check_permissions(needed=needed, missing=(), problem=None).refuses
    assert guards.check_permissions(needed=needed, missing=(), problem="They could not be read.").refuses


def test_missing_approvals_stand_pending_and_refuse_nothing_by_themselves() -> None:
    assert guards.check_approvals(needed=2, given=1).standing is Standing.PENDING
    assert guards.check_approvals(needed=2, given=2).standing is Standing.HOLDS
    assert guards.check_approvals(needed=0, given=0).standing is Standing.HOLDS


def test_an_equal_value_is_not_said_to_be_an_equal_version() -> None:
    check = guards.check_no_op(live="a", target="a", version=40, chosen=1)
    assert check.refuses
    assert "already has this value of version 40; the rest was not compared" in check.message


def test_every_refusal_says_that_nothing_was_sent() -> None:
    refusals = [
        guards.check_tenant(frozen=True, reason="Black Friday", name="Northwind Bank"),
        guards.check_live_unchanged(seen="a", now="b", moved="it was version 42 and is version 43."),
        guards.check_target_readable("The bytes are damaged.", size=3),
        guards.check_target_digest(recorded="a" * 64, computed="b" * 64),
        guards.check_target_digest(recorded="a" * 64, computed=None),
        guards.check_no_op(live="a", target="a", version=41),
        guards.check_in_flight("A rollback of this object is under way."),
        guards.check_type("The platform lets nobody write an Agent script through its API."),
        guards.check_restorable(immutable=["columnNames"], secret=[], reset=[], left=[], caveat=""),
        guards.check_version(rule="increment", base=None, sent=None, expected=None),
    ]
    for check in refusals:
        assert check.refuses
        assert "Nothing was sent" in check.message, check.guard
        assert check.title == guards.TITLES[check.guard]


def test_each_member_that_a_write_cannot_bring_back_is_named_with_its_reason() -> None:
    check = guards.check_restorable(
        immutable=["columnNames"], secret=["password"], reset=["owners"], left=["description"], caveat=""
    )

    assert check.message == (
        "ColumnNames differs between live and the target, and the platform never changes it by this write; "
        "password holds a secret that the platform does not show, so what was captured is not what stands; "
        "live has owners, which this write would take away; "
        "live has description, the target does not, and a PATCH leaves alone what it does not name. "
        "Nothing was sent. Restore other values one by one, or change this on the platform itself."
    ).replace("ColumnNames", "columnNames")


def test_a_type_with_more_than_a_write_reaches_says_so_where_nothing_refuses() -> None:
    held = guards.check_restorable(immutable=[], secret=[], reset=[], left=[], caveat="Rows are not brought back.")

    assert not held.refuses
    assert held.message == "Rows are not brought back."
