"""The loop: what a run writes, how it goes on, and when it stops."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch
from torch.amp.grad_scaler import GradScaler

from fgait_core.errors import CheckpointError, ConfigError, FGaitError, OperationCancelled
from fgait_core.training import loop, parallel
from fgait_core.training.checkpoint import read_checkpoint
from fgait_core.training.turn import OptimiserTurn


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_what_a_run_writes(make_config, train, tmp_path: Path) -> None:
    config = make_config(keep_every=3)
    told: list[tuple[float, str]] = []
    run = train(
        config,
        tmp_path / "run",
        progress=lambda fraction, words: told.append((fraction, words)),
        measure=lambda step: {"rank": 50.0} if step == 4 else None,
    )
    assert run.after == [1, 2, 3, 4, 5, 6]
    lines = lines_of(tmp_path / "run")
    assert [line["iteration"] for line in lines] == run.after
    assert {line["data_set"] for line in lines} == {str(config.data[0].path)}
    for line in lines:
        assert line["sequences_per_s"] == pytest.approx(8 / line["seconds"], rel=0.1)
        assert 0 <= line["wait_s"] <= line["seconds"]
        assert line["gradient_norm"] > 0
        assert line["memory_mib"] > 50
    assert [line.get("rank") for line in lines] == [None, None, None, 50.0, None, None]
    assert lines[0]["learning_rate"] == 0.1
    assert lines[-1]["learning_rate"] < 0.01
    assert told[-1][0] == 1.0
    assert told[3][1].startswith("step 4 of 6: loss 0.")
    assert "rank 50.000" in told[3][1]
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert (environment["torch"], environment["processes"]) == (torch.__version__, 1)
    assert environment["device"] == "cpu"
    assert environment["device_name"]
    kept = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept == ["iteration-000003.pt", "iteration-000006.pt"]
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / kept[0])["iteration"] == 3
    last = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert last["config"] == config.model_dump(mode="json")
    assert set(last) == {"model", "optimizer", "scheduler", "scaler", "iteration", "fingerprint", "config"}


def test_micro_batches_sum_up_to_the_batch(make_config, train, tmp_path: Path) -> None:
    whole = train(make_config(precision="float64"), tmp_path / "whole")
    parts = train(make_config(precision="float64", accumulate=4), tmp_path / "parts")
    for key, value in whole.network.state_dict().items():
        torch.testing.assert_close(value, parts.network.state_dict()[key], rtol=1e-12, atol=1e-12)
    for one, other in zip(lines_of(tmp_path / "whole"), lines_of(tmp_path / "parts"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-12)
        assert one["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-12)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run(make_config, train, brightness, value: float, tmp_path: Path) -> None:
    config = make_config()
    recipe = brightness(config)
    recipe.losses[4] = value
    with pytest.raises(FGaitError, match=rf"step 4 on {config.data[0].path} loss is {value}"):
        train(config, tmp_path, recipe)
    assert read_checkpoint(tmp_path / "checkpoint.pt")["iteration"] == 2
    assert train(config, tmp_path).after == [3, 4, 5, 6]


def test_overflowing_half_precision_gradients_repeat_the_step(
    make_config, train, brightness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scaler's own logic, on the processor: only its device needs a GPU."""
    monkeypatch.setattr(loop, "loss_scaler", lambda config, device: GradScaler("cpu", init_scale=3e38))
    config = make_config(iterations=3, learning_rate=0.001)
    recipe = brightness(config)
    recipe.factor = 1e3
    train(config, tmp_path, recipe)
    steps = [step for step, _ in recipe.seen]
    assert steps[:2] == [1, 1]
    assert recipe.seen[0] == recipe.seen[1]
    assert sorted(set(steps)) == [1, 2, 3]
    assert recipe.after == [1, 2, 3]
    stored = read_checkpoint(tmp_path / "checkpoint.pt")
    assert stored["scheduler"]["last_epoch"] == 3
    assert 0 < stored["scaler"]["scale"] < 3e38
    monkeypatch.setattr(loop, "loss_scaler", lambda config, device: GradScaler("cpu", enabled=False))
    plain = brightness(config)
    plain.factor = 1e3
    train(config, tmp_path / "plain", plain)
    for key, value in plain.network.state_dict().items():
        torch.testing.assert_close(recipe.network.state_dict()[key], value)


