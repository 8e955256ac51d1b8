"""What the tests of the rollback commands share: the JSON shape of CONTRACT.md, and short waits."""

from typing import Any, TypeAlias

import pytest

from rollbacks import applying, driving
from rollbacks.terminal import RollbackCommand

Json: TypeAlias = dict[str, Any]

TEXT_OR_NOT = (str, type(None))
REFUSAL_OR_NOT = (dict, type(None))
STATE = {"version": int, "etag": TEXT_OR_NOT, "digest": str}
WHO = {
    "version": (int, type(None)),
    "author": str,
    "written_at": TEXT_OR_NOT,
    "ticket": TEXT_OR_NOT,
    "rollback": TEXT_OR_NOT,
    "or_earlier": bool,
}
DOCUMENT: Json = {
    "id": str,
    "state": str,
    "verdict": TEXT_OR_NOT,
    "guard": str,
    "base": STATE,
    "target": {"version": int, "digest": str},
    "composition": (dict, type(None)),
    "sent_version": int,
    "live": STATE,
    "plan_digest": str,
    "refusals": [{"guard": str, "message": str}],
    "changes": [{"path": str, "kind": str, "before": object, "after": object, "from": str}],
    "despite_label": TEXT_OR_NOT,
    "later": [
        {
            **WHO,
            "changes": [
                {"place": str, "path": str, "kind": str, "before": object, "after": object, "kept": bool},
            ],
        }
    ],
    "overlaps": [
        {"place": str, "order": bool, "before": object, "undone": object, "live": object, "versions": [WHO]},
    ],
    "notes": [str],
    "steps": [
        {
            "number": int,
            "kind": str,
            "title": str,
            "request": str,
            "guard": str,
            "base": STATE,
            "target_digest": str,
            "sent_version": int,
            "expected_version": int,
            "body_sha256": str,
            "state": str,
            "verdict": TEXT_OR_NOT,
        }
    ],
    "attempts": [
        {
            "if_match": TEXT_OR_NOT,
            "sends": [
                {
                    "status": (int, type(None)),
                    "code": TEXT_OR_NOT,
                    "correlation_id": TEXT_OR_NOT,
                    "refusal": REFUSAL_OR_NOT,
                }
            ],
            "verdict": TEXT_OR_NOT,
            "evidence": dict,
            "assumes": TEXT_OR_NOT,
        }
    ],
    "refusal": REFUSAL_OR_NOT,
    "confirmation": (dict, type(None)),
    "propagation": (dict, type(None)),
    "freeze": {"open": bool, "until": TEXT_OR_NOT, "message": str, "override": (dict, type(None))},
    "schedule": (dict, type(None)),
    "requested_by": str,
    "approved_by": [str],
    "break_glass": (dict, type(None)),
    "approved_with": TEXT_OR_NOT,
    "approvals_needed": int,
    "may_approve": [str],
    "succeeds": TEXT_OR_NOT,
    "expires_at": TEXT_OR_NOT,
    "ticket": TEXT_OR_NOT,
}
PLAN = DOCUMENT | {"id": type(None)}


def check_shape(value: Any, shape: Any, *, at: str = "") -> None:
    """Fail unless a value has exactly the keys and types of a shape; `before`, `after`, `from` where they can be."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), f"{at}: {value!r}"
        optional = {"before", "after", "from"} & shape.keys()
        assert shape.keys() - optional <= value.keys() <= shape.keys(), f"{at}: {sorted(value)}"
        for key, one in value.items():
            check_shape(one, shape[key], at=f"{at}/{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), f"{at}: {value!r}"
        for number, one in enumerate(value):
            check_shape(one, shape[0], at=f"{at}/{number}")
    else:
        assert isinstance(value, shape), f"{at}: {value!r}"


def set_pace(monkeypatch: pytest.MonkeyPatch, pace: driving.Pace) -> None:
    for function in (applying.apply, applying.recover):
        monkeypatch.setattr(function, "__kwdefaults__", {**(function.__kwdefaults__ or {}), "pace": pace})
    monkeypatch.setattr(RollbackCommand, "pace", pace)
