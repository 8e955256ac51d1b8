"""Northwind Bank: the organization that a newcomer looks at first, and the bad change of last night."""

from typing import Any

from console.practice.telling import Step, add, assist, drop, move, put, queue, rule, step

PEOPLE = ("Marek Wolski", "Ines Duarte", "Dana Reyes", "Tom Becker", "Priya Raman")
M, I, D, T, P = PEOPLE  # noqa: E741 - the people's initials

BILLING = assist(
    division="EMEA",
    language="en-GB",
    description="Surfaces knowledge articles to billing agents.",
    fallback="No suggestion",
    rules=[
        rule("Refund request", 1, [("refund", 0.66), ("money back", 0.66), ("charged twice", 0.7)], "Billing"),
        rule("Cancel contract", 2, [("cancel my account", 0.63), ("terminate my contract", 0.63)], "Contracts"),
        rule("Upgrade offer", 3, [("upgrade", 0.66), ("better plan", 0.66)], "Offers"),
        rule("Complaint", 4, [("complaint", 0.6), ("not acceptable", 0.68)], "Complaints"),
        rule("Password reset", 5, [("forgot my password", 0.72), ("locked out", 0.7)], "Online banking"),
    ],
    queues=[queue("Billing – EMEA", alerting=8), queue("Retention – EMEA", alerting=8)],
    tags=["billing", "emea", "tier-1"],
)
_CARD_STOLEN = rule(
    "Card stolen",
    6,
    [("my card was stolen", 0.58), ("lost my card", 0.58), ("a payment I did not make", 0.62)],
    "Card security",
    action={
        "type": "escalate",
        "queue": "Fraud desk – 24 h",
        "message": "Block the card first, then transfer without a wait.",
    },
)
_PAYMENT_FAILED = rule("Payment failed", 7, [("card declined", 0.8), ("payment failed", 0.75)], "Payments")
_INVOICE = rule("Copy of a statement", 8, [("copy of my statement", 0.74), ("last invoice", 0.7)], "Billing")
_HARDSHIP = rule("Payment difficulties", 9, [("cannot pay", 0.6), ("lost my job", 0.62)], "Customer care")
_REFUND = "rules/Refund request"
_CANCEL = "rules/Cancel contract/triggers"

