"""The list of planted bugs: what each one breaks, and the exact text that it puts in the place of another.

Where the console keeps a promise twice over, a bug takes both defences away, and says so.
"""

from typing import Final

from tests.torture.planted_around import PEOPLE, WIRE
from tests.torture.planting import Mutant, Patch

_JUDGE: Final = """\
    if live is None:
        return Wait(overdue=horizon_over, why="The object could not be read.")
    if not sends:
"""
_FIELDS: Final = '"outcome": _OUTCOME_OF_REFUSAL[no.refusal],'
_AGAIN: Final = """\
def _again(send: Any) -> Any:
    def sending(*what: Any, **how: Any) -> Any:
        try:
            return send(*what, **how)
        except RemoteUnknown:
            return send(*what, **how)

    return sending


"""
_OUTCOME: Final = """\
        stepping.move_baselines(attempt, rollback)
        audit.append(
            "write.outcome",
"""

ANSWERS: Final = (
    Mutant(
        name="a 2xx is read as proof",
        breaks="a 2xx proves that the write was ours even where the platform names another author",
        patches=[
            Patch(
                "rollbacks.verdicts",
                "proven = ours or (confirmed and ours is None)",
                "proven = ours or confirmed",
            )
        ],
        hint=2,
        way="people",
    ),
    Mutant(
        name="a 409 is read as a failure",
        breaks="a 409 counts as refused for good, although the first copy may have won",
        patches=[
            Patch(
                "rollbacks.driving",
                _FIELDS,
                '"outcome": SendOutcome.REFUSED if answer.status == 409 else _OUTCOME_OF_REFUSAL[no.refusal],',
            )
        ],
        hint=205,
    ),
    Mutant(
        name="a 412 ends it unseen",
        breaks="a 412 closes the attempt as not applied, without a look at live",
        patches=[
            Patch(
                "rollbacks.driving",
                _FIELDS,
                '"outcome": SendOutcome.REFUSED if answer.status == 412 else _OUTCOME_OF_REFUSAL[no.refusal],',
            ),
            Patch(
                "rollbacks.verdicts",
                _JUDGE,
                _JUDGE.replace(
                    "    if not sends:\n",
                    "    if sends and sends[-1].outcome is SendOutcome.REFUSED:\n"
                    "        return Close(Verdict.NOT_APPLIED)\n"
                    "    if not sends:\n",
                ),
            ),
        ],
        hint=57,
    ),
    Mutant(
        name="no read-back",
        breaks="the verdict is taken from a 2xx, and the object is not judged after it",
        patches=[
            Patch(
                "rollbacks.verdicts",
                _JUDGE,
                _JUDGE.replace(
                    "    if not sends:\n",
                    "    if sends and sends[-1].outcome is SendOutcome.APPLIED:\n"
                    "        return Close(Verdict.VERIFIED)\n"
                    "    if not sends:\n",
                ),
            )
        ],
        hint=2,
    ),
    Mutant(
        name="a foreign author is ignored",
        breaks="a named author counts as evidence of our write, whoever it names",
        patches=[
            Patch(
                "rollbacks.verdicts",
                "    ours, confirmed = authorship(guarded, seen), _confirmed(guarded, sends)\n"
                "    evidence: dict[str, object] = {}\n",
                "    ours, confirmed = authorship(guarded, seen) is not None or None, _confirmed(guarded, sends)\n"
                "    evidence: dict[str, object] = {}\n",
            )
        ],
        hint=1,
    ),
    Mutant(
        name="an equal write is claimed",
        breaks="the right content under the next version counts as written by us, whoever put it there",
        patches=[
            Patch("rollbacks.verdicts", "proven = ours or (confirmed and ours is None)", "proven = True"),
        ],
        hint=197,
    ),
    Mutant(
        name="the clock decides",
        breaks="what live does not show by the end of the horizon counts as not applied",
        patches=[
            Patch(
                "rollbacks.verdicts",
                """\
        return SendNow("Live has not moved through the whole horizon; the guard lets at most one copy land.")
""",
                """\
        return Close(Verdict.NOT_APPLIED, {"because": "the time is over"})
""",
            )
        ],
        hint=94,
    ),
)

