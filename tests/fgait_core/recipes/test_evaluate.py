"""Evaluations measure what the decision says, write what they found, and refuse what does not fit."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fgait_core.config import FinetuneConfig, save_config
from fgait_core.data.shard_rows import ColumnType
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError
from fgait_core.evaluation.protocols import evaluate_protocol
from fgait_core.model_package import bundled_package_dir
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.package_files import file_sha256
from fgait_core.recipes.compare import compare
from fgait_core.recipes.embed import embed_folder
from fgait_core.recipes.evaluate import EvaluationOrder, evaluate
from fgait_core.recipes.finetune import build_network
from fgait_core.recipes.plots import SIMULATED, scaling_plot
from fgait_core.recipes.scoring import identification_embeddings, transform_of
from tests.fgait_core.conftest import SCOLIOSIS, walking_blob

GOLDEN = Path(__file__).parents[2] / "golden" / "golden_metric_casiab.npz"
COLUMNS: dict[str, ColumnType] = dict.fromkeys(
    ("id", "type", "view", "part", "role", "scoliosis", "depression", "sex", "age"), "text"
)
CHANNELS = (4, 4, 4, 8)


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine people, each nm-01, nm-05 and cl-01 in two views; the last one is for training; girth tells who it is."""
    folder = tmp_path_factory.mktemp("walkers") / "walkers"
    writer = ShardWriter(folder, identity="test", manifest={"simulated": True}, columns=COLUMNS, frame_rate_hz=25.0)
    rng = np.random.default_rng(0)
    for person in range(9):
        for number, (kind, view) in enumerate((t, v) for t in ("nm-01", "nm-05", "cl-01") for v in ("000", "090")):
            values = {
                "id": f"{person:03}",
                "type": kind,
                "view": view,
                "part": "train" if person == 8 else "test",
                "role": "" if person == 8 else ("probe" if number == 3 else "gallery"),
                "scoliosis": SCOLIOSIS[person % 3],
                "depression": None,
                "sex": ("female", "male")[person % 2],
                "age": ("young", "old")[person // 2 % 2] if person < 6 else None,
            }
            clip = walking_blob(rng, 6, lean_px=person - 4.0, girth_px=4.0 + person)
            writer.add(f"made/{person:03}/{kind}/{view}", f"made-{person:03}", clip, values)
    writer.finish()
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the published layout, of random weights."""
    backbone = Backbone(CHANNELS, (1, 1, 1, 1))
    initialise(backbone, torch.Generator().manual_seed(3))
    path = tmp_path_factory.mktemp("checkpoints") / "made.pt"
    torch.save({"model": {f"teacher_backbone.{k}": v for k, v in backbone.state_dict().items()}, "iteration": 1}, path)
    return path


@pytest.fixture(scope="module")
def run(walkers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with one head of each kind, of random weights."""
    folder = tmp_path_factory.mktemp("runs") / "heads"
    folder.mkdir()
    config = FinetuneConfig.model_validate(
        {
            "kind": "finetune",
            "seed": 1,
            "architecture": {"channels": CHANNELS, "depths": (1, 1, 1, 1)},
            "initial": None,
            "data": str(walkers),
            "clip": {"frames": 4},
            "crops": [1],
            "batch": 4,
            "iterations": 1,
            "sequences_per_person": 2,
            "layer_rates": [0.1] * 5,
            "projector_rate": 0.1,
            "head_rate": 0.1,
            "tasks": [
                "scoliosis",
                "depression",
                {"kind": "identification", "width": 6},
                {"kind": "attributes", "attributes": {"sex": ["female", "male"], "age": ["young", "old"]}},
            ],
        }
    )
    network = build_network(config, people=9)
    torch.save({"model": network.state_dict(), "iteration": 1}, folder / "checkpoint.pt")
    save_config(folder / "config.yaml", config)
    return folder


def unit(embeddings: np.ndarray) -> np.ndarray:
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True).clip(1e-12)


def directly(walkers: Path, name: str, embeddings: np.ndarray, **options):
    """The protocol on the test people, without the recipe."""
    folder = read_shards(walkers)
    at = folder.column("part") == "test"
    texts = [folder.column(each)[at] for each in ("id", "type", "view")]
    return evaluate_protocol(name, embeddings[at], *texts, **options)


