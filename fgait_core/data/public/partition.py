"""Who trains and who tests: the partition JSON of a public data set."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fgait_core.errors import ConfigError

Part = Literal["train", "test", "all"]


@dataclass(frozen=True, slots=True)
class Partition:
    """Content of a partition JSON.

    Attributes:
        train: ids of `TRAIN_SET`.
        test: ids of `TEST_SET`.
        probe: "id-type-view" of `PROBE_SET`; None where the file has none.
        gallery: "id-type-view" of `GALLERY_SET`; None where the file has none.
        sha256: of the file.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    probe: frozenset[str] | None
    gallery: frozenset[str] | None
    sha256: str

    @classmethod
    def read(cls, path: Path) -> Partition:
        """Reads a partition.

        Raises:
            ConfigError: if the file cannot be read or is no partition.
        """
        try:
            content = path.read_bytes()
            held = json.loads(content)
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{path} is no readable partition JSON: {error}") from error
        if not isinstance(held, dict):
            raise ConfigError(f"{path} must hold an object with TRAIN_SET and TEST_SET.")
        lists = {name: _names(path, held, name) for name in ("TRAIN_SET", "TEST_SET", "PROBE_SET", "GALLERY_SET")}
        train, test = lists["TRAIN_SET"], lists["TEST_SET"]
        if train is None or test is None:
            raise ConfigError(f"{path} lacks {'TRAIN_SET' if train is None else 'TEST_SET'}.")
        roles = (lists["PROBE_SET"], lists["GALLERY_SET"])
        probe, gallery = (None if names is None else frozenset(names) for names in roles)
        return cls(train, test, probe, gallery, hashlib.sha256(content).hexdigest())

    def ids(self, part: Part) -> tuple[str, ...]:
        """Ids of a part, each once, sorted."""
        wanted = {"train": self.train, "test": self.test, "all": self.train + self.test}[part]
        return tuple(sorted(set(wanted)))

    @property
    def overlap(self) -> tuple[str, ...]:
        """Ids in both sets, sorted."""
        return tuple(sorted(set(self.train) & set(self.test)))

    @property
    def repeated(self) -> tuple[str, ...]:
        """Ids that a set names more than once, sorted."""
        return tuple(sorted({each for names in (self.train, self.test) for each, n in Counter(names).items() if n > 1}))

    def role(self, identity: str, type_name: str, view: str) -> str:
        """What a sequence of a test id is for in identification: "probe", "gallery" or "".

        Where only one of the two lists is given, every other test sequence has the other role.
        """
        name = f"{identity}-{type_name}-{view}"
        if self.probe is not None and name in self.probe:
            return "probe"
        if self.gallery is not None and name in self.gallery:
            return "gallery"
        if (self.probe is None) == (self.gallery is None):
            return ""
        return "gallery" if self.gallery is None else "probe"


def _names(path: Path, held: dict[str, Any], name: str) -> tuple[str, ...] | None:
    names = held.get(name)
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(each, str) and each for each in names):
        raise ConfigError(f"{name} of {path} must be a list of names (texts).")
    if bad := [each for each in names if "/" in each or "\\" in each or each in (".", "..")]:
        raise ConfigError(f"{name} of {path} has {bad[0]!r}, which is no name of a folder.")
    return tuple(names)