def test_gradients_that_overflow_at_any_scale_are_an_error(make_config, brightness) -> None:
    config = make_config()
    recipe = brightness(config)
    optimizer = recipe.optimizer()
    turn = OptimiserTurn(recipe.network, config, torch.device("cpu"), GradScaler("cpu", init_scale=2.0**-13))
    before = [parameter.clone() for parameter in recipe.network.parameters()]

    def overflow() -> float | None:
        optimizer.zero_grad()
        turn.backward(sum(parameter.sum() for parameter in recipe.network.parameters()) * float("inf"))
        return turn.finish(optimizer)

    assert overflow() is None
    assert overflow() is None
    with pytest.raises(FGaitError, match="overflow at every scale"):
        overflow()
    assert all(torch.equal(*pair) for pair in zip(before, recipe.network.parameters(), strict=True))


def test_half_precision_needs_a_gpu(make_config, train, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="float16 needs a GPU"):
        train(make_config(precision="float16"), tmp_path)


def test_a_batch_that_does_not_divide_among_processes_is_refused(
    make_config, train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "world_size", lambda: 3)
    with pytest.raises(ConfigError, match=r"batch 8 does not divide among 3 processes .* multiple of 3"):
        train(make_config(), tmp_path)


def test_another_configuration_is_refused_by_the_names_that_differ(make_config, train, tmp_path: Path) -> None:
    train(make_config(), tmp_path)
    changed = make_config(learning_rate=0.2, clip={"frames": 4, "skip": 1})
    with pytest.raises(ConfigError, match=r": clip\.skip was 0, is 1; learning_rate was 0\.1, is 0\.2\. Take"):
        train(changed, tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"cannot be read: it is damaged, or no checkpoint\. Copy another"):
        train(make_config(), tmp_path)


def test_where_and_how_it_is_computed_may_change(make_config, train, stop_after, make_shards, tmp_path: Path) -> None:
    with pytest.raises(OperationCancelled):
        train(make_config(), tmp_path / "run", cancelled=stop_after(3))
    elsewhere = make_config(
        data=make_shards(tmp_path / "moved"),
        accumulate=2,
        checkpoint_every=1,
        keep_every=2,
        tensorboard=False,
        activation_checkpointing=True,
        parallel="fsdp",
        threads=None,
    )
    assert train(elsewhere, tmp_path / "run").after == [4, 5, 6]


@pytest.mark.parametrize("changes", [{}, {"accumulate": 2}, {"workers": 1}], ids=["plain", "accumulate", "workers"])
def test_a_resumed_run_equals_an_uninterrupted_one(make_config, train, stop_after, changes, tmp_path: Path) -> None:
    config = make_config(**changes)
    whole = train(config.model_copy(update={"workers": 0}), tmp_path / "whole")
    with pytest.raises(OperationCancelled, match="after step 3"):
        train(config, tmp_path / "run", cancelled=stop_after(3))
    assert read_checkpoint(tmp_path / "run" / "checkpoint.pt")["iteration"] == 3
    resumed = train(config, tmp_path / "run")
    assert resumed.after == [4, 5, 6]
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[key]), key


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_the_step(make_config, train, number: signal.Signals, tmp_path: Path) -> None:
    before = signal.getsignal(number)

    def interrupt(step: int) -> None:
        if step == 3:
            signal.raise_signal(number)

    with pytest.raises(OperationCancelled):
        train(make_config(), tmp_path, measure=interrupt)
    assert signal.getsignal(number) is before
    assert read_checkpoint(tmp_path / "checkpoint.pt")["iteration"] == 3
    assert [line["iteration"] for line in lines_of(tmp_path)] == [1, 2, 3]


def test_the_second_signal_ends_the_program_at_once(make_config, train, tmp_path: Path) -> None:
    def interrupt(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    # a shell starts what is in the background with Ctrl-C ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(make_config(), tmp_path, measure=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_mixture_is_logged_by_data_set(make_config, make_shards, train, train_shards: Path, tmp_path: Path) -> None:
    other = make_shards(tmp_path / "other", people=8)
    config = make_config(data=[train_shards, {"path": other, "weight": 2.0}], iterations=12)
    train(config, tmp_path / "run")
    assert {line["data_set"] for line in lines_of(tmp_path / "run")} == {str(train_shards), str(other)}