SENDING: Final = (
    Mutant(
        name="woken past its lease, it sends",
        breaks="a send asks neither who holds the lease nor whether the attempt is still open",
        patches=[
            Patch(
                "rollbacks.transitions",
                "pk=attempt.pk, state=Attempt.State.OPEN, driver=lease.driver, driven_until__gt=now",
                "pk=attempt.pk",
            ),
        ],
        hint=114,
    ),
    Mutant(
        name="retry in the client",
        breaks="the client sends a write again where nobody knows what came of it",
        patches=[
            Patch(
                "tenants.remote.client",
                "            answer = self._minded(\n                method,\n",
                "            answer = _again(self._minded)(\n                method,\n",
            ),
            Patch("tenants.remote.client", "def _not_sent(kind:", f"{_AGAIN}def _not_sent(kind:"),
        ],
        hint=5,
    ),
    Mutant(
        name="a 401 renews and repeats",
        breaks="the client renews the token of a write and sends it again, as it does for a read",
        patches=[
            Patch(
                "tenants.remote.client",
                "            self._forget(token)\n        if answer.status < 200 or",
                "            self._forget(token)\n"
                "            answer = self._with_renewal(method, path, headers, body)\n"
                "        if answer.status < 200 or",
            )
        ],
        hint=1,
    ),
    Mutant(
        name="body built again",
        breaks="a copy's body is spelled anew from values instead of the frozen bytes",
        patches=[
            Patch(
                "rollbacks.driving",
                "        body = bytes(self.step.body)\n",
                "        body = bytes(self.step.body)\n"
                "        if send.number > 1:\n"
                '            body = __import__("json").dumps(__import__("json").loads(body)).encode()\n',
            )
        ],
        hint=2,
    ),
    Mutant(
        name="again on a new base",
        breaks="after a lost race the body and If-Match are made anew on what stands now, and sent unapproved",
        patches=[
            Patch(
                "rollbacks.verdicts",
                "    confirmed = _confirmed(guarded, sends)\n    if live.version == guarded.expected_version:\n",
                "    if sends[-1].outcome is SendOutcome.LOST_RACE and len(sends) < MAX_SENDS:\n"
                '        return SendNow("Once more, on what stands now.")\n'
                "    confirmed = _confirmed(guarded, sends)\n    if live.version == guarded.expected_version:\n",
            ),
            Patch(
                "rollbacks.driving",
                "        body = bytes(self.step.body)\n",
                "        body = bytes(self.step.body)\n"
                "        if send.number > 1 and look.answer is not None and isinstance(look.live, Seen):\n"
                "            if_match = look.answer.etag\n"
                "            target, base = archive.bytes_of(self.rollback.target), look.live.version\n"
                "            rtype, live = self.looking.rtype, look.answer.body\n"
                "            body = build_body(rtype, target=target, live=live, base_version=base).raw\n",
            ),
            Patch(
                "rollbacks.driving",
                "from rollbacks.plans import usable_for_if_match\n",
                "from rollbacks.plans import build_body, usable_for_if_match\n",
            ),
        ],
        hint=100,
    ),
    Mutant(
        name="ETag unquoted",
        breaks="If-Match carries the ETag without its quotes",
        patches=[
            Patch(
                "rollbacks.driving",
                "if_match=if_match if usable_for_if_match(if_match) else None,",
                "if_match=if_match.strip(b'\"') if if_match else None,",
            )
        ],
        hint=10,
    ),
    Mutant(
        name="recovery sends first",
        breaks="whoever takes over a send without an answer sends it again before reading",
        patches=[
            Patch(
                "rollbacks.driving",
                "            self.attempt.refresh_from_db()\n            sends = list(self.attempt.sends.all())\n",
                "            self.attempt.refresh_from_db()\n"
                "            pending = self.attempt.sends.last()\n"
                "            if pending is not None and not pending.outcome and not self._send(Look(None)):\n"
                "                break\n"
                "            sends = list(self.attempt.sends.all())\n",
            )
        ],
        hint=92,
    ),
    Mutant(
        name="the dead keep their lease",
        breaks="recovery passes by whatever has a driver, however long its lease has been over",
        patches=[
            Patch(
                "rollbacks.applying",
                "if attempt.driven_until is not None and attempt.driven_until >= now:",
                "if attempt.driven_until is not None:",
            ),
            Patch(
                "rollbacks.applying",
                "        opened = opened.filter(Q(look_again_at__isnull=True) | Q(look_again_at__lte=now))\n",
                "        opened = opened.filter(Q(look_again_at__isnull=True) | Q(look_again_at__lte=now), "
                "driven_until=None)\n",
            ),
        ],
        hint=99,
    ),
)

