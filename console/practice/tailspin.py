"""Tailspin Outdoor: a retailer with a busy season, in English and Portuguese."""

from typing import Any

from console.practice.telling import Step, add, assist, drop, move, put, queue, rule, step

PEOPLE = ("João Figueiredo", "Beatriz Conceição", "Hannah Ó Briain", "Samuel Okafor")
J, B, H, S = PEOPLE

ORDERS = assist(
    division="Europe",
    language="en-IE",
    description="Order status, returns and deliveries for the web shop.",
    fallback="Ask for the order number.",
    rules=[
        rule("Where is my order", 1, [("where is my order", 0.6), ("tracking number", 0.66)], "Deliveries"),
        rule("Return an item", 2, [("send it back", 0.64), ("return label", 0.7)], "Returns"),
        rule("Wrong size", 3, [("too small", 0.66), ("too big", 0.66)], "Returns"),
        rule("Voucher does not work", 4, [("voucher", 0.7), ("discount code", 0.68)], "Offers and vouchers"),
    ],
    queues=[queue("Web orders", alerting=12), queue("Returns", alerting=15, percentage=0.75)],
    tags=["orders", "web-shop"],
)
ORDERS_STEPS: list[Step] = [
    step(188, "09:15", H),
    step(176, "13:40", H, put("rules/Wrong size/knowledge/maxSuggestions", 2)),
    step(161, "10:33", S, add("rules", rule("Click and collect", 5, [("pick it up", 0.7)], "Stores"))),
    step(150, "15:21", S, put("suggestions/minConfidence", 0.62)),
    step(137, "11:02", J, move("rules/Return an item", 0)),
    step(136, "09:26", H, move("rules/Where is my order", 0)),
    step(115, "16:44", B, put("queues/Returns/mediaSettings/call/alertingTimeoutSeconds", 18)),
    step(93, "10:10", S, put("suggestions/fallback/text", "Ask for the order number or the e-mail address.")),
    step(72, "14:28", H, drop("rules/Voucher does not work/triggers/voucher")),
    step(
        71,
        "08:57",
        H,
        put(
            "rules/Voucher does not work/triggers",
            [
                {"type": "phrase", "value": "voucher is refused", "confidence": 0.66},
                {"type": "phrase", "value": "discount code", "confidence": 0.68},
            ],
        ),
    ),
    step(44, "12:36", J, add("tags", "black-friday")),
    step(20, "09:49", S, put("queues/Web orders/mediaSettings/message/serviceLevel/percentage", 0.9)),
    step(6, "15:05", H, put("suggestions/maxPerUtterance", 2)),
]
POINTS = assist(
    division="Portugal",
    language="pt-PT",
    description="Sugestões para a equipa de fidelização: pontos, cartões e promoções da época.",
    fallback="Sem sugestão – confirme o número do cartão de cliente.",
    rules=[
        rule("Pontos em falta", 1, [("faltam pontos", 0.62), ("não recebi os pontos", 0.64)], "Fidelização"),
        rule("Cartão perdido", 2, [("perdi o cartão", 0.6)], "Fidelização"),
        rule("Promoções", 3, [("promoção", 0.7), ("código de desconto", 0.7)], "Ofertas"),
    ],
    queues=[queue("Fidelização – Lisboa", alerting=10)],
    tags=["fidelização", "época-alta"],
)
POINTS_STEPS: list[Step] = [
    step(141, "10:18", B),
    step(129, "16:02", B, put("rules/Promoções/triggers/promoção/confidence", 0.66)),
    step(
        110,
        "11:55",
        J,
        add("rules", rule("Alteração de morada", 4, [("mudei de casa", 0.68)], "Dados do cliente")),
    ),
    step(86, "09:34", B, put("suggestions/fallback/text", "Sem sugestão – confirme o número de cliente (NIF).")),
    step(55, "14:41", J, put("rules/Cartão perdido/priority", 1), put("rules/Pontos em falta/priority", 2)),
    step(33, "10:07", B, put("queues/Fidelização – Lisboa/mediaSettings/call/alertingTimeoutSeconds", 8)),
    step(14, "15:50", B, add("tags", "natal")),
]
STORES = assist(
    division="Europe",
    language="en-IE",
    description="Opening hours, stock and repairs, for calls that a store passes on.",
    fallback="Look the store up by its postcode.",
    rules=[
        rule("Opening hours", 1, [("are you open", 0.72)], "Stores"),
        rule("Tent repair", 2, [("torn tent", 0.64), ("repair", 0.76)], "Workshop"),
    ],
    queues=[queue("Stores", alerting=20, percentage=0.7, duration=45_000)],
    tags=["stores"],
)
STORES_STEPS: list[Step] = [
    step(120, "09:03", S),
    step(98, "13:19", S, put("rules/Tent repair/triggers/repair/confidence", 0.8)),
    step(
        67,
        "11:29",
        H,
        add("rules", rule("Stock check", 3, [("in stock", 0.7), ("have you got", 0.74)], "Stores")),
    ),
    step(25, "10:46", S, put("enabled", value=False)),
    step(24, "09:12", S, put("enabled", value=True)),
]
ASSIST: list[dict[str, Any]] = [
    {"id": "cfg-21", "name": "Agent Assist – Orders & Returns", "content": ORDERS, "steps": ORDERS_STEPS},
    {"id": "cfg-22", "name": "Assistente – Fidelização Portugal", "content": POINTS, "steps": POINTS_STEPS},
    {"id": "", "name": "Agent Assist – Stores", "content": STORES, "steps": STORES_STEPS},
]
QUEUES = [("Web orders", 58), ("Returns", 24), ("Fidelização – Lisboa", 17)]
CAMPAIGNS = [
    ("Recall: gas stove GX-200", "on", "progressive", H),
    ("Inquérito de satisfação – outono", "off", "agentless", B),
]
SESSION = {
    "customer": {"name": "Inês Magalhães", "card": "PT-88213047", "points": 1240},
    "step": "missing-points",
    "answers": {"store": "Porto – Aliados", "receipt": "0417/2291", "amount": 84.90},
    "note": "Cliente pede resposta por e-mail",
}