def test_a_checkpoint_is_measured_zero_shot_by_its_predictor(walkers: Path, checkpoint: Path, tmp_path: Path) -> None:
    order = EvaluationOrder(checkpoint, walkers, protocol="casiab")
    found = evaluate(order, tmp_path / "out")
    folder = read_shards(walkers)
    backbone = Backbone(CHANNELS, (1, 1, 1, 1))
    initialise(backbone, torch.Generator().manual_seed(3))
    expected = directly(walkers, "casiab", unit(embed_folder(backbone, folder)))
    assert found.metrics["protocol"]["summary"] == pytest.approx(expected.summary)
    assert found.metrics["protocol"]["left_out"] == ["BG"]
    assert found.metrics["embedding"] == {"layer": "predictor", "unit_length": True}
    pooled = evaluate(replace(order, layer="pooled", distance="cosine")).metrics
    other = directly(walkers, "casiab", embed_folder(backbone, folder, layer="pooled"), distance="cosine")
    assert pooled["protocol"]["exact"] == pytest.approx(other.exact)
    again = evaluate(EvaluationOrder(tmp_path / "out" / "embeddings.npz", None, protocol="casiab")).metrics
    assert again["protocol"] == found.metrics["protocol"]
    assert again["simulated"] is True


def test_everything_is_written_and_says_what_it_is_of(walkers: Path, checkpoint: Path, tmp_path: Path) -> None:
    found = evaluate(EvaluationOrder(checkpoint, walkers, protocol="any"), tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(found.metrics))
    assert metrics["model"]["sha256"] == file_sha256(checkpoint)
    assert metrics["model"]["encoder_parameters"] == sum(
        value.numel() for name, value in Backbone(CHANNELS, (1, 1, 1, 1)).named_parameters() if name.startswith("layer")
    )
    assert metrics["data"]["sha256"] == file_sha256(walkers / "manifest.json")
    assert metrics["simulated"] is True
    assert SIMULATED in (tmp_path / "tables.md").read_text()
    assert SIMULATED in found.text
    assert "mean % (simulated data)" in found.text
    assert "predictor at unit length" in found.text
    rows = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert rows[0]["data"] == "simulated"
    assert float(rows[0]["rank-1"]) == pytest.approx(metrics["protocol"]["summary"]["rank-1"])
    for name in ("cumulative_match.png", "retrieval_examples.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in found.written} | {"embeddings.npz"} == {path.name for path in tmp_path.iterdir()}


def test_lists_come_from_the_import_or_from_a_partition(walkers: Path, checkpoint: Path, tmp_path: Path) -> None:
    order = EvaluationOrder(checkpoint, walkers, protocol="gait3d")
    imported = evaluate(order).metrics["protocol"]["conditions"][0]
    assert (imported["probes"], imported["gallery"]) == (8, 40)
    names = [f"{person:03}" for person in range(9)]
    lists = {"TRAIN_SET": names[4:], "TEST_SET": names[:4], "PROBE_SET": ["000-nm-01-000", "001-cl-01-090"]}
    (tmp_path / "lists.json").write_text(json.dumps(lists))
    listed = evaluate(replace(order, partition=tmp_path / "lists.json")).metrics["protocol"]["conditions"][0]
    assert (listed["probes"], listed["gallery"]) == (2, 22)
    (tmp_path / "lists.json").write_text(json.dumps(lists | {"PROBE_SET": ["007-nm-01-000"]}))
    with pytest.raises(ConfigError, match="007-nm-01-000"):
        evaluate(replace(order, partition=tmp_path / "lists.json"))
    (tmp_path / "lists.json").write_text(json.dumps(lists | {"TEST_SET": ["900"]}))
    with pytest.raises(ConfigError, match="None of the people in TEST_SET"):
        evaluate(replace(order, partition=tmp_path / "lists.json"))


def test_identification_heads_embed_for_protocols(walkers: Path, run: Path) -> None:
    from fgait_core.config import load_run_config
    from fgait_core.recipes.finetune import load_finetuned

    config = load_run_config(run)
    assert isinstance(config, FinetuneConfig)
    embeddings = identification_embeddings(
        load_finetuned(config, run), "identification", read_shards(walkers), transform_of(config, 25.0)
    )
    found = evaluate(EvaluationOrder(run, walkers, protocol="gait3d")).metrics
    keys = [f"{person:03}-nm-05-090" for person in range(8)]
    expected = directly(walkers, "gait3d", embeddings, probe_set=keys)
    assert found["protocol"]["summary"] == pytest.approx(expected.summary)
    assert found["embedding"] == {"layer": "identification head identification", "unit_length": False}
    assert found["model"]["training_sequences"] == 54
    projector = evaluate(EvaluationOrder(run, walkers, protocol="gait3d", layer="projector")).metrics
    assert projector["embedding"] == {"layer": "projector", "unit_length": True}


def test_published_fine_tuned_checkpoints_embed_by_their_head(walkers: Path, run: Path, tmp_path: Path) -> None:
    weights = torch.load(run / "checkpoint.pt", weights_only=True)["model"]
    published = {}
    for key, value in weights.items():
        if key.startswith("backbone."):
            published["teacher_" + key] = value
        elif key.startswith("heads.identification."):
            published[key.removeprefix("heads.identification.")] = value
    torch.save({"model": published, "iteration": 1}, tmp_path / "published.pt")
    own = evaluate(EvaluationOrder(run, walkers, protocol="any")).metrics
    other = evaluate(EvaluationOrder(tmp_path / "published.pt", walkers, protocol="any")).metrics
    assert other["protocol"]["summary"] == own["protocol"]["summary"]
    assert other["embedding"]["unit_length"] is False


def test_each_head_is_measured_by_its_kind(walkers: Path, run: Path, tmp_path: Path) -> None:
    found = evaluate(EvaluationOrder(run, walkers), tmp_path).metrics["tasks"]
    assert list(found) == ["scoliosis", "attributes"], "nobody has a label for depression"
    assert found["scoliosis"]["calibrated"] is False
    assert sum(sum(row.values()) for row in found["scoliosis"]["confusion"].values()) == 54
    assert found["attributes"]["age"]["sequences"] == 36
    names = {path.name for path in tmp_path.iterdir()}
    assert {"scoliosis_roc.png", "scoliosis_confusion.png", "scoliosis_reliability.png"} <= names
    assert {"scoliosis_summary.csv", "attributes_attributes.csv", "tables.md", "metrics.json"} <= names
    only = evaluate(EvaluationOrder(run, walkers, task="attributes")).metrics["tasks"]
    assert list(only) == ["attributes"]


def test_a_package_is_measured_with_its_calibration(walkers: Path, tmp_path: Path) -> None:
    found = evaluate(EvaluationOrder(bundled_package_dir(), walkers, task="scoliosis"), tmp_path).metrics
    assert found["model"]["training_sequences"] == 100_000
    assert found["tasks"]["scoliosis"]["calibrated"] is True
    assert {"operating_point", "calibration", "conformal"} <= found["tasks"]["scoliosis"].keys()
    assert "scoliosis: each class" in (tmp_path / "tables.md").read_text()


def test_embeddings_of_a_file(tmp_path: Path) -> None:
    with np.load(GOLDEN) as golden:
        arrays = {each: golden[each] for each in ("embeddings", "types", "views")} | {"persons": golden["labels"]}
        expected = json.loads(str(golden["results"]))
    np.savez(tmp_path / "made.npz", **arrays)
    found = evaluate(EvaluationOrder(tmp_path / "made.npz", None, protocol="casiab"), tmp_path / "out")
    assert found.metrics["protocol"]["published"] == pytest.approx(expected, abs=1e-6)
    assert found.metrics["model"] is None
    assert found.metrics["simulated"] is None
    assert SIMULATED not in found.text
    assert "NM" in (tmp_path / "out" / "rank-1_by_view.csv").read_text()
    np.savez(tmp_path / "half.npz", embeddings=arrays["embeddings"], persons=arrays["persons"])
    with pytest.raises(ConfigError, match="lacks types, views"):
        evaluate(EvaluationOrder(tmp_path / "half.npz", None, protocol="any"))
    np.savez(tmp_path / "objects.npz", **arrays | {"types": arrays["types"].astype(object)})
    with pytest.raises(ConfigError, match="plain arrays"):
        evaluate(EvaluationOrder(tmp_path / "objects.npz", None, protocol="any"))


def test_cells_without_data_are_null_in_json(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "embeddings": rng.normal(size=(6, 2, 2)).astype(np.float32),
        "persons": np.array(["1", "1", "2", "2", "1", "2"]),
        "types": np.array(["U3_D3", "U3_D3", "U3_D3", "U3_D3", "U0_D3", "U0_D3"]),
        "views": np.array(["0_0", "1_0", "0_0", "1_0", "1_0", "1_0"]),
    }
    np.savez(tmp_path / "made.npz", **arrays)
    found = evaluate(EvaluationOrder(tmp_path / "made.npz", None, protocol="ccpg"), tmp_path / "out").metrics
    cells = found["protocol"]["published"]["scalar/test_accuracy/UP"]
    assert [row[0] for row in cells] == [None, None], "nobody of the gallery is in camera 0"
    assert found["protocol"]["summary"]["UP rank-1"] == cells[0][1]
    assert "NaN" not in (tmp_path / "out" / "metrics.json").read_text()


def test_submissions_name_the_nearest(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(12, 4, 2))
    gallery = np.repeat(centres, 2, axis=0) + 0.01 * rng.normal(size=(24, 4, 2))
    truth = rng.permutation(12)[:5]
    arrays = {
        "embeddings": np.concatenate([gallery, centres[truth]]).astype(np.float32),
        "persons": np.array([f"{person:05}" for person in range(12) for _ in range(2)] + ["probe"] * 5),
        "types": np.array(["01", "02"] * 12 + ["03"] * 5),
        "views": np.array(["x"] * 24 + [f"video{number}" for number in range(5)]),
    }
    np.savez(tmp_path / "made.npz", **arrays)
    for name in ("grew_submission", "hid_submission"):
        evaluate(EvaluationOrder(tmp_path / "made.npz", None, protocol=name), tmp_path / name)
    grew = list(csv.reader((tmp_path / "grew_submission" / "submission.csv").read_text().splitlines()))
    assert grew[0] == ["videoId", *(f"rank{k}" for k in range(1, 21))]
    assert [row[:3] for row in grew[1:]] == [[f"video{n}", str(p), str(p)] for n, p in enumerate(truth)]
    hid = list(csv.reader((tmp_path / "hid_submission" / "submission.csv").read_text().splitlines()))
    assert hid == [["videoID", "label"], *([f"video{n}", str(p)] for n, p in enumerate(truth))]
    np.savez(tmp_path / "none.npz", **arrays | {"persons": np.array(["1"] * 29)})
    with pytest.raises(ConfigError, match="person 'probe'"):
        evaluate(EvaluationOrder(tmp_path / "none.npz", None, protocol="hid_submission"))


def test_what_does_not_fit_is_said(walkers: Path, checkpoint: Path, run: Path, tmp_path: Path) -> None:
    order = EvaluationOrder(checkpoint, walkers)
    wrong = {
        "has no task to measure; its heads: none": order,
        "no protocol 'casia'": replace(order, protocol="casia"),
        "casiab has no re-ranking": replace(order, protocol="casiab", reranked=True),
        "grew_submission is not re-ranked": replace(order, protocol="grew_submission", reranked=True),
        "is no model": replace(order, model=tmp_path, protocol="any"),
        "belong to retrieval": replace(order, reranked=True, distance="cosine"),
        "Name the shards": replace(order, data=None, protocol="any"),
        "holds embeddings already": replace(order, model=tmp_path / "made.npz"),
        "no readable .npz": EvaluationOrder(tmp_path / "made.npz", None),
        "no identification 'scoliosis'": replace(order, model=run, protocol="any", task="scoliosis"),
        "has no task 'weight'": replace(order, model=run, task="weight"),
        "No types of these data fit": replace(order, protocol="grew"),
    }
    for words, each in wrong.items():
        with pytest.raises(ConfigError, match=words):
            evaluate(each)


def measured(order: EvaluationOrder, folder: Path) -> None:
    """A metrics.json without plots, which take their time."""
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(evaluate(order).metrics))


