"""The connection to the clinic's database: SQLite in a file, or PostgreSQL, by URL.

Example:
    >>> database = Database("sqlite:////var/lib/fgait/clinic.sqlite3")  # doctest: +SKIP
    >>> database.upgrade()  # doctest: +SKIP
    >>> with database.transaction() as session:  # doctest: +SKIP
    ...     patients.create_patient(session=session, data=data, actor_id=user.id)
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError
from sqlmodel import Session, func, select

from clinic_data import data_keys, plain_remains
from clinic_data import schema as schema  # tables of several modules refer to each other
from clinic_data import sealed_rows as sealed_rows  # seals and opens the rows of every session
from clinic_data.audit_head_file import HeadFile
from clinic_data.data_keys import KeyRing
from clinic_data.errors import ConflictError, SealError, SignInError, ValidationError

BUSY_TIMEOUT_S = 15.0
_UPGRADE_LOCK = 0x46474149  # "FGAI"
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """Connections of one process to PostgreSQL; app, worker and trainer have a pool each.

    Attributes:
        size: so many stay open.
        overflow: so many more may be opened while many people work.
        wait_s: how long somebody waits for a free one, in seconds, before it is an error.
        recycle_s: a connection is made anew after so many seconds; firewalls forget long silent ones.
    """

    size: int = 10
    overflow: int = 20
    wait_s: float = 15.0
    recycle_s: int = 1800


class Database:
    """One database with its sessions.

    Args:
        url: ``sqlite:///FILE`` (embedded) or ``postgresql://USER:PASSWORD@HOST:PORT/NAME``.
        keys: what seals and opens patient data; without them only what needs no key works.
        head_file: where the audit trail's head is noted outside the database, after each commit that made it longer.
        pool: how many connections to PostgreSQL there may be.

    Raises:
        ValidationError: the URL names no database that is supported.
    """

    def __init__(
        self,
        url: str,
        keys: KeyRing | None = None,
        *,
        head_file: HeadFile | None = None,
        pool: ConnectionPool | None = None,
    ) -> None:
        parsed = _parse(url)
        self.keys = keys
        self.head_file = head_file
        is_sqlite = parsed.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(parsed) if is_sqlite else _postgresql_engine(parsed, pool or ConnectionPool())
        self._reading_engine = self.engine.execution_options(read_only=True, postgresql_readonly=True)

    @contextmanager
    def transaction(self) -> Generator[Session, None, None]:
        """A session that may write: commits at the end, rolls back on any error.

        On SQLite it starts with BEGIN IMMEDIATE: two deferred transactions that read and then write would fail at
        once, whatever the busy timeout. Keep it short; never compute, render or wait inside.
        """
        with Session(self.engine, expire_on_commit=False) as session:
            data_keys.attach(session, self.keys)
            session.info["head_file"] = self.head_file
            try:
                yield session
            except SignInError:
                # The failure counter must survive the refusal, or lock-out would never happen.
                session.commit()
                raise
            session.commit()

    @contextmanager
    def reading(self) -> Generator[Session, None, None]:
        """A session that only reads; the database refuses writes. Its rows stay readable after it closes."""
        with Session(self._reading_engine, expire_on_commit=False) as session:
            data_keys.attach(session, self.keys)
            yield session

    def upgrade(self, revision: str = "head") -> None:
        """Create the tables, or bring those of an older release to this one. Repeating it does nothing.

        There is no way back but a backup: back up before a new release.

        Args:
            revision: of the tables; an older one only where a backup of an older release is restored.

        Raises:
            ConflictError: rows refer to others that do not exist.
            SealError: the database was opened without keys, or its data is sealed under another master key.
        """
        if self.keys is None:
            raise SealError("The tables hold sealed data: open the database with its keys.")
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        # SQLite changes a table by making it anew, which its foreign keys would refuse while rows refer to it.
        with self.engine.execution_options(foreign_keys_off=True).connect() as connection:
            if connection.dialect.name == "postgresql":  # app and worker may start together; SQLite locks by itself
                connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
            config.attributes["connection"] = connection
            config.attributes["keys"] = self.keys
            before = MigrationContext.configure(connection).get_current_revision()
            command.upgrade(config, revision)
            if MigrationContext.configure(connection).get_current_revision() != before:
                _check_foreign_keys(connection)
            connection.commit()
        if revision != "head":
            return
        plain_remains.remove(self.engine)
        with self.reading() as session:
            data_keys.check(session=session)

    def require_current(self) -> None:
        """Refuse a database whose tables are not those of this release; for programs that do not upgrade it.

        Raises:
            ConflictError: it is empty, of an older release, or of a newer one.
        """
        with self._reading_engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() != revisions()[0]:
                raise ConflictError(
                    "The database is not of this release, or empty. Start the app of this release once, which brings "
                    "the database up to date, and try again."
                )

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def revisions() -> tuple[str, ...]:
    """The revisions of the tables that this release knows, the newest first."""
    found = ScriptDirectory(str(_MIGRATIONS)).walk_revisions()
    return tuple(str(script.revision) for script in found)


@contextmanager
def conflict_as(session: Session, sentence: str) -> Generator[None, None, None]:
    """Turn a violated constraint into a ConflictError and leave the session usable (savepoint).

    Raises:
        ConflictError: with ``sentence``, when the database refused the change.
    """
    try:
        with session.begin_nested():
            yield
            session.flush()
    except IntegrityError:
        raise ConflictError(sentence) from None


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValidationError(_URL_ADVICE) from None
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ValidationError(_URL_ADVICE)
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ValidationError("The database must be a file that the app and its worker share. " + _URL_ADVICE)
    return parsed


_URL_ADVICE = (
    "Set the database URL to sqlite:///FOLDER/clinic.sqlite3 (a file of this computer) "
    "or to postgresql://USER:PASSWORD@HOST:PORT/NAME."
)


def _postgresql_engine(url: URL, pool: ConnectionPool) -> Engine:
    # hide_parameters: the text of an error goes to logs, and the parameters may be a patient's data.
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,  # the server may have been restarted meanwhile
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=pool.wait_s,
        pool_recycle=pool.recycle_s,
    )
    event.listen(engine, "handle_error", _refuse_unstorable)
    event.listen(engine, "connect", _configure_postgresql)
    event.listen(engine, "handle_error", _drop_detail)
    return engine


def _refuse_unstorable(context: ExceptionContext) -> None:
    """Say what is wrong with a text that no database holds: NUL (PostgreSQL) and halves of characters (both)."""
    error = context.original_exception
    if isinstance(error, UnicodeEncodeError) or (isinstance(error, psycopg.DataError) and "NUL" in str(error)):
        raise ValidationError("This text or address holds a character that cannot be stored. Type it anew.") from None


def _configure_postgresql(connection: Any, _record: object) -> None:
    """No compilation of queries: it took 100 ms of a search that takes 6."""
    connection.execute("SET jit = off")
    connection.commit()


def _drop_detail(context: ExceptionContext) -> None:
    """Take the lines after the first out of PostgreSQL's error text: DETAIL quotes the row, a patient's perhaps."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\nDETAIL")[0], *error.args[1:])


def _sqlite_engine(url: URL) -> Engine:
    file = Path(str(url.database))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "handle_error", _refuse_unstorable)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin by itself: _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged upload survives a power cut
    cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    cursor.close()


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise ConflictError(
            "The database was not brought to this release: rows refer to others that do not exist. "
            "Nothing was changed. Restore a backup, or repair the file with the help of `PRAGMA foreign_key_check`."
        )


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    read_only = bool(options.get("read_only"))
    # Has an effect outside a transaction only, so it is said before each.
    connection.exec_driver_sql(f"PRAGMA foreign_keys = {'OFF' if options.get('foreign_keys_off') else 'ON'}")
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
