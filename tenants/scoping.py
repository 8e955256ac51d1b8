"""What every admin page of tenants' rows has in common: memberships decide, and nothing is loaded without a need.

Django's model permissions play no part. A row of a tenant in which the user has no role does not exist for them: it is
in no list, no search and no autocomplete, and its address answers 404, not 403, so nobody learns that it is there.
"""

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import Http404

from tenants import access

if TYPE_CHECKING:
    from django.db.models.options import Options
    from django.http import HttpRequest

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = admin.ModelAdmin  # it takes no type argument at run time


def administers_any(request: "HttpRequest") -> bool:
    """Tell whether the user administers any tenant, by one question a request: each line of the navigation asks it."""
    known = vars(request)
    if "administers_any" not in known:
        known["administers_any"] = access.tenants_with_role(request.user, *access.ADMINISTERS).exists()
    return bool(known["administers_any"])


class ScopedAdmin(_Base):
    """Pages of rows that belong to tenants: everybody with a role may look, nobody may add, change or delete.

    A subclass opens what its actions allow.
    """

    tenant_path: ClassVar[str] = "tenant"
    """The lookup that leads from a row to its tenant; `pk` for tenants themselves."""

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None

    @property
    def media(self) -> forms.Media:
        """Load no script: the pages are links and forms."""
        return forms.Media()

    def get_queryset(self, request: "HttpRequest") -> QuerySet[Any]:
        """Give the rows of the user's own tenants."""
        return super().get_queryset(request).filter(**{f"{self.tenant_path}__in": access.tenants_of(request.user)})

    def lookup_allowed(self, lookup: str, value: str, request: "HttpRequest | None" = None) -> bool:
        """Let an address filter by the declared filters only: Django lets it ask about any column of the row itself."""
        root = lookup.split("__", 1)[0]
        for declared in self.get_list_filter(request) if request is not None else ():
            if isinstance(declared, type):
                if getattr(declared, "parameter_name", None) == lookup:
                    return True
            elif root == str(declared[0] if isinstance(declared, tuple | list) else declared):
                return True
        return root == self.date_hierarchy

    def has_module_permission(self, request: "HttpRequest") -> bool:
        """Let everybody in who may enter the console; the lists are scoped."""
        return access.may_enter(request.user)

    def has_view_permission(self, request: "HttpRequest", obj: Model | None = None) -> bool:
        """Let a user look at a row of a tenant in which they have any role."""
        if not access.may_enter(request.user):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: "HttpRequest") -> bool:
        """Say no; a subclass that has a form says otherwise."""
        return False

    def has_change_permission(self, request: "HttpRequest", obj: Model | None = None) -> bool:
        """Say no; a subclass that has a form says otherwise."""
        return False

    def has_delete_permission(self, request: "HttpRequest", obj: Model | None = None) -> bool:
        """Say no: what was once recorded stays."""
        return False

    def row(self, request: "HttpRequest", pk: object) -> Any:
        """Give one of the user's own rows, or answer 404."""
        found = self.get_object(request, str(pk))
        if found is None:
            raise Http404(f"There is no such {self.opts.verbose_name}.")
        return found

    def _get_obj_does_not_exist_redirect(
        self, request: "HttpRequest", opts: "Options[Any]", object_id: str
    ) -> NoReturn:
        # Django would redirect to the overview with a message; a missing row and a stranger's row are both not there.
        raise Http404(f"There is no such {opts.verbose_name}.")
