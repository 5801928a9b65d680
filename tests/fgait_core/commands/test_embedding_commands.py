"""`fgait embed` gives the golden values, from every kind of file, and refuses what it cannot give."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from fgait_core.cli import build
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError, ModelPackageError
from fgait_core.models.architectures import ARCHITECTURES
from fgait_core.recipes.embed import embed_folder, load_network_source

GOLDEN = Path(__file__).parents[2] / "golden"
EXPECTED = {"encoder": "out4", "pooled": "feat_hpp", "projector": "z1", "predictor": "p1"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(build(), ["embed", *map(str, arguments)])


def embed(*arguments: object, out: Path) -> np.ndarray:
    result = run(*arguments, "--out", out)
    if result.exception is not None:
        raise result.exception
    made = np.load(out)
    assert made.dtype == np.float32
    return made


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "golden_eval_tiny.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def weights(golden_fill) -> dict[str, torch.Tensor]:
    shapes = {key: tuple(value.shape) for key, value in ARCHITECTURES["tiny"].build().state_dict().items()}
    return {key: torch.from_numpy(golden_fill(key, shape)) for key, shape in shapes.items()}


@pytest.fixture(scope="module")
def golden_fill():
    return runpy.run_path(str(GOLDEN / "golden_rule.py"))["fill"]


@pytest.fixture(scope="module")
def checkpoint(weights: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the published code writes it after pre-training; its student differs."""
    path = tmp_path_factory.mktemp("published") / "FoundationGait-40000.pt"
    model = {f"teacher_backbone.{key}": value for key, value in weights.items()}
    model |= {f"student_backbone.{key}": value + 1 for key, value in weights.items()}
    torch.save({"model": model, "optimizer": {}, "scheduler": {}, "iteration": 40000}, path)
    return path


@pytest.mark.parametrize("case", [0, 1, 2])
@pytest.mark.parametrize("layer", EXPECTED)
def test_golden_values_of_a_published_checkpoint(golden, checkpoint: Path, tmp_path: Path, layer: str, case: int):
    np.save(tmp_path / "input.npy", golden[f"case{case}_input_u8"])
    arguments = ("--sequences", tmp_path / "input.npy", "--checkpoint", checkpoint, "--architecture", "tiny")
    made = embed(*arguments, "--layer", layer, "--device", "cpu", out=tmp_path / "made.npy")
    np.testing.assert_allclose(made, golden[f"case{case}_{EXPECTED[layer]}"], rtol=0, atol=2e-4)
    if layer == "predictor":
        unit = made / np.linalg.norm(made, axis=1, keepdims=True)
        np.testing.assert_allclose(unit, golden[f"case{case}_embeddings"], rtol=0, atol=2e-6)


