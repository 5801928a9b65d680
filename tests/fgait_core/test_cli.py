"""How the command line ends: the words and the exit code of each kind of error."""

from __future__ import annotations

import pytest
import typer

from fgait_core import cli
from fgait_core.errors import CheckpointError, ConfigError, OperationCancelled, RecordingError


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("Take another."), 2, "Error: Take another.\n"),
        (CheckpointError("It is damaged."), 1, "Error: It is damaged.\n"),
        (OSError("disk full"), 1, "Error: disk full\n"),
        (FileExistsError(17, "File exists", "run"), 2, "Error: run cannot be made: a file is in the way. Name another"),
        (NotADirectoryError(20, "Not a directory", "run/x"), 2, "Error: run/x cannot be made"),
        (RecordingError("Too dark.", ["It is too dark.", "It is too short."]), 3, "- It is too dark.\n- It is too sho"),
        (OperationCancelled("Stopped after step 3; run it again."), 130, "Stopped after step 3; run it again.\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_words_and_exit_code_of_each_error(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def work() -> None:
        raise error

    monkeypatch.setattr("sys.argv", ["fgait"])
    with pytest.raises(SystemExit) as ended:
        cli.run(app)
    assert ended.value.code == code
    assert words in capsys.readouterr().err
