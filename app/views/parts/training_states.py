"""Where retrainings, checks and versions stand, in one or two words."""

from __future__ import annotations

from app.services.retraining import Check, RetrainingView
from app.views.parts import gate_report, look
from app.views.parts.words import later, tr
from clinic_data.tables import Job, JobState, ModelVersion, Origin, Stage
from fgait_core.gate_report import GateReport

_JOBS = {
    JobState.QUEUED: (later("waiting for a trainer"), "neutral"),
    JobState.RUNNING: (later("running"), "wait"),
    JobState.DONE: (later("done"), "ok"),
    JobState.FAILED: (later("failed"), "positive"),
    JobState.CANCELLED: (later("cancelled"), "neutral"),
    JobState.REFUSED: (later("refused"), "positive"),
}
_STAGES = {
    Stage.QUARANTINE: (later("quarantine"), "wait"),
    Stage.CANDIDATE: (later("candidate"), "neutral"),
    Stage.PRODUCTION: (later("in production"), "ok"),
    Stage.RETIRED: (later("retired"), "neutral"),
    Stage.REJECTED: (later("rejected"), "positive"),
}
ORIGINS = {
    Origin.BUNDLED: later("came with the software"),
    Origin.RETRAINED: later("retrained here"),
    Origin.IMPORTED: later("imported from another clinic"),
}


def job_pill(job: Job | None) -> str:
    """Of the job that does the work."""
    words, kind = _JOBS[job.state] if job is not None else (later("not queued"), "neutral")
    return look.pill(tr(words), kind)


def run_pills(view: RetrainingView) -> str:
    """Of a retraining: its job, then what the gate said."""
    pills = [job_pill(view.job)]
    report = report_of(view.candidate)
    if report is not None:
        pills.append(gate_report.pill(report))
    if view.cohort.simulated:
        pills.append(look.pill(tr("simulated people"), "wait"))
    return " ".join(pills)


def stage_pill(version: ModelVersion) -> str:
    """Of a model version."""
    words, kind = _STAGES[version.stage]
    return look.pill(tr(words), kind)


def check_pill(check: Check) -> str:
    """Of a check before the start."""
    if check.passed:
        return look.pill(tr("good"), "ok")
    return look.pill(tr("cannot start"), "positive") if check.blocking else look.pill(tr("note"), "wait")


def report_of(version: ModelVersion | None) -> GateReport | None:
    """The comparison that a version carries, or None where it was never compared."""
    if version is None or version.gate_report is None:
        return None
    return GateReport.model_validate(version.gate_report)
