"""Packages travel between two clinics signed; what was changed, forged or comes from strangers stays outside."""

from __future__ import annotations

import io
import json
import re
import stat
import threading
import zipfile
from pathlib import Path

import pytest
from conftest import Clinic, make_clinic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from model_packages import (
    REASON,
    freeze_cohort,
    gate_report,
    make_package,
    make_promotable,
    register,
    register_bundled,
    set_report,
    stage_of,
)

from app.services import package_signature
from app.services.package_archive import write_archive
from clinic_data import cohorts
from clinic_data.errors import ClinicDataError, ConflictError, ValidationError
from clinic_data.tables import ModelVersion, Origin, Stage


@pytest.fixture(scope="module")
def other_clinic(tmp_path_factory: pytest.TempPathFactory):
    """Nothing changes it but its first export."""
    clinic = make_clinic(tmp_path_factory.mktemp("other") / "var")
    register_bundled(clinic)
    yield clinic
    clinic.services.database.dispose()


@pytest.fixture(scope="module")
def version(other_clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    folder = make_package(tmp_path_factory.mktemp("package") / "package", "9.1-r1-abc")
    return make_promotable(other_clinic, folder, freeze_cohort(other_clinic))


@pytest.fixture(scope="module")
def exported(other_clinic: Clinic, version: ModelVersion) -> bytes:
    return other_clinic.services.models.export(other_clinic.administrator, version.id)


def trust(clinic: Clinic, other: Clinic):
    key = other.services.models.own_key(other.administrator)
    return clinic.services.models.trust_key(clinic.administrator, "Clinic by the lake", key.public_key)


def import_into(clinic: Clinic, content: bytes) -> ModelVersion:
    return clinic.services.models.import_package(clinic.administrator, content)


def repacked(content: bytes, **changed: bytes) -> bytes:
    """The same zip with other bytes in some of its files, given by their name without its ending."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files |= {next(name for name in files if name.split(".")[0] == stem): new for stem, new in changed.items()}
    target = io.BytesIO()
    write_archive(target, files)
    return target.getvalue()


def member(content: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def test_a_package_of_a_trusted_clinic_waits_in_quarantine(
    clinic: Clinic, other_clinic: Clinic, exported: bytes, version: ModelVersion
) -> None:
    ours = register_bundled(clinic)
    trust(clinic, other_clinic)
    imported = import_into(clinic, exported)
    assert (imported.sha256, imported.version) == (version.sha256, version.version)
    assert (imported.stage, imported.origin, imported.signer) == (
        Stage.QUARANTINE,
        Origin.IMPORTED,
        "Clinic by the lake",
    )
    assert imported.parent_id == ours.id  # the lineage names the bundled version, which is known here
    assert imported.config["lineage"]["versions"][0]["manifest_sha256"] == version.manifest_sha256
    models = clinic.services.models
    for refused in (
        lambda: models.request_promotion(clinic.administrator, imported.id, REASON),
        lambda: models.start_shadow(clinic.administrator, imported.id, 3),
        lambda: models.export(clinic.administrator, imported.id),
        lambda: import_into(clinic, exported),
    ):
        with pytest.raises(ConflictError):
            refused()

    # Only this clinic's own comparison brings it out of quarantine.
    cohort = freeze_cohort(clinic)
    report = gate_report(ours, imported, cohort.manifest_sha256)
    set_report(clinic, imported, report, Stage.CANDIDATE)
    assert models.request_promotion(clinic.administrator, imported.id, REASON).to_version_id == imported.id


def test_an_export_is_the_same_bytes_and_says_nothing_of_patients(
    other_clinic: Clinic, exported: bytes, version: ModelVersion
) -> None:
    assert other_clinic.services.models.export(other_clinic.administrator, version.id) == exported
    lineage = member(exported, "lineage.json").decode()
    assert [each["version"] for each in json.loads(lineage)["versions"]] == [version.version, "2.0.0"]
    with other_clinic.services.database.reading() as session:
        manifest = cohorts.list_cohorts(session=session).rows[0].manifest
    secrets = [entry["person"] for entry in manifest["entries"]] + ["Cohort 0", "C-0", "9" * 32, "8" * 32]
    assert not [secret for secret in secrets if secret in lineage]


def test_the_key_of_a_stranger_is_refused_with_its_fingerprint(
    clinic: Clinic, other_clinic: Clinic, exported: bytes
) -> None:
    fingerprint = other_clinic.services.models.own_key(other_clinic.administrator).fingerprint
    assert re.fullmatch(r"([0-9a-f]{4} ){7}[0-9a-f]{4}", fingerprint)
    with pytest.raises(ValidationError, match="does not trust") as refusal:
        import_into(clinic, exported)
    assert fingerprint in str(refusal.value)
    assert "by telephone" in str(refusal.value)
    key = trust(clinic, other_clinic)
    assert [each.fingerprint for each in clinic.services.models.keys(clinic.administrator)] == [fingerprint]
    clinic.services.models.revoke_key(clinic.administrator, key.id)
    with pytest.raises(ValidationError, match="revoked"):
        import_into(clinic, exported)


@pytest.mark.parametrize("stem", ["package", "weights", "metrics", "MODEL_CARD", "SHA256SUMS", "lineage"])
def test_a_changed_byte_is_refused(clinic: Clinic, other_clinic: Clinic, exported: bytes, stem: str) -> None:
    trust(clinic, other_clinic)
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        name = next(name for name in archive.namelist() if name.split(".")[0] == stem)
        content = bytearray(archive.read(name))
    content[len(content) // 2] ^= 1
    with pytest.raises(ClinicDataError, match=r"differs from its SHA-256|does not fit the package"):
        import_into(clinic, repacked(exported, **{stem: bytes(content)}))
    assert not [path for path in clinic.services.settings.data_dir.glob("work-*")]
    assert not clinic.services.models.list(clinic.administrator).versions


def test_a_forged_signature_is_refused(clinic: Clinic, other_clinic: Clinic, exported: bytes) -> None:
    trust(clinic, other_clinic)
    sums, lineage = member(exported, "SHA256SUMS"), member(exported, "lineage.json")
    stranger = Ed25519PrivateKey.generate()
    claimed = json.loads(member(exported, "SIGNATURE.json"))
    forged = claimed | {"signature": stranger.sign(package_signature._signed_bytes(sums, lineage)).hex()}
    with pytest.raises(ValidationError, match="forged"):
        import_into(clinic, repacked(exported, SIGNATURE=json.dumps(forged).encode()))
    # A right signature of other bytes by the right key: the lineage of one package does not carry another.
    other = package_signature.sign(other_clinic.services.settings.data_dir, sums, b"{}")
    with pytest.raises(ValidationError, match="forged"):
        import_into(clinic, repacked(exported, SIGNATURE=other))
    for broken in (b"", b"[]", b"{}", b"\xff", json.dumps(claimed | {"signature": "zz"}).encode(), b"[" * 200_000):
        with pytest.raises(ValidationError, match=r"signature of the package|cannot be read"):
            import_into(clinic, repacked(exported, SIGNATURE=broken))


def test_a_lineage_of_another_package_is_refused(clinic: Clinic, other_clinic: Clinic, exported: bytes) -> None:
    trust(clinic, other_clinic)
    lineage = json.loads(member(exported, "lineage.json"))
    lineage["versions"] = lineage["versions"][1:]
    changed = package_signature.canonical_json(lineage)
    signature = package_signature.sign(other_clinic.services.settings.data_dir, member(exported, "SHA256SUMS"), changed)
    with pytest.raises(ValidationError, match="does not belong to the package"):
        import_into(clinic, repacked(exported, lineage=changed, SIGNATURE=signature))


def test_a_package_that_does_not_fit_and_one_with_a_taken_name_are_refused(
    clinic: Clinic, other_clinic: Clinic, exported: bytes, version: ModelVersion, tmp_path: Path
) -> None:
    trust(clinic, other_clinic)
    name = make_package(
        tmp_path / "same_name", version.version, lambda content: content.update(training_data="Others.")
    )
    register(clinic, name)
    with pytest.raises(ConflictError, match="another package with the name"):
        import_into(clinic, exported)
    unreadable = make_package(
        tmp_path / "unfit", "9.9", lambda content: content["transform"].update(frame_rate_hz=12.5, height_px=32)
    )
    signed = sign_folder(other_clinic, unreadable)
    with pytest.raises(ConflictError, match="another transform"):
        import_into(clinic, signed)


def sign_folder(clinic: Clinic, folder: Path) -> bytes:
    """What another release of the software, to which the package fits, would export."""
    sums = (folder / "SHA256SUMS").read_bytes()
    lineage = package_signature.canonical_json({"format": 1, "clinic": "Other", "versions": []})
    files: dict[str, Path | bytes] = {path.name: path for path in folder.iterdir()}
    signature = package_signature.sign(clinic.services.settings.data_dir, sums, lineage)
    target = io.BytesIO()
    write_archive(target, files | {"lineage.json": lineage, "SIGNATURE.json": signature})
    return target.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK", b"no package at all" * 1000])
def test_what_is_no_package_is_refused(clinic: Clinic, content: bytes) -> None:
    with pytest.raises(ValidationError, match="damaged or no package"):
        import_into(clinic, content)


def test_rejected_after_import_stays_outside(clinic: Clinic, other_clinic: Clinic, exported: bytes) -> None:
    trust(clinic, other_clinic)
    imported = import_into(clinic, exported)
    clinic.services.models.reject(clinic.administrator, imported.id, REASON)
    with pytest.raises(ConflictError, match=r"here already.*rejected"):
        import_into(clinic, exported)
    assert stage_of(clinic, imported) is Stage.REJECTED


def test_the_own_key_is_made_once_and_for_this_account_only(clinic: Clinic) -> None:
    data_dir, keys, begin = clinic.services.settings.data_dir, [], threading.Barrier(4)

    def ask() -> None:
        begin.wait()
        keys.append(package_signature.own_key(data_dir))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(keys) == 4
    assert len(set(keys)) == 1
    path = data_dir / "keys" / "signing_key.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {each.name for each in path.parent.iterdir()} == {path.name, "master.key"}
    path.write_text("no key")
    with pytest.raises(ValidationError, match=r"damaged.*backup"):
        package_signature.own_key(data_dir)


@pytest.mark.parametrize("text", ["", "12 34", "g" * 64, "0" * 63])
def test_what_is_no_key_is_not_trusted(clinic: Clinic, text: str) -> None:
    with pytest.raises(ValidationError, match="64 hexadecimal digits"):
        clinic.services.models.trust_key(clinic.administrator, "Clinic", text)


def test_a_key_is_trusted_however_it_is_written(clinic: Clinic, other_clinic: Clinic) -> None:
    digits = other_clinic.services.models.own_key(other_clinic.administrator).public_key.upper()
    key = clinic.services.models.trust_key(clinic.administrator, "Clinic", f" {digits[:32]}\n{digits[32:]} ")
    assert key.public_key == digits.lower()
    with pytest.raises(ConflictError, match="known already"):
        clinic.services.models.trust_key(clinic.administrator, "Clinic", digits)
