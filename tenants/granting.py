"""The roles that there are, and the two ways to them beside a grant by hand: groups, and an identity provider's claims.

`tenants.models` brings these to Django; `access` says what each role may do and who holds which.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Role(models.TextChoices):
    """What somebody may be in a tenant; each of them may look."""

    VIEWER = "viewer", "viewer: may look"
    OPERATOR = "operator", "operator: may request and carry out rollbacks"
    APPROVER = "approver", "approver: may approve what others requested"
    AUDITOR = "auditor", "auditor: may read and export the audit trail"
    TENANT_ADMIN = (
        "administrator",
        "tenant administrator: may change the tenant's settings, memberships and freezes",
    )
    INCIDENT = "incident", "incident commander: may override a freeze and break glass"


class Origin(models.TextChoices):
    """How a membership came about."""

    HAND = "hand", "granted by hand"
    CLAIMS = "claims", "from the identity provider"


class GroupRole(models.Model):
    """A role that everybody in a group holds in a tenant."""

    group = models.ForeignKey("auth.Group", on_delete=models.PROTECT, related_name="tenant_roles")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="group_roles")
    role = models.CharField(max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("tenant__name", "group__name", "role")
        verbose_name = "role of a group"
        verbose_name_plural = "roles of groups"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("group", "tenant", "role"), name="group_role_once"),
            models.CheckConstraint(name="group_role_known", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"the group {self.group} is {self.role} in {self.tenant}"


class ClaimRole(models.Model):
    """A role that whoever signs in with a certain claim holds in a tenant, until their next sign-in says otherwise."""

    claim = models.CharField(
        max_length=100,
        help_text="The name of the claim, such as groups; a dot leads into an object, as in realm_access.roles.",
    )
    value = models.CharField(max_length=300, help_text="What it says, or what one of its list says, to the letter.")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="claim_roles")
    role = models.CharField(max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("tenant__name", "claim", "value", "role")
        verbose_name = "role by a claim"
        verbose_name_plural = "roles by claims"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("claim", "value", "tenant", "role"), name="claim_role_once"),
            models.CheckConstraint(name="claim_role_known", condition=Q(role__in=Role.values)),
            models.CheckConstraint(name="claim_role_of_something", condition=~Q(claim="") & ~Q(value="")),
        ]

    def __str__(self) -> str:
        return f"{self.claim} {self.value} is {self.role} in {self.tenant}"
