"""Model versions as administrators manage them: compared, promoted by two people, rolled back by one, exchanged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError as UnreadableReport
from sqlmodel import Session

from app.services import model_store, shadow
from app.services.disjointness import assert_gate_unseen
from app.services.model_promotion import ModelPromotion
from app.services.model_use_cases import MIN_REASON, audit_model, checked_reason
from app.services.package_exchange import KeyView, PackageExchange
from app.services.package_signature import OwnKey
from app.services.permissions import Actor, Permission, require
from app.services.shadow import MAX_DAYS, ShadowSummary
from app.services.training_jobs import EVALUATE, TRAIN_CPU
from clinic_data import cohorts, jobs, model_registry, promotions, retrainings
from clinic_data.clock import utc_now
from clinic_data.errors import ClinicDataError, ConflictError, ValidationError
from clinic_data.paging import MAX_LIMIT
from clinic_data.retraining_tables import Promotion, Retraining
from clinic_data.tables import Job, JobState, ModelVersion, Stage
from fgait_core.config.retraining import AcceptanceConfig
from fgait_core.gate_report import GateReport

__all__ = ["MAX_DAYS", "MIN_REASON", "KeyView", "ModelList", "ModelView", "Models", "OwnKey", "ShadowSummary"]

_EVALUATED = (Stage.QUARANTINE, Stage.CANDIDATE, Stage.RETIRED)


@dataclass(frozen=True, slots=True)
class ModelList:
    """All versions and what may be done with the one in production.

    Attributes:
        versions: newest first.
        production: the version that screens; None until the first worker has started.
        roll_back_target: what a roll-back would put into production; None where nothing was there before.
        open_request: the request that waits for a second person.
        promotions: the newest requests and roll-backs, newest first.
    """

    versions: tuple[ModelVersion, ...]
    production: ModelVersion | None
    roll_back_target: ModelVersion | None
    open_request: Promotion | None
    promotions: tuple[Promotion, ...]


@dataclass(frozen=True, slots=True)
class ModelView:
    """One version with all that is known of it.

    Attributes:
        version: the version.
        lineage: itself, then what it descends from.
        report: how it compared with the version in production then; None where it was not compared.
        card: the model card as Markdown; empty where the package is missing.
        promotions: its requests and roll-backs, newest first.
        shadow: what shadow scoring has shown.
        evaluation: the job that compares it now, or None.
        obstacle: why no promotion can be asked for now; empty where one can.
        retraining: what made it; None where it came with the software or from another clinic.
    """

    version: ModelVersion
    lineage: tuple[ModelVersion, ...]
    report: GateReport | None
    card: str
    promotions: tuple[Promotion, ...]
    shadow: ShadowSummary
    evaluation: Job | None
    obstacle: str
    retraining: Retraining | None


class Models(ModelPromotion, PackageExchange):
    """Use cases around model versions; promotion and exchange are in modules of their own."""

    __slots__ = ()

    def list(self, actor: Actor | None) -> ModelList:
        """All versions, what is in production, and what waits for a decision."""
        require(actor, Permission.MANAGE_MODELS)
        with self.database.reading() as session:
            return ModelList(
                versions=tuple(model_registry.list_versions(session=session)),
                production=model_registry.production_version(session=session),
                roll_back_target=promotions.roll_back_target(session=session),
                open_request=promotions.open_request(session=session),
                promotions=promotions.list_promotions(session=session, limit=50, offset=0).rows,
            )

    def get(self, actor: Actor | None, model_version_id: str) -> ModelView:
        """One version with all that is known of it."""
        require(actor, Permission.MANAGE_MODELS)
        with self.database.reading() as session:
            version = model_registry.get_version(session=session, model_version_id=model_version_id)
            every = promotions.list_promotions(session=session, limit=MAX_LIMIT, offset=0).rows
            return ModelView(
                version=version,
                lineage=tuple(model_registry.lineage(session=session, model_version_id=model_version_id)),
                report=_report(version),
                card=model_store.card_text(self.storage, version),
                promotions=tuple(each for each in every if version.id in (each.to_version_id, each.from_version_id)),
                shadow=shadow.summary(session, version),
                evaluation=_open_evaluation(session, version.id),
                obstacle=_obstacle(session, version),
                retraining=retrainings.find_for_candidate(session=session, model_version_id=version.id),
            )

    def reject(self, actor: Actor | None, model_version_id: str, reason: str) -> ModelVersion:
        """Rules a version out for good; its package is kept, because results may name it.

        Raises:
            ConflictError: if it is in production, rejected already, or somebody asks to promote it.
            ValidationError: if the reason is too short.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        reason = checked_reason(reason)
        with self.database.transaction() as session:
            request = promotions.open_request(session=session)
            if request is not None and request.to_version_id == model_version_id:
                raise ConflictError("Somebody asks to promote this version: refuse or withdraw that request first.")
            version = model_registry.set_stage(session=session, model_version_id=model_version_id, stage=Stage.REJECTED)
            audit_model(session, actor, "model.rejected", model_version_id, {"reason": reason})
        return version

    def start_shadow(self, actor: Actor | None, model_version_id: str, days: int) -> ModelVersion:
        """Lets a version score each new screening beside the one in production; no clinician sees it.

        Raises:
            ConflictError: if the version is neither a candidate nor retired.
            ValidationError: if the days are not 1 to 90.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        if not 1 <= days <= MAX_DAYS:
            raise ValidationError(f"Shadow scoring runs for 1 to {MAX_DAYS} days.")
        self._assert_loads(model_version_id)
        with self.database.transaction() as session:
            until = utc_now() + timedelta(days=days)
            version = model_registry.set_shadow(session=session, model_version_id=model_version_id, until=until)
            audit_model(session, actor, "model.shadow_started", model_version_id, {"days": days})
        return version

    def stop_shadow(self, actor: Actor | None, model_version_id: str) -> ModelVersion:
        """Ends shadow scoring; what it has shown is kept."""
        actor = require(actor, Permission.MANAGE_MODELS)
        with self.database.transaction() as session:
            version = model_registry.set_shadow(session=session, model_version_id=model_version_id, until=None)
            audit_model(session, actor, "model.shadow_stopped", model_version_id, {})
        return version

    def evaluate(self, actor: Actor | None, model_version_id: str, cohort_id: str, acceptance: AcceptanceConfig) -> Job:
        """Queues the comparison of a version with the one in production, on the locked people of a cohort.

        Raises:
            ConflictError: if the version is in production or rejected, or is being compared already.
            NotFoundError: if there is no such version or cohort.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        with self.database.transaction() as session:
            version = model_registry.get_version(session=session, model_version_id=model_version_id)
            cohort = cohorts.get_cohort(session=session, cohort_id=cohort_id)
            _assert_may_be_compared(session, version)
            payload = {"model_version_id": version.id, "cohort_id": cohort.id}
            job = jobs.enqueue(
                session=session,
                kind=EVALUATE,
                payload=payload | {"acceptance": acceptance.model_dump(mode="json")},
                queue=self.settings.training_queue or TRAIN_CPU,
                created_by=actor.user_id,
            )
            details = {"job_id": job.id, "cohort_id": cohort.id}
            audit_model(session, actor, "model.evaluation_queued", version.id, details)
        return job


