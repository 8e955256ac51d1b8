"""The page on which a person takes in everything that an organization has: found, chosen, read, reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import Count, Q

from tenants import discovery, estimating, reporting
from tenants.discovery import Found, Survey
from tenants.models import Onboarding, TrackedConfig
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from tenants.reporting import Report
    from tenants.resource_types.definition import ResourceType

State = Onboarding.State
LINES_SHOWN: Final = 50
"""Of each group of the report; the terminal's `--json` has all."""
STEPS: Final = (
    ("Find out what is there", (State.LISTING,)),
    ("Choose", (State.CHOOSING,)),
    ("Read it for the first time", (State.TRACKING, State.READING)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far the first reading of one type is."""

    rtype: "ResourceType"
    done: int
    total: int

    @property
    def standing(self) -> str:
        """How a list of progress marks it."""
        return "ok" if self.done >= self.total else "now" if self.done else "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingPage:
    """What the page shows, read already."""

    onboarding: Onboarding
    survey: Survey
    done: int
    total: int
    """Types while they are listed, objects while they are read."""
    offered: Sequence[Found]
    blocked: int
    """Types that could not be listed, or not whole."""
    requests: int
    estimate: str
    reading: Sequence[Reading]
    report: "Report | None"
    """Once everything is listed, where it was asked for."""

    @property
    def running(self) -> bool:
        """Whether the page should look again by itself."""
        return self.onboarding.state in (State.LISTING, State.TRACKING, State.READING)

    @property
    def mark(self) -> str:
        """What changes when the page has to be loaded anew."""
        return str(self.onboarding.state)

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Give each step's words and how it stands: done, current, or empty."""
        state = State(self.onboarding.state)
        order = [states for _, states in STEPS]
        here = next((number for number, states in enumerate(order) if state in states), len(order))
        if state is State.CANCELLED:
            here = -1
        return [
            (words, "done" if number < here else "current" if number == here else "")
            for number, (words, _) in enumerate(STEPS)
        ]

    @property
    def sentence(self) -> str:
        """Say what is happening, for a screen reader that is told of every change."""
        match self.onboarding.state:
            case State.LISTING:
                return f"{self.done} of {self.total} types are listed."
            case State.TRACKING:
                return "The chosen types are listed anew and tracked."
            case State.READING:
                return f"{self.done} of {self.total} objects are read."
            case _:
                return self.onboarding.get_state_display().capitalize() + "."


def everything_page(onboarding: Onboarding, *, with_report: bool = True) -> EverythingPage:
    """Read what the page of one request shows; nothing is asked of the platform.

    The report names each object that is still unread, so what only watches the progress does without it.
    """
    survey = Survey.from_json(onboarding.survey) if onboarding.survey else Survey(reach=None)
    types = reporting.types_named(onboarding.chosen)
    reading = _reading(onboarding, survey, types) if onboarding.state != State.LISTING else []
    listing = onboarding.state == State.LISTING
    requests = sum(one.requests for one in survey.offered)
    return EverythingPage(
        onboarding=onboarding,
        survey=survey,
        done=len(survey.found) if listing else sum(one.done for one in reading),
        total=len(catalogue.all_types()) if listing else sum(one.total for one in reading),
        offered=survey.offered,
        blocked=sum(bool(one.troubles) for one in survey.found),
        requests=requests,
        estimate=estimating.pace_of(onboarding.tenant).in_words(requests),
        reading=reading,
        report=None if listing or not with_report else reporting.report(onboarding.tenant, survey, types),
    )


def _reading(onboarding: Onboarding, survey: Survey, types: "Sequence[ResourceType]") -> list[Reading]:
    own = TrackedConfig.objects.filter(tenant=onboarding.tenant, resource_type__in=[rtype.name for rtype in types])
    unread = Count("pk", filter=Q(discovery.unread(types)))
    counted = {
        name: (total, left)
        for name, total, left in own.values_list("resource_type").annotate(total=Count("pk"), left=unread)
    }
    expected = {one.rtype.name: one.count for one in survey.found}
    reading = []
    for rtype in types:
        total, left = counted.get(rtype.name, (0, 0))
        if rtype.name not in onboarding.tracked:  # what it will be, as far as the survey knows
            more = max(0, expected.get(rtype.name, 0) - total)
            total, left = total + more, left + more
        reading.append(Reading(rtype=rtype, done=total - left, total=total))
    return reading
