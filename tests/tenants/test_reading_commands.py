"""`history`, `show` and `diff`: what is kept, as text and as one JSON document; colour only where it is wanted."""

import hashlib
import io
import re

import pytest
from django.core.management import call_command
from django.utils import timezone

from tenants import archive
from tenants.documents import digest, load, patched
from tenants.models import Snapshot
from tests import world as making
from tests.tenants.running import CONFIG, Terminal, run
from tests.world import BILLING_PATH, World

pytestmark = pytest.mark.django_db


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


def test_diff_as_a_patch_makes_the_one_version_of_the_other(world: World) -> None:
    before, after = (load(run("show", *CONFIG, number).raw) for number in ("41", "42"))
    ran = run("diff", *CONFIG, "41", "42", "--patch")
    assert ran.code == 1
    patch = load(ran.out.encode())
    assert digest(patched(before, patch)) == digest(after)
    assert "move" in {operation["op"] for operation in ran.document}
    assert run("diff", *CONFIG, "42", "42", "--patch").document == []


def test_diff_can_be_read_without_colour(world: World) -> None:
    ran = run("diff", *CONFIG, "41", "42")

    assert ran.code == 1
    assert "\x1b" not in ran.out
    lines = ran.out.splitlines()
    assert lines[0] == "northwind agentassist.config:cfg-1: v41 → v42"
    assert "- removed content › rules › Card stolen" in lines
    place = lines.index("~ changed content › suggestions › minConfidence")
    assert lines[place + 1 : place + 4] == ["    /content/suggestions/minConfidence", "    - 0.65", "    + 0.25"]


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