RECORDING: Final = (
    Mutant(
        name="T2 without the state check",
        breaks="a verdict is written over one that stands: neither the attempt's state nor the rollback's is asked",
        patches=[
            Patch(
                "rollbacks.transitions",
                "        closed = Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN).update(\n",
                "        closed = Attempt.objects.filter(pk=attempt.pk).update(\n",
            ),
            Patch(
                "rollbacks.transitions",
                "            _move(rollback, state, verdict=shown, explanation=explanation)\n",
                "            Rollback.objects.filter(pk=rollback.pk).update(\n"
                "                state=state, verdict=shown, explanation=explanation\n"
                "            )\n"
                "            rollback.refresh_from_db()\n",
            ),
        ],
        hint=155,
    ),
    Mutant(
        name="T1 in two halves",
        breaks="the rollback is moved in one transaction, and the attempt with its intent comes in the next",
        patches=[
            Patch(
                "rollbacks.transitions",
                '        _move(locked, State.APPLYING, refusals=[], explanation="", run_requested_at=None)\n',
                '        _move(locked, State.APPLYING, refusals=[], explanation="", run_requested_at=None)\n'
                "    with transaction.atomic():\n",
            )
        ],
        hint=86,
    ),
    Mutant(
        name="sent before its intent",
        breaks="the write leaves before T1 has made its intent durable",
        patches=[
            Patch(
                "rollbacks.applying",
                "    lease = leases.Lease(driving.driver_name(), pace.lease)\n    try:\n",
                "    lease = leases.Lease(driving.driver_name(), pace.lease)\n"
                "    step = rollback.steps.get(number=1)\n"
                '    if_match = bytes(step.base_etag or b"") or None\n'
                "    platform.write(step.method, step.path, bytes(step.body), if_match=if_match)\n"
                "    try:\n",
            )
        ],
        hint=10,
    ),
    Mutant(
        name="a COMMIT without an answer is a yes",
        breaks="the bytes leave although nobody knows whether their send is on record",
        patches=[
            Patch(
                "rollbacks.transitions",
                "    with transaction.atomic():\n        refusing = last",
                "    with suppress(OperationalError), transaction.atomic():\n        refusing = last",
            ),
            Patch(
                "rollbacks.transitions",
                "from django.db import transaction\n",
                "from contextlib import suppress\nfrom django.db import OperationalError, transaction\n",
            ),
        ],
        hint=42,
    ),
    Mutant(
        name="outcome outside the transaction",
        breaks="the verdict is committed first, and its entry is appended in a transaction of its own",
        patches=[
            Patch(
                "rollbacks.transitions",
                _OUTCOME,
                "        stepping.move_baselines(attempt, rollback)\n"
                "    with transaction.atomic():\n"
                '        audit.append(\n            "write.outcome",\n',
            )
        ],
        hint=133,
    ),
    Mutant(
        name="a failure is not on record",
        breaks="only what was applied gets an outcome in the trail",
        patches=[
            Patch(
                "rollbacks.transitions",
                _OUTCOME,
                "        stepping.move_baselines(attempt, rollback)\n"
                "        (audit.append if state is State.APPLIED else lambda *_, **__: None)(\n"
                '            "write.outcome",\n',
            )
        ],
        hint=100,
    ),
    Mutant(
        name="a copy is not on record",
        breaks="a write that is sent again leaves no entry in the trail",
        patches=[
            Patch("rollbacks.transitions", "        if number > 1:\n", "        if number > 1000:\n"),
        ],
        hint=2,
    ),
)

MUTANTS: Final = (*ANSWERS, *SENDING, *RECORDING, *PEOPLE, *WIRE)
