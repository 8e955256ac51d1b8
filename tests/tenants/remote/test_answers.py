"""What is read from answers: error bodies in three shapes, waiting times, permissions, usable ETags."""

from datetime import UTC, datetime

import pytest

from tenants.remote import Answer, ErrorBody, error_body, holds, usable_for_if_match
from tenants.remote.answers import retry_after_seconds
from tenants.remote.permissions import granted

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def answer(body: bytes, *, status: int = 400) -> Answer:
    return Answer(status, body, None, "c-1", 12, NOW, "application/json")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"code": "not.found", "message": "No such queue.", "status": 404}', "not.found", "No such queue."),
        (b'{"error": "invalid_client", "description": "client not found"}', "invalid_client", "client not found"),
        (b'{"error": "invalid_client", "error_description": "no"}', "invalid_client", "no"),
        (
            b'{"scimType": "invalidVers", "detail": "Version mismatch", "status": "400"}',
            "invalidVers",
            "Version mismatch",
        ),
        (b'{"code": 42, "message": ["no"]}', "", ""),
        (b"[1]", "", ""),
        (b"<html></html>", "", ""),
        (b"\xff\xfe", "", ""),
        (b"", "", ""),
        (b"[" * 100_000, "", ""),
        (b'{"message": "a\\u001bb\\nc"}', "", "a b\nc"),
        (b'{"message": "a\\u0000b"}', "", ""),
        (b'{"message": "a\\ud800b"}', "", ""),
        (b'{"code": "not.found", "code": "general.conflict"}', "", ""),
        (b'{"code": "not.found", "status": NaN}', "", ""),
        (b'\xef\xbb\xbf{"code": "not.found"}', "", ""),
        ('{"code": "not.found"}'.encode("utf-16"), "", ""),
        (b'{"code": "not.found", "more": "' + b"x" * 1024 * 1024 + b'"}', "", ""),
    ],
)
def test_an_error_body_is_read_in_every_shape_and_never_fails(body: bytes, code: str, message: str) -> None:
    assert error_body(answer(body)) == ErrorBody(code, message)


def test_an_error_body_names_things_by_its_parameters_its_entity_and_its_first_detail() -> None:
    body = (
        b'{"code": "invalid.property", "message": "no", "entityName": "Main menu", "messageParams": {"value": "colour",'
        b' "nested": {"a": 1}, "count": 3, "empty": ""}, "details": [{"fieldName": "colour", "entityName": "IVR"}, 4]}'
    )

    params = error_body(answer(body)).params

    assert params == {"value": "colour", "count": "3", "fieldName": "colour", "entityName": "Main menu"}


@pytest.mark.parametrize("details", [b"{}", b"null", b"[]", b"[[]]", b'"x"'])
def test_details_and_parameters_of_another_shape_name_nothing(details: bytes) -> None:
    assert (
        error_body(answer(b'{"message": "no", "messageParams": %b, "details": %b}' % (details, details))).params == {}
    )


def test_an_endless_message_is_cut() -> None:
    said = error_body(answer(b'{"code": "' + b"c" * 5000 + b'", "message": "' + b"m" * 1_000_000 + b'"}'))

    assert len(said.code) == 200
    assert len(said.message) == 2000
    assert said.message.endswith("…")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("42", 42.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Sat, 21 Nov 2026 09:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 08:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
        ("٤٢", None),
    ],
)
def test_a_waiting_time_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, now=NOW) == seconds


@pytest.mark.parametrize(
    ("etag", "usable"),
    [
        (b'"42-9f3c1a"', True),
        (b'""', True),
        (b'"caf\xe9"', True),
        (b'W/"42"', False),
        (b'w/"42"', False),
        (b"42", False),
        (b'"42', False),
        (b'"4 2"', False),
        (b'"1", "2"', False),
        (b"*", False),
        (b"", False),
        (None, False),
    ],
)
def test_only_a_strong_etag_guards_a_write(etag: bytes | None, usable: bool) -> None:
    assert usable_for_if_match(etag) is usable


def test_success_and_not_modified_are_told_by_the_status() -> None:
    assert [status for status in (200, 204, 304, 400) if answer(b"", status=status).ok] == [200, 204]
    assert [status for status in (200, 204, 304, 400) if answer(b"", status=status).not_modified] == [304]


def policies(*rules: tuple[object, object, object]) -> dict[str, object]:
    shown = [{"domain": domain, "entityName": entity, "actions": actions} for domain, entity, actions in rules]
    return {"grants": [{"role": {"policies": shown}}]}


def test_permissions_are_gathered_over_all_roles_with_their_wildcards() -> None:
    held = granted(
        policies(("routing", "queue", ["view", "edit"]), ("outbound", "*", ["*"]), ("agent-scripting", "*", ["write"]))
    )

    for needed in ("routing:queue:edit", "outbound:campaign:edit", "agent-scripting:write", ""):
        assert holds(held, needed), needed
    for needed in ("routing:queue:delete", "routing:*:edit", "agentassist:config:write", "agent-scripting:read"):
        assert not holds(held, needed), needed


def test_every_action_on_one_entity_covers_each_of_them() -> None:
    assert holds(granted(policies(("routing", "queue", ["*"]))), "routing:queue:edit")
    assert not holds(granted(policies(("routing", "queue", ["*"]))), "routing:skill:edit")


@pytest.mark.parametrize(
    "subject", [None, [], {}, {"grants": 1}, {"grants": [1, {"role": 1}, {"role": {"policies": [{"actions": None}]}}]}]
)
def test_an_answer_of_another_shape_grants_nothing(subject: object) -> None:
    assert granted(subject) == frozenset()
