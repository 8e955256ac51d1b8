"""Hand one rollback over as a zip that proves itself: what was asked, agreed, sent and answered, and where it stands.

Whoever receives it needs the public key and Python, nothing of this console: `verify.py` in the pack is
`evidence_verifier`, word for word. Of other people's entries in between, the pack holds nothing but a digest.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from django.db import transaction

from rollbacks import (
    audit,
    checkpointing,
    confirming,
    differences,
    emergencies,
    evidence_verifier,
    explaining,
    facts,
    freezing,
    inquiries,
    merkle,
    schedules,
)
from rollbacks.checkpointing import NotSigned
from rollbacks.models import Attempt, AuditEntry, Checkpoint, Rollback
from tenants import archive
from tenants.documents import InvalidDocument, canonical_bytes
from tenants.models import Snapshot
from tenants.resource_types import ResourceType, catalogue, projection, secrets

__all__ = ["NotSigned", "pack", "pack_bytes", "refusal"]

MOST_LINKS: Final = 20_000
"""Between the first and the last entry of a rollback; with more of them the tree alone proves their place."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)

_README: Final = """\
Evidence of one guarded rollback, made by Config Vault.

  rollback   {rollback}
  tenant     {tenant} ({slug})
  object     {object}
  state      {state}, verdict {verdict}
  asked      by {requester}, {requested_at}: {reason}

Check it, with Python 3.8 or newer and nothing else:

  python3 verify.py THIS.zip PUBLIC_KEY

PUBLIC_KEY is the console's key as you know it from its owner (manage.py audit key), not from this pack. verify.py can
be read in one sitting; it says what it checks at its beginning. If you keep the checkpoints yourself (the folder or the
webhook), add --checkpoints FILE: then the pack agrees with what you were told at the time.

  rollback.json            request, plan, approvals, attempts and sends, laid out for reading; "assumes" says what
                           the verdict on an attempt rests on where nothing showed it; "platform_audit" is how the
                           platform's own audit stood to it when the pack was made
  entries.jsonl            every entry of this rollback, as it was hashed
  links.jsonl              the digest of every entry of the tenant from the first of these to the last
  checkpoint.json          the signed checkpoint that covers them{covered}
  proofs.json              for each entry, the path to the root that the checkpoint signs
  before, target, after    .json: the exact bytes that the platform gave; .canonical.json: what the digests are over
  composed                 the same where not all of the target was restored: what was kept, or what version alone was
                           undone, stands in rollback.json (plan: only, keep, undone), and undone is that version
  body-N                   the exact bytes of step N's request; its headers are in rollback.json

A file whose name begins with without-secrets has words in place of what the type calls a secret; what it was is known
by its digest alone. The access token is in no file: it was never recorded.
"""


def pack(rollback: Rollback, target: IO[bytes], *, actor: str) -> dict[str, object]:
    """Write the rollback's pack, and the entry that says who took it; give what the pack covers.

    Where a key is there, a checkpoint over the newest entry is made first. The caller keeps the file only when this
    returns. Raises NotSigned where the trail is not whole.
    """
    with transaction.atomic():
        # Between the entry and the file there is nothing that could fail and leave one without the other.
        covered, name_of_checkpoint = _write(rollback, target)
        told: dict[str, object] = {"covered": covered, "checkpoint": name_of_checkpoint}
        audit.append(
            "evidence.taken",
            tenant=rollback.tenant,
            actor=actor,
            config=rollback.config,
            details={"of_rollback": str(rollback.pk), **told},
        )
    return told


def refusal(rollback: Rollback, why: NotSigned) -> str:
    """Say that no pack was made of a trail that is not whole, and what to do about it."""
    return (
        f"The evidence pack was not made, because the trail is not whole. {why} Run `manage.py audit verify "
        f"{rollback.tenant.slug}`, which names every entry that is wrong, and show it to whoever answers for the "
        "database."
    )


def pack_bytes(rollback: Rollback, *, actor: str) -> bytes:
    """Give the pack as bytes, for a page."""
    held = io.BytesIO()
    pack(rollback, held, actor=actor)
    return held.getvalue()


