"""The log of a run that was killed and goes on holds each step once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fgait_core.training.log import forget_lines_after, in_words


def test_lines_after_a_checkpoint_and_a_cut_line_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"iteration": step}) + "\n" for step in (1, 2, 3)) + '{"iterat')
    forget_lines_after(path, 2)
    assert path.read_text() == '{"iteration": 1}\n{"iteration": 2}\n'
    forget_lines_after(tmp_path / "none.jsonl", 2)
    assert [each.name for each in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_tensorboard_shows_each_step_once(make_config, train, tmp_path: Path) -> None:
    config = make_config(tensorboard=True)

    def die(step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, measure=die)
    train(config, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    points = events.Scalars("loss")
    assert [point.step for point in points] == [1, 2, 3, 4, 5, 6]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [point.value for point in points] == pytest.approx([line["loss"] for line in lines], rel=1e-6)
    assert "data_set" not in events.Tags()["scalars"]


def test_numbers_in_words() -> None:
    values = {"loss": 2.90451, "learning_rate": 1e-5, "validation_map": 48.5, "nothing": 0.0}
    assert in_words(values) == "loss 2.905, learning rate 1.0e-05, validation map 48.500, nothing 0.000"
