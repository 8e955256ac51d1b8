"""The page on which a tenant's values of today and of the past are searched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from tenants import searching
from tenants.blaming import LARGEST_OF_A_PAGE
from tenants.documents import visible
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from tenants.models import Tenant
    from tenants.searching import Found, Hit

SECONDS: Final = 1.0
"""For so long the page goes on working out versions by itself."""
AROUND: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One hit as the page shows it: its text in three parts, the middle one being what was asked for."""

    hit: "Hit"
    before: str
    match: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """Everything on the page."""

    query: str
    type_name: str
    types: Sequence[tuple[str, str]]
    """Name and title of each type of which the tenant has an object."""
    problem: str = ""
    found: "Found | None" = None
    gone: Sequence[Line] = ()
    live: Sequence[Line] = ()

    @property
    def address(self) -> str:
        """The query of this page, to be shared."""
        return urlencode({"q": self.query, **({"type": self.type_name} if self.type_name else {})})


def search_page(tenant: "Tenant", query: Mapping[str, str]) -> SearchPage:
    """Give the page for an address: `q` is what is looked for, `type` narrows it."""
    wanted = query.get("q", "").strip()[: searching.LONGEST_QUESTION]
    titles = {rtype.name: rtype.title for rtype in catalogue.all_types()}
    names = tenant.configs.order_by("resource_type").values_list("resource_type", flat=True).distinct()
    types = [(name, titles.get(name, name)) for name in names]
    type_name = query.get("type", "")
    if type_name and type_name not in dict(types):
        problem = f"There is no object of the type {type_name[:80]!r} in {tenant.name}. Choose one of the list."
        return SearchPage(query=wanted, type_name="", types=types, problem=problem)
    if not wanted:
        return SearchPage(query="", type_name=type_name, types=types)
    searching.catch_up(tenant, seconds=SECONDS, largest=LARGEST_OF_A_PAGE)
    try:
        found = searching.search(tenant, wanted, type_name=type_name)
    except searching.NothingToFind as error:
        return SearchPage(query=wanted, type_name=type_name, types=types, problem=str(error))
    return SearchPage(
        query=wanted,
        type_name=type_name,
        types=types,
        found=found,
        gone=[_line(hit, wanted) for hit in found.gone],
        live=[_line(hit, wanted) for hit in found.live],
    )


def _line(hit: "Hit", wanted: str) -> Line:
    """Cut a text around what was asked for; where folding has changed its length, the whole text is shown unmarked."""
    at = hit.text.casefold().find(wanted.casefold())
    if at < 0 or len(hit.text.casefold()) != len(hit.text):
        return Line(hit=hit, before=visible(hit.text[: 2 * AROUND]), match="", after="")
    end = at + len(wanted.casefold())
    start = max(0, at - AROUND)
    return Line(
        hit=hit,
        before=("…" if start else "") + visible(hit.text[start:at]),
        match=visible(hit.text[at:end]),
        after=visible(hit.text[end : end + AROUND]) + ("…" if len(hit.text) > end + AROUND else ""),
    )