def _write(rollback: Rollback, target: IO[bytes]) -> tuple[bool, int | None]:
    entries = list(AuditEntry.objects.filter(rollback=rollback).order_by("seq"))
    checkpoint = _covering(rollback, entries[-1].seq)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:

        def add(name: str, content: bytes) -> None:
            # Without the moment and the machine: the same rollback makes the same pack.
            opened.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)

        add("README.txt", _readme(rollback, covered=checkpoint is not None).encode())
        add("verify.py", Path(evidence_verifier.__file__).read_bytes())
        add("rollback.json", _laid_out(_story(rollback)))
        add("entries.jsonl", b"".join(audit.line_of(entry) + b"\n" for entry in entries))
        links = list(_links(rollback, entries[0].seq, entries[-1].seq))
        add("links.jsonl", b"".join(links))
        if checkpoint is not None:
            add("checkpoint.json", bytes(checkpoint.line) + b"\n")
            add("proofs.json", _laid_out(_proofs(rollback, entries, checkpoint.size)))
        for name, content in _contents(rollback):
            add(name, content)
    return checkpoint is not None, None if checkpoint is None else checkpoint.number


def _covering(rollback: Rollback, seq: int) -> Checkpoint | None:
    """Give the first checkpoint over all of the rollback's entries, made now where there is none yet."""
    covering = Checkpoint.objects.filter(tenant=rollback.tenant, size__gte=seq).order_by("number")
    while not covering.exists() and checkpointing.make(rollback.tenant) is not None:
        pass
    return covering.first()


def _links(rollback: Rollback, first: int, last: int) -> Iterator[bytes]:
    if last - first >= MOST_LINKS:
        return
    between = AuditEntry.objects.filter(tenant=rollback.tenant, seq__gte=first, seq__lte=last).order_by("seq")
    for seq, payload, own in between.values_list("seq", "payload", "hash").iterator(chunk_size=2000):
        told = {"seq": seq, "payload_sha256": hashlib.sha256(payload).hexdigest(), "hash": bytes(own).hex()}
        yield json.dumps(told).encode() + b"\n"


def _proofs(rollback: Rollback, entries: list[AuditEntry], size: int) -> dict[str, Any]:
    hashes = (
        AuditEntry.objects.filter(tenant=rollback.tenant, seq__lte=size).order_by("seq").values_list("hash", flat=True)
    )
    tree = merkle.Tree(bytes(own) for own in hashes.iterator(chunk_size=10_000))
    return {str(entry.seq): [part.hex() for part in tree.inclusion_proof(entry.seq - 1)] for entry in entries}


def _contents(rollback: Rollback) -> Iterator[tuple[str, bytes]]:
    """Give the bytes that were sent and read; where a type has secrets, words stand in their place, under another name.

    Such a file cannot be held against its digest any more, so the program does not look at it.
    """
    for step in rollback.steps.all():
        yield from _shown(catalogue.get(step.resource_type), f"body-{step.number}", bytes(step.body))
    read = Attempt.objects.filter(rollback=rollback, read_back__config=rollback.config_id)
    last = read.order_by("opened_at").last()
    sides = [
        ("before", rollback.base),
        ("target", rollback.target),
        ("undone", rollback.reverts),
        ("after", last.read_back if last else None),
    ]
    rtype = catalogue.get(rollback.config.resource_type)
    for name, snapshot in sides:
        if snapshot is None:
            continue
        raw = archive.bytes_of(snapshot)
        yield from _shown(rtype, f"{name}.json", raw)
        try:
            value = archive.value_of(snapshot)
        except archive.UnusableContent:
            continue
        content = canonical_bytes(projection.project(rtype, value))
        if hashlib.sha256(content).hexdigest() == snapshot.digest and secrets.hidden(rtype, value) == value:
            yield f"{name}.canonical.json", content
    if rollback.is_composed:
        yield from _composed(rtype, rollback)


