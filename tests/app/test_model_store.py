"""Packages are kept as one file each, unpacked whole or not at all, and refused when anything of them does not fit."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from model_packages import make_package, register, register_bundled, resum

from app.services import model_store
from app.services.package_archive import ArchiveError, unpack_archive, write_archive
from app.services.package_facts import load_package, package_facts
from clinic_data import audit, model_registry
from clinic_data.errors import ConflictError
from clinic_data.tables import Origin, Stage
from fgait_core.errors import ModelPackageError
from fgait_core.model_package import bundled_package_dir

NAMES = ("a.txt", "b.txt")


def archive_of(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return target


def unpack(source: io.BytesIO, folder: Path, **options) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    unpack_archive(source, NAMES, folder, **options)


def test_an_archive_is_the_same_bytes_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"second")
    first, again = io.BytesIO(), io.BytesIO()
    write_archive(first, {"b.txt": tmp_path / "b.txt", "a.txt": b"first"})
    (tmp_path / "b.txt").touch()
    write_archive(again, {"a.txt": b"first", "b.txt": b"second"})
    assert first.getvalue() == again.getvalue()
    unpack(first, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "a.txt": b"first",
        "b.txt": b"second",
    }


A, B = ("a.txt", b"1"), ("b.txt", b"2")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "entries",
    [(A,), (A, B, ("c.txt", b"3")), (A, ("../b.txt", b"2")), (A, ("/b.txt", b"2")), (A, A), (A, B, B)],
    ids=["missing", "more", "path", "root", "twice", "and-twice"],
)
def test_archives_of_other_files_are_refused(entries, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="exactly these files"):
        unpack(archive_of(*entries), tmp_path / "out")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (archive_of(A, ("b.txt", b"0" * 10**6), compression=zipfile.ZIP_DEFLATED), "compressed"),
        (archive_of(A, ("b.txt", b"0" * 2000)), "larger than"),
        (io.BytesIO(b"no zip at all"), "damaged or no package"),
    ],
    ids=["bomb", "large", "no-zip"],
)
def test_archives_that_are_too_much_are_refused(source: io.BytesIO, words: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=words):
        unpack(source, tmp_path / "out", max_bytes=1000)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_every_cut_and_many_changed_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    whole = archive_of(("a.txt", b"first"), ("b.txt", b"second")).getvalue()
    for number in range(len(whole)):
        with pytest.raises(ArchiveError):
            unpack(io.BytesIO(whole[:number]), tmp_path / f"cut{number}")
    for number in range(len(whole)):
        changed = bytearray(whole)
        changed[number] ^= 0xFF
        folder = tmp_path / f"changed{number}"
        try:
            unpack(io.BytesIO(bytes(changed)), folder)
        except ArchiveError:
            continue
        assert {path.read_bytes() for path in folder.iterdir()} == {b"first", b"second"}


def test_the_bundled_package_is_registered_once_and_kept(clinic) -> None:
    first = register_bundled(clinic)
    files = list(clinic.services.storage.keys())
    assert (first.stage, first.origin) == (Stage.PRODUCTION, Origin.BUNDLED)
    assert first.metrics["figures"]["scoliosis"]["n_positive"] > 0
    assert register_bundled(clinic).id == first.id
    assert list(clinic.services.storage.keys()) == files
    assert clinic.services.storage.read_bytes(first.package_key)[:2] == b"PK"
    with clinic.services.database.reading() as session:
        rows = audit.list_rows(session=session, action="model.registered").rows
    assert [row.subject_id for row in rows] == [first.id]


def test_a_row_of_an_older_release_gets_its_package(clinic) -> None:
    facts = package_facts(load_package(bundled_package_dir(), "package"))
    with clinic.services.database.transaction() as session:
        old = model_registry.ensure_version(
            session=session,
            name=facts.name,
            version=facts.version,
            sha256=facts.sha256,
            simulated=True,
            metrics={},
            stage=Stage.PRODUCTION,
        )
    assert old.package_key is None
    now = register_bundled(clinic)
    assert (now.id, now.stage) == (old.id, Stage.PRODUCTION)
    assert now.package_key is not None


def test_a_registered_package_is_unpacked_once_and_mended_if_somebody_changed_it(clinic, tmp_path: Path) -> None:
    services = clinic.services
    version = register(clinic, make_package(tmp_path / "package", "9.1"))
    assert (version.stage, version.origin) == (Stage.CANDIDATE, Origin.RETRAINED)
    assert register(clinic, tmp_path / "package").id == version.id
    folder = model_store.package_folder(services.settings, services.database, services.storage, version.id)
    assert folder == services.settings.data_dir / "models" / version.sha256
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert load_package(folder, "package").version == "9.1"
    (folder / "package.json").write_text("{}")
    assert model_store.package_folder(services.settings, services.database, services.storage, version.id) == folder
    assert load_package(folder, "package").version == "9.1"
    assert [path.name for path in folder.parent.iterdir()] == [version.sha256]
    assert model_store.card_text(services.storage, version).startswith("#")


def test_a_damaged_or_missing_archive_is_refused_with_what_to_do(clinic, tmp_path: Path) -> None:
    services = clinic.services
    version = register(clinic, make_package(tmp_path / "package", "9.1"))
    path = services.storage.storage.path(version.package_key)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ModelPackageError, match=r"9\.1 is damaged in the clinic's storage.*roll back"):
        model_store.package_folder(services.settings, services.database, services.storage, version.id)
    path.unlink()
    with pytest.raises(ModelPackageError, match="no longer in the clinic's storage"):
        model_store.package_folder(services.settings, services.database, services.storage, version.id)
    assert not list((services.settings.data_dir / "models").iterdir())
    assert model_store.card_text(services.storage, version) == ""


def another_transform(content: dict) -> None:
    content["transform"]["height_px"] = 128


def another_class_order(content: dict) -> None:
    content["tasks"][0]["class_order"] = content["tasks"][0]["class_order"][::-1]


def another_architecture(content: dict) -> None:
    content["architecture"]["channels"] = [64, 64, 128, 512]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (another_transform, "another transform"),
        (another_class_order, "class order of"),
        (another_architecture, "do not fit the architecture"),
    ],
)
def test_a_package_that_does_not_fit_is_not_registered(clinic, tmp_path: Path, change, words: str) -> None:
    folder = make_package(tmp_path / "package", "9.1", change)
    files = list(clinic.services.storage.keys())
    with pytest.raises(ModelPackageError, match=words) as refusal:
        register(clinic, folder)
    assert str(folder) not in str(refusal.value)
    assert list(clinic.services.storage.keys()) == files


def test_a_changed_package_and_a_taken_name_are_refused(clinic, tmp_path: Path) -> None:
    first = make_package(tmp_path / "first", "9.1")
    register(clinic, first)
    files = list(clinic.services.storage.keys())
    changed = Path(shutil.copytree(first, tmp_path / "changed"))
    (changed / "MODEL_CARD.md").write_text("# Another card")
    with pytest.raises(ModelPackageError, match=r"MODEL_CARD.md of the package differs"):
        register(clinic, changed)
    with pytest.raises(ConflictError, match="already registered"):
        register(clinic, resum(changed))
    assert list(clinic.services.storage.keys()) == files