BILLING_STEPS: list[Step] = [
    step(214, "10:12", M),
    step(
        213,
        "16:40",
        M,
        put("description", "Surfaces knowledge articles and canned responses to billing agents."),
    ),
    step(207, "09:31", I, put(f"{_REFUND}/knowledge/minConfidence", 0.72)),
    step(
        203,
        "14:05",
        I,
        add(f"{_REFUND}/triggers", {"type": "phrase", "value": "double charge", "confidence": 0.7}),
    ),
    step(196, "11:20", D, put("suggestions/minConfidence", 0.6)),
    step(195, "08:47", D, put("suggestions/minConfidence", 0.65)),
    step(189, "15:33", M, add("rules", _CARD_STOLEN)),
    step(188, "09:02", P, put("rules/Card stolen/triggers/lost my card/confidence", 0.55)),
    step(181, "13:26", M, put("queues/Retention – EMEA/mediaSettings/call/alertingTimeoutSeconds", 10)),
    step(174, "10:58", I, add("tags", "gdpr-reviewed")),
    step(172, "17:15", P, put("rules/Password reset/knowledge/maxSuggestions", 2)),
    step(165, "09:44", M, add("rules", _PAYMENT_FAILED)),
    step(160, "14:19", M, put("rules/Payment failed/triggers/card declined/confidence", 0.82)),
    step(158, "11:07", D, put("transcription/lowLatency", value=False)),
    step(157, "08:30", D, put("transcription/lowLatency", value=True)),
    step(149, "15:52", I, put("rules/Upgrade offer/enabled", value=False)),
    step(143, "10:23", I, put("rules/Upgrade offer/enabled", value=True), put("rules/Upgrade offer/priority", 6)),
    step(139, "16:08", T, add(_CANCEL, {"type": "phrase", "value": "close my account", "confidence": 0.65})),
    step(131, "09:17", M, put("suggestions/fallback/text", "No suggestion yet – keep listening")),
    step(126, "13:41", P, put("rules/Complaint/triggers/complaint/confidence", 0.64)),
    step(
        118,
        "10:02",
        I,
        add("queues", queue("Billing – night line", alerting=12, percentage=0.7, duration=40_000)),
    ),
    step(112, "14:36", M, put("rules/Refund request/knowledge/minConfidence", 0.7)),
    step(105, "11:48", D, add("rules", _INVOICE)),
    step(104, "09:20", D, put("rules/Copy of a statement/priority", 7)),
    step(97, "15:11", M, put("suggestions/maxPerUtterance", 4)),
    step(91, "10:39", P, put("suggestions/maxPerUtterance", 3)),
    step(
        84,
        "16:27",
        I,
        put("description", "Surfaces knowledge articles and scripted responses to billing agents."),
    ),
    step(76, "09:55", T, put("rules/Card stolen/triggers/my card was stolen/confidence", 0.56)),
    step(70, "13:13", M, add("rules", _HARDSHIP)),
    step(66, "11:34", P, put("rules/Payment difficulties/knowledge/maxSuggestions", 2)),
    step(59, "14:50", M, put("queues/Billing – EMEA/mediaSettings/call/serviceLevel/percentage", 0.85)),
    step(52, "10:16", D, drop("tags/gdpr-reviewed"), add("tags", "gdpr-2026")),
    step(45, "17:03", I, put("queues/Retention – EMEA/mediaSettings/call/alertingTimeoutSeconds", 12)),
    step(
        38,
        "09:28",
        M,
        put("suggestions/fallback/text", "No suggestion. Ask the customer for the invoice number."),
    ),
    step(31, "15:45", P, drop("rules/Copy of a statement/triggers/last invoice")),
    step(26, "10:51", P, put("rules/Copy of a statement/knowledge/minConfidence", 0.68)),
    step(19, "13:22", M, drop("rules/Upgrade offer")),
    step(17, "09:09", I, put("tags", ["billing", "emea", "tier-2", "gdpr-2026"])),
    step(
        9,
        "16:14",
        D,
        add("rules/Card stolen/triggers", {"type": "phrase", "value": "blocked card", "confidence": 0.6}),
    ),
    step(5, "11:37", I, put("rules/Payment failed/knowledge/minConfidence", 0.74)),
    step(
        3,
        "14:34",
        M,
        put(
            "description",
            "Surfaces knowledge articles and scripted responses to billing agents in real time.",
        ),
        put(f"{_CANCEL}/terminate my contract/value", "end my contract now"),
    ),
    # The bad change: meant for the test organization, made late at night in the real one.
    step(
        1,
        "22:47",
        T,
        put("suggestions/minConfidence", 0.25),
        put(f"{_REFUND}/knowledge/minConfidence", 0.35),
        put("suggestions/fallback/text", ""),
        drop("rules/Card stolen"),
        move("rules/Complaint", 0),
        put("queues/Retention – EMEA/mediaSettings/call/alertingTimeoutSeconds", 45),
    ),
]