def _composed(rtype: ResourceType, rollback: Rollback) -> Iterator[tuple[str, bytes]]:
    """Give what was composed of the target and of what stood before, and what the plan's target digest is over."""
    try:
        raw = differences.wanted_of(rollback).raw
        value = archive.value_from(raw)
    except (archive.UnusableContent, InvalidDocument):
        return
    yield from _shown(rtype, "composed.json", raw)
    content = canonical_bytes(projection.project(rtype, value))
    if hashlib.sha256(content).hexdigest() == rollback.target_digest and secrets.hidden(rtype, value) == value:
        yield "composed.canonical.json", content


def _shown(rtype: ResourceType, name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        shown = secrets.hidden_bytes(rtype, raw)
    except InvalidDocument:
        return  # it may hold a secret, and nobody can tell where
    yield name if shown == raw else f"without-secrets-{name}", shown


def _story(rollback: Rollback) -> dict[str, Any]:
    return {
        "rollback": str(rollback.pk),
        "tenant": {"id": str(rollback.tenant.pk), "slug": rollback.tenant.slug, "name": rollback.tenant.name},
        "object": {"address": rollback.config.address, "name": rollback.config.name},
        "state": rollback.state,
        "verdict": rollback.verdict or None,
        "explanation": rollback.explanation,
        "reason": rollback.reason,
        "ticket": rollback.ticket or None,
        "requested_by": rollback.requester,
        "requested_at": audit.timestamp(rollback.requested_at),
        "plan": {
            **facts.plan_facts(rollback),
            "only": rollback.only,
            "keep": rollback.keep,
            "undone": _seen(rollback.reverts),
            "notes": rollback.notes,
            "freeze_overrides": [
                freezing.override_facts(one) for one in rollback.freeze_overrides.select_related("overrider")
            ],
            "schedules": [schedules.facts_of(one) for one in rollback.schedules.all()],
        },
        "approvals_needed": rollback.approvals_needed,
        "break_glass": emergencies.facts_for(rollback),
        "approved_with": confirming.approved_with(rollback),
        "confirmation": _confirmation(rollback),
        "approvals": [
            {
                "by": approval.approver.get_username(),
                "decision": approval.decision,
                "at": audit.timestamp(approval.decided_at),
                "comment": approval.comment,
                "plan_digest": approval.plan_digest,
            }
            for approval in rollback.approvals.select_related("approver")
        ],
        "before": _seen(rollback.base),
        "target": _seen(rollback.target),
        "attempts": [_attempt(attempt) for attempt in rollback.attempts.select_related("step", "read_back")],
        "platform_audit": [inquiries.facts_of(one) for one in inquiries.of_rollbacks([rollback])],
    }


def _confirmation(rollback: Rollback) -> dict[str, object] | None:
    found = confirming.confirmation_of(rollback)
    return None if found is None else confirming.facts_of(found)


def _seen(snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    told = facts.snapshot_facts(snapshot) or {}
    etag = None if snapshot.etag is None else bytes(snapshot.etag).hex()
    return {**told, "etag_bytes": etag, "captured_at": audit.timestamp(snapshot.captured_at), "source": snapshot.source}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Authorization": "(never recorded)"}
    if attempt.if_match is not None:
        headers["If-Match"] = facts.etag_text(attempt.if_match) or ""
    return {
        "step": attempt.step.number,
        "request": f"{attempt.step.method} {attempt.step.path}",
        "headers": headers,
        "body": f"body-{attempt.step.number}",
        "body_sha256": attempt.body_sha256,
        "guard_level": attempt.step.guard_level,
        "race_window_ms": attempt.race_window_ms,
        "sends": [facts.send_facts(send) for send in attempt.sends.all()],
        "verdict": attempt.verdict or None,
        "evidence": attempt.evidence,
        "assumes": explaining.explain_assumed(attempt.evidence) or None,
        "after": _seen(attempt.read_back),
    }


def _readme(rollback: Rollback, *, covered: bool) -> str:
    return _README.format(
        rollback=rollback.pk,
        tenant=rollback.tenant.name,
        slug=rollback.tenant.slug,
        object=rollback.config.address,
        state=rollback.get_state_display(),
        verdict=rollback.verdict or "none yet",
        requester=rollback.requester,
        requested_at=audit.timestamp(rollback.requested_at),
        reason=" ".join(rollback.reason.split()),
        covered="" if covered else " (NONE: no checkpoint covers them)",
    )


def _laid_out(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
