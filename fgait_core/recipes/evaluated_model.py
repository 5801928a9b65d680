"""What `fgait evaluate` can measure: a model package, a run folder, or a checkpoint; opened alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fgait_core.config import (
    FinetuneConfig,
    IdentificationTask,
    LayerName,
    ModalityName,
    PretrainConfig,
    TaskConfig,
    load_run_config,
)
from fgait_core.config.files import RUN_CONFIG
from fgait_core.data.labels import ATTRIBUTES, TASKS
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.errors import ConfigError
from fgait_core.model_package import ModelPackage
from fgait_core.models.backbone import Backbone
from fgait_core.models.heads import IdentificationHead, TaskNetwork
from fgait_core.models.published import RUN_FILE, load_backbone, read_published
from fgait_core.package_content import Transform
from fgait_core.package_files import ALIGNMENT, CONTENT_FILE, METRICS_FILE, file_sha256
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.embed import embed_folder
from fgait_core.recipes.finetune import load_finetuned
from fgait_core.recipes.scoring import identification_embeddings, transform_of
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

_AT_ONCE = 4096
_HEAD = "FCs.fc_bin"


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedModel:
    """A trained network with what is known of it.

    Attributes:
        kind: what it was read from.
        name: of the package, the run or the file.
        version: of the package.
        sha256: of the package's list of files, or of the checkpoint.
        backbone: the encoder with projector and, after pre-training, predictor; the teacher where there are two.
        network: backbone and heads; None where there are no heads.
        tasks: of the heads.
        modality: what it sees.
        package: where it is one.
        config: of the run, where it is one.
        training_sequences: how many its last training saw, of encoder or heads; None where nothing says so.
    """

    kind: Literal["package", "finetuned", "pretrained", "checkpoint"]
    name: str
    version: str | None
    sha256: str
    backbone: Backbone
    network: TaskNetwork | None
    tasks: tuple[TaskConfig, ...]
    modality: ModalityName
    package: ModelPackage | None = None
    config: FinetuneConfig | PretrainConfig | None = None
    training_sequences: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """For `metrics.json`."""
        encoder = [part for name, part in self.backbone.named_children() if name not in ("projector", "predictor")]
        return {
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "channels": list(self.backbone.channels),
            "depths": list(self.backbone.depths),
            "encoder_parameters": sum(each.numel() for part in encoder for each in part.parameters()),
            "training_sequences": self.training_sequences,
        }

    def transform(self, folder: ShardFolder) -> Transform:
        """How the heads want their input; the frame rate is that of the training data, or else of the folder."""
        if self.package is not None:
            return self.package.content.transform
        if not isinstance(self.config, FinetuneConfig):
            return _plain_transform(self.modality, folder.frame_rate_hz)
        trained = [each.path for each in self.config.data if each.path.is_dir()]
        return transform_of(self.config, (read_shards(trained[0]) if trained else folder).frame_rate_hz)

    def identification(self, task: str | None) -> str | None:
        """Name of the identification head to use, if there is one.

        Raises:
            ConfigError: if the wanted task is none of the heads, or is no identification.
        """
        names = [each.name for each in self.tasks if isinstance(each, IdentificationTask)]
        if task is not None and task not in names:
            known = ", ".join(names) or "none"
            raise ConfigError(f"{self.name} has no identification {task!r} for a protocol; it has: {known}.")
        return task or (names[0] if names else None)


def open_model(path: Path) -> EvaluatedModel:
    """Opens a model package, a run folder or a checkpoint.

    Raises:
        ConfigError: if there is none.
        CheckpointError: if a checkpoint cannot be read, is not finished or does not fit its configuration.
        ModelPackageError: if the package is damaged.
    """
    if (path / CONTENT_FILE).is_file():
        return _open_package(path)
    if (path / RUN_CONFIG).is_file():
        return _open_run(path)
    if path.is_file():
        return _open_checkpoint(path)
    raise ConfigError(
        f"{path} is no model: name the folder of a model package ({CONTENT_FILE}), a run folder ({RUN_CONFIG}, "
        f"{RUN_FILE}) or a checkpoint file (.pt)."
    )


def retrieval_embeddings(
    model: EvaluatedModel,
    folder: ShardFolder,
    *,
    layer: LayerName | None = None,
    task: str | None = None,
    device: str | torch.device = "cpu",
    out: Path | None = None,
    progress: Progress = ignore_progress,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Embeddings to be compared, as decision record 9 says.

    An identification head gives its own embedding, as it is. Otherwise the predictor (after pre-training) or the
    projector (of a model with heads) is taken, each part at unit length.

    Args:
        model: whose.
        folder: the sequences.
        layer: another layer, at unit length; None takes the one above.
        task: name of an identification head; None takes the only one.
        device: where to compute.
        out: .npy file for them, which is mapped; None keeps them in memory.
        progress: told as it goes on.

    Returns:
        float32 `[sequence, channel, 31]`, and facts for `metrics.json`.

    Raises:
        ConfigError: if there is no such layer or head, or the folder lacks the modality.
    """
    head = None if layer is not None else model.identification(task)
    if head is not None and model.network is not None:
        transform = model.transform(folder)
        embeddings = identification_embeddings(model.network, head, folder, transform, device=device, progress=progress)
        return embeddings, {"layer": f"identification head {head}", "unit_length": False}
    chosen: LayerName = layer or ("predictor" if model.network is None else "projector")
    embeddings = embed_folder(
        model.backbone, folder, modality=model.modality, layer=chosen, device=device, out=out, progress=progress
    )
    if out is not None:
        embeddings = np.load(out, mmap_mode="r+")
    for start in range(0, len(embeddings), _AT_ONCE):
        rows = embeddings[start : start + _AT_ONCE]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return embeddings, {"layer": chosen, "unit_length": True}


