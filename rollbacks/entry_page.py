"""The page of one entry of the audit trail, and the proof of the chain that it stands in.

What is shown is what was hashed: the payload, never the columns beside it. An access token is in no entry.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from rollbacks import attestations, audit, chain, guards, verifying
from rollbacks.models import AuditEntry
from tenants.documents import visible

_SHOWN_APART: Final = frozenset(
    {
        "step",
        "request",
        "if_match",
        "base",
        "target",
        "target_digest",
        "after",
        "sends",
        "body_sha256",
        "plan_digest",
        "guard_level",
        "sent_version",
        "expected_version",
        "requested_by",
        "approved_by",
        "break_glass",
        "approved_with",
        "verdict",
        "evidence",
        "race_window_ms",
        "reason",
        "ticket",
        "refusals",
        "checks",
    }
)
_NAMES: Final = {"etag": "ETag", "previous_etag": "previous ETag", "correlation_id": "correlation id"}


@dataclass(frozen=True, slots=True)
class Side:
    """The object at one moment, as the entry recorded it."""

    heading: str
    version: str
    etag: str
    etag_bytes: str
    """The same in hexadecimal, so that nothing about it is left to a font."""
    digest: str
    note: str = ""


def answer(request: HttpRequest, entry: AuditEntry) -> HttpResponse:
    """Show the entry; a POST also walks the tenant's chain and says what it found."""
    verification = verifying.verify(entry.tenant) if request.method == "POST" else None
    payload = bytes(entry.payload)
    fields = audit.payload_of(entry)
    details: dict[str, Any] = fields["details"] if isinstance(fields.get("details"), dict) else {}  # type: ignore[assignment]  # checked
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Entry {entry.seq} of {entry.tenant.name}",
        "entry": entry,
        "details": details,
        "is_write": "request" in details,
        "sides": _sides(details),
        "others": [(_name(key), _text(value)) for key, value in details.items() if key not in _SHOWN_APART],
        "evidence": _flat(details.get("evidence")),
        "refusals": _refusals(details),
        "hash": bytes(entry.hash).hex(),
        "previous_hash": bytes(entry.previous_hash).hex(),
        "follows": entry.seq > 1,
        "payload_sha256": hashlib.sha256(payload).hexdigest(),
        "payload": json.dumps(fields, indent=2, ensure_ascii=True, sort_keys=True),
        "holds_alone": chain.link(bytes(entry.previous_hash), payload) == bytes(entry.hash),
        "attested": attestations.of_attempt(entry.attempt),
        "verification": verification,
        "coverage": verification.coverage if verification is not None else "",
        "neighbours": _neighbours(entry),
    }
    return TemplateResponse(request, "rollbacks/entry.html", context)


def _neighbours(entry: AuditEntry) -> dict[str, AuditEntry | None]:
    beside = {
        found.seq: found
        for found in AuditEntry.objects.filter(tenant_id=entry.tenant_id, seq__in=(entry.seq - 1, entry.seq + 1)).only(
            "id", "seq"
        )
    }
    return {"before": beside.get(entry.seq - 1), "after": beside.get(entry.seq + 1)}


def _sides(details: dict[str, Any]) -> list[Side]:
    sides = []
    for key, heading in (("base", "Before"), ("after", "After")):
        told = details.get(key)
        if isinstance(told, dict):
            etag = told.get("etag")
            author = told.get("author")
            sides.append(
                Side(
                    heading,
                    _text(told.get("version")),
                    visible(etag) if isinstance(etag, str) else "none",
                    etag.encode("latin-1", "replace").hex(" ") if isinstance(etag, str) else "",
                    _text(told.get("digest")),
                    f"written by {author}" if author else "",
                )
            )
    return sides


def _refusals(details: dict[str, Any]) -> list[tuple[str, str]]:
    told = details.get("refusals")
    rows = told if isinstance(told, list) else []
    return [
        (guards.TITLES.get(str(row.get("guard")), str(row.get("guard"))), _text(row.get("message")))
        for row in rows
        if isinstance(row, dict)
    ]


def _flat(value: object, prefix: str = "") -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        return []
    rows: list[tuple[str, str]] = []
    for key, inner in value.items():
        name = f"{prefix}{_name(str(key))}"
        rows.extend(_flat(inner, f"{name} › ") if isinstance(inner, dict) else [(name, _text(inner))])
    return rows


def _name(key: str) -> str:
    return _NAMES.get(key, key.replace("_", " "))


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return visible(value) or "empty"
        case int() | float():
            return str(value)
        case list() if all(isinstance(item, str) for item in value):
            return ", ".join(visible(str(item)) for item in value) or "none"
        case _:
            return json.dumps(value, ensure_ascii=True)
