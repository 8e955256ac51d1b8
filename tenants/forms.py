"""What people fill in about tenants and what is tracked in them; the writing is done by `actions`."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from tenants import access, regions
from tenants.access import Role
from tenants.models import Tenant
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    _Base = forms.ModelForm[Tenant]
else:
    _Base = forms.ModelForm  # it takes no type argument at run time


class TenantForm(_Base):
    """A tenant and, write-only, the secret of its OAuth client."""

    api_url = forms.URLField(label="API URL", required=False, assume_scheme="https", help_text="Only for custom hosts.")
    login_url = forms.URLField(
        label="Login URL", required=False, assume_scheme="https", help_text="Only for custom hosts."
    )
    client_secret = forms.CharField(
        label="OAuth client secret",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="It is sealed when it is saved and never shown again.",
    )

    class Meta:
        model = Tenant
        fields: ClassVar[tuple[str, ...]] = (
            "name",
            "slug",
            "region",
            "api_url",
            "login_url",
            "client_id",
            "client_secret",
            "organization_id",
            "environment",
            "approvals_needed",
            "ticket_pattern",
            "ticket_url",
            "requests_a_minute",
            "good_after_days",
            "keep_days",
            "keep_versions",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["good_after_days"].required = False
        if self.instance._state.adding:  # noqa: SLF001 - Django tells it nowhere else
            self.fields["client_secret"].required = True
        elif "client_secret" in self.fields:
            self.fields["client_secret"].help_text = "Leave it empty to keep the one that is sealed now."
            self.fields["slug"].disabled = True
            self.fields["slug"].help_text = "Commands and the trail name the tenant so; it stays."

    def clean_good_after_days(self) -> int:
        """Leave it as it is where it was left empty."""
        days: int | None = self.cleaned_data["good_after_days"]
        return self.instance.good_after_days if days is None else days

    def clean(self) -> dict[str, Any]:
        """Refuse hosts of one's own where this console does not allow them."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("region") == regions.CUSTOM:
            if not settings.CONSOLE_ALLOW_CUSTOM_HOSTS:
                raise ValidationError(
                    {"region": "Hosts of one's own need CONSOLE_ALLOW_CUSTOM_HOSTS=true. Choose one of the domains."}
                )
            for name in ("api_url", "login_url"):
                if not cleaned.get(name):
                    self.add_error(name, "Custom hosts need this address.")
        elif cleaned.get("api_url") or cleaned.get("login_url"):
            self.add_error("region", "Addresses of one's own go with “custom hosts” only. Empty them or choose that.")
        return cleaned


class AdministratorForm(TenantForm):
    """What the administrators of a tenant may change of it."""

    api_url = login_url = client_secret = None  # type: ignore[assignment]  # how Django leaves a field of the parent out

    class Meta(TenantForm.Meta):
        fields = tuple(name for name in TenantForm.Meta.fields if name in access.ADMINISTRATOR_SETS)


class TrackChoiceForm(forms.Form):
    """Where to look for objects: a tenant and a type."""

    tenant = forms.ModelChoiceField(queryset=Tenant.objects.none(), to_field_name="slug", empty_label=None)
    type = forms.ChoiceField()

    def __init__(self, *args: Any, user: "AbstractBaseUser | AnonymousUser", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenants = self.fields["tenant"]
        assert isinstance(tenants, forms.ModelChoiceField)  # noqa: S101 - for the type checker; declared above
        tenants.queryset = access.tenants_with_role(user, Role.OPERATOR)
        types = self.fields["type"]
        assert isinstance(types, forms.ChoiceField)  # noqa: S101
        types.choices = [(rtype.name, f"{rtype.title} ({rtype.name})") for rtype in catalogue.all_types()]
