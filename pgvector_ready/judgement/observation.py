"""One probe, judged, and how it stands in the row of those before it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pgvector_ready.judgement.failures import Failure
from pgvector_ready.judgement.report import Report


class ProvisioningState(StrEnum):
    """What start-up made of the extension."""

    PENDING = "pending"
    ALREADY_ENABLED = "already_enabled"
    CREATED = "created"
    UPDATED = "updated"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Where start-up stands; `blocked` is what its last attempt met, `is_done` the latch."""

    state: ProvisioningState = ProvisioningState.PENDING
    attempts: int = 0
    is_done: bool = False
    blocked: Failure | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What one probe found, judged, and how it stands in the row of those before it."""

    report: Report
    provisioning: Provisioning
    since: datetime
    consecutive_failures: int
