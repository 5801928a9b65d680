"""What tests of several packages share."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest

from clinic_data.database import Database
from clinic_data.schema import METADATA
from fgait_core.assets import fetch_asset
from tests.keys import TEST_KEYS

ROOT = Path(__file__).resolve().parent.parent

# Machines are shared: how long an example takes says nothing about it.
hypothesis.settings.register_profile("shared-machine", deadline=None)
hypothesis.settings.load_profile("shared-machine")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def sample_video() -> Path:
    """The real walking video that the product offers as its sample."""
    return fetch_asset("sample_video")


def _postgresql_binaries() -> Path:
    """The folder of initdb and postgres: Debian's newest, or wherever PATH has them."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    candidates = [*reversed(folders), *([Path(on_path).parent] if on_path else [])]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("These tests need PostgreSQL's server programs: install the package `postgresql`.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _account() -> dict[str, Any]:
    """Arguments of Popen: PostgreSQL refuses to run as root, Debian's package has an account for it."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL of its own on a free port; gives the URL without the database's name."""
    binaries = _postgresql_binaries()
    folder = Path(tempfile.mkdtemp(prefix="fgait-postgresql-"))
    account = _account()
    if account:
        os.chown(folder, account["user"], account["group"])
    port = _free_port()
    log = folder / "log"
    common = {"cwd": folder, "stdin": subprocess.DEVNULL, **account}
    initdb = [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, **common)
    options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *options], stdout=output, stderr=output, **common
        )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}"
        _wait_until_ready(f"{url}/postgres", server, log)
        yield url
    finally:
        server.send_signal(signal.SIGQUIT)  # "immediate shutdown": nothing of it is needed any more
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_tables(postgresql_server: str) -> str:
    """The URL of a database with all tables."""
    with psycopg.connect(f"{postgresql_server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE clinic")
    url = f"{postgresql_server}/clinic"
    database = Database(url, TEST_KEYS)
    database.upgrade()
    database.dispose()
    with psycopg.connect(url, autocommit=True) as connection:  # what each test begins with
        connection.execute("CREATE SCHEMA kept")
        connection.execute("CREATE TABLE kept.data_key AS SELECT * FROM data_key")
        connection.execute("CREATE TABLE kept.audit_head AS SELECT * FROM audit_head")
    return url


@pytest.fixture
def postgresql_url(postgresql_tables: str) -> str:
    """The URL of a database with all tables and no rows: emptied, because a fresh one would take 0.25 s each time."""
    tables = ", ".join(METADATA.tables)
    with psycopg.connect(postgresql_tables, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")
        connection.execute("SET session_replication_role = replica")  # the audit trail's triggers refuse this otherwise
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
        connection.execute("INSERT INTO data_key SELECT * FROM kept.data_key")
        connection.execute("INSERT INTO audit_head SELECT * FROM kept.audit_head")
    return postgresql_tables


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin first: a long one that begins last would keep one core busy and the others idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
