"""32 requests at once on one object, over real HTTP to the real web server, while four others write it too.

Each round has an object of its own with requests in every state. All at once, each in a browser of its own, people ask
for rollbacks, approve, run, cancel and look; double clicks and two people on one button are among them. Four writers of
the platform's own write the object meanwhile, and production's worker carries out whatever is run. Then the platform's
log is held against the database.
"""

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import HttpRequest
from django.urls import reverse

from rollbacks import actions
from rollbacks.models import Attempt, AuditEntry, Rollback
from rollbacks.states import State
from tenants.access import Role
from tenants.models import Membership, Tenant, TrackedConfig
from tenants.threads import beside_each_other
from tests.torture import evidence_of_trials, ground
from tests.torture.cluster import CHECKOUT, Broker, Machines, until
from tests.torture.ground import REASON, Ground, Place
from tests.torture.processes import own_servers
from tests.torture.proofs import Report, Scale, Table, Tell

CROWD: Final = 32
WRITERS: Final = 4
BACKEND: Final = "django.contrib.auth.backends.ModelBackend"
ENDS_WITHIN: Final = 90.0
LONGEST_WAIT: Final = 20.0
"""In seconds: for the moment at which the others write; then they write anyway."""
SAYS_SO: Final = re.compile(
    r'<ul class="messagelist">\s*<li[^>]*>[^<]{10,}|<div class="banner (?:danger|warn)" role="alert">.*?<p>[^<]{10,}|'
    r'<p class="errornote" role="alert">[^<]{10,}',
    re.DOTALL,
)
"""What a page says of a form that was sent: a message, or why that was not done."""
MOMENTS: Final = ("landed", "opened", "at once", "opened")
"""When the others write in each fourth round: after our write, while an attempt is open, or into the requests."""


@dataclass(slots=True)
class Browser:
    """One person's browser, signed in."""

    name: str
    session: requests.Session
    address: str

    def look(self, path: str) -> requests.Response:
        """Open a page."""
        return self.session.get(f"{self.address}{path}", timeout=60)

    def send(self, path: str, fields: dict[str, str]) -> requests.Response:
        """Send a form as a page of the console does, and follow to the page that it leads to."""
        token = self.session.cookies["csrftoken"]
        headers = {"Referer": f"{self.address}{path}"}
        return self.session.post(
            f"{self.address}{path}", {**fields, "csrfmiddlewaretoken": token}, headers=headers, timeout=60
        )


@dataclass(slots=True)
class Figures:
    """What came of all rounds."""

    rounds: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    did: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    most_open: int = 0
    slowest: float = 0.0
    foreign: int = 0
    broken: list[str] = field(default_factory=list)


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Let the crowd come 40 times for a round, 200 times for a release."""
    if why := Broker.why_not():
        return Report(tried=why, broken=(why,) if scale is Scale.RELEASE else (), bound="Nothing was tried.")
    rounds = 40 if scale is Scale.ROUND else 200
    with own_servers() as (_, running), ground.ground() as here:
        return report(crowd(here, running, rounds=rounds, people=CROWD, tell=tell))


def crowd(
    here: Ground, running: Machines, *, rounds: int, people: int, tell: Tell, web_settings: str = "console.settings"
) -> Figures:
    """Let so many people come so often; the default connection and `running` are on the same database."""
    tenant = here.found_tenant("northwind-crowd")
    running.worker("production", "-P", "threads", "-c", "8", "-B", "-s", str(running.folder / "schedule"))
    figures = Figures()
    before = _deadlocks()
    with _web_server(running, web_settings) as address:
        browsers = _browsers(tenant, people, address)
        for number in range(rounds):
            tell(f"round {number + 1} of {rounds}")
            _Round(here, tenant, browsers, figures).play(number)
            figures.rounds += 1
    if (found := _deadlocks() - before) > 0:
        figures.broken.append(f"the database met {found} deadlocks")
    figures.broken += evidence_of_trials.broken_trails([tenant])
    return figures


def _deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@contextlib.contextmanager
def _web_server(running: Machines, module: str) -> Iterator[str]:
    """Serve the console with gunicorn as in gunicorn.conf.py, on a free port and with threads for the whole crowd."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {**running.environment, "DJANGO_SETTINGS_MODULE": module, "ALLOWED_HOSTS": "127.0.0.1"}
    if module == "console.settings":
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
            cwd=CHECKOUT,
            env=environment,
            check=True,
        )
    bind = f"127.0.0.1:{port}"
    command = ["gunicorn", "console.wsgi", "--bind", bind, "--workers", "2", "--threads", "16"]
    server = running.run("web", command, DJANGO_SETTINGS_MODULE=module, ALLOWED_HOSTS="127.0.0.1")
    address = f"http://{bind}"
    until(lambda: _answers(address), "That the web server answers")
    yield address
    server.kill()


