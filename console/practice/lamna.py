"""Lamna Health: a health insurer that speaks German, with names as long as its products'."""

from typing import Any

from console.practice.telling import Step, add, assist, drop, put, queue, rule, step

PEOPLE = ("Jürgen Schäfer", "Annegret Weiß", "Mehmet Yıldız", "Clara Lindqvist")
J, A, M, C = PEOPLE

CLAIMS = assist(
    division="DACH",
    language="de-DE",
    description="Wissensartikel und Formulierungshilfen für die Leistungsabteilung.",
    fallback="Kein Vorschlag – bitte nach der Versichertennummer fragen.",
    rules=[
        rule("Erstattung", 1, [("Rechnung eingereicht", 0.62), ("wann wird erstattet", 0.62)], "Leistungen"),
        rule("Zahnersatz", 2, [("Heil- und Kostenplan", 0.66), ("Krone", 0.74)], "Zahn"),
        rule("Krankengeld", 3, [("krankgeschrieben", 0.64), ("Lohnfortzahlung", 0.66)], "Leistungen"),
        rule("Widerspruch", 4, [("Widerspruch", 0.6), ("nicht einverstanden", 0.68)], "Recht"),
    ],
    queues=[queue("Leistungen – Süd", alerting=12), queue("Leistungen – Nord", alerting=12)],
    tags=["leistungen", "größere-fälle"],
)
CLAIMS_STEPS: list[Step] = [
    step(203, "08:32", J),
    step(192, "14:09", A, put("rules/Zahnersatz/triggers/Krone/confidence", 0.7)),
    step(175, "10:41", A, add("rules", rule("Auslandsreise", 5, [("im Ausland", 0.68)], "Reise"))),
    step(159, "15:16", J, put("suggestions/minConfidence", 0.7)),
    step(140, "09:53", M, put("suggestions/minConfidence", 0.66)),
    step(
        122,
        "11:24",
        M,
        add("rules/Krankengeld/triggers", {"type": "phrase", "value": "AU", "confidence": 0.8}),
    ),
    step(99, "13:37", J, put("rules/Widerspruch/priority", 1), put("rules/Erstattung/priority", 2)),
    step(78, "10:29", A, put("suggestions/fallback/text", "Kein Vorschlag – bitte Versichertennummer prüfen.")),
    step(50, "16:20", C, put("queues/Leistungen – Süd/mediaSettings/call/serviceLevel/durationMs", 25_000)),
    step(28, "09:07", M, drop("rules/Krankengeld/triggers/AU")),
    step(11, "14:58", A, add("tags", "jahreswechsel")),
]
LONG_NAME = (
    "Agentenunterstützung – Kundenbetreuung Zusatzversicherungen, Pflegeleistungen und "
    "Krankenhaustagegeldversicherungsangelegenheiten für Bestandskundinnen und Bestandskunden"
)
CARE = assist(
    division="DACH",
    language="de-DE",
    description="Pflege und Zusatzversicherungen; Antworten sind mit dem Datenschutz abgestimmt (§ 203 StGB).",
    fallback="Rückruf durch die Pflegeberatung anbieten.",
    rules=[
        rule("Pflegegrad", 1, [("Pflegegrad", 0.66), ("Gutachten", 0.7)], "Pflege"),
        rule("Krankenhaustagegeld", 2, [("Tagegeld", 0.68)], "Zusatzversicherung"),
    ],
    queues=[queue("Pflegeberatung", alerting=20, percentage=0.9, duration=30_000)],
    tags=["pflege", "zusatz"],
)
CARE_STEPS: list[Step] = [
    step(151, "09:22", C),
    step(134, "13:05", C, put("rules/Pflegegrad/triggers/Gutachten/confidence", 0.66)),
    step(108, "10:50", A, add("rules", rule("Verhinderungspflege", 3, [("Vertretung", 0.72)], "Pflege"))),
    step(80, "15:34", C, put("transcription/lowLatency", value=False)),
    step(53, "11:41", J, put("rules/Pflegegrad/knowledge/maxSuggestions", 5)),
    step(23, "09:39", C, put("queues/Pflegeberatung/mediaSettings/call/alertingTimeoutSeconds", 25)),
    step(7, "14:03", A, put("suggestions/feedbackEnabled", value=False)),
]
ASSIST: list[dict[str, Any]] = [
    {"id": "cfg-31", "name": "Agent Assist – Leistungen", "content": CLAIMS, "steps": CLAIMS_STEPS},
    {"id": "", "name": LONG_NAME, "content": CARE, "steps": CARE_STEPS},
]
QUEUES = [("Leistungen – Süd", 39), ("Leistungen – Nord", 35), ("Pflegeberatung", 14)]
CAMPAIGNS = [
    ("Bonusprogramm – Erinnerung zum Jahresende", "on", "preview", A),
    ("Vorsorgeuntersuchungen 2026", "complete", "agentless", M),
]
SESSION = {
    "customer": {"name": "Käthe Großmann", "number": "K-4471-0098", "tariff": "Komfort plus"},
    "step": "claim-details",
    "answers": {"kind": "Zahnersatz", "amount": 1284.5, "received": "Brief vom 3. November"},
    "note": "Hört schlecht – langsam sprechen",
}
