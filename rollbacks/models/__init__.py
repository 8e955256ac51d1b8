"""Rollbacks, their steps, who approved them, every attempt and send, the audit trail, and its checkpoints.

The trail points to what it speaks of, so everything it points to is protected from deletion. What must never happen is
refused by the database: a second open attempt on an object, a second approval by the same person, a gap or a fork in a
tenant's chain, a change of an entry.
"""

from rollbacks.models.attempts import Attempt, PropagationWatch, Send
from rollbacks.models.attestations import Inquiry
from rollbacks.models.confirmations import Confirmation
from rollbacks.models.emergencies import BrokenGlass
from rollbacks.models.freezes import FreezeOverride, FreezeWindow, Schedule
from rollbacks.models.notices import Notice
from rollbacks.models.probes import GuardProbe
from rollbacks.models.requests import Approval, Rollback, Step
from rollbacks.models.trail import AuditEntry, AuditHead, Checkpoint, SinkState

__all__ = [
    "Approval",
    "Attempt",
    "AuditEntry",
    "AuditHead",
    "BrokenGlass",
    "Checkpoint",
    "Confirmation",
    "FreezeOverride",
    "FreezeWindow",
    "GuardProbe",
    "Inquiry",
    "Notice",
    "PropagationWatch",
    "Rollback",
    "Schedule",
    "Send",
    "SinkState",
    "Step",
]
