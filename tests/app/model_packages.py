"""Model packages for tests: the bundled one under other names, and what makes one promotable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from app.services import model_store
from app.services.permissions import Actor
from clinic_data import cohorts, model_registry, training_people
from clinic_data.patients import PatientData
from clinic_data.retraining_tables import Cohort
from clinic_data.tables import ModelVersion, Origin, Sex, Stage
from fgait_core.gate_report import Criterion, GateReport, Measured, PairedFigures, VersionFigures
from fgait_core.model_package import bundled_package_dir
from fgait_core.package_files import FILES, SUMS_FILE, file_sha256

NOTHING = Measured(value=None)
REASON = "It was better on our own people."


def resum(folder: Path) -> Path:
    """Makes the sums right again."""
    (folder / SUMS_FILE).write_text("".join(f"{file_sha256(folder / name)}  {name}\n" for name in FILES))
    return folder


def make_package(folder: Path, version: str, change: Callable[[dict], None] | None = None) -> Path:
    """The bundled package under another version, perhaps with something else changed in its `package.json`."""
    shutil.copytree(bundled_package_dir(), folder)
    content = json.loads((folder / "package.json").read_text())
    content["version"] = version
    if change is not None:
        change(content)
    (folder / "package.json").write_text(json.dumps(content))
    return resum(folder)


def register_bundled(clinic) -> ModelVersion:
    """What a worker does when it starts."""
    return model_store.register_bundled(clinic.services.database, clinic.services.storage, bundled_package_dir())


def register(clinic, folder: Path, **options) -> ModelVersion:
    """Registers a package as a candidate of this clinic."""
    return model_store.register_package(clinic.services.database, clinic.services.storage, folder, **options)


def figures(version: ModelVersion) -> VersionFigures:
    """Figures without numbers."""
    measured = dict.fromkeys(
        ("auroc", "sensitivity", "specificity", "brier", "slope", "coverage", "abstained"), NOTHING
    )
    return VersionFigures(
        name=version.name,
        version=version.version,
        sha256=version.sha256,
        threshold=0.5,
        intercept=None,
        ece=0.05,
        excess_ece=0.01,
        curve=(),
        **measured,
    )


def gate_report(production: ModelVersion, candidate: ModelVersion, gate_sha256: str, *, passed: bool = True) -> dict:
    """A comparison, in the form that is stored."""
    return GateReport(
        created_by="FGait",
        task="scoliosis",
        positive_class="positive",
        protocol_sha256="1" * 64,
        gate_sha256=gate_sha256,
        simulated=True,
        people=1,
        positive=1,
        recordings=1,
        trained_people=1,
        shared_people=0,
        production=figures(production),
        candidate=figures(candidate),
        paired=PairedFigures(
            auroc=NOTHING,
            sensitivity=NOTHING,
            specificity=NOTHING,
            brier=NOTHING,
            auroc_p=None,
            mcnemar_p=None,
            only_candidate_right=0,
            only_production_right=0,
        ),
        subgroups=(),
        changed=({"key": "9" * 32, "person": "8" * 32, "positive": True, "production": 0.4, "candidate": 0.6},),
        criteria=(Criterion(name="auroc", label="AUROC", needed="-", measured="-", passed=passed),),
        possible=True,
        passed=passed,
    ).model_dump(mode="json")


def freeze_cohort(clinic) -> Cohort:
    """A cohort of one development person and one gate person."""
    new = [
        clinic.services.patients.create(
            clinic.clinician,
            PatientData(
                record_number=f"C-{number}",
                family_name=f"Cohort {number}",
                given_name="Bo",
                birth_date=clinic.patient.birth_date,
                sex=Sex.UNKNOWN,
            ),
        )
        for number in range(2)
    ]
    with clinic.services.database.transaction() as session:
        people = training_people.assign_roles(
            session=session, strata={patient.id: "positive" for patient in new}, gate_share=0.5, seed=1
        )
        entries = [_entry(number, person) for number, person in enumerate(people.values())]
        manifest = {"format": 1, "task": "scoliosis", "entries": entries, "excluded": []}
        return cohorts.freeze(
            session=session, task="scoliosis", filters={}, manifest=manifest, simulated=True, actor_id=None
        )


def _entry(number: int, person) -> dict:
    return {
        "key": f"{number}" * 32,
        "person": person.code,
        "role": person.role.value,
        "label": "positive",
        "method": "radiograph",
        "view": "front",
        "sex": "unknown",
        "age_years": 12,
        "device": "1920x1080 30 Hz h264",
        "site": "",
        "frames": 30,
        "typical": True,
        "simulated": True,
        "silhouettes_key": f"{number}" * 32,
        "silhouettes_sha256": f"{number}a" * 32,
        "recording_sha256": f"{number}b" * 32,
    }


def make_promotable(clinic, folder: Path, cohort: Cohort, **options) -> ModelVersion:
    """A candidate that was trained on a cohort's development people and passed on its gate people."""
    base = model_store.production(clinic.services.database)
    options = {"parent_id": base.id, "origin": Origin.RETRAINED, "manifest_sha256": cohort.manifest_sha256} | options
    version = register(clinic, folder, **options)
    set_report(clinic, version, gate_report(base, version, cohort.manifest_sha256))
    return version


def set_report(clinic, version: ModelVersion, report: dict, stage: Stage | None = None) -> None:
    """Stores a comparison."""
    with clinic.services.database.transaction() as session:
        present = model_registry.get_version(session=session, model_version_id=version.id).stage
        model_registry.set_gate_report(
            session=session, model_version_id=version.id, report=report, stage=stage or present
        )


def promote(clinic, version: ModelVersion, approver: Actor) -> None:
    """Both steps."""
    promotion = clinic.services.models.request_promotion(clinic.administrator, version.id, REASON)
    clinic.services.models.approve(approver, promotion.id, REASON)


def stage_of(clinic, version: ModelVersion) -> Stage:
    """Where a version stands now."""
    with clinic.services.database.reading() as session:
        return model_registry.get_version(session=session, model_version_id=version.id).stage
