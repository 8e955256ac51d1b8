"""`capture`: everything, one tenant or one object, and what goes wrong with one holds up no other."""

import pytest

from tenants.models import Tenant
from tests import world as making
from tests.tenants.running import CONFIG, run
from tests.world import BILLING_PATH, World

pytestmark = pytest.mark.django_db


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
