"""The audit log for who watches over it: filtered, exported, verified, on the page and on the command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import PASSWORD, add_user
from starlette.requests import HTTPConnection
from streamlit.testing.v1 import AppTest

from app import session
from app.gateway.guard import SessionGuard
from app.gateway.origin import origin_of, session_mark
from app.services import audit_trail
from app.services.audit_export import ExportFormat
from clinic_data import audit
from clinic_data.audit import AuditFilter
from clinic_data.errors import ConflictError, PermissionDeniedError, ValidationError
from clinic_data.tables import Role

PROGRAM = (sys.executable, "-c", "from app.clinic_cli import main; main()")


@pytest.fixture
def auditor(clinic):
    return add_user(clinic.services, "olga", Role.AUDITOR)


@pytest.fixture
def tamper(clinic):
    """Runs SQL as somebody who owns the database and took its triggers away."""

    def run(*statements: str) -> None:
        with clinic.services.database.engine.begin() as connection:
            for name in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS audit_row_no_{name}")
            for statement in statements:
                connection.exec_driver_sql(statement)

    return run


def _record(clinic, action: str = "test.done", **more) -> None:
    with clinic.services.database.transaction() as opened:
        audit.record(
            session=opened, actor_id=clinic.clinician.user_id, action=action, subject_type="t", subject_id=None, **more
        )


def _exported(clinic, auditor, kind: ExportFormat, wanted: AuditFilter | None = None) -> str:
    return clinic.services.audit_trail.export(auditor, wanted or AuditFilter(), kind).decode("utf-8-sig")


def test_a_row_tells_who_what_when_from_where_and_why(clinic, auditor):
    before = audit.origin.set(audit.Origin("192.0.2.7", "abc"))
    _record(clinic, why="fell at home", details={"n": 1}, patient_id=clinic.patient.id)
    audit.origin.reset(before)
    (row,) = clinic.services.audit_trail.list_rows(auditor, 10, 0, AuditFilter(action="test.done")).rows
    assert (row.actor, row.address, row.session_id, row.why) == ("clara", "192.0.2.7", "abc", "fell at home")
    assert (row.patient_id, row.details) == (clinic.patient.id, "n: 1")
    choices = clinic.services.audit_trail.choices(auditor)
    assert "test.done" in choices.actions
    assert choices.users[clinic.clinician.user_id] == "clara"


def test_the_trail_of_a_patient_is_found_by_the_id(clinic, auditor):
    found = clinic.services.audit_trail.list_rows(auditor, 50, 0, AuditFilter(patient_id=clinic.patient.id)).rows
    assert {"patient.created", "recording.added"} <= {row.action for row in found}


def test_export_as_csv_stays_text_in_a_spreadsheet(clinic, auditor):
    _record(clinic, why='=HYPERLINK("http://evil")', details={"a": "=1+1"})
    _record(clinic, why="@SUM(A1)")
    head, *rows = csv.reader(io.StringIO(_exported(clinic, auditor, ExportFormat.CSV, AuditFilter(action="test.done"))))
    why = [row[head.index("why")] for row in rows]
    assert why == ['\'=HYPERLINK("http://evil")', "'@SUM(A1)"]
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    assert [row[head.index("actor")] for row in rows] == ["clara", "clara"]


def test_export_as_json_lines_holds_every_row_and_is_recorded(clinic, auditor):
    _record(clinic, details={"a": ["é", 1.5]})
    rows = [json.loads(line) for line in _exported(clinic, auditor, ExportFormat.JSON_LINES).splitlines()]
    assert [row["row"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1]["details"] == {"a": ["é", 1.5]}
    (row,) = clinic.services.audit_trail.list_rows(auditor, 1, 0).rows
    assert (row.action, row.actor, row.details) == ("audit.exported", "olga", f"format: jsonl, rows: {len(rows)}")


def test_too_many_rows_are_left_to_the_command_line(clinic, auditor, monkeypatch):
    monkeypatch.setattr(audit_trail, "MAX_EXPORTED_ROWS", 1)
    with pytest.raises(ValidationError, match="fgait-clinic audit export"):
        _exported(clinic, auditor, ExportFormat.CSV)


def test_who_verifies_is_recorded(clinic, auditor):
    found = clinic.services.audit_trail.verify(auditor)
    assert found.is_intact
    assert found.anchors >= 1  # noted while the clinic was made
    (row,) = clinic.services.audit_trail.list_rows(auditor, 1, 0).rows
    assert (row.action, row.actor) == ("audit.verified", "olga")
    with pytest.raises(PermissionDeniedError):
        clinic.services.audit_trail.verify(clinic.clinician)


def test_a_request_tells_from_where(clinic):
    scope = {"type": "http", "headers": [(b"cookie", b"fgait_session=token")], "client": ("192.0.2.9", 1)}
    found = origin_of(HTTPConnection(scope))
    assert found.address == "192.0.2.9"
    assert session_mark("token") == "3c469e9d6c58"
    assert session_mark(None) == ""


def test_the_guard_tells_the_trail_from_where_a_request_comes(clinic):
    seen: list[audit.Origin] = []

    async def page(scope, receive, send) -> None:
        seen.append(audit.origin.get())

    scope = {"type": "http", "path": "/healthz", "headers": [], "client": ("192.0.2.9", 1)}
    with ThreadPoolExecutor(1) as aside:  # browser tests of the same process leave a running loop here
        aside.submit(asyncio.run, SessionGuard(page, clinic.services.accounts)(scope, None, None)).result()
    assert seen == [audit.Origin("192.0.2.9", "")]
    assert audit.origin.get() == audit.Origin()


# The command line


def _run(clinic, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "audit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_verifies_exports_and_anchors(clinic, auditor, tamper, tmp_path: Path):
    anchors, out = tmp_path / "anchors", tmp_path / "trail.jsonl"
    done = _run(clinic, "verify")
    assert (done.returncode, done.stdout.startswith("Intact: ")) == (0, True), done.stderr
    assert _run(clinic, "anchor", "--to", anchors).returncode == 0
    exported = _run(clinic, "export", out, "--format", "jsonl")
    assert exported.returncode == 0, exported.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[-1]["action"] == "audit.verified"
    assert rows[-1]["address"].startswith("command line ")
    assert f"{len(rows)} rows." in exported.stderr
    assert _run(clinic, "export", out).returncode == 2  # never over another file
    assert json.loads(_run(clinic, "head").stdout)["row"] == len(rows) + 1

    tamper("UPDATE audit_row SET why = 'x' WHERE id = 2")
    done = _run(clinic, "verify", "--anchor", anchors)
    assert done.returncode == 1
    assert "Row 2 was changed" in done.stdout
    assert "NOT INTACT: 1 problems" in done.stdout


def test_a_forged_or_missing_head_is_told_and_nothing_is_built_upon_it(clinic, tamper):
    _record(clinic)
    _record(clinic)
    tamper(
        "DELETE FROM audit_row WHERE id = (SELECT max(id) FROM audit_row)",
        "UPDATE audit_head SET last_id = last_id - 1",
    )
    for _ in range(2):  # to verify it must not make it genuine
        done = _run(clinic, "verify")
        assert (done.returncode, "head of the trail in the database was changed" in done.stdout) == (1, True), (
            done.stderr
        )
    with pytest.raises(ConflictError, match="head was changed"):
        _record(clinic)
    tamper("DELETE FROM audit_row", "DELETE FROM audit_head")
    done = _run(clinic, "verify")
    assert (done.returncode, "head of the trail is missing" in done.stdout) == (1, True), done.stderr


def test_a_cut_trail_is_found_by_the_anchor_alone(clinic, tamper, tmp_path: Path):
    """Whoever cuts the trail also puts an old head back and removes the file beside the database."""
    with clinic.services.database.engine.connect() as connection:
        old = connection.exec_driver_sql("SELECT last_id, last_mac, at, seal FROM audit_head").one()
    _record(clinic)
    anchors = tmp_path / "anchors"
    _run(clinic, "anchor", "--to", anchors)
    tamper(
        f"DELETE FROM audit_row WHERE id > {old[0]}",
        f"UPDATE audit_head SET last_id = {old[0]}, last_mac = '{old[1]}', at = '{old[2]}', seal = '{old[3]}'",
    )
    clinic.services.settings.audit_head_file.unlink()
    done = _run(clinic, "verify", "--anchor", anchors)
    assert (done.returncode, f"Row {old[0] + 1} is missing at the end" in done.stdout) == (1, True), done.stdout


def test_an_anchor_file_without_heads_is_refused(clinic, tmp_path: Path):
    (tmp_path / "empty").write_text("nothing\n")
    done = _run(clinic, "verify", "--anchor", tmp_path / "empty")
    assert (done.returncode, "holds no head" in done.stderr) == (2, True)


# The page


@pytest.fixture
def open_page(clinic, auditor, root: Path, monkeypatch):
    session.opened_services.clear()

    def open_as(actor) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: actor)
        monkeypatch.setattr(session, "services", lambda: clinic.services)
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=30)
        page.switch_page("views/audit_log.py")
        return page.run()

    return open_as


def _read(page: AppTest) -> str:
    assert not page.exception
    parts = [str(element.value) for kind in ("title", "caption", "info", "error") for element in page.get(kind)]
    return "\n".join([*parts, *(element.proto.body for element in page.get("html"))])


def test_the_auditor_filters(clinic, auditor, open_page):
    _record(clinic, why="<b>why</b>")
    page = open_page(auditor)
    assert "patient.created" in _read(page)
    assert "&lt;b&gt;why&lt;/b&gt;" in _read(page)
    assert "Ana" not in _read(page)
    page.selectbox(key="audit-action").set_value("test.done")
    page.text_input(key="audit-patient").set_value(" ")
    assert "patient.created" not in _read(page.run())
    page.date_input(key="audit-from").set_value(datetime.now(UTC).date() + timedelta(days=2))
    assert "No row matches" in _read(page.run())


def test_many_rows_are_paged(clinic, auditor, open_page):
    for _ in range(60):
        _record(clinic)
    page = open_page(auditor)
    assert "Rows: " in _read(page)
    page.number_input[0].set_value(2)
    assert "patient.created" in _read(page.run())


def test_the_auditor_verifies_on_the_page(clinic, auditor, open_page, tamper):
    page = open_page(auditor)
    page.button(key="audit-verify").click()
    assert "The audit log is intact" in _read(page.run())
    tamper("DELETE FROM audit_row WHERE id = 2")
    page.button(key="audit-verify").click()
    read = _read(page.run())
    assert "tampered" in read
    assert "Row 2 is missing" in read


def test_other_roles_see_no_trail(clinic, open_page):
    page = open_page(clinic.clinician)
    assert [title.value for title in page.title] == ["Not for your role"]


def test_a_download_remembers_from_where_it_was_asked_for(monkeypatch):
    monkeypatch.setattr(session, "_here", lambda: audit.Origin("192.0.2.1", "s"))
    bound = session.bound(audit.origin.get)
    assert bound() == audit.Origin("192.0.2.1", "s")
    assert audit.origin.get() == audit.Origin()


def test_a_sign_in_is_recorded_with_its_address(clinic):
    before = audit.origin.set(audit.Origin("192.0.2.8"))
    clinic.services.accounts.sign_in("clara", PASSWORD)
    audit.origin.reset(before)
    (row,) = clinic.services.audit_trail.list_rows(
        clinic.administrator, 1, 0, AuditFilter(action="user.signed_in")
    ).rows
    assert row.address == "192.0.2.8"
