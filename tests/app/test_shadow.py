"""A candidate scores beside the version in production: nobody sees it, nothing depends on it, and it adds up."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from fast_engine import score
from model_packages import freeze_cohort, make_package, make_promotable, register, register_bundled
from stored import do_next_job, screen

from app.services.screening import ChosenClip
from clinic_data import model_registry, outcomes, shadow_scores
from clinic_data.clock import utc_now
from clinic_data.outcomes import OutcomeData
from clinic_data.tables import ModelVersion


@pytest.fixture
def candidate(clinic, tmp_path: Path) -> ModelVersion:
    register_bundled(clinic)
    return make_promotable(clinic, make_package(tmp_path / "candidate", "9.1"), freeze_cohort(clinic))


def scores_of(clinic, version: ModelVersion) -> list:
    with clinic.services.database.reading() as session:
        return shadow_scores.list_for_version(session=session, model_version_id=version.id)


def add_score(clinic, assessment_id: str, version: ModelVersion, *scores: dict) -> None:
    with clinic.services.database.transaction() as session:
        shadow_scores.add(
            session=session, assessment_id=assessment_id, model_version_id=version.id, scores=list(scores)
        )


def test_the_same_silhouettes_are_scored_while_it_runs(clinic, candidate: ModelVersion) -> None:
    models, administrator = clinic.services.models, clinic.administrator
    before = screen(clinic)
    models.start_shadow(administrator, candidate.id, 7)
    during = screen(clinic)
    models.stop_shadow(administrator, candidate.id)
    after = screen(clinic)
    ((shadow, assessment),) = scores_of(clinic, candidate)
    assert assessment.id == during
    assert [each["task"] for each in shadow.scores] == ["scoliosis", "depression"]
    assert {each["model_version"] for each in shadow.scores} == {"9.1"}
    # What the clinician sees is the same with and without it, and names the version in production.
    shown = [clinic.services.screening.assessment(clinic.clinician, each) for each in (before, during, after)]
    assert len({each.model_version_id for each in shown} - {candidate.id}) == 1
    assert shown[0].result["scores"] == shown[1].result["scores"]
    summary = models.get(administrator, candidate.id).shadow
    assert [(each.task, each.recordings) for each in summary.tasks] == [("depression", 1), ("scoliosis", 1)]
    assert not summary.running


def test_it_ends_by_itself(clinic, candidate: ModelVersion) -> None:
    with clinic.services.database.transaction() as session:
        model_registry.set_shadow(
            session=session, model_version_id=candidate.id, until=utc_now() - timedelta(seconds=1)
        )
    screen(clinic)
    assert not scores_of(clinic, candidate)
    assert not clinic.services.models.get(clinic.administrator, candidate.id).shadow.running


def test_a_fault_beside_a_screening_never_fails_it(
    clinic, candidate: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    models, storage = clinic.services.models, clinic.services.storage
    sound = register(clinic, make_package(tmp_path / "sound", "9.2"))
    for version in (candidate, sound):
        models.start_shadow(clinic.administrator, version.id, 7)
    storage.delete(candidate.package_key)
    for path in (clinic.services.settings.data_dir / "models" / candidate.sha256).iterdir():
        path.unlink()
    assert screen(clinic)
    assert not scores_of(clinic, candidate)
    assert len(scores_of(clinic, sound)) == 1
    assert "Incident" in caplog.text
    monkeypatch.setattr(model_registry, "shadowing", lambda **_: 1 / 0)
    assert screen(clinic)


def test_the_summary_counts_what_changes_and_what_was_right(clinic, candidate: ModelVersion) -> None:
    # The version that screens says 0.71 of scoliosis: above its threshold of 0.42, {positive}.
    said = [(0.81, ("positive",)), (0.41, ("negative", "positive")), (0.30, ("negative",)), (0.90, ("positive",))]
    labels = ["positive", "positive", "negative", None]
    for (probability, members), label in zip(said, labels, strict=True):
        assessment_id = screen(clinic)
        add_score(clinic, assessment_id, candidate, score("scoliosis", probability, members))
        if label is not None:
            data = OutcomeData.checked(
                task="scoliosis", label=label, method="radiograph", examined_on=date(2026, 1, 5), note=""
            )
            with clinic.services.database.transaction() as session:
                outcomes.record_outcome(
                    session=session,
                    assessment_id=assessment_id,
                    data=data,
                    expected_id=None,
                    actor_id=clinic.clinician.user_id,
                )
    (task,) = clinic.services.models.get(clinic.administrator, candidate.id).shadow.tasks
    assert (task.task, task.recordings, task.changed_side) == ("scoliosis", 4, 2)
    assert task.mean_difference == pytest.approx((0.81 + 0.41 + 0.30 + 0.90) / 4 - 0.71)
    assert task.correlation is None  # the version that screened said the same of all
    assert (task.abstained, task.screening_abstained) == (1, 0)
    assert (task.confirmed, task.right, task.screening_right) == (3, 2, 2)


def test_several_recordings_are_fused_by_the_candidate_as_by_the_version_that_screens(
    clinic, candidate: ModelVersion
) -> None:
    clinic.services.models.start_shadow(clinic.administrator, candidate.id, 7)
    clips = [ChosenClip(clinic.add_recording(content).id, 1) for content in (b"refuse", b"front", b"side")]
    clinic.services.screening.start(clinic.clinician, clips, ["scoliosis"])
    assert do_next_job(clinic).result
    ((shadow, _),) = scores_of(clinic, candidate)
    assert [(score["task"], score["clips"]) for score in shadow.scores] == [("scoliosis", 2)]