def test_floating_sequences_with_channels_equal_bytes(golden, checkpoint: Path, tmp_path: Path):
    clips = golden["case0_input_u8"]
    np.save(tmp_path / "bytes.npy", clips)
    np.save(tmp_path / "floats.npy", (clips / 255)[:, None])
    made = [
        embed("--sequences", tmp_path / name, "--checkpoint", checkpoint, *more, out=tmp_path / "made.npy")
        for name, more in (("bytes.npy", ()), ("floats.npy", ("--batch", 1)))
    ]
    np.testing.assert_allclose(made[0], made[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("prefix", ["module.teacher_backbone.", "", "teacher_backbone."])
def test_other_layouts_of_the_same_weights(golden, weights, tmp_path: Path, prefix: str):
    model = {prefix + key: value for key, value in weights.items()}
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    torch.save({"model": model, "iteration": 7} if prefix else model, run_folder / "checkpoint.pt")
    np.save(tmp_path / "input.npy", golden["case1_input_u8"])
    arguments = ("--sequences", tmp_path / "input.npy", "--layer", "predictor", "--checkpoint", run_folder)
    made = embed(*arguments, out=tmp_path / "made.npy")
    np.testing.assert_allclose(made, golden["case1_p1"], rtol=0, atol=2e-4)


def test_the_student_is_another_network(golden, checkpoint: Path, tmp_path: Path):
    np.save(tmp_path / "input.npy", golden["case1_input_u8"])
    arguments = ("--sequences", tmp_path / "input.npy", "--checkpoint", checkpoint, "--branch", "student")
    assert np.abs(embed(*arguments, out=tmp_path / "made.npy") - golden["case1_z1"]).max() > 0.1


def test_the_bundled_package_is_the_default(golden, tmp_path: Path):
    np.save(tmp_path / "input.npy", golden["case1_input_u8"])
    backbone = load_network_source()
    made = embed("--sequences", tmp_path / "input.npy", out=tmp_path / "made.npy")
    assert made.shape == (2, backbone.channels[3], 31)
    with pytest.raises(ConfigError, match="choose the projector"):
        embed("--sequences", tmp_path / "input.npy", "--layer", "predictor", out=tmp_path / "other.npy")
    assert not (tmp_path / "other.npy").exists()


def test_an_untrained_network_is_called_so(golden, tmp_path: Path):
    np.save(tmp_path / "input.npy", golden["case1_input_u8"])
    arguments = ("--sequences", tmp_path / "input.npy", "--architecture", "tiny", "--out", tmp_path / "made.npy")
    assert "untrained, with random weights from seed 3" in run(*arguments, "--seed", 3).stderr
    first = np.load(tmp_path / "made.npy")
    run(*arguments, "--seed", 3)
    np.testing.assert_array_equal(first, np.load(tmp_path / "made.npy"))
    run(*arguments, "--seed", 4)
    assert not np.allclose(first, np.load(tmp_path / "made.npy"))


def test_shards_with_their_keys_and_people(make_shards, checkpoint: Path, tmp_path: Path):
    shards = make_shards(tmp_path / "shards", people=3, sequences=2, frames=4)
    arguments = ("--data", shards, "--checkpoint", checkpoint, "--layer", "predictor")
    made = embed(*arguments, out=tmp_path / "made.npy")
    folder = read_shards(shards)
    np.testing.assert_array_equal(made, embed_folder(load_network_source(checkpoint), folder))
    with (tmp_path / "made.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sequence"] for row in rows] == folder.keys.tolist()
    assert [row["person"] for row in rows] == folder.person.tolist()
    assert [row["scoliosis"] for row in rows] == folder.column("scoliosis").tolist()


def test_bytes_that_reach_only_one_are_noted(tmp_path: Path):
    np.save(tmp_path / "input.npy", np.ones((1, 2, 64, 44), np.uint8))
    done = run("--sequences", tmp_path / "input.npy", "--architecture", "tiny", "--out", tmp_path / "made.npy")
    assert "reaches only 1" in done.stderr


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        (("--architecture", "s22"), ConfigError, "tiny"),
        (("--architecture", "gigantic"), ConfigError, r"0\.03B"),
        (("--device", "cuda:77"), ConfigError, "GPU"),
    ],
)
def test_what_does_not_fit_the_checkpoint(golden, checkpoint: Path, tmp_path: Path, more, error, words: str):
    np.save(tmp_path / "input.npy", golden["case1_input_u8"])
    with pytest.raises(error, match=words):
        embed("--sequences", tmp_path / "input.npy", "--checkpoint", checkpoint, *more, out=tmp_path / "made.npy")


def test_a_file_of_objects_is_not_unpickled(tmp_path: Path):
    np.save(tmp_path / "input.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match=r"cannot be read as a \.npy file"):
        embed("--sequences", tmp_path / "input.npy", out=tmp_path / "made.npy")


def test_an_archive_of_arrays_is_no_sequences_file(tmp_path: Path):
    np.savez(tmp_path / "input.npz", first=np.zeros((1, 2, 64, 44), np.uint8))
    with pytest.raises(ConfigError, match=r"cannot be read as a \.npy file"):
        embed("--sequences", tmp_path / "input.npz", "--architecture", "tiny", out=tmp_path / "made.npy")


def test_a_folder_without_a_package_is_no_package(checkpoint: Path, tmp_path: Path):
    with pytest.raises(ModelPackageError, match="package"):
        embed("--sequences", "input.npy", "--package", checkpoint.parent, out=tmp_path / "made.npy")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--out", "made.npy"),
        ("--out", "made.npy", "--sequences", "a.npy", "--data", "shards"),
        ("--out", "made.npy", "--sequences", "a.npy", "--checkpoint", "a.pt", "--package", "b"),
        ("--out", "made.npy", "--sequences", "a.npy", "--ray", "auto"),
        ("--out", "nowhere/at/all/made.npy", "--sequences", "a.npy"),
        ("--out", ".", "--sequences", "a.npy"),
        ("--out", "made", "--recordings", ".", "--ray", "auto", "--processes", "2"),
        ("--out", "made.npy", "--sequences", "a.npy", "--layer", "soft"),
    ],
    ids=lambda arguments: " ".join(arguments[2:]),
)
def test_wrong_usage(arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments).exit_code == 2
    assert not list(tmp_path.iterdir())
