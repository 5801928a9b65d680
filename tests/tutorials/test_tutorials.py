"""Every tutorial does what it says: its files are written and its commands run, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fgait_core import cli as engine_cli

TUTORIALS = sorted((Path(__file__).resolve().parents[2] / "docs" / "tutorials").glob("[!R]*.md"))
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _run_commands(text: str) -> None:
    """Runs the `fgait` commands of a block in this process, which saves loading torch for each."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[0] == "fgait", f"a tutorial may only call fgait: {line}"
        result = CliRunner().invoke(engine_cli.build(), words[1:], catch_exceptions=False)
        assert result.exit_code == 0, f"{line}\n{result.output}"


@pytest.mark.slow
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda tutorial: tutorial.stem)
def test_tutorial_does_what_it_says(tutorial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(tutorial.read_text())
    assert any(kind == "sh" for kind, _, _ in blocks)
    for kind, name, text in blocks:
        if kind == "sh":
            _run_commands(text)
        elif kind == "python":
            exec(compile(text, f"{tutorial.name}", "exec"), {"__name__": "__tutorial__"})  # noqa: S102 - our own documents
        elif kind == "yaml":
            assert name, "a YAML block of a tutorial names its file"
            Path(name).write_text(text)
