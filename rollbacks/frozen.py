"""A rollback as it is stored: the plan of a survey frozen into a row, whoever asks for it."""

from typing import Any

from rollbacks.models import Rollback
from rollbacks.surveys import Live, Survey


def of_survey(survey: Survey, live: Live, **asked: Any) -> Rollback:
    """Give the unsaved rollback of a survey in which no guard refused, planned on `live`.

    `asked` are the fields that a survey does not know: who asked, when, why, and how long it may wait.
    """
    rollback = Rollback(
        tenant=survey.config.tenant,
        config=survey.config,
        target=survey.target,
        base=live.snapshot,
        base_version=live.base.version,
        base_etag=live.base.etag,
        base_digest=live.base.digest,
        target_digest=survey.target_digest,
        expected_version=survey.expected_version,
        notes=list(survey.notes),
        guard_level=survey.guard_level,
        type_profile=survey.rtype.profile,
        plan_digest=survey.plan_digest,
        despite_label=survey.despite_label,
        confirm_minutes=survey.confirm_minutes,
        **asked,
    )
    if survey.wanted is not None:
        rollback.only, rollback.keep = list(survey.wanted.only), list(survey.wanted.keep)
    return rollback
