"""Manners towards the platform: how often a tenant's organization may be asked, for whom, and when to leave it alone.

    ask the gate ──wait 0─────────────► send ──an answer──────────► answered: failures in a row end
         ├──wait n, within patience──► sleep, ask again      ├─429──► throttled: a pause, and a lower rate is learned
         ├──wait n, beyond it────────► BudgetSpent           └─silence, 5xx──► failed: enough in a row shut the way
         └──shut─────────────────────► TenantDown

All workers share one budget, one token and one view of whether a tenant answers; they share it through what stands
behind these ports. What is here decides nothing for all: it says what each purpose may do, and words it.

| purpose | keeps its hands off | waits for room | while the platform asked for a pause | while the tenant is down |
|---|---|---|---|---|
| sweep | a fifth of the budget | never: the object stays due | sends nothing | fails at once; one probe at a time |
| bulk: many objects that somebody waits for | a fifth | two minutes | waits | tries once |
| person: a page, a command | a tenth | five seconds | waits | tries once |
| rollback: a run, its read-backs | nothing | fifteen seconds | goes on, as its own Retry-After allows | tries once |
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.remote.errors import RemoteUnknown
    from tenants.remote.tokens import Token

WINDOW_SECONDS: Final = 60
"""A budget is so many requests in any stretch of this length."""


class Purpose(StrEnum):
    """Whom a request is for."""

    SWEEP = "sweep"
    BULK = "bulk"
    PERSON = "person"
    ROLLBACK = "rollback"

    @property
    def reserve(self) -> float:
        """The share of the budget that is left to those who are in more of a hurry."""
        return {Purpose.SWEEP: 0.2, Purpose.BULK: 0.2, Purpose.PERSON: 0.1, Purpose.ROLLBACK: 0.0}[self]

    @property
    def patience_seconds(self) -> float:
        """For how long one request waits for room."""
        return {Purpose.SWEEP: 0.0, Purpose.BULK: 120.0, Purpose.PERSON: 5.0, Purpose.ROLLBACK: 15.0}[self]

    @property
    def heeds_pause(self) -> bool:
        """Whether it sends nothing while the platform asked for a pause."""
        return self is not Purpose.ROLLBACK

    @property
    def heeds_breaker(self) -> bool:
        """Whether it leaves a tenant that is down alone, one probe at a time excepted."""
        return self is Purpose.SWEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What the gate said to one request."""

    wait_seconds: float = 0.0
    """Until there is room again; 0 where the request may be sent now and is counted already."""
    shut: bool = False
    """Whether nothing is to be sent because the tenant is down; `wait_seconds` is then until the next probe."""
    why: str = ""
    """Why it waits or is shut, in a sentence without its consequence."""
    down: bool = False
    """Whether the tenant counts as down although the request may be sent: it is the one try."""
    failures: int = 0
    """How many requests in a row had failed, by all workers."""
    token_generation: int | None = None
    """The number of the token that all share; another one than that of the token in hand means: forget it."""

    @property
    def granted(self) -> bool:
        """Whether the request may be sent now."""
        return not self.shut and self.wait_seconds <= 0


class Gate(Protocol):
    """The budget and the circuit breaker of one OAuth client, shared by all workers."""

    def admit(self, purpose: Purpose) -> Admission:
        """Count one request and let it through, or say for how long not."""

    def answered(self, admission: Admission) -> None:
        """Note that the platform answered; never raises, because an answer must not be lost for it."""

    def throttled(self, retry_after: float | None) -> None:
        """Note a 429: nobody but a rollback sends before `retry_after` seconds, and the rate is lower after; as above.

        None where the platform did not say for how long.
        """

    def failed(self, admission: Admission, error: "RemoteUnknown", *, purpose: Purpose) -> bool:
        """Note that the way failed, and tell whether the tenant counts as down now; never raises."""


class OpenGate:
    """The gate of a client that shares nothing with anybody: everybody passes."""

    def admit(self, purpose: Purpose) -> Admission:  # noqa: ARG002
        """Let it through."""
        return Admission()

    def answered(self, admission: Admission) -> None:
        """Keep nothing."""

    def throttled(self, retry_after: float | None) -> None:
        """Keep nothing."""

    def failed(self, admission: Admission, error: "RemoteUnknown", *, purpose: Purpose) -> bool:  # noqa: ARG002
        """Keep nothing."""
        return False


class TokenStore(Protocol):
    """The access token of one OAuth client, shared by all workers."""

    def token(self, fetch: "Callable[[], Token]") -> "Token":
        """Give the token that all share, fetched by one of them where there is none; raises what the fetch raises."""

    def forget(self, text: str) -> None:
        """Make all workers forget this token, if it is still the one that they share; never raises."""
