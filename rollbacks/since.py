"""What is different since somebody approved: between the plan that they signed and the one that they are asked for.

An approval is void when live moves, and the same way back planned on the new live is another plan. Whoever has read the
first one needs to read only this: how live moved (the base), what is sent otherwise (the bodies), and which changes the
write now makes that it did not make then, or makes no more (the effect).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from rollbacks import approving, differences, showing
from rollbacks.models import Approval, Rollback, Step
from tenants import archive
from tenants.documents import Change, Difference, Value
from tenants.resource_types import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """How one write is sent otherwise."""

    title: str
    same: bool
    rows: Sequence[showing.ChangeRow]
    before: str
    """The SHA-256 that was signed; empty for a write that was not planned then."""
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The difference since an approval."""

    approval: Approval
    earlier: Rollback
    same_plan: bool
    """Whether the plan is the one that was signed, byte for byte, and only what is around it changed."""
    because: str
    base: Sequence[showing.ChangeRow]
    bodies: Sequence[Body]
    new: Sequence[showing.ChangeRow]
    """What is changed on live that was not to be changed then."""
    gone: Sequence[showing.ChangeRow]
    """What was to be changed then and is no more."""
    kept: int
    """So many changes are the same as then."""
    problem: str = ""

    def to_json(self) -> dict[str, Value]:
        """Give CONTRACT.md's `since`."""
        return {
            "approved": str(self.earlier.pk),
            "by": self.approval.approver.get_username(),
            "because": self.because,
            "same_plan": self.same_plan,
            "base": self.earlier.base.version,
            "live_changed": len(self.base),
            "changes_new": [row.where for row in self.new],
            "changes_gone": [row.where for row in self.gone],
            "changes_same": self.kept,
        }


def since_approval(rollback: Rollback, user: User) -> Since | None:
    """Give the difference since this person last approved this request or one whose place it takes; None otherwise."""
    approval = (
        approving.approved_before(rollback)
        .filter(approver=user)
        .select_related(
            "rollback__config", "rollback__base__document", "rollback__target__document", "rollback__reverts"
        )
        .first()
    )
    if approval is None or Approval.objects.filter(rollback=rollback, approver=user, voided_at__isnull=True).exists():
        return None
    return _since(rollback, approval)


def _since(rollback: Rollback, approval: Approval) -> Since:
    earlier = approval.rollback
    because = approval.void_because or earlier.explanation
    if approval.plan_digest == rollback.plan_digest:
        return _nothing(approval, earlier, because, same_plan=True)
    try:
        base = differences.between_bases(earlier, rollback)
        before, after = differences.difference_of(earlier), differences.difference_of(rollback)
        bodies = _bodies(earlier, rollback)
    except (archive.UnusableContent, catalogue.UnknownType) as error:
        return _nothing(
            approval, earlier, because, same_plan=False, problem=f"It cannot be told what is different. {error}"
        )
    then, now = {_key(one) for one in _told(before)}, {_key(one) for one in _told(after)}
    return Since(
        approval=approval,
        earlier=earlier,
        same_plan=False,
        because=because,
        base=showing.change_rows(base.changes),
        bodies=bodies,
        new=showing.change_rows(one for one in _told(after) if _key(one) not in then),
        gone=showing.change_rows(one for one in _told(before) if _key(one) not in now),
        kept=len(then & now),
    )


def _nothing(approval: Approval, earlier: Rollback, because: str, *, same_plan: bool, problem: str = "") -> Since:
    return Since(
        approval=approval,
        earlier=earlier,
        same_plan=same_plan,
        because=because,
        base=(),
        bodies=(),
        new=(),
        gone=(),
        kept=0,
        problem=problem,
    )


def _bodies(earlier: Rollback, later: Rollback) -> list[Body]:
    then = {_place(step): step for step in earlier.steps.all()}
    found = []
    for step in later.steps.all():
        before = then.get(_place(step))
        same = before is not None and before.body_sha256 == step.body_sha256
        rows = showing.change_rows(differences.between_bodies(before, step).changes) if before and not same else []
        sha256 = before.body_sha256 if before is not None else ""
        found.append(Body(title=step.title, same=same, rows=rows, before=sha256, after=step.body_sha256))
    return found


def _place(step: Step) -> tuple[str, str, str]:
    return step.kind, step.resource_type, step.object_id


def _told(difference: Difference) -> list[Change]:
    return [change for change in difference.changes if not change.volatile]


def _key(change: Change) -> str:
    """Give what makes two changes the same: the kind, the place by its names, and both sides."""
    return repr((change.kind, change.trail, change.before, change.after))
