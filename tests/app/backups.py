"""What tests of backup and restore do again and again."""

from __future__ import annotations

import shutil
from pathlib import Path

from every_table import everything
from typer.testing import CliRunner

from app import clinic_cli
from app.services.catalogue import Services
from clinic_data import audit_verification
from clinic_data.errors import ClinicDataError


def run(*arguments: str | Path, code: int = 0) -> str:
    """What `fgait-clinic` prints, where its exit code is as expected."""
    done = CliRunner().invoke(clinic_cli.build(), [str(argument) for argument in arguments])
    if isinstance(done.exception, ClinicDataError):
        assert code == 2, done.exception
        return str(done.exception)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def data_dir(clinic) -> Path:
    """Of an installation."""
    return clinic.services.settings.data_dir


def contents(services: Services) -> dict[str, list]:
    """All rows but those that a restore adds or ends."""
    with services.database.engine.connect() as connection:
        found = everything(connection)
    return {name: rows for name, rows in found.items() if name not in {"audit_row", "audit_head", "sign_in_session"}}


def opened(clinic, folder: Path, database_url: str = "") -> Services:
    """The restored installation."""
    (folder / "keys").mkdir(exist_ok=True)
    shutil.copy(data_dir(clinic) / "keys" / "master.key", folder / "keys" / "master.key")
    settings = clinic.services.settings.model_copy(update={"data_dir": folder, "database_url": database_url})
    return Services.open(settings)


def assert_whole(clinic, services: Services) -> None:
    """What every backup holds is there and opens."""
    assert services.patients.get(clinic.clinician, clinic.patient.id).family_name == "Example"
    with services.storage.open(clinic.recording.storage_key) as file:
        assert file.read() == b"walking"
    with services.database.reading() as session:
        assert audit_verification.verify(session=session).is_intact