CARDS = assist(
    division="EMEA",
    language="en-GB",
    description="Helps agents of the card desk to tell fraud from a forgotten purchase.",
    fallback="Check the last five card payments with the customer.",
    rules=[
        rule(
            "Unknown payment",
            1,
            [("I do not know this payment", 0.6), ("not my purchase", 0.62)],
            "Card security",
        ),
        rule("Travel notice", 2, [("travelling abroad", 0.7), ("use my card in", 0.74)], "Cards"),
        rule("Contactless limit", 3, [("contactless", 0.72)], "Cards"),
    ],
    queues=[
        queue("Cards – EMEA", alerting=10),
        queue("Fraud desk – 24 h", alerting=5, percentage=0.95, duration=10_000),
    ],
    tags=["cards", "fraud"],
)
CARDS_STEPS: list[Step] = [
    step(171, "09:40", I),
    step(163, "14:12", I, put("rules/Unknown payment/priority", 2), put("rules/Travel notice/priority", 1)),
    step(162, "08:51", I, put("rules/Unknown payment/priority", 1), put("rules/Travel notice/priority", 2)),
    step(
        148,
        "11:26",
        P,
        add("rules", rule("Replace a card", 4, [("new card", 0.7), ("card is broken", 0.7)], "Cards")),
    ),
    step(133, "15:38", D, put("suggestions/minConfidence", 0.6)),
    step(121, "10:05", P, put("rules/Contactless limit/triggers/contactless/confidence", 0.68)),
    step(102, "13:57", M, put("transcription/contentSearchEnabled", value=False)),
    step(101, "09:14", M, put("transcription/contentSearchEnabled", value=True)),
    step(83, "16:31", I, add("tags", "psd3")),
    step(64, "10:44", D, put("queues/Fraud desk – 24 h/mediaSettings/call/alertingTimeoutSeconds", 4)),
    step(
        41,
        "14:23",
        P,
        add("rules/Unknown payment/triggers", {"type": "phrase", "value": "scam", "confidence": 0.55}),
    ),
    step(
        22,
        "11:18",
        I,
        put("suggestions/fallback/text", "Check the last ten card payments with the customer."),
    ),
    step(8, "09:36", D, put("rules/Replace a card/knowledge/maxSuggestions", 2)),
]

MORTGAGE_NAME = (
    "Agent Assist – Mortgages and Home Loans, Second-Line Advice for Branch Managers and Independent Brokers in "
    "the Nordics and the Baltics (pilot with shadow routing until the end of the year)"
)
MORTGAGE = assist(
    division="Nordics",
    language="en-GB",
    description="Advice on rates, early repayment and survey reports.",
    fallback="Offer a call back by a mortgage adviser.",
    rules=[
        rule("Early repayment", 1, [("pay it off early", 0.66), ("repayment charge", 0.7)], "Mortgages"),
        rule("Rate change", 2, [("new rate", 0.68), ("fixed period ends", 0.64)], "Mortgages"),
    ],
    queues=[queue("Mortgages – Nordics", alerting=15, percentage=0.75, duration=30_000)],
    tags=["mortgages", "pilot"],
)
MORTGAGE_STEPS: list[Step] = [
    step(96, "10:20", D, trafficPercent=5),
    step(88, "14:47", D, put("rules/Rate change/triggers/new rate/confidence", 0.72)),
    step(73, "09:58", P, trafficPercent=10),
    step(60, "15:06", P, add("rules", rule("Survey report", 3, [("survey report", 0.75)], "Mortgages"))),
    step(47, "11:11", I, put("suggestions/maxPerUtterance", 2)),
    step(29, "13:48", D, trafficPercent=25),
    step(12, "10:27", P, put("rules/Early repayment/knowledge/minConfidence", 0.66)),
]

ASSIST: list[dict[str, Any]] = [
    {"id": "cfg-1", "name": "Agent Assist – Billing EMEA", "content": BILLING, "steps": BILLING_STEPS},
    {"id": "cfg-2", "name": "Agent Assist – Cards & Fraud", "content": CARDS, "steps": CARDS_STEPS},
    {"id": "", "name": MORTGAGE_NAME, "content": MORTGAGE, "steps": MORTGAGE_STEPS},
]
QUEUES = [("Billing – EMEA", 46), ("Retention – EMEA", 21), ("Fraud desk – 24 h", 33)]
CAMPAIGNS = [
    ("Card renewal reminders – autumn", "on", "preview", D),
    ("Overdraft review calls 2026", "complete", "power", I),
]
SESSION = {
    "customer": {"name": "Eleanor Hughes", "segment": "Gold", "verified": True},
    "step": "confirm-address",
    "answers": {"reason": "card replacement", "deliverTo": "branch", "branch": "Leeds, Park Row"},
    "note": "Prefers a call after 17:00",
}
