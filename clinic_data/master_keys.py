"""Master keys: they wrap the data keys, and are never in the database, in a log or in a backup.

Their text form has one line for each key, ``ID BASE64``, the newest first. The newest one wraps; the older ones only
open what was wrapped before a rotation. The id is computed from the key, so a line with a typing error is noticed.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from clinic_data import sealing
from clinic_data.errors import SealError

_COMMAND_TIMEOUT_S = 60
_ADVICE = "A master key is a line `ID BASE64` as `fgait-clinic keys new` prints it, the newest one first."


class MasterKeys:
    """The master keys of an installation. Neither ``repr`` nor ``str`` tell them.

    Args:
        keys: 32 bytes each, the newest first.

    Raises:
        SealError: there is none, or one does not have 32 bytes.
    """

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = {key_id(key): key for key in keys}
        if not self._keys:
            raise SealError(f"No master key was given. {_ADVICE}")

    @classmethod
    def new(cls) -> MasterKeys:
        """One new random master key."""
        return cls([sealing.new_key()])

    @classmethod
    def from_text(cls, text: str) -> MasterKeys:
        """Read the text form; empty lines and lines that begin with ``#`` do not count.

        Raises:
            SealError: a line is not a whole master key. The line is not quoted.
        """
        lines = [line.strip() for line in text.splitlines()]
        return cls(_read_line(line) for line in lines if line and not line.startswith("#"))

    def text(self) -> str:
        """The text form. It is the secret itself: only for the place where master keys are kept."""
        return "".join(f"{name} {base64.b64encode(key).decode('ascii')}\n" for name, key in self._keys.items())

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the keys, the newest first."""
        return tuple(self._keys)

    @property
    def current(self) -> str:
        """The name of the key that wraps."""
        return self.ids[0]

    def behind(self, newer: MasterKeys) -> MasterKeys:
        """These keys behind newer ones."""
        return MasterKeys([*newer._keys.values(), *self._keys.values()])

    def only(self, ids: Iterable[str]) -> MasterKeys:
        """Those of these keys that have one of the names."""
        wanted = set(ids)
        return MasterKeys(key for name, key in self._keys.items() if name in wanted)

    def wrap(self, key: bytes, context: str, master_key_id: str | None = None) -> bytes:
        """Seal a key with the named master key, or with the newest one."""
        return sealing.seal(self._keys[master_key_id or self.current], key, context)

    def unwrap(self, master_key_id: str, wrapped: bytes, context: str) -> bytes:
        """Open a data key that the named master key sealed.

        Raises:
            SealError: that key is not here, or the wrapped key was changed.
        """
        if master_key_id not in self._keys:
            raise SealError(missing_key_sentence(master_key_id))
        return sealing.unseal(self._keys[master_key_id], wrapped, context)

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self.ids)})"

    def __reduce__(self) -> str:
        raise TypeError("Master keys are not written anywhere by themselves.")


def key_id(key: bytes) -> str:
    """The name of a master key: 16 hexadecimal digits that tell nothing about it.

    Raises:
        SealError: it does not have 32 bytes.
    """
    if len(key) != sealing.KEY_BYTES:
        raise SealError(f"A master key has {sealing.KEY_BYTES} bytes. {_ADVICE}")
    return hashlib.sha256(b"fgait master key id\n" + key).hexdigest()[:16]


def missing_key_sentence(master_key_id: str) -> str:
    """What to say where data was sealed under a master key that is not at hand."""
    return (
        f"The clinic's data is sealed under master key {master_key_id}, which was not given. Start FGait with the key "
        "file, environment variable or command that holds this key; without it the data cannot be read by anybody."
    )


def read_file(file: Path) -> MasterKeys:
    """The master keys of a file.

    Raises:
        SealError: it cannot be read, everybody on this computer can read it, or it holds no whole key.
    """
    try:
        readable_by_all = file.stat().st_mode & 0o007
        text = file.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SealError(f"The file of the master key {file} cannot be read: {error.strerror}.") from None
    if readable_by_all:
        raise SealError(f"Everybody on this computer can reach the master key. Protect it first: chmod 600 {file}")
    return _named(f"The file {file}", text)


def read_environment(text: str) -> MasterKeys:
    """The master keys of an environment variable; commas separate them as well as new lines.

    Raises:
        SealError: it holds no whole key.
    """
    return _named("The environment variable FGAIT_MASTER_KEY", text.replace(",", "\n"))


def read_command(arguments: Sequence[str]) -> MasterKeys:
    """The master keys that a program prints, for example one that asks a key server. No shell is involved.

    Raises:
        SealError: the program cannot be started, fails, takes over a minute, or prints no whole key.
    """
    name = f"The program of FGAIT_MASTER_KEY_COMMAND ({arguments[0] if arguments else 'none'})"
    try:
        done = subprocess.run(
            list(arguments), capture_output=True, timeout=_COMMAND_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        why = "it took too long" if isinstance(error, subprocess.TimeoutExpired) else "it cannot be started"
        raise SealError(f"{name} gave no master key: {why}.") from None
    if done.returncode:
        raise SealError(f"{name} gave no master key: it ended with exit code {done.returncode}.")
    return _named(name, done.stdout.decode("ascii", errors="replace"))


def make_file(file: Path) -> MasterKeys:
    """Make a file with a new master key, readable by its owner only; the keys of the file if there is one already.

    Several processes may do so at once: the first file stays, and all get its keys.

    Raises:
        SealError: the file cannot be made or read.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = _written_beside(file, MasterKeys.new())
        try:
            with suppress(FileExistsError):
                os.link(temporary, file)
        finally:
            temporary.unlink()
        _sync_folder(file.parent)
    except OSError as error:
        raise SealError(f"The file of the master key {file} cannot be made: {error.strerror}.") from None
    return read_file(file)


@contextmanager
def only_one_changes(file: Path) -> Generator[None, None, None]:
    """Keep everybody else from changing the file meanwhile: two changes at once would lose the key of one of them.

    Raises:
        SealError: somebody else is changing it.
    """
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SealError(f"Somebody else is changing the master key in {file} at this moment. Wait for it.") from None
    finally:
        os.close(descriptor)


def replace_file(file: Path, keys: MasterKeys) -> None:
    """Put other keys into the file; at every moment it holds the old ones or the new ones whole."""
    _written_beside(file, keys).replace(file)
    _sync_folder(file.parent)


def _written_beside(file: Path, keys: MasterKeys) -> Path:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")  # with mode 0600
    with os.fdopen(descriptor, "w", encoding="ascii") as output:
        output.write(keys.text())
        output.flush()
        os.fsync(output.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _named(source: str, text: str) -> MasterKeys:
    try:
        return MasterKeys.from_text(text)
    except SealError as error:
        raise SealError(f"{source} holds no master key. {error}") from None


def _read_line(line: str) -> bytes:
    name, _, encoded = line.partition(" ")
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise SealError(f"A line is not a whole master key. {_ADVICE}") from None
    if key_id(key) != name:
        raise SealError(f"The name of a master key does not fit the key: the line was changed. {_ADVICE}")
    return key
