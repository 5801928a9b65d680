"""The documents say what is true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app import cli as program
from app.settings import Settings
from fgait_core import cli as engine_cli
from fgait_core.screening_result import ScreeningResult

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(scope="module")
def cli() -> typer.Typer:
    built = engine_cli.build()
    built.command()(program.screen)
    return built


def _commands(group, prefix: str = "fgait") -> Iterator[tuple[str, object]]:
    for name, command in group.commands.items():
        yield f"{prefix} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix} {name}")


def test_each_command_and_option_is_documented(cli: typer.Typer):
    page = (ROOT / "docs" / "command_line.md").read_text()
    for name, command in _commands(typer.main.get_command(cli)):
        assert f"## `{name}" in page, f"docs/command_line.md does not name `{name}`"
        section = page.split(f"## `{name}", 1)[1].split("\n## ", 1)[0]
        for parameter in command.params:  # type: ignore[attr-defined]
            for option in (o for o in parameter.opts if o.startswith("--") and o != "--help"):
                assert f"`{option}" in section, f"docs/command_line.md does not explain {option} of {name}"


def test_each_setting_is_documented():
    page = (ROOT / "docs" / "deployment.md").read_text()
    for name in Settings.model_fields:
        assert f"`FGAIT_{name.upper()}`" in page, f"docs/deployment.md does not name FGAIT_{name.upper()}"


def test_each_key_of_the_screening_json_is_documented():
    page = (ROOT / "docs" / "screening_json.md").read_text()
    schema = ScreeningResult.model_json_schema()
    for definition in [schema, *schema["$defs"].values()]:
        for key in definition["properties"]:
            assert f"`{key}" in page or f".{key}`" in page, f"docs/screening_json.md does not name {key}"


def test_schema_command_prints_the_schema(cli: typer.Typer):
    printed = CliRunner().invoke(cli, ["schema"])
    assert json.loads(printed.stdout) == ScreeningResult.model_json_schema()


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}, which does not exist"
