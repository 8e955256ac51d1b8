"""What is out of sight: the divisions of a client's roles, out of those that the organization has."""

import pytest

from tenants import divisions
from tenants.divisions import Division, Reach
from tenants.remote.permissions import granted, granted_by_division
from tenants.resource_types.definition import Permissions
from tests.world import World

HOME, SALES, FRAUD = Division("d-home", "Home"), Division("d-sales", "Sales"), Division("d-fraud", "Card Fraud")
QUEUES = Permissions("any", ("routing:queue:view",))
CAMPAIGNS = Permissions("any", ("outbound:campaign:view",))


def grant(division: str | None, entity: str, *, domain: str = "routing") -> dict[str, object]:
    """Give one grant as the platform shows it: one role in one division."""
    policies = [{"domain": domain, "entityName": entity, "actions": ["view"]}]
    where = {} if division is None else {"division": {"id": division, "name": division}}
    return {"subjectId": "client-1", "role": {"id": "role-1", "name": "Config Vault", "policies": policies}, **where}


def reach(*grants: dict[str, object], known: tuple[Division, ...] = (FRAUD, HOME, SALES), problem: str = "") -> Reach:
    subject = {"id": "client-1", "grants": list(grants)}
    return Reach(permissions=granted(subject), divisions=known, problem=problem, granted=granted_by_division(subject))


def test_a_client_sees_the_divisions_in_which_its_roles_are_granted() -> None:
    two = reach(grant("d-home", "queue"), grant("d-sales", "queue"))

    sight = two.sight()
    assert sight is not None
    assert (sight.seen, sight.unseen, sight.whole) == ((HOME, SALES), (FRAUD,), False)
    assert two.sentence == (
        "The OAuth client sees 2 of 3 divisions: Home and Sales. What is in Card Fraud does not show: grant its role "
        "there too, then look again."
    )


def test_one_permission_may_reach_further_than_another() -> None:
    mixed = reach(grant("d-home", "queue"), grant("d-sales", "campaign", domain="outbound"))

    queues, campaigns = mixed.sight(QUEUES), mixed.sight(CAMPAIGNS)
    assert queues is not None
    assert campaigns is not None
    assert queues.seen == (HOME,)
    assert campaigns.seen == (SALES,)


@pytest.mark.parametrize("entity", ["queue", "*"])
def test_a_role_granted_everywhere_sees_every_division(entity: str) -> None:
    everywhere = reach(grant("*", entity))

    sight = everywhere.sight(QUEUES)
    assert sight is not None
    assert sight.whole
    assert everywhere.sentence == "The OAuth client sees all 3 divisions: Card Fraud, Home and Sales."


def test_a_grant_without_a_division_opens_none() -> None:
    nowhere = reach(grant(None, "queue"))

    sight = nowhere.sight()
    assert nowhere.permissions == {"routing:queue:view"}
    assert sight is not None
    assert sight.seen == ()
    assert "0 of 3 divisions: none." in nowhere.sentence


def test_an_organization_whose_divisions_cannot_be_listed_is_no_organization_without_blind_spots() -> None:
    unknown = reach(grant("d-home", "queue"), known=(), problem="The list was refused.")
    assert unknown.sight() is None
    assert unknown.sentence == (
        "How many divisions the organization has is not known, so objects may be out of sight. The list was refused."
    )


def test_many_divisions_are_named_in_part() -> None:
    many = tuple(Division(f"d-{number}", f"Branch {number:02}") for number in range(20))
    assert "What is in Branch 00, Branch 01" in reach(known=many).sentence
    assert "Branch 07 and 12 more does not show" in reach(known=many).sentence


def test_the_reach_is_read_from_the_platform(world: World) -> None:
    found = divisions.reach(world.platform)

    assert found.permissions == world.platform.client_permissions()
    assert found.sentence == "The OAuth client sees all 3 divisions: Card security, EMEA and Home."
    world.practice.set_divisions("northwind", remove=["EMEA"])
    assert "sees 2 of 3 divisions: Card security and Home." in divisions.reach(world.platform).sentence


def test_a_list_of_divisions_that_cannot_be_read_is_a_problem_and_no_error(world: World) -> None:
    world.practice.add_fault("html_200", path=divisions.DIVISIONS_PATH, times=None)

    found = divisions.reach(world.platform)

    assert found.permissions
    assert found.sight() is None
    assert "not with JSON" in found.sentence