def _plain_transform(modality: ModalityName, frame_rate_hz: float) -> Transform:
    """Of a checkpoint, which says nothing of it: every frame, in published windows of 30."""
    return Transform(
        alignment=ALIGNMENT,
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
        binary_above=BINARY_ABOVE,
        frame_rate_hz=frame_rate_hz,
        window_frames=30,
        hop_frames=30,
        modality=modality,
    )


def _open_package(path: Path) -> EvaluatedModel:
    package = ModelPackage.load(path)
    return EvaluatedModel(
        kind="package",
        name=package.name,
        version=package.version,
        sha256=package.sha256,
        backbone=package.network.backbone,
        network=package.network,
        tasks=tuple((TASKS | ATTRIBUTES)[each.name] for each in package.contents),
        modality=package.content.transform.modality,
        package=package,
        training_sequences=_packaged_sequences(path),
    )


def _open_run(path: Path) -> EvaluatedModel:
    config = load_run_config(path)
    network = load_finetuned(config, path) if isinstance(config, FinetuneConfig) else None
    return EvaluatedModel(
        kind="pretrained" if network is None else "finetuned",
        name=path.name,
        version=None,
        sha256=file_sha256(path / RUN_FILE),
        backbone=load_backbone(path) if network is None else network.backbone,
        network=network,
        tasks=config.tasks if isinstance(config, FinetuneConfig) else (),
        modality=config.modality,
        config=config,
        training_sequences=_sequences_of(config),
    )


def _open_checkpoint(path: Path) -> EvaluatedModel:
    """A file of the published code or of ours; only its identification head is known to mean the same everywhere."""
    backbone, heads = load_backbone(path), read_published(path).heads
    network = None
    if _HEAD in heads:
        head = IdentificationHead(backbone.channels[3], heads[_HEAD].shape[2], people=0, margin=0.2)
        head.FCs.load_state_dict({"fc_bin": heads[_HEAD]})
        network = TaskNetwork(backbone, {"identification": head}).requires_grad_(False).eval()
    return EvaluatedModel(
        kind="checkpoint",
        name=path.name,
        version=None,
        sha256=file_sha256(path),
        backbone=backbone,
        network=network,
        tasks=() if network is None else (IdentificationTask(),),
        modality="silhouettes",
    )


def _sequences_of(config: FinetuneConfig | PretrainConfig) -> int | None:
    if not all(each.path.is_dir() for each in config.data):
        return None
    return sum(len(read_shards(each.path)) for each in config.data)


def _packaged_sequences(folder: Path) -> int | None:
    """From the package's own measures; older packages name one training folder, not a list of them."""
    train = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8")).get("data", {}).get("train", [])
    counts = [each.get("counts", {}).get("sequences") for each in (train if isinstance(train, list) else [train])]
    return sum(counts) if counts and None not in counts else None
