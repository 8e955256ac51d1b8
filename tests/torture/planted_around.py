"""Planted bugs that show where people act while workers do, and on the wire below the HTTP client (`planted`)."""

from typing import Final

from tests.torture.planting import Mutant, Patch

_NEVER: Final = """\
    total=0, connect=0, read=False, redirect=False, status=0, other=0, respect_retry_after_header=False
"""

PEOPLE: Final = (
    Mutant(
        name="approvals are not counted in T1",
        breaks="T1 does not ask whether the approvals of this very plan are there",
        patches=[Patch("rollbacks.last_checks", "        _approved(rollback),\n", "")],
        hint=23,
        way="people",
    ),
    Mutant(
        name="the plan's digest is not compared",
        breaks="what is stored is sent without asking whether it is what was signed",
        patches=[
            Patch(
                "rollbacks.facts",
                "    return frozen_digest(rollback) != rollback.plan_digest or any(\n",
                "    return False and any(\n",
            )
        ],
        hint=7,
        way="people",
    ),
    Mutant(
        name="expired, and begun all the same",
        breaks="T1 does not ask whether the request's time is over",
        patches=[
            Patch("rollbacks.transitions", "        if locked.expires_at <= now:\n", "        if not now:\n"),
        ],
        hint=28,
        way="people",
    ),
    Mutant(
        name="a freeze is ignored",
        breaks="neither T1 nor a send asks whether the tenant is frozen by now, nor what approvals were given under",
        patches=[
            Patch(
                "rollbacks.last_checks",
                "    return guards.check_tenant(frozen=row.frozen,",
                "    return guards.check_tenant(frozen=False,",
            ),
            Patch(
                "rollbacks.approving",
                "        elif approval.circumstances != circumstances:\n",
                "        elif not circumstances and person.pk is None:\n",
            ),
        ],
        hint=8,
        way="people",
    ),
    Mutant(
        name="a freeze window is ignored",
        breaks="neither T1 nor a send asks whether a freeze window has been added by now, or since it was approved",
        patches=[
            Patch("rollbacks.freezing", "    return check(rollback)\n", '    return guards.check_freeze("")\n'),
            Patch(
                "rollbacks.approving",
                "        elif approval.circumstances != circumstances:\n",
                "        elif not circumstances and person.pk is None:\n",
            ),
        ],
        hint=146,
        way="people",
    ),
    Mutant(
        name="the lock is gone",
        breaks="two attempts may be open on one object: the partial unique index and T1's check before it are gone",
        patches=[
            Patch(
                "rollbacks.last_checks",
                "        guards.check_in_flight(one_object.open_attempt_on_any(config, steps)),\n",
                "",
            )
        ],
        sql=["DROP INDEX one_open_attempt_a_config"],
        hint=5,
        way="people",
    ),
    Mutant(
        name="the ETag alone is compared",
        breaks="live counts as unmoved when its ETag is the approved one, whatever its version",
        patches=[
            Patch(
                "rollbacks.verdicts",
                "    if live.version == guarded.base_version:\n",
                "    if live.version == guarded.base_version or live.etag == guarded.base_etag != None:\n",
            ),
            Patch(
                "rollbacks.verdicts",
                "        live.version == guarded.base_version\n        and live.digest == guarded.base_digest\n",
                "        (live.version == guarded.base_version or guarded.level == 'A')\n"
                "        and live.digest == guarded.base_digest\n",
            ),
        ],
        hint=33,
        way="people",
    ),
)

WIRE: Final = (
    Mutant(
        name="retry on the session",
        breaks="the session of requests repeats what broke, as a retry policy of urllib3 does",
        patches=[
            Patch(
                "tenants.remote.transport",
                _NEVER,
                "    total=3, allowed_methods=None\n",
            )
        ],
        hint=5,
        way="wire",
    ),
    Mutant(
        name="retry of a status on the session",
        breaks="the session repeats a write that was answered with 502, 503 or 504",
        patches=[
            Patch(
                "tenants.remote.transport",
                _NEVER,
                "    total=3, allowed_methods=None, status_forcelist=(502, 503, 504), raise_on_status=False\n",
            )
        ],
        hint=54,
        way="wire",
    ),
    Mutant(
        name="gzip on the guard's reads",
        breaks="packed answers are asked for and unpacked, and the gateway's ETag for them stands in for the object's",
        patches=[
            Patch("tenants.remote.client", '"Accept-Encoding": "identity"', '"Accept-Encoding": "gzip, deflate"'),
            Patch(
                "tenants.remote.transport",
                "raw.read(_CHUNK, decode_content=False)",
                "raw.read(_CHUNK, decode_content=True)",
            ),
            Patch(
                "tenants.remote.transport",
                '    if body and encoding not in ("", "identity"):\n',
                '    if body and encoding not in ("", "identity", "gzip"):\n',
            ),
        ],
        hint=1,
        way="wire",
    ),
)
