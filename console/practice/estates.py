"""What each organization owns beside its assist configurations: places, people, hours, lists, texts, codes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """An office: address, and the number that an emergency service sees."""

    name: str
    street: str
    city: str
    zipcode: str
    country: str  # ISO 3166-1 alpha-3
    number: str  # E.164


@dataclass(frozen=True)
class Estate:
    """One organization's furniture; names are what people there call things."""

    division: str
    apart: str  # a division that few may see
    mail: str  # domain of its addresses
    zone: str  # IANA time zone
    language: str
    hours: tuple[tuple[str, str, str, str, str], ...]  # name, description, opens, closes, repetition (RFC 5545)
    holidays: tuple[tuple[str, str], ...]  # name, day
    hours_group: str
    contact_lists: tuple[tuple[str, tuple[str, ...], int], ...]  # name, columns, size
    dnc_lists: tuple[str, ...]
    callable_times: tuple[tuple[str, str, str], ...]  # name, from, to
    places: tuple[Place, ...]
    titles: tuple[str, ...]  # of the organization's people, in their order
    groups: tuple[tuple[str, str, int], ...]  # name, description, members
    libraries: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]  # name, (response, first text, text now)
    tables: tuple[tuple[str, str, dict[str, Any]], ...]  # name, description, columns
    codes: tuple[str, ...]
    messenger: tuple[str, str, str]  # name, colour, former colour


