"""Where recordings lie: a folder, a glob, or an address that fsspec knows, such as s3://bucket/folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from fgait_core.errors import ConfigError

VIDEO_ENDINGS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".avi", ".webm"})
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True, order=True)
class Recording:
    """A video of a collection.

    Attributes:
        name: its path within the source, with `/`; unique.
        url: where it is, a path or an address.
    """

    name: str
    url: str


def is_address(source: str) -> bool:
    """Whether a source is an address for fsspec and no local path."""
    return "://" in source


def list_recordings(source: str) -> list[Recording]:
    """The videos of a source, sorted by name; hidden files are left out.

    Args:
        source: a folder, whose subfolders are searched, too; a glob, such as `clinic/*/walk*.mp4`; or either of them as
            an address (`s3://...`), for which fsspec's own settings hold.

    Raises:
        ConfigError: if there is no such place, no driver for it, or no video in it.
    """
    files, path = _file_system(source)
    if files.isdir(path):
        root, found = path, files.find(path)
    elif files.isfile(path):
        root, found = _parent(path), [path]
    elif _MAGIC & set(path):
        root, found = _fixed_part(path), files.glob(path)
    else:
        raise ConfigError(
            f"There is no {source}. Name a video, a folder, a glob in quotes, or an address like s3://..."
        )
    recordings = sorted(_recording(files, str(each), root) for each in found if _is_video(files, str(each)))
    if not recordings:
        raise ConfigError(f"{source} has no video. Videos end in {', '.join(sorted(VIDEO_ENDINGS))}.")
    return recordings


@contextmanager
def local_copy(recording: Recording, scratch: Path | None = None) -> Iterator[Path]:
    """The recording as a local file; one that was fetched from elsewhere is deleted afterwards.

    Args:
        recording: the recording.
        scratch: folder for fetched files; None takes the system's.

    Raises:
        OSError: if it cannot be fetched.
    """
    files, path = _file_system(recording.url)
    if isinstance(files, LocalFileSystem):
        yield Path(path)
        return
    with TemporaryDirectory(prefix="fgait-", dir=scratch) as folder:
        copy = Path(folder) / f"recording{PurePosixPath(recording.name).suffix}"
        files.get_file(path, str(copy))
        yield copy


def _file_system(source: str) -> tuple[AbstractFileSystem, str]:
    if not is_address(source):
        # Not through fsspec's parser, to which some characters of a path mean something.
        return LocalFileSystem(), str(Path(source).absolute())
    try:
        return url_to_fs(source)
    except ImportError as error:
        raise ConfigError(
            f"{source} needs a driver: {error}, with `.venv/bin/pip install`. Or copy the recordings to a folder."
        ) from error
    except ValueError as error:
        raise ConfigError(f"{source} cannot be opened: {error}.") from error


def _recording(files: AbstractFileSystem, path: str, root: str) -> Recording:
    name = path.removeprefix(root).lstrip("/")
    return Recording(name, path if isinstance(files, LocalFileSystem) else files.unstrip_protocol(path))


def _is_video(files: AbstractFileSystem, path: str) -> bool:
    name = PurePosixPath(path)
    if name.suffix.lower() not in VIDEO_ENDINGS or name.name.startswith("."):
        return False
    return not isinstance(files, LocalFileSystem) or Path(path).is_file()


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _fixed_part(glob: str) -> str:
    """The folders of a glob before the first one with a `*`, `?` or `[`."""
    parts = glob.split("/")
    first = next(number for number, part in enumerate(parts) if _MAGIC & set(part))
    return "/".join(parts[:first])
