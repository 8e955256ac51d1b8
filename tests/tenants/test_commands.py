"""The terminal twin: what each command prints, as text and as one JSON document, and how it ends."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from console.practice.server import PracticeServer
from rollbacks.models import AuditEntry
from tenants import archive, sealing
from tenants.models import Snapshot, Tenant, TrackedConfig
from tests import world as making
from tests.tenants.running import ROOT, run, run_process
from tests.world import BILLING_PATH, World

pytestmark = pytest.mark.django_db

CONFIG = ("northwind", "agentassist.config:cfg-1")
STRANGER = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def secret_file(practice: PracticeServer, tmp_path: Path) -> Path:
    """Give a file with the bank's client secret, as an editor leaves it."""
    file = tmp_path / "secret"
    file.write_text(practice.credentials["northwind"].client_secret + "\n")
    file.chmod(0o600)
    return file


def add_words(practice: PracticeServer, secret_file: Path, *more: str) -> list[str]:
    one = practice.credentials["northwind"]
    where = ["--api-url", practice.url, "--login-url", practice.url]
    known = ["--name", "Northwind Bank", "--client-id", one.client_id, "--client-secret-file", str(secret_file)]
    return ["tenant", "add", "northwind", *where, *known, *more]


# tenant add


def test_tenant_add_keeps_the_secret_sealed_and_says_what_to_do_next(
    practice: PracticeServer, secret_file: Path
) -> None:
    ran = run(*add_words(practice, secret_file, "--approvals", "2"))

    assert (ran.code, ran.err) == (0, "")
    assert "tenant check northwind" in ran.out
    tenant = Tenant.objects.get()
    secret = practice.credentials["northwind"].client_secret
    assert tenant.approvals_needed == 2
    assert secret.encode() not in bytes(tenant.client_secret_sealed)
    assert sealing.unseal(tenant.client_secret_sealed, tenant_id=tenant.pk, field="client_secret") == secret
    entry = AuditEntry.objects.get(tenant=tenant)
    assert entry.action == "tenant.added"
    assert secret.encode() not in bytes(entry.payload)
    assert entry.actor.startswith("terminal (")


def test_tenant_add_warns_of_a_secret_that_others_can_read(practice: PracticeServer, secret_file: Path) -> None:
    secret_file.chmod(0o644)

    ran = run(*add_words(practice, secret_file, "--json"))

    assert ran.code == 0
    assert f"chmod 600 {secret_file}" in ran.err
    assert ran.document["slug"] == "northwind"
    assert practice.credentials["northwind"].client_secret not in ran.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--client-secret-file", "/nonexistent/secret"], "cannot be read from /nonexistent/secret"),
        (["--region", "mypurecloud.de"], "Give either --region DOMAIN or both"),
        (["--login-url", ""], "both --api-url and --login-url"),
        (["--approvals", "12"], "12 approvals cannot be asked for"),
        (["--api-url", "not a url"], "valid URL"),
    ],
)
def test_tenant_add_refuses_what_is_wrong_with_one_sentence_and_adds_nothing(
    practice: PracticeServer, secret_file: Path, words: list[str], sentence: str
) -> None:
    ran = run(*add_words(practice, secret_file, *words))

    assert ran.code == 2
    assert sentence in ran.err
    assert not Tenant.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"), [("", "There is no secret"), ("\n", "There is no"), ("a\nb", "several lines")]
)
def test_tenant_add_refuses_a_file_that_holds_no_secret(
    practice: PracticeServer, secret_file: Path, content: str, sentence: str
) -> None:
    secret_file.write_text(content)
    ran = run(*add_words(practice, secret_file))
    assert ran.code == 2
    assert sentence in ran.err
    assert not Tenant.objects.exists()


def test_tenant_add_never_changes_a_tenant_that_is_there(practice: PracticeServer, secret_file: Path) -> None:
    run(*add_words(practice, secret_file))
    ran = run(*add_words(practice, secret_file, "--json"))
    assert ran.code == 2
    assert ran.document == {"error": "There already is a tenant 'northwind'. It was not changed.", "exit": 2}


