"""How one answer of the platform stands to what live was when it was last seen: the same, older, or crossed by another.

The rule that these serve is told in `tenants.capture`.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from tenants.resource_types import projection
from tenants.resource_types.definition import ResourceType, VersionRule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tenants.documents import Value
    from tenants.models import Snapshot, TrackedConfig
    from tenants.remote.answers import Answer


def shows(live: "Snapshot | None", rtype: ResourceType, value: "Mapping[str, Value]", answer: "Answer") -> bool:
    """Tell whether an answer shows exactly what live was: same version, digest and ETag."""
    return (
        live is not None
        and (rtype.version_rule is VersionRule.NONE or live.version == projection.version_of(rtype, value))
        and (None if live.etag is None else bytes(live.etag)) == answer.etag
        and live.digest == projection.content_digest(rtype, value)
    )


def etag_alone(live: "Snapshot | None", rtype: ResourceType, value: "Mapping[str, Value]", answer: "Answer") -> bool:
    """Tell whether an answer shows live under another ETag than it had, and nothing else: perhaps a gateway's doing."""
    return (
        live is not None
        and live.etag is not None
        and rtype.version_rule is not VersionRule.NONE
        and live.version == projection.version_of(rtype, value)
        and bytes(live.etag) != answer.etag
        and live.digest == projection.content_digest(rtype, value)
    )


def crossed(live: "Snapshot | None", rtype: ResourceType, value: "Mapping[str, Value]", answer: "Answer") -> bool:
    """Tell whether a differing answer's request had begun before what is live was kept, so that it may be the older."""
    if live is None or live.digest == projection.content_digest(rtype, value):
        return False
    return live.captured_at > answer.received_at - timedelta(milliseconds=answer.elapsed_ms)


def is_older(live: "Snapshot", rtype: ResourceType, value: "Mapping[str, Value]") -> bool:
    """Tell whether an answer shows an earlier state than live: by its number, or by its date where there is none."""
    if rtype.version_rule is not VersionRule.NONE:
        shown = projection.version_of(rtype, value)
        return shown is not None and shown < live.version
    written = projection.written_at(value)
    return (
        live.digest != projection.content_digest(rtype, value)
        and written is not None
        and live.written_at is not None
        and written < live.written_at
    )


def is_settled(config: "TrackedConfig", rtype: ResourceType, *, now: "datetime") -> bool:
    """Tell whether live was first seen longer ago than a read may be stale."""
    first_seen = config.changed_at or (config.live.captured_at if config.live is not None else None)
    return first_seen is None or first_seen + timedelta(seconds=rtype.visibility_horizon_seconds) <= now
