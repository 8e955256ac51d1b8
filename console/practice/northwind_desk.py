"""What Northwind Bank keeps in types that have versions of their own: a decision table, articles, a data action.

Each has one bad latest change, made the evening before: a column of the table was copied one row too low, an article
was overwritten with the text for another country, a data action was published with the address of a test system.
"""

from typing import Any

from console.practice.telling import known_id


def _row(intent: str, segment: str | None, above: int | None, queue: str, priority: int) -> dict[str, Any]:
    """Return one row of the routing table; None in a cell stands for anything."""

    def cell(value: Any) -> dict[str, Any]:
        if value is None:
            return {"literal": {"special": "Wildcard"}}
        return {"literal": {"integer" if isinstance(value, int) else "string": value}}

    return {
        "id": known_id("northwind", "row", intent, str(segment), str(above)),
        "inputs": {"intent": cell(intent), "segment": cell(segment), "amount": cell(above)},
        "outputs": {"queue": cell(queue), "priority": cell(priority)},
    }


def _input(key: str, comparator: str) -> dict[str, Any]:
    return {
        "id": key,
        "defaultsTo": {"special": "Wildcard"},
        "expression": {"contractual": {"schemaPropertyKey": key}, "comparator": comparator},
    }


ROUTING_COLUMNS = {
    "inputs": [_input("intent", "Equals"), _input("segment", "Equals"), _input("amount", "GreaterThanOrEquals")],
    "outputs": [
        {"id": "queue", "defaultsTo": {"value": "Billing – EMEA"}, "value": {"schemaPropertyKey": "queue"}},
        {"id": "priority", "defaultsTo": {"value": "5"}, "value": {"schemaPropertyKey": "priority"}},
    ],
}
_STOLEN = _row("card stolen", None, None, "Fraud desk – 24 h", 10)
_DISPUTE = _row("unknown payment", None, 500, "Fraud desk – 24 h", 8)
_SMALL = _row("unknown payment", None, None, "Billing – EMEA", 5)
_GOLD = _row("cancel contract", "Gold", None, "Retention – EMEA", 9)
_CANCEL = _row("cancel contract", None, None, "Retention – EMEA", 6)
_REST = _row("billing question", None, None, "Billing – EMEA", 5)

ROUTING_TABLE: dict[str, Any] = {
    "name": "Call routing – cards and payments",
    "description": "Which queue takes a call, by intent, customer segment and the amount in question",
    # days ago, author, what was changed, rows
    "versions": [
        (240, 2, "First table, from the old IVR menu", [_STOLEN, _SMALL, _CANCEL, _REST]),
        (121, 1, "Payments of 500 and more go to the fraud desk", [_STOLEN, _DISPUTE, _SMALL, _CANCEL, _REST]),
        (33, 1, "Gold customers who cancel go first", [_STOLEN, _DISPUTE, _SMALL, _GOLD, _CANCEL, _REST]),
        (
            1,
            3,
            "Quarterly review",
            [
                _row("card stolen", None, None, "Billing – EMEA", 0),
                _row("unknown payment", None, 5000, "Fraud desk – 24 h", 10),
                _row("unknown payment", None, None, "Retention – EMEA", 8),
                _row("cancel contract", "Gold", None, "Billing – EMEA", 5),
                _CANCEL,
                _REST,
            ],
        ),
    ],
}

KNOWLEDGE_BASE = {
    "name": "Opening hours and returns",
    "description": "What customers ask before they come to a branch or send something back",
    "coreLanguage": "en-UK",
}
CATEGORIES = ("Branches", "Cards and payments")
LABELS = ("customer facing", "reviewed 2026")
# title, alternatives, category, labels, then (days ago, author, title or None, paragraphs) for each version
DOCUMENTS: list[tuple[str, tuple[str, ...], int, tuple[int, ...], list[tuple[int, int, tuple[str, ...]]]]] = [
    (
        "When is my branch open?",
        ("opening hours", "is the branch open on saturday"),
        0,
        (0, 1),
        [
            (302, 4, ("Branches are open from Monday to Friday, 9:00 to 17:00.",)),
            (
                88,
                4,
                (
                    "Branches are open from Monday to Friday, 8:30 to 17:30.",
                    "On Saturdays an adviser for mortgages is there from 9:00 to 13:00.",
                ),
            ),
            (
                1,
                3,
                (
                    "Branches are closed on all days of the week until further notice.",
                    "Please use the branch in Berlin, Friedrichstraße, Monday to Friday, 10:00 to 16:00.",
                ),
            ),
        ],
    ),
    (
        "How do I return a payment card?",
        ("send my card back", "card return"),
        1,
        (0,),
        [
            (210, 1, ("Cut the card through the chip and throw it away.",)),
            (
                64,
                1,
                ("Cut the card through the chip, and send us nothing: it is blocked as soon as the new one is used.",),
            ),
        ],
    ),
    (
        "Why was my payment returned?",
        ("returned direct debit", "payment came back"),
        1,
        (),
        [
            (
                150,
                2,
                ("The other bank returns a payment when the account is closed. It is back within two working days.",),
            ),
        ],
    ),
]

_SCHEMA = "http://json-schema.org/draft-04/schema#"
ACTION_CONTRACT = {
    "input": {
        "inputSchema": {
            "$schema": _SCHEMA,
            "title": "LookUpOrder",
            "type": "object",
            "required": ["orderNumber"],
            "properties": {"orderNumber": {"type": "string"}, "customerId": {"type": "string"}},
            "additionalProperties": False,
        }
    },
    "output": {
        "successSchema": {
            "$schema": _SCHEMA,
            "title": "Order",
            "type": "object",
            "properties": {
                "amount": {"type": "string"},
                "nextPayment": {"type": "string"},
                "state": {"type": "string"},
            },
            "additionalProperties": True,
        }
    },
}


def _config(host: str, seconds: int, state: str) -> dict[str, Any]:
    return {
        "timeoutSeconds": seconds,
        "request": {
            "requestUrlTemplate": f"https://{host}/orders/${{input.orderNumber}}",
            "requestTemplate": "${input.rawRequest}",
            "requestType": "GET",
            "headers": {"Accept": "application/json", "X-Channel": "contact-centre"},
        },
        "response": {
            "translationMap": {"amount": "$.amount.value", "nextPayment": "$.next", "state": state},
            "translationMapDefaults": {"state": '"unknown"'},
            "successTemplate": '{"amount": ${amount}, "nextPayment": ${nextPayment}, "state": ${state}}',
        },
    }


# days ago, author, configuration
ACTION: dict[str, Any] = {
    "name": "Look up order",
    "category": "Payments core",
    "integration": "Payments core – REST",
    "versions": [
        (131, 2, _config("payments.northwind-bank.example", 10, "$.state")),
        (57, 2, _config("payments.northwind-bank.example", 5, "$.status.name")),
        (1, 3, _config("payments-test.northwind-bank.example", 1, "$.status.name")),
    ],
}
