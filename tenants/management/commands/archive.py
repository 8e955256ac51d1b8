"""`archive size`, `archive check`, `archive pack`, `archive retention`."""

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any, cast

from django.utils import timezone

from tenants import actions, addresses, repacking, retention, weighing
from tenants.models import Tenant
from tenants.terminal import ExitCode, Stopped, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.documents import Value

PACK_SECONDS = 10.0


def positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


class Command(TerminalCommand):
    help = "Say what the archive of versions takes, prove it, or drop what a tenant need not keep."
    steps = ("size", "check", "pack", "retention")

    def add_arguments(self, parser: "ArgumentParser") -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="size|check|pack|retention")
        size = steps.add_parser("size", help="say how much room versions take, of one tenant or of all")
        size.add_argument("slug", nargs="?")
        check = steps.add_parser("check", help="read every version back and prove it against its SHA-256")
        check.add_argument("slug", nargs="?")
        pack = steps.add_parser("pack", help="take documents from before the chains into them now")
        keep = steps.add_parser(
            "retention", help="show what the tenant's retention would drop; with --confirm drop exactly that"
        )
        keep.add_argument("slug")
        doing = keep.add_mutually_exclusive_group()
        doing.add_argument("--dry-run", action="store_true", help="only show it, as without --confirm")
        doing.add_argument("--confirm", metavar="DIGEST", help="drop exactly what the dry run with this digest showed")
        keep.add_argument("--days", type=positive, metavar="N", help="show what keeping N days would drop instead")
        keep.add_argument("--versions", type=positive, metavar="N", help="show what keeping the last N would drop")
        for step in (size, check, pack, keep):
            super().add_arguments(step)

    def run(self, **options: Any) -> ExitCode:
        match options["step"]:
            case "size":
                return self._size(options["slug"])
            case "check":
                return self._check(options["slug"])
            case "pack":
                return self._pack()
            case _:
                return self._retention(options)

    def _size(self, slug: str | None) -> ExitCode:
        weight = weighing.weigh(addresses.find_tenant(None, slug) if slug else None)
        if self.as_json:
            names = ("versions", "documents", "raw", "stored", "chains", "not_packed", "on_disk")
            self.print_json({name: getattr(weight, name) for name in names})
            return ExitCode.DONE
        self.tell(
            f"{weight.versions:,} versions of {weight.raw:,} bytes are {weight.documents:,} documents of "
            f"{weight.stored:,} bytes in {weight.chains:,} chains: {weight.times_smaller:.0f} times smaller."
        )
        if weight.on_disk is not None:
            self.tell(f"With their rows and indexes they take {weight.on_disk:,} bytes on disk.")
        if weight.not_packed:
            self.tell(
                f"{weight.not_packed:,} documents are not packed yet; a worker does it, or: manage.py archive pack"
            )
        return ExitCode.DONE

    def _check(self, slug: str | None) -> ExitCode:
        tenants = [addresses.find_tenant(None, slug)] if slug else list(Tenant.objects.order_by("slug"))
        wrong: list[Value] = []
        sentences = []
        with self.progress() as line:
            for tenant in tenants:
                line.say(f"Reading every version of {tenant.slug} …")
                for snapshot, why in weighing.unreadable(tenant):
                    address = snapshot.config.address
                    told = {"tenant": tenant.slug, "config": address, "version": snapshot.version, "message": str(why)}
                    wrong.append(cast("Value", told))
                    sentences.append(f"{tenant.slug} {address} v{snapshot.version}: {why}")
        if self.as_json:
            self.print_json({"holds": not wrong, "unusable": wrong})
        for sentence in sentences:
            self.warn(sentence)
        if not wrong:
            self.tell("Every version reads back exactly.")
        return ExitCode.ERROR if wrong else ExitCode.DONE

    def _pack(self) -> ExitCode:
        taken = 0
        with self.progress() as line:
            while some := repacking.take_in_some(seconds=PACK_SECONDS):
                taken += some
                line.say(f"{taken:,} documents packed …")
        if self.as_json:
            self.print_json({"packed": taken})
        self.tell(f"{taken:,} documents were packed." if taken else "There was nothing left to pack.")
        return ExitCode.DONE

    def _retention(self, options: dict[str, Any]) -> ExitCode:
        tenant = addresses.find_tenant(None, options["slug"])
        tried = (
            retention.Rule(days=options["days"], versions=options["versions"])
            if options["days"] or options["versions"]
            else None
        )
        if options["confirm"]:
            if tried is not None:
                raise WrongUse(
                    "Only the tenant's own rule drops versions; --days and --versions show what another would do. "
                    "Nothing was dropped. Set the rule on the tenant's form."
                )
            return self._drop(tenant, options["confirm"])
        plan = actions.plan_retention(tenant, tried)
        if self.as_json:
            self.print_json(_as_json(plan))
        else:
            self._show(plan)
        if tried is not None:
            self.tell("Nothing was dropped: this is no rule of the tenant. Set it on the tenant's form first.")
        elif plan.dropped:
            self.tell(
                f"Nothing was dropped. To drop exactly this, today: manage.py archive retention {tenant.slug} "
                f"--confirm {plan.digest}"
            )
        return ExitCode.DONE

    def _show(self, plan: retention.Plan) -> None:
        begins = plan.rule.begins(timezone.now())
        since = f", that is, what was in force since {begins:%Y-%m-%d} (UTC)" if begins else ""
        self.tell(f"{plan.tenant.slug} keeps {plan.rule.words}{since}.")
        if plan.configs:
            self.table(
                ("object", "versions", "would go", "which"),
                [
                    (one.config.address, f"{one.versions:,}", f"{len(one.dropped):,}", _ranges(one))
                    for one in plan.configs
                ],
                numbers=(1, 2),
            )
        kept = ", ".join(f"{count:,} as {why}" for why, count in sorted(plan.kept_for.items()))
        self.tell(
            f"{plan.dropped:,} of {plan.versions:,} versions would go, with {plan.freed:,} bytes"
            + (f"; older ones stay: {kept}." if kept else ".")
        )

    def _drop(self, tenant: Tenant, digest: str) -> ExitCode:
        try:
            done = actions.drop_versions(tenant, shown=digest, acting_user=None)
        except retention.NotAsShown as error:
            raise Stopped(str(error), ExitCode.REFUSED) from error
        if self.as_json:
            self.print_json(
                {
                    "dropped": done.versions,
                    "documents": done.documents,
                    "repacked": done.repacked,
                    "left": list(done.left),
                }
            )
        self.tell(
            f"{done.versions:,} versions were dropped, and {done.documents:,} documents that nothing else shows; "
            f"{done.repacked:,} others were packed anew. The schedule goes on by the same rule."
        )
        for sentence in done.left:
            self.warn(sentence)
        return ExitCode.REFUSED if done.left else ExitCode.DONE


def _as_json(plan: retention.Plan) -> dict[str, Any]:
    return {
        "tenant": plan.tenant.slug,
        "rule": {"days": plan.rule.days, "versions": plan.rule.versions},
        "digest": plan.digest,
        "versions": plan.versions,
        "would_drop": plan.dropped,
        "bytes": plan.freed,
        "kept_for": dict(sorted(plan.kept_for.items())),
        "configs": [
            {"config": one.config.address, "versions": one.versions, "would_drop": [v.number for v in one.dropped]}
            for one in plan.configs
        ],
    }


def _ranges(one: retention.ConfigPlan, *, most: int = 4) -> str:
    """Give the numbers of what would go, with a dash where several follow each other."""
    ranges: list[list[int]] = []
    for number in (version.number for version in one.dropped):
        if ranges and number - ranges[-1][1] <= 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    said = [f"v{first}" if first == last else f"v{first}–v{last}" for first, last in ranges]
    return ", ".join(said[:most]) + (" …" if len(said) > most else "")