def _report(version: ModelVersion) -> GateReport | None:
    """The stored comparison; None where there is none that this release can read."""
    try:
        return None if version.gate_report is None else GateReport.model_validate(version.gate_report)
    except UnreadableReport:
        return None


def _obstacle(session: Session, version: ModelVersion) -> str:
    """Why no promotion of a version can be asked for now."""
    if promotions.open_request(session=session) is not None:
        return "A request is open already. It has to be approved, refused or withdrawn first."
    try:
        promotions.assert_promotable(version, model_registry.production_version(session=session))
        assert_gate_unseen(session=session, version=version)
    except ClinicDataError as error:
        return str(error)
    return ""


def _open_evaluation(session: Session, model_version_id: str) -> Job | None:
    for state in (JobState.RUNNING, JobState.QUEUED):
        for job in jobs.list_jobs(session=session, state=state, limit=MAX_LIMIT, offset=0).rows:
            if job.kind == EVALUATE and job.payload.get("model_version_id") == model_version_id:
                return job
    return None


def _assert_may_be_compared(session: Session, version: ModelVersion) -> None:
    if version.stage not in _EVALUATED:
        raise ConflictError(f"{model_store.label_of(version)} is {version.stage.value}; there is nothing to compare.")
    if _open_evaluation(session, version.id) is not None:
        raise ConflictError(f"{model_store.label_of(version)} is being compared already.")
