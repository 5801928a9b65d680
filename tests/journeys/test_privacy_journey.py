"""A patient asks to be forgotten: a clinician passes it on, an administrator carries it out, the proof is verified."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from browser import PASSWORD, good_to_read, running_app, sign_in, sign_out
from conftest import add_user, make_clinic
from full_clinic import fill_shown_patient
from playwright.sync_api import Page, expect

from clinic_data.tables import Role
from tests.clinic_data.full_patient import MARK


@pytest.fixture(scope="module")
def clinic_with_everything(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """The product on a clinic with a patient of whom there is everything; gives it, the folder and the patient's id."""
    folder = tmp_path_factory.mktemp("private")
    clinic = make_clinic(folder)
    add_user(clinic.services, "audrey", Role.AUDITOR)
    full = fill_shown_patient(clinic.services)
    clinic.services.database.dispose()
    with running_app(root, folder) as app:
        yield app, folder, full.patient_id


@pytest.mark.slow
def test_a_patient_is_erased_and_the_proof_verified(page: Page, clinic_with_everything, tmp_path: Path, root: Path):
    app, folder, patient_id = clinic_with_everything
    sign_in(page, app, "clara", PASSWORD)
    page.goto(f"{app.url}/patient?patient={patient_id}")
    page.get_by_text("Privacy: copy of all data, erasure").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download a copy of all data").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert MARK in archive.read("index.html").decode()
    page.get_by_role("button", name="Ask for erasure").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Why").click()
    page.get_by_role("option", name="the patient wishes it").click()
    dialog.get_by_label("Type the record number of the patient").fill("R-1")
    dialog.get_by_role("button", name="Ask for erasure").click()
    expect(dialog.get_by_text("This is not the record number of this patient")).to_be_visible()
    dialog.get_by_label("Type the record number of the patient").fill(f"{MARK}-77")
    dialog.get_by_role("button", name="Ask for erasure").click()
    expect(page.get_by_text("The erasure of this patient was asked for")).to_be_visible()
    good_to_read(page, "patient_privacy")
    sign_out(page)

    sign_in(page, app, "adam", PASSWORD)
    page.goto(f"{app.url}/privacy")
    expect(page.get_by_text("waits for a decision")).to_be_visible()
    for known in (f"{MARK}son", f"{MARK}ine", f"{MARK}-77"):
        assert known not in page.content(), "an administrator sees no patient data"
    good_to_read(page, "privacy")
    page.get_by_role("button", name="Change a rule").click()
    page.get_by_role("dialog").get_by_label("Days").fill("30")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("30 days").first).to_be_visible()
    page.get_by_role("button", name="Remove what is due now").click()
    expect(page.get_by_text("Nothing is due.")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Remove now").click()
    expect(page.get_by_text("nothing was due").first).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Erase the patient").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Nobody can bring anything of it back")).to_be_visible()
    dialog.get_by_label("Record number of the patient").fill(f"{MARK}-77")
    dialog.get_by_label("Record number of the patient").press("Tab")
    dialog.get_by_role("button", name="Erase now").click()
    expect(page.get_by_text("Rows removed")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the signed proof").click()
    proof = tmp_path / "proof.json"
    proof.write_bytes(Path(download.value.path()).read_bytes())
    good_to_read(page, "erased")
    sign_out(page)

    assert _verify(root, folder, proof).returncode == 0
    proof.write_bytes(proof.read_bytes().replace(b'"recording": 3', b'"recording": 0'))
    refused = _verify(root, folder, proof)
    assert refused.returncode == 2
    assert "do not rely on it" in refused.stderr

    sign_in(page, app, "audrey", PASSWORD)
    page.goto(f"{app.url}/privacy")
    expect(page.get_by_role("link", name="Download the signed proof")).to_be_visible()
    assert page.get_by_role("button", name="Change a rule").count() == 0
    assert page.get_by_role("button", name="Remove what is due now").count() == 0
    good_to_read(page, "privacy_auditor")
    sign_out(page)
    sign_in(page, app, "clara", PASSWORD)
    page.goto(f"{app.url}/patient?patient={patient_id}")
    expect(page.get_by_text("This patient does not exist.")).to_be_visible()
    page.goto(f"{app.url}/privacy")
    expect(page.get_by_text("Not for your role")).to_be_visible()


def _verify(root: Path, folder: Path, proof: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from app.clinic_cli import main; main()", "erasure", "verify", str(proof)],
        cwd=root,
        env=os.environ | {"FGAIT_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
