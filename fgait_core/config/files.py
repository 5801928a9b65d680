"""Reads and writes configurations as YAML."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

import yaml
from pydantic import ValidationError

from fgait_core.config.adaptation import FinetuneConfig
from fgait_core.config.base import Config
from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.config.training import PretrainConfig
from fgait_core.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RUN_CONFIG = "config.yaml"
"""Name of the configuration in a run folder."""

COMMANDS = ("pretrain", "finetune", "probe", "scaling", "retrain", "retraining_study")
"""Kinds of configurations, each with the command of its name."""

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
        kind: `PretrainConfig`, `FinetuneConfig`, `ProbeConfig`, `ScalingConfig` or `RetrainConfig`.

    Raises:
        ConfigError: if the file cannot be read or a value is unknown, missing or wrong; the text names each one.
    """
    content = _read_yaml(path)
    found, wanted = content.get("kind"), get_args(kind.model_fields["kind"].annotation)
    if found in COMMANDS and found not in wanted:
        raise ConfigError(
            f"The configuration {path} is for `fgait {_command(found)}`; one for `fgait {_command(wanted[0])}` is "
            "needed here."
        )
    return _validated(path, content, kind)


def _command(kind: object) -> str:
    return str(kind).replace("_", "-")


def load_protocol(path: Path) -> RetrainingProtocol:
    """Reads the protocol of a retraining.

    Args:
        path: a JSON or YAML file.

    Raises:
        ConfigError: if the file cannot be read or a value is unknown, missing or wrong; the text names each one.
    """
    return _validated(path, _read_yaml(path), RetrainingProtocol)


def _validated(path: Path, content: dict[str, object], kind: type[Read]) -> Read:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_in_words(each, kind) for each in error.errors())
        raise ConfigError(f"The configuration {path} does not fit: {problems}.") from error


def _in_words(problem: ErrorDetails, kind: type[Config]) -> str:
    """What is wrong, with the name that was probably meant."""
    place, name = ".".join(map(str, problem["loc"])), str(problem["loc"][-1] if problem["loc"] else "")
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(name, kind.model_fields, 1) if len(problem["loc"]) == 1 else []
        return f"{place} is no known name" + (f" (is {near[0]} meant?)" if near else "")
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def load_run_config(run: Path) -> PretrainConfig | FinetuneConfig:
    """Reads the configuration of a run of pre-training or fine-tuning from its folder.

    Raises:
        ConfigError: if the folder has none, or it is of another kind.
    """
    path = run / RUN_CONFIG
    kind = _read_yaml(path).get("kind")
    if kind == "pretrain":
        return load_config(path, PretrainConfig)
    return load_config(path, FinetuneConfig)


def save_config(path: Path, config: Config) -> None:
    """Writes a configuration, all defaults filled in."""
    path.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
