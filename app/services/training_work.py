"""What a trainer does with a job: retrain by a protocol, or compare a package with the one in production.

Every step looks for what an earlier attempt left, so that after a kill the next trainer goes on where the last stopped,
and doing a job twice leaves one candidate. The locked people are written to the disk only after the identity of what
was fitted is stored.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import OperationalError

from app.services import model_store
from app.services.device_lock import DeviceLock
from app.services.disjointness import Disjointness, proof_of_disjointness
from app.services.pulse import Pulse
from app.services.replay_data import ReplayPlan, ensure_replay
from app.services.retraining_checks import check_people, check_resources
from app.services.training_attempt import Attempt, gate_options, identity_of, transform_of
from app.services.training_jobs import EVALUATE, RETRAIN, protocol_json
from app.services.training_live import LiveView
from app.services.training_run import RunFolder, read_json, remove_old_sequences, write_whole
from app.settings import Settings
from clinic_data import audit, cohorts, jobs, model_registry, retrainings
from clinic_data.database import Database
from clinic_data.file_vault import FileVault
from clinic_data.retraining_tables import Cohort, Retraining, TrainingRole
from clinic_data.tables import Job, ModelVersion, Origin, Stage
from fgait_core.config.retraining import AcceptanceConfig, RetrainConfig, RetrainingProtocol
from fgait_core.errors import ConfigError
from fgait_core.gate_report import GateReport

if TYPE_CHECKING:
    from sqlmodel import Session

    from fgait_core.package_content import Transform

_SLACK_S = 3600.0
_OWN_SUFFIX = re.compile(r"-r\d+-[0-9a-f]{8}$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """Does the jobs of one trainer.

    Attributes:
        settings: device, folders and limits.
        database: where jobs and results are.
        storage: where silhouettes and packages are.
        worker: the name under which jobs are held.
        device: the lock that the trainer holds while a job runs; programs of the engine hold it, too.
        replay_people: simulated people for training and for calibration.
    """

    settings: Settings
    database: Database
    storage: FileVault
    worker: str
    device: DeviceLock
    replay_people: tuple[int, int] = (600, 300)

    def prepare(self) -> str:
        """Nothing is loaded here: networks run in programs of their own. Sequences of runs given up long ago go."""
        remove_old_sequences(self.settings.data_dir)
        return f"computes on {', '.join(self.device.devices)}"

    def limit_s(self, job: Job) -> float:
        """The time of the protocol, which the run keeps by itself, and more: this ends a trainer that hangs."""
        return 60.0 * self._protocol_of(job).budget.minutes + _SLACK_S

    def limit_words(self, job: Job) -> str:
        """What the administrator is told then."""
        minutes = self._protocol_of(job).budget.minutes
        return f"The work did not end in the {minutes:g} minutes of its protocol, nor could it be stopped. Retry it."

    def do(self, job: Job, pulse: Pulse) -> None:
        """Does one job and stores its result.

        Raises:
            OperationCancelled: if the user asked for a stop.
            FGaitError: a fault with a text for the administrator.
        """
        if job.kind == RETRAIN:
            self._retrain(job, pulse)
        elif job.kind == EVALUATE:
            self._evaluate(job, pulse)
        else:
            raise ConfigError(f"This release knows no training job of the kind {job.kind!r}.")

    def _protocol_of(self, job: Job) -> RetrainingProtocol:
        with self.database.reading() as session:
            if job.kind == RETRAIN:
                retraining = retrainings.get_retraining(session=session, retraining_id=job.payload["retraining_id"])
                return RetrainingProtocol.model_validate(retraining.protocol)
            cohort = cohorts.get_cohort(session=session, cohort_id=job.payload["cohort_id"])
        return RetrainingProtocol(
            task=cohort.task, acceptance=AcceptanceConfig.model_validate(job.payload["acceptance"])
        )

    def _retrain(self, job: Job, pulse: Pulse) -> None:
        with self.database.reading() as session:
            retraining = retrainings.get_retraining(session=session, retraining_id=job.payload["retraining_id"])
            cohort = cohorts.get_cohort(session=session, cohort_id=retraining.cohort_id)
            base = model_registry.get_version(session=session, model_version_id=retraining.base_version_id)
        run = self._opened(job, pulse, cohort, retraining.id, retraining)
        if retraining.candidate_version_id is None:
            self._fit(run, retraining, base)
            report = self._compare(run, base, run.folder.fitted, run.folder.package, own=True)
            self._register(run, retraining, base, report)
        run.folder.tidy()
        self._finish_retraining(run, retraining.id)

    def _evaluate(self, job: Job, pulse: Pulse) -> None:
        with self.database.reading() as session:
            cohort = cohorts.get_cohort(session=session, cohort_id=job.payload["cohort_id"])
            version = model_registry.get_version(session=session, model_version_id=job.payload["model_version_id"])
        run = self._opened(job, pulse, cohort, job.id)
        folder = model_store.package_folder(self.settings, self.database, self.storage, version.id)
        report = self._compare(run, version, folder, None, own=False)
        run.folder.tidy()
        with self.database.transaction() as session:
            stage = _stage_after(model_registry.get_version(session=session, model_version_id=version.id), report)
            model_registry.set_gate_report(
                session=session, model_version_id=version.id, report=report.model_dump(mode="json"), stage=stage
            )
            self._finish(session, run, version.id, report.passed, "model.compared", "model_version", version.id)

    def _opened(
        self, job: Job, pulse: Pulse, cohort: Cohort, identity: str, retraining: Retraining | None = None
    ) -> Attempt:
        """The folder of the run and all that its steps need, if this machine can do it and everybody still agrees."""
        protocol = self._protocol_of(job)
        with self.database.reading() as session:
            checks = [
                *check_people(session, self.storage, cohort),
                *check_resources(self.settings, protocol, cohorts.entries(cohort)),
            ]
        if failed := [check.words for check in checks if not check.passed]:
            raise ConfigError(" ".join(failed))
        if protocol.budget.processes > len(self.device.devices):
            raise ConfigError(
                f"The protocol asks for {protocol.budget.processes} GPUs, this trainer has {len(self.device.devices)}. "
                "Start a trainer with FGAIT_TRAINING_PROCESSES set, or choose fewer."
            )
        folder = RunFolder.opened(self.settings.data_dir, identity)
        live = LiveView(self._store_live(retraining), pulse.progress, folder.log, folder.metrics)
        return Attempt(self.storage, self.device, job, pulse, cohort, protocol, folder, live, folder.spent_s(job.id))

    def _store_live(self, retraining: Retraining | None) -> Callable[[dict[str, Any]], None]:
        def store(live: dict[str, Any]) -> None:
            if retraining is None:
                return
            try:
                with self.database.transaction() as session:
                    retrainings.set_live(session=session, retraining_id=retraining.id, live=live)
            except OperationalError:
                _log.warning("The live view of retraining %s could not be stored.", retraining.id)

        return store

    def _fit(self, run: Attempt, retraining: Retraining, base: ModelVersion) -> None:
        """Leaves a fitted package whose identity is stored; without that, nothing of the locked people is written."""
        shutil.rmtree(run.folder.gate, ignore_errors=True)
        fitted = identity_of(run.folder.fitted)
        if fitted is None:
            shutil.rmtree(run.folder.fitted, ignore_errors=True)  # a package that is not whole
        if fitted is None or fitted != retraining.fitted_sha256:
            package = model_store.package_folder(self.settings, self.database, self.storage, base.id)
            self._fit_package(run, package, retraining, base)
        with self.database.transaction() as session:
            retrainings.set_fitted(
                session=session, retraining_id=retraining.id, sha256=identity_of(run.folder.fitted) or ""
            )

    def _fit_package(self, run: Attempt, package: Path, retraining: Retraining, base: ModelVersion) -> None:
        from fgait_core.config.files import save_config

        transform = transform_of(package)
        run.live.begin(0.0, 0.05, "Reading the recordings to learn from")
        run.write_role(TrainingRole.DEVELOPMENT, transform.frame_rate_hz, run.folder.development)
        replay = self._replay(run, transform) if run.protocol.changes_encoder else (None, None)
        config = RetrainConfig(
            kind="retrain",
            base=run.folder.relative(package),
            development=run.folder.relative(run.folder.development),
            replay=replay[0] and run.folder.relative(replay[0]),
            replay_calibration=replay[1] and run.folder.relative(replay[1]),
            name=base.name,
            version=f"{_OWN_SUFFIX.sub('', base.version)}-r{retraining.number}-{run.cohort.manifest_sha256[:8]}",
            protocol=run.protocol,
        )
        save_config(run.folder.config, config)
        run.live.begin(0.15, 0.8, "Fitting")
        run.command("retrain", str(run.folder.config), "--out", str(run.folder.fit))

    def _replay(self, run: Attempt, transform: Transform) -> tuple[Path, Path]:
        def simulate(arguments: Sequence[str], words: str) -> None:
            run.live.begin(0.05, 0.15, words)
            run.command(*arguments)

        plan = ReplayPlan.fitting(self.replay_people, transform.frame_rate_hz, transform.window_frames)
        return ensure_replay(self.settings.data_dir, plan, simulate)

    def _compare(
        self, run: Attempt, version: ModelVersion, candidate: Path, package: Path | None, *, own: bool
    ) -> GateReport:
        """Opens the gate: proves that nobody in it was trained on, and compares. An earlier report is taken again."""
        if not run.folder.report.exists():
            proof = self._prove(run, version, own=own)
            production = model_store.production(self.database)
            in_use = model_store.package_folder(self.settings, self.database, self.storage, production.id)
            run.live.begin(0.8, 0.85, "Reading the recordings of the locked people")
            run.write_role(TrainingRole.GATE, transform_of(candidate).frame_rate_hz, run.folder.gate)
            write_whole(run.folder.protocol, protocol_json(run.protocol))
            run.live.begin(0.85, 0.97, "Comparing with the version in production")
            run.command("gate", str(candidate), *gate_options(run, in_use, proof, package))
        return GateReport.model_validate_json(run.folder.report.read_text(encoding="utf-8"))

    def _prove(self, run: Attempt, version: ModelVersion, *, own: bool) -> Disjointness:
        with self.database.reading() as session:
            proof = proof_of_disjointness(session, run.cohort, version, own=own)
        if not proof.holds:
            raise ConfigError(proof.words)
        return proof

    def _register(self, run: Attempt, retraining: Retraining, base: ModelVersion, report: GateReport) -> None:
        run.live.begin(0.97, 1.0, "Storing the candidate")
        config = {"protocol": retraining.protocol, "protocol_sha256": retraining.protocol_sha256}
        version = model_store.register_package(
            self.database,
            self.storage,
            run.folder.package,
            stage=Stage.CANDIDATE if report.passed else Stage.REJECTED,
            origin=Origin.RETRAINED,
            parent_id=base.id,
            manifest_sha256=run.cohort.manifest_sha256,
            config=config,
            environment=read_json(run.folder.environment),
            gate_report=report.model_dump(mode="json"),
            actor_id=retraining.requested_by,
        )
        with self.database.transaction() as session:
            retrainings.set_candidate(session=session, retraining_id=retraining.id, model_version_id=version.id)

    def _finish_retraining(self, run: Attempt, retraining_id: str) -> None:
        run.live.begin(1.0, 1.0, "Done")
        with self.database.transaction() as session:
            retraining = retrainings.get_retraining(session=session, retraining_id=retraining_id)
            version_id = retraining.candidate_version_id or ""
            version = model_registry.get_version(session=session, model_version_id=version_id)
            passed = bool((version.gate_report or {}).get("passed"))
            self._finish(session, run, version_id, passed, "retraining.finished", "retraining", retraining_id)

    def _finish(
        self,
        session: Session,
        run: Attempt,
        version_id: str,
        passed: bool,
        action: str,
        subject_type: str,
        subject_id: str,
    ) -> None:
        result = {"model_version_id": version_id, "passed": passed}
        jobs.finish(session=session, job_id=run.job.id, worker=self.worker, result=result)
        audit.record(
            session=session,
            actor_id=run.job.created_by,
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            details={**result, "job_id": run.job.id, "cohort_id": run.cohort.id},
        )


def _stage_after(version: ModelVersion, report: GateReport) -> Stage:
    """Where a compared version stands; too few people decide nothing."""
    if not report.possible:
        return version.stage
    return Stage.CANDIDATE if report.passed else Stage.REJECTED
