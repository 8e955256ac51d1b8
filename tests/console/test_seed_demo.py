"""What `make demo` fills the console with: people, tenants, histories, and drift for a newcomer to find."""

import json
import shutil
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.utils import timezone

from console.practice.server import PracticeServer
from rollbacks import dossier, freezing, verifying
from rollbacks.models import AuditEntry, FreezeWindow, Rollback
from tenants import access, drift, labelling
from tenants.access import Role
from tenants.chronicle import Label
from tenants.models import Membership, Snapshot, Tenant, TrackedConfig
from tests.tenants.running import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeServer]:
    """Give a practice platform that keeps its data in the console's data folder, as `make demo` starts it."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    with PracticeServer(data_dir=tmp_path / "practice") as server:
        yield server


def seed(practice: PracticeServer) -> dict[str, object]:
    ran = run("seed_demo", "--practice-url", practice.url, "--json")
    assert ran.code == 0, ran.err
    document: dict[str, object] = ran.document
    return document


def test_a_newcomer_finds_people_tenants_histories_and_exactly_two_drifts(demo: PracticeServer, tmp_path: Path) -> None:
    said = seed(demo)

    assert said["failed"] == []
    assert set(Tenant.objects.values_list("slug", flat=True)) == {"northwind", "tailspin", "lamna"}
    away = drift.drifted(TrackedConfig.objects.all()).select_related("live", "baseline")
    assert {(one.tenant.slug, one.object_id) for one in away} == {("northwind", "cfg-1"), ("tailspin", "cfg-22")}
    for one in away:
        assert one.live is not None
        assert one.baseline is not None
        assert one.baseline.version == one.live.version - 1
        words = [label.word for label in Label.objects.filter(snapshot__config=one).order_by("snapshot__version")]
        assert words == ["bad", "good"]
        assert labelling.last_known_good(one) == one.baseline
    kinds = set(TrackedConfig.objects.values_list("resource_type", flat=True))
    assert kinds == {"agentassist.config", "scripting.session", "outbound.campaign", "routing.queue"}
    assert not TrackedConfig.objects.exclude(presence=TrackedConfig.Presence.PRESENT).exists()
    assert TrackedConfig.objects.get(object_id="cfg-1").snapshots.count() == 42
    assert Snapshot.objects.count() > 120
    for tenant in Tenant.objects.all():
        assert verifying.verify(tenant).holds

    [conflict] = Rollback.objects.all()
    assert (conflict.tenant.slug, conflict.state) == ("tailspin", "conflict")
    assert "written by Inês Duarte" in conflict.explanation
    assert dossier.dossier_of(conflict) is not None
    [window] = FreezeWindow.objects.all()
    begins = freezing.calendar([window], begins=timezone.now(), ends=timezone.now() + timedelta(days=30))[0].begins
    assert begins > timezone.now() + timedelta(days=7)

    alice, bob, carol, admin = (User.objects.get(username=name) for name in ("alice", "bob", "carol", "admin"))
    northwind, tailspin = Tenant.objects.get(slug="northwind"), Tenant.objects.get(slug="tailspin")
    assert access.roles_in(alice, northwind) == {Role.OPERATOR, Role.INCIDENT}
    assert access.roles_in(bob, northwind) == {Role.APPROVER}
    assert access.roles_in(bob, tailspin) == {Role.APPROVER, Role.OPERATOR}
    assert access.roles_in(carol, northwind) == {Role.VIEWER, Role.AUDITOR}
    assert not access.tenants_of(carol).filter(slug="lamna").exists()
    assert access.owns_platform(admin)
    assert all(access.may_enter(user) for user in (alice, bob, carol, admin))

    kept = tmp_path / "demo.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    passwords = json.loads(kept.read_text())
    assert authenticate(username="alice", password=passwords["alice"]) == alice
    assert said["logins"] == [{"username": name, "password": passwords[name]} for name in passwords]


def test_a_second_start_keeps_what_people_have_done(demo: PracticeServer, tmp_path: Path) -> None:
    first = seed(demo)
    memberships = Membership.objects.count()
    config = TrackedConfig.objects.get(object_id="cfg-1")
    drift.set_baseline(config, config.snapshots.get(version=30))
    alice = User.objects.get(username="alice")
    alice.set_password("her own password")
    alice.save()
    entries = AuditEntry.objects.count()

    second = seed(demo)

    config.refresh_from_db()
    assert config.baseline is not None
    assert config.baseline.version == 30
    assert (second["captured"], second["snapshots"], second["logins"]) == (0, first["snapshots"], first["logins"])
    assert authenticate(username="alice", password="her own password") is not None
    assert AuditEntry.objects.count() == entries
    assert Membership.objects.count() == memberships


@pytest.mark.slow
def test_a_practice_platform_on_another_port_is_followed(demo: PracticeServer, tmp_path: Path) -> None:
    seed(demo)
    demo.stop()
    with PracticeServer(data_dir=tmp_path / "practice") as moved:
        said = seed(moved)
        assert set(Tenant.objects.values_list("api_url", flat=True)) == {moved.url}
        assert run("tenant", "check", "northwind").code == 0
    assert said["failed"] == []


def test_without_a_practice_platform_there_is_one_sentence_and_no_tenant(tmp_path: Path, demo: PracticeServer) -> None:
    shutil.rmtree(tmp_path / "practice")
    ran = run("seed_demo", "--practice-url", demo.url)
    assert ran.code == 1
    assert "credentials cannot be read" in ran.err
    assert not Tenant.objects.exists()


def test_passwords_that_cannot_be_read_are_one_sentence(tmp_path: Path, demo: PracticeServer) -> None:
    (tmp_path / "demo.json").write_text("{")
    ran = run("seed_demo", "--practice-url", demo.url)
    assert ran.code == 1
    assert str(tmp_path / "demo.json") in ran.err
    assert not User.objects.exists()
