"""Who may put a version into production, by what comparison, and what becomes of two who decide at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import add_user, make_clinic
from model_packages import (
    REASON,
    figures,
    freeze_cohort,
    gate_report,
    make_package,
    make_promotable,
    promote,
    register,
    register_bundled,
    set_report,
    stage_of,
)

from app.services.permissions import Actor
from app.services.training_jobs import EVALUATE
from clinic_data import audit, cohorts, model_registry
from clinic_data.errors import (
    ClinicDataError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    ValidationError,
)
from clinic_data.retraining_tables import Cohort, PromotionState
from clinic_data.tables import JobState, ModelVersion, Origin, Role, Stage
from fgait_core.config.retraining import AcceptanceConfig


@dataclass(frozen=True)
class Candidates:
    """A clinic with the bundled version in production, a frozen cohort and a version that passed on its gate people."""

    clinic: object
    bundled: ModelVersion
    cohort: Cohort
    version: ModelVersion
    second: Actor

    @property
    def models(self):
        return self.clinic.services.models

    @property
    def first(self) -> Actor:
        return self.clinic.administrator


@pytest.fixture
def candidates(clinic, tmp_path: Path) -> Candidates:
    return candidates_of(clinic, tmp_path)


@pytest.fixture
def candidates_on_postgresql(postgresql_url: str, tmp_path: Path):
    clinic = make_clinic(tmp_path / "var", database_url=postgresql_url)
    yield candidates_of(clinic, tmp_path)
    clinic.services.database.dispose()


def candidates_of(clinic, tmp_path: Path) -> Candidates:
    bundled, cohort = register_bundled(clinic), freeze_cohort(clinic)
    version = make_promotable(clinic, make_package(tmp_path / "candidate", "9.1"), cohort)
    return Candidates(clinic, bundled, cohort, version, add_user(clinic.services, "berta", Role.ADMINISTRATOR))


def actions(clinic, action: str) -> list[dict]:
    with clinic.services.database.reading() as session:
        return [row.details | {"by": row.actor_id} for row in audit.list_rows(session=session, action=action).rows]


def test_two_people_promote_and_one_rolls_back(candidates: Candidates) -> None:
    models, first, second = candidates.models, candidates.first, candidates.second
    assert models.get(first, candidates.version.id).obstacle == ""
    promotion = models.request_promotion(first, candidates.version.id, REASON)
    assert models.list(second).open_request.id == promotion.id
    with pytest.raises(ConflictError, match="yourself"):
        models.approve(first, promotion.id, REASON)
    assert models.list(second).production.id == candidates.bundled.id
    models.approve(second, promotion.id, "I have read the comparison.")
    shown = models.list(first)
    assert (shown.production.id, shown.roll_back_target.id) == (candidates.version.id, candidates.bundled.id)
    assert shown.promotions[0].decision_reason == "I have read the comparison."
    assert stage_of(candidates.clinic, candidates.bundled) is Stage.RETIRED

    models.roll_back(first, expected_production_id=candidates.version.id)
    with pytest.raises(ConflictError, match=r"meanwhile|no version"):  # the second click
        models.roll_back(first, expected_production_id=candidates.version.id)
    assert models.list(first).production.id == candidates.bundled.id
    assert stage_of(candidates.clinic, candidates.version) is Stage.RETIRED
    for action, actor in [
        ("model.promotion_requested", first),
        ("model.promoted", second),
        ("model.rolled_back", first),
    ]:
        assert [row["by"] for row in actions(candidates.clinic, action)] == [actor.user_id]
    assert [each.kind.value for each in models.get(first, candidates.version.id).promotions] == [
        "roll_back",
        "promotion",
    ]


@pytest.mark.parametrize("fixture", ["candidates", "candidates_on_postgresql"])
def test_of_two_who_approve_at_once_one_wins(fixture: str, request: pytest.FixtureRequest) -> None:
    candidates: Candidates = request.getfixturevalue(fixture)
    models = candidates.models
    third = add_user(candidates.clinic.services, "carl", Role.ADMINISTRATOR)
    promotion = models.request_promotion(candidates.first, candidates.version.id, REASON)
    begin, ends = threading.Barrier(2), []

    def approve(actor: Actor) -> None:
        begin.wait()
        try:
            ends.append(models.approve(actor, promotion.id, REASON).state)
        except ClinicDataError as error:
            ends.append(str(error))

    threads = [threading.Thread(target=approve, args=(actor,)) for actor in (candidates.second, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ends.count(PromotionState.APPROVED) == 1
    assert len(ends) == 2
    stages = [each.stage for each in models.list(candidates.first).versions]
    assert sorted(stages) == [Stage.PRODUCTION, Stage.RETIRED]
    assert len(actions(candidates.clinic, "model.promoted")) == 1


def test_requests_are_refused_and_withdrawn(candidates: Candidates) -> None:
    models, first, second = candidates.models, candidates.first, candidates.second
    promotion = models.request_promotion(first, candidates.version.id, REASON)
    with pytest.raises(ConflictError, match="open"):
        models.request_promotion(second, candidates.version.id, REASON)
    assert "open" in models.get(first, candidates.version.id).obstacle
    with pytest.raises(ConflictError, match="refuse or withdraw"):
        models.reject(second, candidates.version.id, REASON)
    with pytest.raises(PermissionDeniedError):
        models.withdraw(second, promotion.id)
    models.refuse(second, promotion.id, "The women of the clinic are too few.")
    again = models.request_promotion(first, candidates.version.id, REASON)
    models.withdraw(first, again.id)
    with pytest.raises(ConflictError):
        models.approve(second, again.id, REASON)
    assert models.list(first).production.id == candidates.bundled.id
    assert stage_of(candidates.clinic, candidates.version) is Stage.CANDIDATE
    assert models.list(first).open_request is None


def test_no_promotion_without_a_comparison_that_was_passed_against_the_present_production(
    candidates: Candidates, tmp_path: Path
) -> None:
    clinic, models, first = candidates.clinic, candidates.models, candidates.first
    gate = candidates.cohort.manifest_sha256

    def refusal(version: ModelVersion, words: str) -> None:
        with pytest.raises(ConflictError, match=words):
            models.request_promotion(first, version.id, REASON)
        assert words in models.get(first, version.id).obstacle

    other = register(clinic, make_package(tmp_path / "other", "9.2"), parent_id=candidates.bundled.id)
    refusal(other, "did not pass")
    set_report(clinic, other, gate_report(candidates.bundled, other, gate, passed=False))
    refusal(other, "did not pass")
    set_report(clinic, other, gate_report(candidates.bundled, other, "7" * 64))
    refusal(other, "not compared on locked people")
    set_report(clinic, other, gate_report(candidates.version, other, gate))
    refusal(other, "was compared with another version")
    with pytest.raises(ValidationError, match="Give a reason"):
        models.request_promotion(first, candidates.version.id, "Better.")

    set_report(clinic, other, gate_report(candidates.bundled, other, gate))
    promotion = models.request_promotion(first, other.id, REASON)
    measured_again = gate_report(candidates.bundled, other, gate, passed=False)
    set_report(clinic, other, measured_again)
    with pytest.raises(ConflictError, match="did not pass"):
        models.approve(candidates.second, promotion.id, REASON)
    assert models.list(first).production.id == candidates.bundled.id


def test_no_promotion_where_the_locked_people_were_trained_on(candidates: Candidates, tmp_path: Path) -> None:
    clinic, models = candidates.clinic, candidates.models
    entries = {entry["role"]: entry for entry in candidates.cohort.manifest["entries"]}
    same_file = entries["development"] | {"recording_sha256": entries["gate"]["recording_sha256"]}
    manifest = candidates.cohort.manifest | {
        "entries": sorted([same_file, entries["gate"]], key=lambda entry: entry["key"])
    }
    with clinic.services.database.transaction() as session:
        leaking = cohorts.freeze(
            session=session, task="scoliosis", filters={}, manifest=manifest, simulated=True, actor_id=None
        )
    version = make_promotable(clinic, make_package(tmp_path / "leaking", "9.3"), leaking)
    with pytest.raises(ConflictError, match="files of locked people were trained on"):
        models.request_promotion(candidates.first, version.id, REASON)
    # Also where not it, but what it descends from, was trained on them.
    child = make_promotable(clinic, make_package(tmp_path / "child", "9.4"), candidates.cohort, parent_id=version.id)
    with pytest.raises(ConflictError, match="files of locked people were trained on"):
        models.request_promotion(candidates.first, child.id, REASON)


def test_a_package_that_cannot_be_loaded_is_not_promoted(candidates: Candidates) -> None:
    candidates.clinic.services.storage.delete(candidates.version.package_key)
    with pytest.raises(ConflictError, match="no longer in the clinic's storage"):
        candidates.models.request_promotion(candidates.first, candidates.version.id, REASON)
    assert candidates.models.get(candidates.first, candidates.version.id).card == ""


def test_rejected_is_for_good(candidates: Candidates) -> None:
    models, first = candidates.models, candidates.first
    models.start_shadow(first, candidates.version.id, 3)
    assert models.reject(first, candidates.version.id, REASON).shadow_until is None
    assert actions(candidates.clinic, "model.rejected")[0]["reason"] == REASON
    for refused in (
        lambda: models.request_promotion(first, candidates.version.id, REASON),
        lambda: models.start_shadow(first, candidates.version.id, 3),
        lambda: models.evaluate(first, candidates.version.id, candidates.cohort.id, AcceptanceConfig()),
        lambda: models.reject(first, candidates.bundled.id, REASON),
    ):
        with pytest.raises(ConflictError):
            refused()


@pytest.mark.parametrize("days", [0, 91])
def test_shadow_scoring_has_an_end(candidates: Candidates, days: int) -> None:
    with pytest.raises(ValidationError, match="1 to 90 days"):
        candidates.models.start_shadow(candidates.first, candidates.version.id, days)
    candidates.models.start_shadow(candidates.first, candidates.version.id, 90)
    assert candidates.models.get(candidates.first, candidates.version.id).shadow.running
    candidates.models.stop_shadow(candidates.first, candidates.version.id)
    assert not candidates.models.get(candidates.first, candidates.version.id).shadow.running


def test_a_comparison_is_queued_once(candidates: Candidates) -> None:
    models, first = candidates.models, candidates.first
    job = models.evaluate(first, candidates.version.id, candidates.cohort.id, AcceptanceConfig(min_positive=3))
    assert (job.kind, job.state, job.queue) == (EVALUATE, JobState.QUEUED, "train-cpu")
    assert AcceptanceConfig.model_validate(job.payload["acceptance"]).min_positive == 3
    assert models.get(first, candidates.version.id).evaluation.id == job.id
    with pytest.raises(ConflictError, match="being compared already"):
        models.evaluate(first, candidates.version.id, candidates.cohort.id, AcceptanceConfig())
    with pytest.raises(ConflictError, match="nothing to compare"):
        models.evaluate(first, candidates.bundled.id, candidates.cohort.id, AcceptanceConfig())
    with pytest.raises(NotFoundError):
        models.evaluate(first, candidates.version.id, "0" * 32, AcceptanceConfig())


def test_a_version_shows_where_it_comes_from(candidates: Candidates) -> None:
    view = candidates.models.get(candidates.first, candidates.version.id)
    assert [each.id for each in view.lineage] == [candidates.version.id, candidates.bundled.id]
    assert view.report.candidate == figures(candidates.version)
    assert view.card.startswith("#")
    assert (view.version.origin, view.evaluation, view.promotions) == (Origin.RETRAINED, None, ())


def test_a_retired_version_comes_back_by_a_new_comparison(candidates: Candidates) -> None:
    clinic, models = candidates.clinic, candidates.models
    promote(clinic, candidates.version, candidates.second)
    report = gate_report(candidates.version, candidates.bundled, candidates.cohort.manifest_sha256)
    set_report(clinic, candidates.bundled, report)
    promote(clinic, candidates.bundled, candidates.second)
    assert models.list(candidates.first).production.id == candidates.bundled.id


def test_clinicians_manage_no_models(candidates: Candidates) -> None:
    models, clinician = candidates.models, candidates.clinic.clinician
    for call in (
        lambda: models.list(clinician),
        lambda: models.get(clinician, candidates.version.id),
        lambda: models.request_promotion(clinician, candidates.version.id, REASON),
        lambda: models.approve(None, "0" * 32, REASON),
        lambda: models.refuse(clinician, "0" * 32, REASON),
        lambda: models.withdraw(clinician, "0" * 32),
        lambda: models.roll_back(clinician),
        lambda: models.reject(clinician, candidates.version.id, REASON),
        lambda: models.start_shadow(clinician, candidates.version.id, 1),
        lambda: models.stop_shadow(clinician, candidates.version.id),
        lambda: models.evaluate(clinician, candidates.version.id, candidates.cohort.id, AcceptanceConfig()),
        lambda: models.export(clinician, candidates.version.id),
        lambda: models.import_package(None, b""),
        lambda: models.trust_key(clinician, "Clinic", "0" * 64),
        lambda: models.revoke_key(clinician, "0" * 32),
        lambda: models.keys(clinician),
        lambda: models.own_key(clinician),
    ):
        with pytest.raises(PermissionDeniedError):
            call()
    with candidates.clinic.services.database.reading() as session:
        assert model_registry.production_version(session=session).id == candidates.bundled.id
