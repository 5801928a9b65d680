"""The commands of `fgait-clinic`, a module for each subject."""

from __future__ import annotations

from types import ModuleType

from app.commands import audit, backup, check, erasure, keys, privacy

MODULES: tuple[ModuleType, ...] = (audit, backup, check, erasure, keys, privacy)