def test_evaluations_stand_side_by_side(walkers: Path, checkpoint: Path, run: Path, tmp_path: Path) -> None:
    for name, model in (("a", checkpoint), ("b", run)):
        measured(EvaluationOrder(model, walkers, protocol="any"), tmp_path / name)
    table, written = compare([tmp_path / "a", tmp_path / "b" / "metrics.json"], tmp_path / "out", metric="any mAP")
    assert [row[0] for row in table.rows] == ["made.pt", "heads"]
    assert all("(simulated)" in str(row[1]) for row in table.rows)
    mean = json.loads((tmp_path / "b" / "metrics.json").read_text())["protocol"]["summary"]["mAP"]
    assert table.rows[1][table.header.index("any mAP")] == pytest.approx(mean)
    assert table.rows[1][3] == 54
    assert {path.name for path in written} == {
        "comparison.csv",
        "comparison.md",
        "scaling_encoder_parameters.png",
        "scaling_training_sequences.png",
    }
    assert all(path.stat().st_size > 0 for path in written)
    with pytest.raises(ConfigError, match="no figure 'rank-7'"):
        compare([tmp_path / "a", tmp_path / "b"], metric="rank-7")
    measured(EvaluationOrder(run, walkers, task="scoliosis"), tmp_path / "c")
    with pytest.raises(ConfigError, match="no figure in common"):
        compare([tmp_path / "a", tmp_path / "c"])
    with pytest.raises(ConfigError, match=r"no readable metrics\.json"):
        compare([tmp_path / "none"])


@pytest.mark.parametrize(("sizes", "style"), [((10.0, 100.0), "-"), ((10.0, 10.0), "None")])
def test_only_models_of_different_sizes_are_joined_by_a_line(sizes: tuple[float, float], style: str) -> None:
    points = {"one": [("a", sizes[0], 1.0), ("b", sizes[1], 2.0)]}
    axes = scaling_plot("rank-1", "parameters", points, simulated=True).axes[0]
    assert axes.lines[0].get_linestyle() == style
