"""Reads and writes configurations as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from fgait_core.config.base import Config
from fgait_core.errors import ConfigError

Read = TypeVar("Read", bound=Config)


def _read_yaml(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"The configuration {path} must hold names and values, such as `seed: 1`.")
    return content


def load_config(path: Path, kind: type[Read]) -> Read:
    """Reads a configuration.

    Args:
        path: a YAML file.
        kind: `PretrainConfig`, `FinetuneConfig` or `ProbeConfig`.

    Raises:
        ConfigError: if the file cannot be read or a value is unknown, missing or wrong; the text names each one.
    """
    try:
        return kind.model_validate(_read_yaml(path))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        raise ConfigError(f"The configuration {path} does not fit: {'; '.join(problems)}.") from error


def save_config(path: Path, config: Config) -> None:
    """Writes a configuration, all defaults filled in."""
    path.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
