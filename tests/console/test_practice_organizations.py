"""The three organizations: believable, the same at every start, and with one bad change last night."""

import json
from datetime import timedelta, timezone

import pytest

from console.practice.organizations import found_organizations
from console.practice.state import Organization, StoredObject
from tests.console.practice_world import NOW

Rules = list[dict[str, object]]


@pytest.fixture
def organizations() -> dict[str, Organization]:
    return {one.slug: one for one in found_organizations(NOW)}


def configs(organization: Organization) -> list[StoredObject]:
    return organization.of_family("assist")


def test_two_starts_at_the_same_moment_are_equal() -> None:
    first, second = found_organizations(NOW), found_organizations(NOW)
    assert [one.objects for one in first] == [one.objects for one in second]
    assert all(one.client.secret == "" for one in first)


@pytest.mark.parametrize("slug", ["northwind", "tailspin", "lamna"])
def test_each_organization_has_months_of_history_by_several_people(
    organizations: dict[str, Organization], slug: str
) -> None:
    one = organizations[slug]
    assert 2 <= len(configs(one)) <= 4
    assert (len(one.of_family("session")), len(one.of_family("campaign")), len(one.of_family("queue"))) == (1, 2, 3)
    longest = max(configs(one), key=lambda stored: len(stored.revisions))
    assert longest.revisions[0].at < NOW - timedelta(days=120)
    assert len({revision.by.name for revision in longest.revisions}) >= 3


def test_versions_are_gapless_each_differs_from_the_last_and_time_runs_forward(
    organizations: dict[str, Organization],
) -> None:
    for one in organizations.values():
        for stored in one.objects.values():
            assert [revision.version for revision in stored.revisions] == list(range(1, len(stored.revisions) + 1))
            for before, after in zip(stored.revisions, stored.revisions[1:], strict=False):
                assert before.at < after.at <= NOW
                assert before.members != after.members, (stored.id, after.version)


def test_the_bad_change_of_last_night_is_there_to_be_found(organizations: dict[str, Organization]) -> None:
    billing = organizations["northwind"].objects["assist", "cfg-1"]
    assert len(billing.revisions) == 42
    good, bad = (json.loads(one.members["content"]) for one in billing.revisions[-2:])
    assert billing.live.at.strftime("%Y-%m-%d %H:%M") == "2026-11-20 22:47"
    assert bad["suggestions"]["minConfidence"] < 0.3 < good["suggestions"]["minConfidence"]
    assert (bad["suggestions"]["fallback"]["text"], bool(good["suggestions"]["fallback"]["text"])) == ("", True)
    names = [[rule["name"] for rule in content["rules"]] for content in (good, bad)]
    assert set(names[0]) - set(names[1]) == {"Card stolen"}
    assert (names[0].index("Complaint"), names[1].index("Complaint")) != (0, 0)
    assert names[1][0] == "Complaint"
    assert 250 <= len(json.dumps(good, indent=2).splitlines()) <= 350


def test_last_night_is_the_night_of_the_machine() -> None:
    somewhere = timezone(timedelta(hours=-7))
    [bank, *_] = found_organizations(NOW.astimezone(somewhere))
    assert bank.objects["assist", "cfg-1"].live.at.isoformat().startswith("2026-11-20T22:47")
    assert bank.objects["assist", "cfg-1"].live.at.utcoffset() == timedelta(hours=-7)


def test_there_are_long_names_and_names_beyond_ascii(organizations: dict[str, Organization]) -> None:
    names = [json.loads(s.live.members["name"]) for one in organizations.values() for s in configs(one)]
    assert max(len(name) for name in names) > 150
    assert any("ü" in name for name in names)
    assert any("ç" in name for name in names)


def test_object_ids_are_shared_by_no_two_organizations(organizations: dict[str, Organization]) -> None:
    keys = [key for one in organizations.values() for key in one.objects]
    assert len(keys) == len(set(keys))
