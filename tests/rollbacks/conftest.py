"""A rollback at the bank, ready to be asked for, approved and carried out."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from rollbacks import actions, applying, driving
from rollbacks.models import Rollback
from tests.world import World, version

QUICK = driving.Pace(
    patience=30.0, first_wait=0.02, longest_wait=0.2, longest_backoff=0.1, longest_wait_for_lock=0.1, horizon=0.5
)
"""The same protocol with short waits; nothing else is different."""
UNTIL_NOTHING_IS_DUE = driving.Pace(
    patience=0.0, first_wait=0.0, longest_backoff=0.0, longest_wait_for_lock=0.0, horizon=0.0
)
"""Without any wait: all that may be sent is sent, and then the driver leaves, however slow the machine is."""

REASON = "Retention rules misfire since last night"


@dataclass(frozen=True)
class Desk:
    """Alice's and Bob's desk: the steps of a rollback in the order in which people take them."""

    world: World

    @property
    def good_version(self) -> int:
        """The version before last night's bad change."""
        return self.world.live_version - 1

    def request(self, to: int | None = None, **changes: object) -> Rollback:
        """Let Alice ask for a rollback."""
        target = version(self.world.config, to or self.good_version)
        known: dict[str, object] = {"reason": REASON, "acting_user": self.world.alice}
        return actions.request_rollback(self.world.config, target, **(known | changes))  # type: ignore[arg-type]

    def approve(self, rollback: Rollback) -> Rollback:
        """Let Bob approve exactly what was asked for."""
        return actions.approve_rollback(rollback, acting_user=self.world.bob, plan_digest=rollback.plan_digest)

    def approved(self, to: int | None = None) -> Rollback:
        """Give a rollback that only has to be carried out."""
        return self.approve(self.request(to))

    def run(self, rollback: Rollback, pace: driving.Pace = QUICK) -> Rollback:
        """Carry it out in this process."""
        return applying.apply(rollback.pk, pace=pace)

    def writes(self) -> list[dict[str, object]]:
        """Give every write that the platform accepted from our client."""
        ours = self.world.northwind.client_id
        return [write for write in self.world.practice.writes() if write["client"] == ours]

    def take_away(self, permission: str) -> None:
        """Take a permission from the bank's OAuth client."""
        self.world.practice.platform.control.set_permissions({"organization": "northwind", "remove": [permission]})

    def fault(self, kind: str, **rule: object) -> None:
        """Make the platform misbehave on the next write to the object."""
        known: dict[str, object] = {"method": "PUT", "path": "/configs/cfg-1$"}
        self.world.practice.add_fault(kind, **(known | rule))


@pytest.fixture
def desk(world: World) -> Desk:
    """Give the desk."""
    return Desk(world)


@pytest.fixture
def refuses(desk: Desk) -> Callable[..., dict[str, str]]:
    """Give a function that asks for a rollback, expects it to be refused, and gives each guard's sentence."""

    def ask(**changes: object) -> dict[str, str]:
        with pytest.raises(actions.RequestRefused) as refused:
            desk.request(**changes)  # type: ignore[arg-type]
        assert desk.writes() == []
        assert not Rollback.objects.exists()
        return {check.guard: check.message for check in refused.value.refusals}

    return ask
