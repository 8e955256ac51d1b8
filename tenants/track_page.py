"""The page that begins to track objects: choose a tenant and a type, then objects of the platform's list or by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenants import connections, discovery
from tenants.archive import UnusableContent
from tenants.forms import TrackChoiceForm
from tenants.models import Tenant
from tenants.remote.errors import RemoteError
from tenants.resource_types import catalogue
from tenants.resource_types.definition import ResourceType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One object that the platform lists."""

    object_id: str
    name: str
    tracked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPage:
    """What the page shows, read already."""

    form: TrackChoiceForm
    tenant: Tenant | None = None
    rtype: ResourceType | None = None
    listed: Sequence[Listed] = ()
    problem: str = ""
    """Why there is no list, in whole sentences."""


def track_page(query: "Mapping[str, str]", *, user: "AbstractBaseUser | AnonymousUser") -> TrackPage:
    """Give the form, and, once a tenant and a type are chosen, what the platform lists of them."""
    form = TrackChoiceForm(query if "tenant" in query else None, user=user)
    if not form.is_bound or not form.is_valid():
        return TrackPage(form=form)
    tenant, rtype = form.cleaned_data["tenant"], catalogue.get(form.cleaned_data["type"])
    if not rtype.can_be_listed:
        problem = f"The platform has no list of objects of the type {rtype.title}. Name their ids below."
        return TrackPage(form=form, tenant=tenant, rtype=rtype, problem=problem)
    try:
        found = discovery.discover(tenant, rtype, connections.connect(tenant))
    except RemoteError as error:
        problem = f"The platform did not give its list. {error.sentence} You can still name ids below."
        return TrackPage(form=form, tenant=tenant, rtype=rtype, problem=problem)
    except UnusableContent as error:
        problem = f"The platform's list cannot be read. {error} You can still name ids below."
        return TrackPage(form=form, tenant=tenant, rtype=rtype, problem=problem)
    tracked = set(tenant.configs.filter(resource_type=rtype.name).values_list("object_id", flat=True))
    return TrackPage(
        form=form,
        tenant=tenant,
        rtype=rtype,
        listed=[Listed(object_id=pk, name=name, tracked=pk in tracked) for pk, name in found],
        problem="" if found else f"{tenant.name} shows this OAuth client no object of the type {rtype.title}.",
    )


def chosen_ids(picked: Sequence[str], typed: str) -> list[str]:
    """Give the ids that were ticked and those that were typed, one on a line or with commas between, each once."""
    return list(dict.fromkeys([*picked, *(word for word in typed.replace(",", " ").split() if word)]))
