"""One probe, judged, and how it stands in the row of those before it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pgvector_ready.judgement.failures import Failure
from pgvector_ready.judgement.report import Report


class ProvisioningState(StrEnum):
    """The result of enabling the extension at start-up."""

    PENDING = "pending"
    ALREADY_ENABLED = "already_enabled"
    CREATED = "created"
    UPDATED = "updated"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Provisioning:
    """The progress of start-up: `blocked` is the failure of the last attempt; `is_done`, once True, stays so."""

    state: ProvisioningState = ProvisioningState.PENDING
    attempts: int = 0
    is_done: bool = False
    blocked: Failure | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """The judged result of one probe, with how long this state has lasted."""

    report: Report
    provisioning: Provisioning
    since: datetime
    consecutive_failures: int
