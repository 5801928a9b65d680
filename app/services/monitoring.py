"""Monitoring: whether what comes in, and what the model says of it, is as it was when the version began its work.

Administrators see shares and medians of weeks and devices, never a patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlmodel import Session

from app.services.monitoring_agreement import AgreementRow, agreement_rows
from app.services.monitoring_export import agreement_csv, weekly_csv
from app.services.monitoring_facts import of_version, start_of, week_of
from app.services.monitoring_view import MonitoringView, Plan, make_view
from app.services.permissions import Actor, Permission, require
from clinic_data import audit, model_registry, monitoring
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.monitoring import ScreeningFact
from clinic_data.tables import ModelVersion, Stage

_READ_AT_ONCE = timedelta(weeks=4)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """A model version that can be looked at.

    Attributes:
        version: its row.
        screenings: how many recordings it scored.
    """

    version: ModelVersion
    screenings: int


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Use cases around drift and agreement."""

    database: Database

    def versions(self, actor: Actor | None) -> tuple[VersionChoice, ...]:
        """The version in production first, then the others that scored recordings, newest first."""
        require(actor, Permission.READ_MONITORING)
        with self.database.reading() as session:
            counted = monitoring.screened_versions(session=session)
            rows = model_registry.list_versions(session=session)
        chosen = [row for row in rows if row.stage is Stage.PRODUCTION or row.id in counted]
        chosen.sort(key=lambda row: row.stage is not Stage.PRODUCTION)
        return tuple(VersionChoice(row, counted.get(row.id, 0)) for row in chosen)

    def view(
        self, actor: Actor | None, model_version_id: str, plan: Plan, now: datetime | None = None
    ) -> MonitoringView:
        """Compares the weeks of a version with its reference.

        Args:
            actor: who asks.
            model_version_id: the version.
            plan: what is compared with what.
            now: the present moment, given by tests.

        Raises:
            ValidationError: if the period of the reference ends before it begins.
        """
        require(actor, Permission.READ_MONITORING)
        now = now or utc_now()
        with self.database.reading() as session:
            version = model_registry.get_version(session=session, model_version_id=model_version_id)
            worked = monitoring.screening_period(session=session, model_version_id=version.id)
            first, last = worked or (now, now)
            reference = _reference(session, version.id, plan, first, now)
            if plan.period is not None:
                begins = _days(plan.period)[1]
            else:
                begins = reference[-1].at + _MOMENT if reference else now
            ends = now if version.stage is Stage.PRODUCTION else last + _MOMENT
            window = start_of(week_of(ends) - plan.weeks - plan.rules.together)
            later = _facts(session, version.id, max(begins, window), ends)
        return make_view(version, now, plan, reference, later, week_of(ends))

    def agreement(self, actor: Actor | None, model_version_id: str) -> tuple[AgreementRow, ...]:
        """Each task's scores of the version against the outcomes known so far: all, then by quarter, newest first."""
        require(actor, Permission.READ_MONITORING)
        with self.database.reading() as session:
            worked = monitoring.screening_period(session=session, model_version_id=model_version_id)
            if worked is None:
                return ()
            since, last = worked
            facts = monitoring.confirmed(session=session, since=since, until=last + _MOMENT)
        return agreement_rows([fact for fact in facts if fact.model_version_id == model_version_id])

    def export(self, actor: Actor | None, model_version_id: str, plan: Plan) -> bytes:
        """The weekly table as CSV; writes into the audit log that it was given out."""
        actor = require(actor, Permission.READ_MONITORING)
        content = weekly_csv(self.view(actor, model_version_id, plan))
        self._audit(actor, model_version_id, "weeks")
        return content

    def export_agreement(self, actor: Actor | None, model_version_id: str) -> bytes:
        """The agreement with outcomes as CSV; writes into the audit log that it was given out."""
        actor = require(actor, Permission.READ_MONITORING)
        content = agreement_csv(self.agreement(actor, model_version_id))
        self._audit(actor, model_version_id, "agreement")
        return content

    def _audit(self, actor: Actor, model_version_id: str, table: str) -> None:
        with self.database.transaction() as session:
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="monitoring.exported",
                subject_type="model_version",
                subject_id=model_version_id,
                details={"table": table},
            )


def _days(period: tuple[date, date]) -> tuple[datetime, datetime]:
    begins, ends = (datetime.combine(day, time(), UTC) for day in period)
    if ends < begins:
        raise ValidationError("The reference ends before it begins. Choose its first day, then its last.")
    return begins, ends + timedelta(days=1)


def _facts(session: Session, version_id: str, since: datetime, until: datetime) -> list[ScreeningFact]:
    return of_version(monitoring.screenings(session=session, since=since, until=until), version_id)


def _reference(session: Session, version_id: str, plan: Plan, first: datetime, now: datetime) -> list[ScreeningFact]:
    """The screenings of the period, or the first ones, which are looked for a few weeks at a time."""
    if plan.period is not None:
        return _facts(session, version_id, *_days(plan.period))
    found: list[ScreeningFact] = []
    since = first
    while len(found) < plan.reference_size and since <= now:
        found += _facts(session, version_id, since, since + _READ_AT_ONCE)
        since += _READ_AT_ONCE
    return found[: plan.reference_size]
