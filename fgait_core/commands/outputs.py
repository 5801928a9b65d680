"""Whether results can be written: asked before the work, not after it."""

from __future__ import annotations

from pathlib import Path

from fgait_core.errors import ConfigError


def require_files(*files: Path | None) -> None:
    """Makes the folders of files that are to be written; None is no file.

    Raises:
        ConfigError: if a folder has the name of a file.
        OSError: if a folder cannot be made.
    """
    for file in files:
        if file is None:
            continue
        if file.is_dir():
            raise ConfigError(f"{file} is a folder. Name the file to write.")
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
