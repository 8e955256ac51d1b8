"""Every address that the resolver knows, with arguments for it: a tenant's own rows, another's, and nonsense.

A route whose arguments cannot be built raises here, by name: nobody adds an address that the walk passes by.
"""

import itertools
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.apps import apps
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = ("GET", "HEAD", "OPTIONS")

OF_ROUTES = {
    "tenants_everything": "tenants.onboarding",
    "tenants_everything_status": "tenants.onboarding",
    "view_on_site": "rollbacks.rollback",
}
"""Which row `pk` or `object_id` names where the address does not say it."""
OF_PARAMETERS = {
    "config": "tenants.trackedconfig",
    "snapshot": "tenants.snapshot",
    "target": "tenants.snapshot",
    "version": "tenants.snapshot",
    "search": "tenants.bisection",
    "glass": "rollbacks.brokenglass",
    "window": "rollbacks.freezewindow",
}
PLAIN = {
    "content_type_id": ("contenttypes", "1"),
    "provider_id": ("", "northwind-sso"),
    "url": ("", "nothing/here/"),
    "app_label": ("", "tenants"),
    "key": ("", "0-key"),
    "number": ("", "1"),
    "uidb36": ("", "1"),
}
"""Parameters that name no tenant's row."""
ROW = re.compile(r"^([a-z_]+)/([a-z_]+)/")


class UnknownParameter(AssertionError):
    """A route has a parameter for which the walk knows no row."""


@dataclass(frozen=True)
class Route:
    """One address of the resolver."""

    pattern: str
    name: str
    parameters: tuple[str, ...]

    def models(self) -> dict[str, str]:
        """Give the label of the model whose row each parameter names; empty for one that names none."""
        found = {}
        for parameter in self.parameters:
            if parameter in PLAIN:
                found[parameter] = ""
                continue
            stem = re.sub(r"_?(pk|id)$", "", parameter)
            label = OF_PARAMETERS.get(stem, "") if stem not in {"", "object"} else OF_ROUTES.get(self.name, "")
            if not label and stem not in {"", "object"}:
                label = next((one._meta.label_lower for one in apps.get_models() if one._meta.model_name == stem), "")
            if not label and stem in {"", "object"}:
                names = ROW.match(self.pattern)
                label = ".".join(names.groups()) if names else ""
                label = {"sign-in.passkey": "mfa.authenticator"}.get(label, label)
                if self.pattern.startswith("sign-in/passkey/"):
                    label = "mfa.authenticator"
            try:
                apps.get_model(label)
            except (LookupError, ValueError) as error:
                raise UnknownParameter(
                    f"The route {self.pattern!r} ({self.name}) has the parameter {parameter!r}, and the walk knows no "
                    f"row for it. Say in tests/walk/routes.py which model it names."
                ) from error
            found[parameter] = label
        return found

    def address(self, values: dict[str, str]) -> str:
        """Give the address with these arguments."""
        path = self.pattern
        for parameter, value in values.items():
            path = re.sub(rf"<(?:\w+:)?{parameter}>|\(\?P<{parameter}>[^)]*\)", lambda _, v=value: v, path)  # type: ignore[misc]
        return "/" + path.replace("^", "").replace("$", "").replace("\\Z", "")


def routes() -> list[Route]:
    """Give every route, each once."""
    found: dict[str, Route] = {}
    for pattern, one in _walk(get_resolver(), ""):
        names = tuple(dict.fromkeys(re.findall(r"<(?:\w+:)?(\w+)>", pattern)))
        found.setdefault(pattern, Route(pattern=pattern, name=one.name or "", parameters=names))
    return list(found.values())


def _walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _walk(one, before + str(one.pattern))
        else:
            yield before + str(one.pattern), one


NONSENSE = {"uuid": str(uuid.UUID(int=7)), "int": "999999999", "str": "-1"}


def argument_sets(
    route: Route, own: Callable[[str], Model | None], foreign: Callable[[str], Model | None]
) -> dict[str, dict[str, str]]:
    """Give what to call a route with: `own`, `foreign`, `nonsense`, and each mix of own and foreign rows."""
    models = route.models()
    sides: dict[str, tuple[str, str]] = {}
    for parameter, label in models.items():
        if not label:
            sides[parameter] = (PLAIN[parameter][1], PLAIN[parameter][1])
            continue
        rows = own(label), foreign(label)
        sides[parameter] = tuple("1" if row is None else str(row.pk) for row in rows)  # type: ignore[assignment]
    found = {"own": {name: pair[0] for name, pair in sides.items()}}
    if not any(models.values()):
        return found
    for number, picks in enumerate(itertools.product((0, 1), repeat=len(sides))):
        if any(picks):
            kind = "foreign" if all(picks) else f"mixed {number}"
            found[kind] = {name: pair[pick] for (name, pair), pick in zip(sides.items(), picks, strict=True)}
    found["nonsense"] = {
        name: NONSENSE["uuid"] if "-" in pair[0] and len(pair[0]) == 36 else NONSENSE["int"]
        for name, pair in sides.items()
    }
    return found


@dataclass
class Form:
    """A form of a page as a browser would send it."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def bodies(self) -> Iterator[dict[str, list[str]]]:
        """Give what is sent by each of its buttons."""
        for name, value in self.buttons or [("", "")]:
            yield self.fields if not name else {**self.fields, name: [value]}


class Forms(HTMLParser):
    """Reads the forms that are posted, and the names that addresses of the page ask with."""

    def __init__(self, page: str, path: str) -> None:
        super().__init__(convert_charrefs=True)
        self.path = path
        self.found: list[Form] = []
        self.asked: set[str] = set()
        self._form: Form | None = None
        self._get = False
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        name = told.get("name", "")
        if tag == "a":
            self.asked |= set(re.findall(r"[?&]([\w-]+)=", told.get("href", "")))
        if tag == "form":
            posts = told.get("method", "get").lower() == "post"
            self._form = Form(told.get("action", "") or self.path) if posts else None
            self._get = not posts
            if self._form is not None:
                self.found.append(self._form)
        elif self._get and name:
            self.asked.add(name)
        if self._form is not None and "disabled" not in told:
            self._holds(self._form, tag, name, told)

    def _holds(self, form: Form, tag: str, name: str, told: dict[str, str]) -> None:
        kind = told.get("type", "text" if tag == "input" else "submit").lower()
        if tag in {"button", "input"} and kind == "submit":
            form.buttons.append((name, told.get("value", "")))
        elif tag == "input" and name:
            if kind in {"checkbox", "radio"} and "checked" not in told and name in form.fields:
                return
            form.fields.setdefault(name, []).append(told.get("value", "") or ("on" if kind == "checkbox" else ""))
        elif tag == "select" and name:
            self._select = name
        elif tag == "option" and self._select and told.get("value") and self._select not in form.fields:
            form.fields[self._select] = [told["value"]]
        elif tag == "textarea" and name:
            form.fields.setdefault(name, [""])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form, self._get = None, False
        elif tag == "select":
            self._select = ""
