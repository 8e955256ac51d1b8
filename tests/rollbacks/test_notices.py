"""People are told outside the console over real SMTP and real HTTP, again until it was taken, and never in the way."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from rollbacks import notices, tasks
from rollbacks.models import AuditEntry, Notice
from tenants.models import Tenant
from tests import page_world
from tests.rollbacks.mailbox import Mailbox, receiving_mail
from tests.rollbacks.receiving import Receiver, receiving

pytestmark = pytest.mark.django_db

PATH = "/rollbacks/rollback/5c2f/change/"


@pytest.fixture
def bob(db: None) -> User:
    bob = page_world.person("bob", "Bob", "Adeyemi")
    bob.email = "bob@northwind.example"
    bob.save()
    return bob


@pytest.fixture
def northwind(db: None) -> Tenant:
    return page_world.tenant("northwind", "Northwind Bank")


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    with receiving_mail() as box:
        settings.CONSOLE_SENDS_EMAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = box.host, box.port
        settings.DEFAULT_FROM_EMAIL = "vault@northwind.example"
        settings.CONSOLE_URL = "https://vault.northwind.example"
        yield box


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        settings.CONSOLE_NOTICE_WEBHOOK = receiver.url
        settings.CONSOLE_NOTICE_WEBHOOK_TOKEN = "hook-secret"
        settings.CONSOLE_URL = "https://vault.northwind.example"
        yield receiver


@pytest.fixture
def announce(bob: User, northwind: Tenant) -> Callable[..., None]:
    def tell(**changes: object) -> None:
        told: dict[str, object] = {
            "tenant": northwind,
            "to": [bob],
            "subject": "Alice asks for a rollback\r\nBcc: everybody@example.com",
            "text": "Billing EMEA goes back to v41: refund rules misfire.",
            "path": PATH,
        }
        notices.announce("approval.wanted", **(told | changes))  # type: ignore[arg-type]

    return tell


def make_due() -> None:
    Notice.objects.filter(state="waiting").update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_a_person_gets_an_e_mail_with_a_link_and_the_trail_says_so(
    mailbox: Mailbox, announce: Callable[..., None]
) -> None:
    announce()
    assert mailbox.mails == [], "nothing leaves with the change itself"
    tasks.deliver_notices()
    [(receivers, mail)] = mailbox.mails
    assert receivers == ["bob@northwind.example"]
    assert mail["Subject"] == "[Northwind Bank] Alice asks for a rollback Bcc: everybody@example.com"
    assert (mail["From"], mail["Bcc"]) == ("vault@northwind.example", None)
    body = mail.get_content()
    assert "refund rules misfire" in body
    assert f"https://vault.northwind.example{PATH}" in body
    entry = AuditEntry.objects.get(action="notice.delivered")
    told = json.loads(bytes(entry.payload))["details"]
    assert (told["kind"], told["channel"], told["people"]) == ("approval.wanted", "email", ["bob"])
    assert b"bob@northwind.example" not in bytes(entry.payload), "the trail names people, not their addresses"
    tasks.deliver_notices()
    assert len(mailbox.mails) == 1


def test_the_webhook_is_posted_one_document_for_all_of_them(
    hook: Receiver, announce: Callable[..., None], bob: User, northwind: Tenant
) -> None:
    erik = page_world.person("erik", "Erik", "Lund")
    announce(to=[bob, erik, bob])
    assert notices.deliver_due() == 1
    [line] = hook.lines
    told = json.loads(line)
    notice = Notice.objects.get()
    assert told == {
        "id": str(notice.pk),
        "kind": "approval.wanted",
        "at": told["at"],
        "tenant": {"slug": "northwind", "name": "Northwind Bank"},
        "rollback": None,
        "people": ["bob", "erik"],
        "subject": "Alice asks for a rollback Bcc: everybody@example.com",
        "text": "Billing EMEA goes back to v41: refund rules misfire.",
        "url": f"https://vault.northwind.example{PATH}",
    }
    [headers] = hook.headers
    assert headers["Authorization"] == "Bearer hook-secret"
    assert headers["Idempotency-Key"] == f'"{notice.pk}"'


@pytest.mark.parametrize("silent", [False, True])
def test_what_a_receiver_does_not_take_is_tried_again_until_it_does(
    hook: Receiver, mailbox: Mailbox, announce: Callable[..., None], silent: bool
) -> None:
    hook.statuses = [0 if silent else 503]
    mailbox.refusals = ["451 bob@northwind.example is busy"]
    announce()
    assert notices.deliver_due() == 0
    waiting = list(Notice.objects.order_by("channel"))
    assert [(one.state, one.tries) for one in waiting] == [("waiting", 1)] * 2
    assert waiting[0].problem == "The mail server refused it (451)."
    assert "gave no complete answer" in waiting[1].problem or "answered 503" in waiting[1].problem
    assert notices.troubled().count() == 2
    assert notices.deliver_due() == 0, "not before its pause is over"
    make_due()
    assert notices.deliver_due() == 2
    assert (len(hook.lines), len(mailbox.mails)) == (1, 1)
    assert not notices.troubled().exists()
    assert set(Notice.objects.values_list("state", "tries")) == {("delivered", 2)}


def test_after_a_day_it_is_given_up_and_the_trail_and_the_doctor_s_list_say_so(
    hook: Receiver, announce: Callable[..., None]
) -> None:
    hook.statuses = [410, 410]
    announce()
    notices.deliver_due()
    Notice.objects.update(created_at=timezone.now() - timedelta(hours=25))
    make_due()
    notices.deliver_due()
    notice = Notice.objects.get()
    assert notice.state == "given_up"
    assert "410" in notice.problem
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome) == ("notice.given_up", "failed")
    assert list(notices.troubled()) == [notice]


def test_a_receiver_that_is_not_there_disturbs_neither_the_change_nor_the_others(
    mailbox: Mailbox, announce: Callable[..., None], settings: Settings
) -> None:
    settings.CONSOLE_NOTICE_WEBHOOK = "http://127.0.0.1:1/hook"
    settings.CONSOLE_NOTICE_WEBHOOK_TOKEN = ""
    announce()
    assert notices.deliver_due() == 1
    assert len(mailbox.mails) == 1
    assert "could not be reached" in Notice.objects.get(channel="webhook").problem


def test_there_is_no_notice_of_what_was_rolled_back(mailbox: Mailbox, announce: Callable[..., None]) -> None:
    def change_and_fail() -> None:
        with transaction.atomic():
            announce()
            raise IntegrityError

    with pytest.raises(IntegrityError):
        change_and_fail()
    assert notices.deliver_due() == 0
    assert mailbox.mails == []


def test_a_notice_that_cannot_be_kept_leaves_the_change_alone(
    mailbox: Mailbox, announce: Callable[..., None], northwind: Tenant
) -> None:
    with transaction.atomic():
        Tenant.objects.filter(pk=northwind.pk).update(name="Northwind Bank AG")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE rollbacks_notice RENAME TO rollbacks_notice_away")
        announce()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE rollbacks_notice_away RENAME TO rollbacks_notice")
    northwind.refresh_from_db()
    assert northwind.name == "Northwind Bank AG"
    assert not Notice.objects.exists()


def test_whoever_has_no_address_is_on_record_and_nothing_is_sent_where_nothing_is_set(
    mailbox: Mailbox, announce: Callable[..., None], bob: User, settings: Settings
) -> None:
    User.objects.update(email="")
    bob.refresh_from_db()
    announce(to=[bob])
    notice = Notice.objects.get()
    assert notice.state == "no_address"
    assert notice.problem == "bob has no e-mail address in the console."
    settings.CONSOLE_SENDS_EMAIL = False
    announce(to=[bob])
    assert Notice.objects.count() == 1


def test_whoever_left_meanwhile_is_not_written_to(mailbox: Mailbox, announce: Callable[..., None], bob: User) -> None:
    announce()
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert notices.deliver_due() == 0
    assert mailbox.mails == []