@pytest.mark.parametrize("slug", ["North Wind", "_bank", "n" * 61, ""])
def test_a_short_name_that_cannot_be_one_is_refused_with_its_rule(
    practice: PracticeServer, secret_file: Path, slug: str
) -> None:
    words = add_words(practice, secret_file)
    words[2] = slug
    ran = run(*words)
    assert ran.code == 2
    assert ran.err.startswith(f"{slug!r} cannot be a tenant's short name:")
    assert "Nothing was added." in ran.err
    assert not Tenant.objects.exists()


def test_hosts_of_ones_own_need_to_be_allowed(
    practice: PracticeServer, secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONSOLE_ALLOW_CUSTOM_HOSTS", False)
    ran = run(*add_words(practice, secret_file))
    assert ran.code == 2
    assert "CONSOLE_ALLOW_CUSTOM_HOSTS" in ran.err
    assert not Tenant.objects.exists()


# tenant list, tenant check


def test_tenant_list_shows_all_with_their_drift(world: World) -> None:
    world.practice.foreign_write(BILLING_PATH)
    making.look(world.config)

    listed = run("tenant", "list", "--json")
    assert listed.code == 0
    assert [(one["slug"], one["configs"], one["drifted"]) for one in listed.document] == [
        ("northwind", 1, 1),
        ("tailspin", 0, 0),
    ]
    assert "Northwind Bank" in run("tenant", "list").out
    assert listed.out.count("client_secret") == 0


def test_tenant_check_says_what_works(world: World) -> None:
    ran = run("tenant", "check", "northwind", "--json")

    assert ran.code == 0
    names = [one["name"] for one in ran.document["checks"]]
    assert names[:2] == ["token", "organization"]
    assert {"permissions", "clock", "limits"} <= set(names)
    assert ran.document["ok"] is True
    assert "\x1b" not in run("tenant", "check", "northwind").out


def test_tenant_check_names_each_missing_permission_and_ends_with_6(world: World) -> None:
    world.practice.platform.control.set_permissions(
        {"organization": "northwind", "remove": ["agentassist:config:write", "routing:queue:edit"]}
    )
    making.track(world.northwind, "q-billing-emea", type_name="routing.queue")
    ran = run("tenant", "check", "northwind", "--json")

    assert ran.code == 6
    wrong = [one["message"] for one in ran.document["checks"] if one["ok"] is False]
    told = [one["message"] for one in ran.document["checks"] if one["ok"] is None and one["name"] == "permissions"]
    assert len(wrong) == 2
    assert len(told) == 1
    assert "Agent checklist" in told[0]
    assert "Planning group" in told[0]
    assert "Outbound campaign" not in told[0]
    assert "agentassist:config:write" in wrong[0]
    assert "routing:queue:edit" in wrong[1]


def test_tenant_check_refuses_the_client_of_another_organization(world: World) -> None:
    Tenant.objects.filter(slug="northwind").update(organization_id=STRANGER)
    ran = run("tenant", "check", "northwind", "--json")
    assert ran.code == 6
    wrong = {one["name"]: one["message"] for one in ran.document["checks"] if one["ok"] is False}
    assert STRANGER in wrong["organization"]


def test_tenant_check_learns_the_organization_when_it_was_left_out(world: World) -> None:
    Tenant.objects.filter(slug="northwind").update(organization_id="")
    assert run("tenant", "check", "northwind").code == 0
    known = world.practice.credentials["northwind"].organization_id
    assert Tenant.objects.get(slug="northwind").organization_id == known


def test_tenant_check_of_a_secret_that_is_refused_ends_with_6(world: World) -> None:
    tenant = world.northwind
    tenant.client_secret_sealed = sealing.seal("wrong", tenant_id=tenant.pk, field="client_secret")
    tenant.save()
    ran = run("tenant", "check", "northwind")
    assert ran.code == 6
    assert ran.out.startswith("FAILS")


# track


def test_track_all_finds_the_objects_and_a_second_time_adds_nothing(world: World) -> None:
    ran = run("track", "northwind", "agentassist.config", "--all", "--json")

    assert ran.code == 0
    assert len(ran.document["added"]) == 2
    assert ran.document["already"] == ["cfg-1"]
    assert TrackedConfig.objects.filter(name="Agent Assist – Cards & Fraud", next_look_at__lte=timezone.now()).exists()
    again = run("track", "northwind", "agentassist.config", "--all", "--json").document
    assert (again["added"], len(again["already"])) == ([], 3)
    assert AuditEntry.objects.filter(action="config.tracked").count() == 2


NOT_FOUND: list[tuple[list[str], str]] = [
    (["track", "nortwind", "agentassist.config", "cfg-2"], "Did you mean northwind?"),
    (["track", "northwind", "agentasist.config", "cfg-2"], "Did you mean"),
    (["track", "northwind", "agentassist.config"], "or write --all"),
    (["track", "northwind", "agentassist.config", "cfg-2", "--all"], "one of the two"),
    (["track", "northwind", "agentassist.config", "../oauth"], "cannot be the id of an object"),
    (["track", "northwind", "scripting.session", "--all"], "cannot be listed"),
    (["capture", "northwind", "agentassist.config:cfg-9"], "cfg-9 is not tracked in northwind"),
    (["capture", "northwind", "cfg-1"], "Write TYPE:OBJECT_ID"),
    (["history", "tailspin", "agentassist.config:cfg-1"], "not tracked in tailspin"),
    (["show", *CONFIG, "99"], "v99 of agentassist.config:cfg-1 is not kept here. Kept are 42 versions from v1"),
    (["show", *CONFIG, "yesterday"], "'yesterday' is no version"),
    (["diff", *CONFIG, "1", "4711"], "v4711"),
    (["tenant", "check", "tailspn"], "Did you mean tailspin?"),
]


def test_what_cannot_be_found_ends_with_2_and_one_sentence_that_helps(world: World) -> None:
    kept = Snapshot.objects.count()
    for words, sentence in NOT_FOUND:
        ran = run(*words, "--json")
        assert ran.code == 2, words
        assert ran.document["exit"] == 2
        assert sentence in ran.document["error"]
    assert TrackedConfig.objects.count() == 1
    assert Snapshot.objects.count() == kept


# capture


def test_capture_looks_at_everything_and_imports_the_histories(world: World) -> None:
    run("track", "northwind", "agentassist.config", "cfg-2")
    run("track", "northwind", "routing.queue", "--all")

    ran = run("capture", "northwind", "--json")

    assert ran.code == 0
    found = {one["config"]: one for one in ran.document}
    assert len(found) == 5
    assert found["northwind agentassist.config:cfg-1"]["outcome"] == "unchanged"
    cards = found["northwind agentassist.config:cfg-2"]
    assert (cards["outcome"], cards["version"]) == ("first", 13)
    assert cards["history"] == {"imported": 12, "already": 1, "refused": [], "stopped": ""}
    text = run("capture").out
    assert "northwind agentassist.config:cfg-2 unchanged v13." in text
    assert "\x1b" not in text


def test_capture_of_a_vanished_object_ends_with_6_when_it_was_named(world: World) -> None:
    world.practice.platform.control.delete({"object": BILLING_PATH})

    named = run("capture", *CONFIG, "--json")
    assert named.code == 6
    assert named.document[0]["outcome"] == "vanished"
    assert "nothing at" in named.document[0]["message"]
    assert run("capture").code == 0
    assert run("history", *CONFIG).code == 0


def test_capture_of_an_unreachable_platform_ends_with_1(world: World) -> None:
    world.practice.add_fault("unavailable_503", path="/configs/", times=None)
    ran = run("capture", *CONFIG, "--json")
    assert ran.code == 1
    assert ran.document[0]["outcome"] == "unreachable"


def test_checking_an_unreachable_platform_ends_with_1_as_nothing_was_refused(world: World) -> None:
    world.practice.stop()
    ran = run("tenant", "check", "northwind", "--json")
    assert ran.code == 1
    assert ran.document["ok"] is False


def test_a_secret_that_cannot_be_opened_holds_up_no_other_tenant(world: World) -> None:
    making.track(world.tailspin, "cfg-21")
    Tenant.objects.filter(slug="northwind").update(client_secret_sealed=b"sealed elsewhere")

    ran = run("capture", "--json")

    assert ran.code == 1
    assert [one["outcome"] for one in ran.document] == ["unreachable", "first"]
    check = run("tenant", "check", "northwind", "--json")
    assert check.code == 6
    assert [(one["name"], one["ok"]) for one in check.document["checks"]] == [("token", False)]
    show = run("show", *CONFIG, "live")
    assert (show.code, show.raw) == (1, b"")
    assert show.err == check.document["checks"][0]["message"]


# history, show, diff


def test_history_lists_every_version_newest_first(world: World) -> None:
    ran = run("history", *CONFIG, "--json")

    assert ran.code == 0
    assert [one["version"] for one in ran.document] == list(range(42, 0, -1))
    newest, older = ran.document[0], ran.document[1]
    assert set(newest) == {"version", "etag", "digest", "captured_at", "author", "labels", "live"}
    assert newest["etag"].startswith('"42-')
    assert (newest["author"], newest["labels"], newest["live"]) == ("Tom Becker", ["baseline"], True)
    assert (older["etag"], older["labels"], older["live"]) == (None, [], False)
    first = run("history", *CONFIG).out.splitlines()
    assert first[0].split() == ["VERSION", "DIGEST", "WRITTEN", "BY", "ETAG"]
    assert "live baseline" in first[1]


def test_show_gives_the_exact_bytes(world: World) -> None:
    for word in ("7", "v7"):
        ran = run("show", *CONFIG, word)
        assert ran.raw == archive.bytes_of(making.version(world.config, 7))
    baseline = run("show", *CONFIG, "baseline")
    assert baseline.raw == archive.bytes_of(making.version(world.config, 42))


def test_show_live_asks_the_platform_now_and_remembers_nothing(world: World) -> None:
    world.practice.foreign_write(BILLING_PATH)
    kept = Snapshot.objects.count()

    ran = run("show", *CONFIG, "live")

    assert ran.raw == world.platform.read(BILLING_PATH).body
    assert b'"version":43' in ran.raw.replace(b" ", b"")
    assert Snapshot.objects.count() == kept
    shown = run("show", *CONFIG, "live", "--json").document
    assert (shown["version"], shown["sha256"]) == (43, hashlib.sha256(ran.raw).hexdigest())


def test_diff_ends_with_0_when_equal_and_with_1_when_different(world: World) -> None:
    world.practice.foreign_write(BILLING_PATH, content="same")

    equal = run("diff", *CONFIG, "baseline", "live", "--json")
    assert equal.code == 0
    assert (equal.document["equal"], equal.document["changes"]) == (True, [])
    assert (equal.document["from"]["version"], equal.document["to"]["version"]) == (42, 43)

    different = run("diff", *CONFIG, "41", "42", "--json")
    assert different.code == 1
    assert different.document["equal"] is False
    assert set(different.document) == {"from", "to", "equal", "changes"}
    kinds = {change["kind"] for change in different.document["changes"]}
    assert kinds == {"changed", "removed", "moved"}
    confidence = next(
        change for change in different.document["changes"] if change["path"] == "/content/suggestions/minConfidence"
    )
    assert confidence == {
        "path": "/content/suggestions/minConfidence",
        "kind": "changed",
        "before": 0.65,
        "after": 0.25,
    }


def test_diff_can_be_read_without_colour(world: World) -> None:
    ran = run("diff", *CONFIG, "41", "42")

    assert ran.code == 1
    assert "\x1b" not in ran.out
    lines = ran.out.splitlines()
    assert lines[0] == "northwind agentassist.config:cfg-1: v41 → v42"
    assert "- removed content › rules › Card stolen" in lines
    place = lines.index("~ changed content › suggestions › minConfidence")
    assert lines[place + 1 : place + 4] == ["    /content/suggestions/minConfidence", "    - 0.65", "    + 0.25"]


class Terminal(io.StringIO):
    """A text stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_colour_and_progress_are_for_terminals_and_no_color_is_honoured(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    def diff() -> str:
        out = Terminal()
        with pytest.raises(SystemExit):
            call_command("diff", *CONFIG, "41", "42", stdout=out)
        return out.getvalue()

    coloured = diff()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = diff()
    assert "\x1b[31m" in coloured
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == plain

    err = Terminal()
    call_command("capture", *CONFIG, stdout=io.StringIO(), stderr=err)
    assert "1 of 1: northwind agentassist.config:cfg-1" in err.getvalue()
    assert err.getvalue().endswith("\r\x1b[2K")
    silent = io.StringIO()
    call_command("capture", *CONFIG, stdout=io.StringIO(), stderr=silent)
    assert silent.getvalue() == ""


def test_diff_of_the_same_version_says_so(world: World) -> None:
    ran = run("diff", *CONFIG, "12", "12")
    assert ran.code == 0
    assert "The configuration is the same." in ran.out


def test_a_number_with_two_contents_must_be_named_by_its_digest(world: World) -> None:
    one = making.version(world.config, 12)
    Snapshot.objects.create(
        config=world.config,
        version=12,
        document=making.version(world.config, 13).document,
        digest="f" * 64,
        source=Snapshot.Source.LIVE,
        captured_at=timezone.now(),
    )
    ran = run("show", *CONFIG, "12")
    assert ran.code == 2
    assert f"12@{one.digest[:8]}" in ran.err
    assert run("show", *CONFIG, f"12@{one.digest[:8]}").raw == archive.bytes_of(one)


def test_bytes_of_a_name_that_would_steer_the_terminal_are_shown_as_escapes(world: World) -> None:
    Snapshot.objects.filter(pk=making.version(world.config, 41).pk).update(author_name="Tom\x1b[2JBecker\u202e")
    out = run("history", *CONFIG).out
    assert "\x1b" not in out
    assert "Tom\\u001b[2JBecker\\u202e" in out


# As processes.


@pytest.mark.django_db(transaction=True)
def test_the_commands_run_as_processes_with_their_exit_codes(
    practice: PracticeServer, secret_file: Path, database_url: str
) -> None:
    def process(*words: str, stdin: str = "") -> "tuple[int, bytes, str]":
        ran = run_process(*words, database_url=database_url, stdin=stdin)
        return ran.code, ran.raw, ran.err

    secret = practice.credentials["northwind"].client_secret
    words = add_words(practice, secret_file)
    words[words.index(str(secret_file))] = "-"
    code, out, err = process(*words, stdin=secret + "\n")
    assert code == 0, err
    assert secret.encode() not in out

    making.track(Tenant.objects.get(), "cfg-2")
    code, _, err = process("capture")
    assert (code, err) == (0, "")  # no progress where stderr is no terminal
    config = TrackedConfig.objects.get()
    code, out, err = process("show", "northwind", "agentassist.config:cfg-2", "3")
    assert (code, out, err) == (0, archive.bytes_of(making.version(config, 3)), "")
    assert process("diff", "northwind", "agentassist.config:cfg-2", "1", "13")[0] == 1
    code, out, err = process("diff", "northwind", "agentassist.config:cfg-2", "1", "77")
    assert (code, out) == (2, b"")
    assert err.strip().startswith("v77 of agentassist.config:cfg-2 is not kept here.")
    piped = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} manage.py show northwind agentassist.config:cfg-2 3 | head -c 1"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url},
        capture_output=True,
        timeout=180,
    )
    assert (piped.stdout, piped.stderr) == (b"{", b"")
    code, out, err = process("track", "northwind")
    assert code == 2
    assert err.strip() == (
        "The following arguments are required: TYPE, OBJECT_ID. Nothing was done; manage.py track --help says what can "
        "be written."
    )
    code, out, err = process("history", "northwind", "--json")
    assert code == 2
    assert json.loads(out) == {"error": err.strip(), "exit": 2}
    assert err.startswith("The following arguments are required: TYPE:OBJECT_ID.")
    code, out, err = process("tenant", "add", "--json")
    assert (code, json.loads(out)["exit"]) == (2, 2)
    assert "manage.py tenant add --help" in err
    code, out, _ = process("show", "--help")
    assert code == 0
    assert b"TENANT TYPE:OBJECT_ID VERSION" in out


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_reached_is_one_sentence(db: None) -> None:
    ran = run_process("tenant", "list", database_url="postgres://nobody@127.0.0.1:9/none")
    assert ran.code == 1
    assert ran.err.startswith("The database cannot be reached:")
    assert "Traceback" not in ran.err
