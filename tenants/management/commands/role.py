"""`role list`, `role grant|revoke SLUG ROLE (--user U | --group G | --claim C=V)`, `role join|leave GROUP USER`."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, User

from tenants import access, actions, addresses, entitling
from tenants.access import Role
from tenants.granting import ClaimRole, GroupRole
from tenants.models import Membership
from tenants.terminal import ExitCode, TerminalCommand, WrongUse, find_user

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.models import Tenant


class Command(TerminalCommand):
    help = "Say who holds which role in a tenant, and grant and revoke roles: to people, to groups, by claims."
    steps = ("list", "grant", "revoke", "join", "leave")

    def add_arguments(self, parser: "ArgumentParser") -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="|".join(self.steps))
        listing = steps.add_parser("list", help="who holds which role in a tenant, and how they came to it")
        listing.add_argument("slug", metavar="SLUG")
        grant = steps.add_parser("grant", help="give a role in a tenant")
        revoke = steps.add_parser("revoke", help="take it away")
        for step in (grant, revoke):
            step.add_argument("slug", metavar="SLUG")
            step.add_argument("role", metavar="ROLE", choices=Role.values, help=", ".join(Role.values))
            to = step.add_mutually_exclusive_group(required=True)
            to.add_argument("--user", metavar="USER", help="to one person")
            to.add_argument("--group", metavar="GROUP", help="to everybody in a group")
            to.add_argument("--claim", metavar="CLAIM=VALUE", help="to whoever signs in with this claim")
        join = steps.add_parser("join", help="put somebody into a group, which is made where it is missing")
        leave = steps.add_parser("leave", help="take somebody out of a group")
        for step in (join, leave):
            step.add_argument("group", metavar="GROUP")
            step.add_argument("user", metavar="USER")
        for step in (listing, grant, revoke, join, leave):
            step.add_argument("--as", dest="acting", metavar="USER", help="who does it; default: this terminal")
            super().add_arguments(step)

    def run(self, **options: Any) -> ExitCode:
        acting = find_user(options["acting"]) if options["acting"] else None
        if options["step"] in {"join", "leave"}:
            return self._move(
                options["group"], find_user(options["user"]), join=options["step"] == "join", acting=acting
            )
        tenant = addresses.find_tenant(acting, options["slug"])
        if options["step"] == "list":
            return self._list(tenant)
        role = Role(options["role"])
        grants = options["step"] == "grant"
        if options["user"] is not None:
            whom = self._person(tenant, role, find_user(options["user"]), grants=grants, acting=acting)
        elif options["group"] is not None:
            whom = self._group(tenant, role, options["group"], grants=grants, acting=acting)
        else:
            whom = self._claim(tenant, role, options["claim"], grants=grants, acting=acting)
        if self.as_json:
            self.print_json({"tenant": tenant.slug, "role": role.value, "to": whom, "granted": grants})
        self.tell(f"{whom} is {role.value} in {tenant.slug}{'' if grants else ' no longer'}.")
        return ExitCode.DONE

    def _list(self, tenant: "Tenant") -> ExitCode:
        held = access.held_in(tenant)
        rules = [
            *(
                (f"group {row.group}", row.role)
                for row in GroupRole.objects.filter(tenant=tenant).select_related("group")
            ),
            *((f"claim {row.claim}={row.value}", row.role) for row in ClaimRole.objects.filter(tenant=tenant)),
        ]
        if self.as_json:
            self.print_json(
                {
                    "tenant": tenant.slug,
                    "held": [{"user": one.person.get_username(), "role": one.role, "by": one.by} for one in held],
                    "rules": [{"of": of, "role": role} for of, role in rules],
                }
            )
            return ExitCode.DONE
        self.table(("WHO", "ROLE", "HOW"), [(one.person.get_username(), one.role, one.by or "by hand") for one in held])
        if rules:
            self.tell("")
            self.table(("GIVES A ROLE", "ROLE"), rules)
        return ExitCode.DONE

    def _person(self, tenant: "Tenant", role: Role, person: User, *, grants: bool, acting: User | None) -> str:
        name = person.get_username()
        if grants:
            actions.grant_role(person, tenant, role, acting_user=acting)
            return name
        rows = Membership.objects.select_related("tenant", "user").filter(user=person, tenant=tenant, role=role)
        row = rows.order_by("-origin").first()
        if row is None:
            raise WrongUse(f"{name} was not granted {role.value} in {tenant.slug}. Nothing was revoked.")
        actions.revoke_role(row, acting_user=acting)
        return name

    def _group(self, tenant: "Tenant", role: Role, name: str, *, grants: bool, acting: User | None) -> str:
        group = Group.objects.filter(name=name).first()
        if grants and group is not None:
            entitling.give_group_role(group, tenant, role, acting_user=acting)
            return f"the group {name}"
        row = GroupRole.objects.select_related("tenant", "group").filter(group=group, tenant=tenant, role=role).first()
        if group is None or row is None:
            raise WrongUse(f"There is no group {name!r} with anything to change there. Nothing was done.")
        entitling.take_group_role(row, acting_user=acting)
        return f"the group {name}"

    def _claim(self, tenant: "Tenant", role: Role, words: str, *, grants: bool, acting: User | None) -> str:
        claim, equals, value = words.partition("=")
        if not equals:
            raise WrongUse(f"{words!r} is no CLAIM=VALUE. Nothing was done.")
        if grants:
            entitling.add_claim_role(claim, value, tenant, role, acting_user=acting)
            return f"whoever signs in with {claim}={value}"
        rules = ClaimRole.objects.select_related("tenant").filter(claim=claim, value=value, tenant=tenant, role=role)
        rule = rules.first()
        if rule is None:
            raise WrongUse(f"{words} gives no {role.value} in {tenant.slug}. Nothing was done.")
        entitling.remove_claim_role(rule, acting_user=acting)
        return f"whoever signs in with {claim}={value}"

    def _move(self, name: str, person: User, *, join: bool, acting: User | None) -> ExitCode:
        group = Group.objects.filter(name=name).first()
        if group is None and not join:
            raise WrongUse(f"There is no group {name!r}. Nothing was done.")
        group = group or Group(name=name)
        people = set(User.objects.filter(groups=group)) if group.pk else set()
        people = people | {person} if join else people - {person}
        entitling.keep_group(group, people, acting_user=acting)
        if self.as_json:
            names = sorted(one.get_username() for one in people)
            self.print_json({"group": name, "people": names})  # type: ignore[dict-item]
        self.tell(f"{person.get_username()} is {'in' if join else 'not in'} the group {name}.")
        return ExitCode.DONE
