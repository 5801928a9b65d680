"""Files of the clinic in object storage, or wherever else fsspec reaches.

Layout under the address: ``ab/<key>/<SHA-256>``, one object a file, so that one request tells its size and what its
bytes must be. An upload is written to ``incoming/``, its size is checked, and only then it is moved to its place.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from fsspec import AbstractFileSystem  # pyright: ignore[reportMissingTypeStubs]
from fsspec.core import url_to_fs  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from clinic_data.errors import ClinicDataError, NotFoundError, StorageError
from clinic_data.file_cache import FileCache
from clinic_data.storage import ABANDONED_AFTER_S, GONE, FolderStorage, Storage, StoredFile, checked_key, is_key

_PIECE_BYTES = 8 << 20
RETRY_WAITS_S = (0.5, 1.0, 2.0)
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Faults of a program, not of a network. Everything else is tried again: each file system has errors of its own.
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)
_NO_ANSWER = (
    "The file storage did not answer; please try again in a few minutes. If it stays so, your administrator should "
    "look at the network and at the storage."
)
_DAMAGED = (
    "The file storage gave other bytes than were stored. Please try again; if it stays so, your administrator should "
    "put the file back from a backup."
)
_NO_ACCESS = "The file storage refused the access; your administrator should check its address and its access keys."
_NO_PLACE = "The place of the file storage does not exist; your administrator should check its address."
_NO_ROOM = "The server has too little disk space for a copy of this file. Please tell your administrator."
_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)


def open_storage(url: str, folder: Path, cache: Path, max_cache_bytes: int) -> Storage:
    """The storage of an installation.

    Args:
        url: where files are, such as ``s3://bucket/clinic``; empty for the folder of this computer.
        folder: that folder.
        cache: folder for copies of files that lie elsewhere.
        max_cache_bytes: size above which the longest unused copies go.

    Raises:
        ClinicDataError: the address is none, or the package that reads it is not installed.
    """
    if not url:
        return FolderStorage(folder)
    protocol, separator, rest = url.partition("://")
    if not separator or not rest or "::" in url:
        raise ClinicDataError("FGAIT_STORAGE_URL must be an address such as s3://bucket/folder, or empty.")
    # Other computers write here, too, so nothing that was listed once may be believed later.
    options: dict[str, Any] = {"use_listings_cache": False}
    if protocol == "file":
        options["auto_mkdir"] = True
    try:
        opened = cast("tuple[AbstractFileSystem, str]", url_to_fs(url, **options))
    except ImportError as error:
        raise ClinicDataError(
            f"FGAIT_STORAGE_URL begins with {protocol}://, which needs another package: install fgait[s3] for s3://."
        ) from error
    except ValueError as error:
        raise ClinicDataError(f"FGAIT_STORAGE_URL begins with {protocol}://, which is unknown here.") from error
    return ObjectStorage(*opened, cache, max_cache_bytes)


class _DamagedError(OSError):
    """The storage has other bytes than it was given, or some were lost on the way."""


@dataclass(frozen=True, slots=True)
class _Object:
    """A whole file at its place."""

    name: str
    key: str
    sha256: str
    size_bytes: int


class ObjectStorage(Storage):
    """Files in a file system of fsspec, with copies on this computer's disk.

    Args:
        files: the file system; it must not remember listings.
        place: the folder or bucket in it.
        cache: folder of the copies; it is created, readable by this account only.
        max_cache_bytes: see ``FileCache``.
        retry_waits_s: waits before the second, third ... attempt of each request.
    """

    def __init__(
        self,
        files: AbstractFileSystem,
        place: str,
        cache: Path,
        max_cache_bytes: int,
        retry_waits_s: tuple[float, ...] = RETRY_WAITS_S,
    ) -> None:
        super().__init__(cache)
        self._files: Any = files  # fsspec has no types
        self._place = place.rstrip("/")
        self._retry_waits_s = retry_waits_s
        self._cache = FileCache(self.root, self._incoming, max_cache_bytes)
        self._cache.make_room(0)
        try:
            self.remove_abandoned()
        except StorageError as error:  # pages that need no file work without the storage, too
            _log.warning("Half-written files could not be looked for: %s", error)

    def path(self, key: str) -> Path:
        """A copy on this computer, fetched once; see ``Storage``.

        Raises:
            NotFoundError: there is no such file; a copy of it goes, too.
            StorageError: the storage did not answer, or not with the file that was stored.
        """
        found = self._look_up(checked_key(key))
        if found is None:
            self._cache.forget(key)
            raise NotFoundError(GONE)
        copy = self._cache.find(key, found.size_bytes)
        return self._fetch(found) if copy is None else copy

    def stream(self, key: str) -> Iterator[bytes]:
        """The file in pieces, past the copies here; see ``Storage``.

        Raises:
            NotFoundError: there is no such file.
            StorageError: the storage did not answer.
        """
        found = self._look_up(checked_key(key))
        if found is None:
            raise NotFoundError(GONE)
        for start in range(0, found.size_bytes, _PIECE_BYTES):
            yield self._piece(found, start)

    def forget_copies(self, unwanted: Callable[[BinaryIO], bool]) -> None:
        """Remove those copies on this computer of which ``unwanted`` says so; the files themselves stay."""
        for key in self._cache.copies():
            with suppress(FileNotFoundError):  # another process was faster
                with (self.root / key).open("rb") as copy:
                    goes = unwanted(copy)
                if goes:
                    self._cache.forget(key)

    def keep_only(self, key: str, sha256: str) -> None:
        """Remove the other objects of the key; see ``Storage``."""
        try:
            listed = self._answer(lambda: self._files.ls(self._folder_of(checked_key(key)), detail=True))
        except FileNotFoundError:
            return
        for found in map(self._as_object, listed):
            if found is not None and found.sha256 != sha256:
                self._remove(found.name, recursive=False)

    def delete(self, key: str) -> None:
        """Remove the file and the copy here; see ``Storage``."""
        self._cache.forget(checked_key(key))
        self._remove(self._folder_of(key), recursive=True)

    def keys(self) -> Iterator[str]:
        """The keys of all files."""
        return iter([found.key for found in self._objects()])

    def sizes(self) -> Iterator[tuple[str, int]]:
        """The keys of all files with their sizes in bytes."""
        return iter([(found.key, found.size_bytes) for found in self._objects()])

    def remove_abandoned(self, *, older_than_s: float = ABANDONED_AFTER_S) -> int:
        """Remove what killed processes left half-written, here and there; see ``Storage``."""
        here = super().remove_abandoned(older_than_s=older_than_s)
        left = self._find(f"{self._place}/incoming")
        return here + sum(self._remove_if_older(name, older_than_s, recursive=False) for name in left)

    def remove_unreferenced(self, referenced: frozenset[str], *, older_than_s: float = 86400.0) -> int:
        """Remove files to which no row refers; see ``Storage``. Copies of files that are gone go, too."""
        removed = 0
        present: set[str] = set()
        for found in self._objects():
            if found.key not in referenced and self._remove_if_older(found.name, older_than_s, recursive=True):
                removed += 1
            else:
                present.add(found.key)
        for key in self._cache.copies():
            if key not in present and key not in referenced:
                self._cache.forget(key)
        return removed

    def _publish(self, partial: Path, stored: StoredFile) -> None:
        aside = f"{self._place}/incoming/{stored.key}"
        target = f"{self._folder_of(stored.key)}/{stored.sha256}"
        try:
            self._answer(lambda: self._upload(partial, aside, stored.size_bytes))
            self._answer(lambda: self._move(aside, target, stored.size_bytes))
        except FileNotFoundError as error:
            raise StorageError(_NO_PLACE) from error
        self._cache.make_room(stored.size_bytes)
        self._cache.keep(partial, stored.key)  # what was just stored is often read next

    def _upload(self, partial: Path, aside: str, size_bytes: int) -> None:
        self._files.put_file(str(partial), aside)
        if self._files.info(aside)["size"] != size_bytes:
            raise _DamagedError

    def _move(self, aside: str, target: str, size_bytes: int) -> None:
        if not self._files.exists(aside) and self._files.info(target)["size"] == size_bytes:
            return  # the answer to the first attempt was lost
        self._files.mv(aside, target)

    def _look_up(self, key: str) -> _Object | None:
        try:
            listed = self._answer(lambda: self._files.ls(self._folder_of(key), detail=True))
        except FileNotFoundError:
            return None
        return next((found for found in map(self._as_object, listed) if found is not None), None)

    def _objects(self) -> Iterator[_Object]:
        for facts in self._find(self._place).values():
            found = self._as_object(facts)
            if found is not None:
                yield found

    def _find(self, folder: str) -> dict[str, dict[str, Any]]:
        try:
            return self._answer(lambda: self._files.find(folder, detail=True))
        except FileNotFoundError as error:  # an empty folder is no error, a bucket that does not exist is one
            raise StorageError(_NO_PLACE) from error

    def _as_object(self, facts: dict[str, Any]) -> _Object | None:
        name: str = facts["name"].rstrip("/")
        parts = name.removeprefix(self._place).strip("/").split("/")
        if len(parts) != 3 or not is_key(parts[1]) or not _SHA256.fullmatch(parts[2]):
            return None
        return _Object(name, parts[1], parts[2], int(facts["size"]))

    def _fetch(self, found: _Object) -> Path:
        self._cache.make_room(found.size_bytes)
        with self._cache.arriving() as partial:
            try:
                self._answer(lambda: self._download(found, partial))
            except FileNotFoundError as error:
                raise NotFoundError(GONE) from error
            return self._cache.keep(partial, found.key)

    def _piece(self, found: _Object, start: int) -> bytes:
        end = min(start + _PIECE_BYTES, found.size_bytes)
        try:
            return self._answer(lambda: self._files.cat_file(found.name, start=start, end=end))
        except FileNotFoundError as error:
            raise NotFoundError(GONE) from error

    def _download(self, found: _Object, partial: Path) -> None:
        self._files.get_file(found.name, str(partial))
        with partial.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != found.sha256:
                raise _DamagedError

    def _remove(self, name: str, *, recursive: bool) -> bool:
        try:
            self._answer(lambda: self._files.rm(name, recursive=recursive))
        except FileNotFoundError:
            return False  # another process was faster
        return True

    def _remove_if_older(self, name: str, age_s: float, *, recursive: bool) -> bool:
        """Remove the object, or with ``recursive`` the folder in which it lies alone."""
        try:
            if time.time() - self._answer(lambda: self._files.modified(name)).timestamp() < age_s:
                return False
        except FileNotFoundError:
            return False
        return self._remove(name.rpartition("/")[0] if recursive else name, recursive=recursive)

    def _folder_of(self, key: str) -> str:
        return f"{self._place}/{key[:2]}/{key}"

    def _answer(self, request: Callable[[], _Answer]) -> _Answer:
        """What ``request`` gives, asked again after each fault that may pass.

        Raises:
            FileNotFoundError: what was asked for is not there; only the caller knows what that means.
            StorageError: no answer after all attempts, no access, or no room for a copy.
        """
        for wait_s in (*self._retry_waits_s, None):
            try:
                return request()
            except (FileNotFoundError, *_FAULTS):
                raise
            except PermissionError as error:
                raise StorageError(_NO_ACCESS) from error
            except Exception as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise StorageError(_NO_ROOM) from error
                if wait_s is None:
                    raise StorageError(_DAMAGED if isinstance(error, _DamagedError) else _NO_ANSWER) from error
                _log.warning("The file storage did not answer (%s); trying again.", type(error).__name__)
                time.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")
