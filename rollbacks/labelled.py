"""What labels say of the target of a rollback: asked with every survey, and again under the lock before the intent."""

from rollbacks import guards
from rollbacks.models import Rollback
from tenants import labelling
from tenants.models import Snapshot, TrackedConfig


def against(config: TrackedConfig, target: Snapshot, *, target_digest: str) -> labelling.Against:
    """Give what labels say against a target and against the content that a write would leave."""
    return labelling.against(config, target, digests=[target_digest])


def check(config: TrackedConfig, target: Snapshot, *, target_digest: str, despite: str) -> guards.Check:
    """Judge the labels of a target and of the content that a write would leave."""
    found = against(config, target, target_digest=target_digest)
    good = "" if found.good is None else found.good.words
    return guards.check_label(found.sentences, good=good, despite=despite, version=target.version)


def check_of(rollback: Rollback) -> guards.Check:
    """Judge the labels of a stored plan as they stand now."""
    return check(rollback.config, rollback.target, target_digest=rollback.target_digest, despite=rollback.despite_label)