def _answers(address: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{address}{reverse('admin:login')}", timeout=30).ok
    return False


def _browsers(tenant: Tenant, people: int, address: str) -> list[Browser]:
    """Sign in so many people, each operator and approver, with the cookies that a login gives."""
    found = []
    for number in range(people):
        user, _ = User.objects.get_or_create(username=f"agent-{number:02}", is_staff=True)
        for role in (Role.OPERATOR, Role.APPROVER):
            Membership.objects.get_or_create(user=user, tenant=tenant, role=role)
        store = SessionStore()
        store.update(
            {
                SESSION_KEY: str(user.pk),
                BACKEND_SESSION_KEY: BACKEND,
                HASH_SESSION_KEY: user.get_session_auth_hash(),
            }
        )
        request = HttpRequest()
        request.session, request.user = store, user
        record_authentication(request, user, "password")
        # Proved for as long as the crowd is there: an approval does not ask anew who they are.
        store[AUTHENTICATION_METHODS_SESSION_KEY][0]["at"] += 86_400
        store.create()
        session = requests.Session()
        session.trust_env = False
        # A server may close an idle connection just when it is used again; a browser asks anew then.
        session.headers["Connection"] = "close"
        session.cookies.set(settings.SESSION_COOKIE_NAME, str(store.session_key), domain="127.0.0.1")
        browser = Browser(user.username, session, address)
        found.append(browser)

    def first_page(browser: Browser) -> None:
        answer = browser.look(reverse("admin:index"))
        assert answer.ok, answer.status_code
        assert "csrftoken" in browser.session.cookies

    beside_each_other(first_page, found, at_once=8)
    return found


class _Round:
    """One object, one volley."""

    def __init__(self, here: Ground, tenant: Tenant, browsers: Sequence[Browser], figures: Figures) -> None:
        self._here = here
        self._tenant = tenant
        self._browsers = browsers
        self._figures = figures
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._opened = threading.Event()
        self.place: Place

    def play(self, number: int) -> None:
        """Prepare, let everybody act at once, wait until all is quiet, and judge."""
        self.place = self._here.found_place(self._tenant, f"crowd-{number}")
        for version in (3, 4):
            self._here.write_elsewhere(self.place, f"Shift {version}")
            self._here.look(self.place)
        approved = [self._asked(version, approve=True) for version in (1, 2, 3)]
        waiting = [self._asked(version, approve=False) for version in (1, 2, 3)]
        doings = self._doings(approved, waiting)
        gate = threading.Barrier(len(doings) + WRITERS)
        threads = [
            threading.Thread(target=self._act, args=(gate, browser, what, do), daemon=True)
            for browser, (what, do) in zip(self._browsers, doings, strict=True)
        ]
        threads += [threading.Thread(target=self._write, args=(gate, writer), daemon=True) for writer in range(WRITERS)]
        watching = threading.Thread(target=self._watch, daemon=True)
        watching.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        try:
            until(self._quiet, "That everything had ended", seconds=ENDS_WITHIN)
        except TimeoutError as error:
            self._say(f"round {number}: {error}")
        self._over.set()
        watching.join()
        self._judge(number)

    def _asked(self, version: int, *, approve: bool) -> Rollback:
        config = TrackedConfig.objects.select_related("tenant").get(pk=self.place.config.pk)
        target = config.snapshots.filter(version=version).order_by("-pk")[0]
        rollback = actions.request_rollback(config, target, reason=REASON, acting_user=self._here.alice)
        if approve:
            actions.approve_rollback(rollback, acting_user=self._here.bob, plan_digest=rollback.plan_digest)
        return rollback

    def _doings(
        self, approved: Sequence[Rollback], waiting: Sequence[Rollback]
    ) -> list[tuple[str, Callable[[Browser], requests.Response]]]:
        """Give what each browser does: one thing, at the same moment."""

        def button(rollback: Rollback, do: str, **more: str) -> Callable[[Browser], requests.Response]:
            path = reverse("admin:rollbacks_rollback_change", args=(rollback.pk,))
            fields = {"do": do, "plan_digest": rollback.plan_digest, **more}
            return lambda browser: browser.send(path, fields)

        def ask(rollback: Rollback) -> Callable[[Browser], requests.Response]:
            path = reverse("admin:rollbacks_rollback_plan", args=(rollback.config_id, rollback.target_id))
            fields = {"reason": REASON, "ticket": "INC-4711", "plan_digest": rollback.plan_digest}
            return lambda browser: browser.send(path, fields)

        def look(rollback: Rollback) -> Callable[[Browser], requests.Response]:
            path = reverse("admin:rollbacks_rollback_change", args=(rollback.pk,))
            return lambda browser: browser.look(path)

        mixed: list[tuple[str, Callable[[Browser], requests.Response]]] = []
        for at in range(len(self._browsers)):
            one, other = approved[at // 8 % len(approved)], waiting[at // 8 % len(waiting)]
            mixed.append(
                (
                    ("run", button(one, "run")),
                    ("approve and run", button(other, "approve", run="1")),
                    ("run", button(approved[at % len(approved)], "run")),
                    ("ask", ask(other)),
                    ("approve and run", button(waiting[at % len(waiting)], "approve", run="1")),
                    ("look", look(one)),
                    ("cancel", button(other, "cancel")) if at > 15 else ("run", button(one, "run")),
                    ("reject", button(other, "reject", comment="Still under test.")) if at > 15 else ("ask", ask(one)),
                )[at % 8]
            )
        return mixed

    def _act(
        self, gate: threading.Barrier, browser: Browser, what: str, do: Callable[[Browser], requests.Response]
    ) -> None:
        gate.wait()
        began = time.monotonic()
        try:
            answer = do(browser)
        except requests.RequestException as error:
            self._say(f"{what}: no answer ({error})")
            return
        seconds = time.monotonic() - began
        first = answer.history[0].status_code if answer.history else answer.status_code
        with self._lock:
            self._figures.answers[first] += 1
            self._figures.did[what] += 1
            self._figures.slowest = max(self._figures.slowest, seconds)
        if answer.status_code not in (200, 409) or first not in (200, 302, 409):
            self._say(f"{what}: answered with {first}, then {answer.status_code}: {answer.text[:200]}")
        elif what != "look" and not SAYS_SO.search(answer.text):
            self._say(f"{what}: the page after {first} does not say what happened: {_words(answer.text)}")

    def _write(self, gate: threading.Barrier, writer: int) -> None:
        gate.wait()
        moment = MOMENTS[self._figures.rounds % len(MOMENTS)]
        happened = {"opened": self._opened.is_set, "landed": self._landed, "at once": lambda: True}[moment]
        with contextlib.suppress(TimeoutError):
            until(happened, moment, seconds=LONGEST_WAIT, every=0.01)
        time.sleep(0.01 * writer)
        self._here.write_elsewhere(self.place, f"Writer {writer}")
        with self._lock:
            self._figures.foreign += 1

    def _landed(self) -> bool:
        return bool(self._here.writes_of_ours(self.place))

    def _watch(self) -> None:
        try:
            while not self._over.wait(0.01):
                count = Attempt.objects.filter(config=self.place.config, state=Attempt.State.OPEN).count()
                if count:
                    self._opened.set()
                self._figures.most_open = max(self._figures.most_open, count)
        finally:
            connection.close()

    def _quiet(self) -> bool:
        mine = Rollback.objects.filter(config=self.place.config)
        queued = mine.filter(state=State.APPROVED, run_requested_at__isnull=False)
        return not queued.exists() and not mine.filter(state__in=[State.APPLYING, State.UNKNOWN]).exists()

    def _say(self, sentence: str) -> None:
        with self._lock:
            self._figures.broken.append(sentence)

    def _judge(self, number: int) -> None:
        """Hold what the platform accepted against what the database says, rollback by rollback."""
        attempts = {
            one.body_sha256 + bytes(one.if_match or b"").decode(): one
            for one in Attempt.objects.filter(config=self.place.config).select_related("rollback", "step")
        }
        landed: Counter[Any] = Counter()
        for write in self._here.writes_of_ours(self.place):
            attempt = attempts.get(f"{write['sha256']}{write['if_match']}")
            if attempt is None:
                self._say(f"round {number}: version {write['version']} is ours and belongs to no attempt")
                continue
            landed[attempt.pk] += 1
            if write["version"] != attempt.step.expected_version:
                self._say(f"round {number}: version {write['version']} landed on another state than was approved")
        for attempt in attempts.values():
            self._figures.ended[attempt.verdict or attempt.state] += 1
            counted = Counter(AuditEntry.objects.filter(attempt=attempt).values_list("action", flat=True))
            if landed[attempt.pk] > 1:
                self._say(f"round {number}: one attempt took effect {landed[attempt.pk]} times")
            if attempt.state == Attempt.State.OPEN or counted["write.intent"] != 1 or counted["write.outcome"] != 1:
                self._say(f"round {number}: an attempt is {attempt.state} with {dict(counted)}")
            applied = attempt.verdict in ("verified", "reached", "overwritten")
            if applied != bool(landed[attempt.pk]):
                self._say(f"round {number}: {attempt.verdict}, and {landed[attempt.pk]} writes of it were accepted")
        for rollback in Rollback.objects.filter(config=self.place.config).exclude(
            pk__in=[attempt.rollback_id for attempt in attempts.values()]
        ):
            self._figures.ended[f"no attempt: {rollback.state}"] += 1
        if self._figures.most_open > 1:
            self._say(f"round {number}: {self._figures.most_open} attempts were open at once")


def _words(page: str) -> str:
    """Give the words of a page's main part, shortened."""
    main = page.partition("<main")[2].partition("</main>")[0] or page
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())[:300]


def report(figures: Figures) -> Report:
    """Say what came of the rounds."""
    requests_made = sum(figures.answers.values())
    return Report(
        tried=f"{figures.rounds} rounds, each with {CROWD} requests at once on one object, over HTTP to gunicorn with "
        f"sessions and CSRF tokens, while {WRITERS} others wrote it on the platform ({figures.foreign} such writes). "
        f"{requests_made:,} answers, the slowest after {figures.slowest:.1f} s; never more than {figures.most_open} "
        "open attempt on the object. A round of continuous integration has 40 of them, a release 200.",
        broken=figures.broken[:20],
        tables=[
            Table("Answers", ("status", "times"), [(str(one), count) for one, count in figures.answers.most_common()]),
            Table("Requests", ("what", "times"), figures.did.most_common()),
            Table("How rollbacks ended", ("verdict or state", "times"), figures.ended.most_common()),
        ],
        bound="No deadlock, no error page, and every page said what had happened. Rule of three: under "
        f"{3 / max(1, figures.rounds):.1%} of such rounds break a promise.",
    )