_NORTHWIND = Estate(
    division="EMEA",
    apart="Card security",
    mail="northwind-bank.example",
    zone="Europe/London",
    language="en-gb",
    hours=(
        ("Branch hours – weekdays", "Advisers in branches", "08:30", "17:30", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("Contact centre – daily", "Cards and payments", "07:00", "22:00", "FREQ=DAILY"),
        ("Saturday mornings", "Mortgages only", "09:00", "13:00", "FREQ=WEEKLY;BYDAY=SA"),
    ),
    holidays=(("Christmas Day 2026", "2026-12-25"), ("Good Friday 2027", "2027-03-26")),
    hours_group="Retail banking – UK",
    contact_lists=(
        ("Card renewals – autumn", ("customerId", "phone", "phone2", "cardExpires"), 18_204),
        ("Overdraft review 2026", ("customerId", "phone", "limit", "lastReview"), 4_310),
    ),
    dnc_lists=("Do not call – customers' wishes", "Vulnerable customers"),
    callable_times=(("Weekdays 9 to 18", "09:00:00", "18:00:00"), ("Saturdays 10 to 13", "10:00:00", "13:00:00")),
    places=(
        Place("Leeds – Park Row", "12 Park Row", "Leeds", "LS1 5HD", "GBR", "+441134960018"),
        Place("London – Moorgate", "88 Moorgate", "London", "EC2M 6XB", "GBR", "+442079460188"),
    ),
    titles=("Head of service design", "Agent-assist editor", "Routing specialist", "Night supervisor", "Quality lead"),
    groups=(
        ("Fraud desk on call", "Who is rung when a card is reported stolen at night", 9),
        ("Assist editors", "May change rules and knowledge of the agent assist", 4),
    ),
    libraries=(
        (
            "Billing replies",
            (
                (
                    "Refund is on its way",
                    "Your refund will arrive within ten working days.",
                    "Your refund will arrive within five working days.",
                ),
                (
                    "Card blocked",
                    "Your card has been blocked.",
                    "Your card has been blocked; a new one is on its way to you.",
                ),
            ),
        ),
        ("Complaints", (("First answer", "We are sorry.", "We are sorry, and we will call you back today."),)),
    ),
    tables=(
        (
            "Branch lookup",
            "Sort code to branch and its queue",
            {"branch": "string", "queue": "string", "open": "boolean"},
        ),
        ("Fee waivers", "Fees that an agent may waive without asking", {"limit": "number", "reason": "string"}),
    ),
    codes=(
        "Refund agreed",
        "Refund refused",
        "Card replaced",
        "Card blocked",
        "Address changed",
        "Complaint opened",
        "Complaint closed",
        "Called back",
        "Wrong number",
        "No answer",
        "Answering machine",
        "Transferred to fraud desk",
        "Transferred to mortgages",
        "Appointment made",
        "Statement sent",
        "Direct debit changed",
        "Overdraft raised",
        "Overdraft lowered",
        "Loan enquiry",
        "Rate question",
        "Password reset",
        "App trouble",
        "Bereavement",
        "Power of attorney",
        "Account closed",
        "Do not call again",
        "Line dropped",
    ),
    messenger=("Online banking messenger", "#0B5CAB", "#0A4F93"),
)
_TAILSPIN = Estate(
    division="Europe",
    apart="Portugal",
    mail="tailspin-outdoor.example",
    zone="Europe/Lisbon",
    language="en-ie",
    hours=(
        ("Web shop – daily", "Orders and returns", "08:00", "20:00", "FREQ=DAILY"),
        ("Fidelização – dias úteis", "Pontos e cartões", "09:00", "18:00", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    ),
    holidays=(("Restauração da Independência 2026", "2026-12-01"), ("Black Friday 2026", "2026-11-27")),
    hours_group="Web shop – Europe",
    contact_lists=(("Recall GX-200", ("orderNumber", "phone", "phone2", "store"), 7_741),),
    dnc_lists=("Recall – already answered",),
    callable_times=(("Every day 10 to 19", "10:00:00", "19:00:00"),),
    places=(
        Place("Porto – Aliados", "Avenida dos Aliados 210", "Porto", "4000-064", "PRT", "+351220104410"),
        Place("Dublin – Capel Street", "61 Capel Street", "Dublin", "D01 X2P4", "IRL", "+35315550161"),
    ),
    titles=("Coordenador de fidelização", "Editora de conteúdos", "Service manager", "Routing specialist"),
    groups=(("Season helpers", "Taken on from October to January", 64),),
    libraries=(
        (
            "Returns",
            (
                (
                    "Return label",
                    "The label is attached.",
                    "The label is attached; the parcel goes back free of charge.",
                ),
                ("Troca de tamanho", "Pode trocar em loja.", "Pode trocar em qualquer loja até 31 de janeiro."),
            ),
        ),
    ),
    tables=(("Stores", "Store number to address and opening hours", {"address": "string", "repairs": "boolean"}),),
    codes=("Order found", "Return started", "Voucher renewed", "Store told", "Repair booked", "Pontos creditados"),
    messenger=("Web shop messenger", "#1E7A46", "#2A8F55"),
)
_LAMNA = Estate(
    division="DACH",
    apart="Pflege",
    mail="lamna-health.example",
    zone="Europe/Berlin",
    language="de-de",
    hours=(
        ("Leistungen – werktags", "Leistungsabteilung", "08:00", "18:00", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("Pflegeberatung – täglich", "Rückrufe eingeschlossen", "09:00", "16:00", "FREQ=DAILY"),
    ),
    holidays=(("Heiligabend 2026", "2026-12-24"), ("Neujahr 2027", "2027-01-01")),
    hours_group="Leistungen – DACH",
    contact_lists=(("Vorsorge 2026", ("Versichertennummer", "Telefon", "Geburtsjahr"), 52_118),),
    dnc_lists=("Werbewiderspruch (Art. 21 DSGVO)",),
    callable_times=(("Werktags 9 bis 20", "09:00:00", "20:00:00"),),
    places=(
        Place("München – Süd", "Tölzer Straße 7", "München", "81379", "DEU", "+49893090417"),
        Place("Zürich – Altstetten", "Hohlstrasse 560", "Zürich", "8048", "CHE", "+41445550560"),
    ),
    titles=("Leiter Leistungen", "Redakteurin", "Spezialist Routing", "Teamleiterin Pflege"),
    groups=(("Widerspruchsstelle", "Prüft Widersprüche vor dem Versand", 12),),
    libraries=(
        (
            "Erstattung",
            (
                (
                    "Unterlagen fehlen",
                    "Bitte reichen Sie die Rechnung nach.",
                    "Bitte reichen Sie die Rechnung und den Heil- und Kostenplan nach.",
                ),
            ),
        ),
    ),
    tables=(("Tarife", "Tarif zu Leistungssatz", {"satz": "number", "zahnersatz": "boolean"}),),
    codes=("Erstattung zugesagt", "Widerspruch aufgenommen", "Rückruf vereinbart", "Unterlagen angefordert"),
    messenger=("Kundenportal", "#6A1B3D", "#7C2A4C"),
)
ESTATES = {"northwind": _NORTHWIND, "tailspin": _TAILSPIN, "lamna": _LAMNA}
