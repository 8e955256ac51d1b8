"""Tell people outside the console that something waits for them, by e-mail and to a webhook.

A notice is a row, written in the transaction of what it tells of, so there is none of what did not happen, and what
happened is never told of only by luck. A sweep of the workers delivers it afterwards, again and again until the
receiver has taken it or a day is over; both ends are entries of the trail. Whatever goes wrong with a notice, the
change that it tells of stands.

The address of the webhook comes from the settings and never from a row, so nobody can point the console elsewhere.
"""

import json
import smtplib
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import DatabaseError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from rollbacks import audit
from rollbacks.models import Notice, Rollback
from tenants.models import Tenant
from tenants.remote import RemoteError, posting

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=2)
"""How long one try may take before another worker tries as well; an exchange ends long before."""
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=15)
GIVEN_UP_AFTER: Final = timedelta(hours=24)
"""As long as a request waits: then there is nothing left that anybody could do about it."""
AT_ONCE: Final = 50
"""So many are delivered by one round of the sweep."""

_Channel = Notice.Channel
_State = Notice.State


class NotTaken(Exception):
    """A receiver did not take a notice; the message says why, without a secret."""


def announce(
    kind: str,
    *,
    tenant: Tenant,
    to: Iterable[User],
    subject: str,
    text: str,
    path: str,
    rollback: Rollback | None = None,
) -> None:
    """Have these people told, by every way that the settings name; never raises, and nothing is sent before COMMIT.

    `kind` is `thing.happening`, `path` leads to the page in question (through sign-in, where needed). Everybody gets an
    e-mail of their own; the webhook gets one message with all their names.
    """
    people = list({person.pk: person for person in to}.values())
    if not people:
        return
    now = timezone.now()
    told = {
        "tenant": tenant,
        "rollback": rollback,
        "kind": kind,
        "people": [person.get_username() for person in people],
        "subject": " ".join(subject.split())[:300],
        "text": text,
        "path": path,
        "created_at": now,
        "next_try_at": now,
    }
    rows = []
    if settings.CONSOLE_SENDS_EMAIL:
        for person in people:
            row = Notice(channel=_Channel.EMAIL, person=person, **told)
            if not person.email:
                row.state, row.ended_at = _State.NO_ADDRESS, now
                row.problem = f"{person.get_username()} has no e-mail address in the console."
            rows.append(row)
    if settings.CONSOLE_NOTICE_WEBHOOK:
        rows.append(Notice(channel=_Channel.WEBHOOK, **told))
    try:
        with transaction.atomic():
            Notice.objects.bulk_create(rows)
    except DatabaseError:
        log.exception("notice.not_kept", kind=kind, tenant=tenant.slug)


def deliver_due() -> int:
    """Deliver what is due, each by whoever claims it first, and give how many were taken."""
    now = timezone.now()
    due = Notice.objects.filter(state=_State.WAITING, next_try_at__lte=now).order_by("next_try_at", "pk")
    return sum(_deliver(notice) for notice in due.select_related("tenant", "person", "rollback__config")[:AT_ONCE])


def troubled() -> "QuerySet[Notice]":
    """Give what was tried and not taken yet, and what was given up in the last day, the oldest first."""
    since = timezone.now() - GIVEN_UP_AFTER
    waiting = Notice.objects.filter(state=_State.WAITING, tries__gt=0)
    return (waiting | Notice.objects.filter(state=_State.GIVEN_UP, ended_at__gt=since)).order_by("created_at")


def link_of(notice: Notice) -> str:
    """Give the address of the page that a notice leads to; only its path where the settings name no address."""
    return f"{settings.CONSOLE_URL or ''}{notice.path}"


def body_of(notice: Notice) -> bytes:
    """Give what the webhook is posted (CONTRACT.md)."""
    told = {
        "id": str(notice.pk),
        "kind": notice.kind,
        "at": audit.timestamp(notice.created_at),
        "tenant": {"slug": notice.tenant.slug, "name": notice.tenant.name},
        "rollback": None if notice.rollback_id is None else str(notice.rollback_id),
        "people": notice.people,
        "subject": notice.subject,
        "text": notice.text,
        "url": link_of(notice),
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _deliver(notice: Notice) -> bool:
    claimed = Notice.objects.filter(pk=notice.pk, state=_State.WAITING, next_try_at=notice.next_try_at).update(
        next_try_at=timezone.now() + LEASE, tries=F("tries") + 1
    )
    if not claimed:
        return False
    try:
        _send(notice)
    except NotTaken as why:
        _put_off(notice, str(why))
        return False
    _end(notice, _State.DELIVERED, "")
    return True


def _send(notice: Notice) -> None:
    """Hand a notice to its receiver once; raises NotTaken."""
    if notice.channel == _Channel.WEBHOOK:
        url = settings.CONSOLE_NOTICE_WEBHOOK
        if not url:
            raise NotTaken("CONSOLE_NOTICE_WEBHOOK is not set any more.")
        try:
            posting.post(
                url,
                body_of(notice),
                content_type="application/json",
                bearer=settings.CONSOLE_NOTICE_WEBHOOK_TOKEN,
                key=str(notice.pk),
            )
        except RemoteError as error:
            raise NotTaken(error.sentence) from error
        return
    if not settings.CONSOLE_SENDS_EMAIL:
        raise NotTaken("EMAIL_URL is not set any more.")
    person = notice.person
    if person is None or not person.is_active or not person.email:
        raise NotTaken("The person is not active any more, or has no e-mail address.")
    message = EmailMessage(
        subject=f"[{notice.tenant.name}] {notice.subject}"[:300],
        body=f"{notice.text}\n\n{link_of(notice)}\n",
        to=[person.email],
        # The same in every try, so that a mailbox that has it already may drop the second.
        headers={"Message-ID": f"<{notice.pk}@config-vault>"},
    )
    try:
        message.send()
    except smtplib.SMTPResponseException as error:
        # The words of the answer may repeat what was sent, an address or a password's user among it.
        raise NotTaken(f"The mail server refused it ({error.smtp_code}).") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))
        raise NotTaken(f"The mail server refused the address ({codes}).") from error
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotTaken(f"The mail server did not take it ({type(error).__name__}).") from error


def _put_off(notice: Notice, why: str) -> None:
    log.warning("notice.not_taken", notice=str(notice.pk), channel=notice.channel, why=why)
    now = timezone.now()
    if now - notice.created_at > GIVEN_UP_AFTER:
        _end(notice, _State.GIVEN_UP, why)
        return
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(notice.tries, 12))
    Notice.objects.filter(pk=notice.pk, state=_State.WAITING).update(next_try_at=now + pause, problem=why)


def _end(notice: Notice, state: Notice.State, problem: str) -> None:
    """Record what became of a notice, once, with its entry in the trail."""
    delivered = state == _State.DELIVERED
    with transaction.atomic():
        ended = Notice.objects.filter(pk=notice.pk, state=_State.WAITING).update(
            state=state, ended_at=timezone.now(), problem=problem
        )
        if not ended:
            return
        rollback = notice.rollback
        audit.append(
            f"notice.{state}",
            tenant=notice.tenant,
            actor=audit.CONSOLE,
            outcome="ok" if delivered else "failed",
            config=None if rollback is None else rollback.config,
            rollback=rollback,
            details={
                "notice": str(notice.pk),
                "kind": notice.kind,
                "channel": notice.channel,
                "people": [notice.person.get_username()] if notice.person is not None else notice.people,
                "subject": notice.subject,
                **({} if delivered else {"problem": problem}),
            },
        )
