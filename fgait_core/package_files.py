"""The folder of a model package: what its files are, and reading them with every check.

A model package is a folder:
    * `package.json`: everything but the weights (`package_content.PackageContent`);
    * `weights.safetensors`: backbone without predictor, the heads with their bootstrap replicates, and the guard that
      tells recordings unlike the training data (names that begin with `typicality.`);
    * `metrics.json` and `MODEL_CARD.md`: what was measured, and what it is no evidence for;
    * `SHA256SUMS`: the SHA-256 of each of them; its own SHA-256 is the identity of the package.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from fgait_core.data.labels import ATTRIBUTES, TASKS
from fgait_core.data.modalities import MODALITIES
from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.errors import ModelPackageError
from fgait_core.evaluation.typicality import Typicality
from fgait_core.models.backbone import Backbone
from fgait_core.models.heads import CosineHead, TaskNetwork
from fgait_core.models.layers import PARTS
from fgait_core.package_content import FORMAT, AttributeContent, PackageContent, TaskContent, Transform
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

CONTENT_FILE = "package.json"
WEIGHTS_FILE = "weights.safetensors"
METRICS_FILE = "metrics.json"
CARD_FILE = "MODEL_CARD.md"
SUMS_FILE = "SHA256SUMS"
FILES = (CONTENT_FILE, WEIGHTS_FILE, METRICS_FILE, CARD_FILE)
TYPICALITY_PREFIX = "typicality."

ALIGNMENT = "aligned-64x44/1"
"""Name of the alignment that makes the silhouettes (fgait_core.alignment)."""


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_files(folder: Path) -> str:
    """Compares each file of a package with its SHA-256.

    Returns:
        The identity of the package.

    Raises:
        ModelPackageError: if a file is missing, not listed or different.
    """
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines if line)}
        found = {name: file_sha256(folder / name) for name in FILES}
    except (OSError, ValueError) as error:
        raise ModelPackageError(
            f"{folder} is no complete model package ({error}). Copy the whole folder again, or make it with "
            "`fgait package`."
        ) from error
    for name in FILES:
        if listed.get(name) != found[name]:
            raise ModelPackageError(
                f"{name} of the model package {folder} differs from its SHA-256: it was damaged or changed after "
                "it was made. Do not use it; copy the package again from where it came from."
            )
    return file_sha256(folder / SUMS_FILE)


def read_content(path: Path) -> PackageContent:
    """Reads `package.json` and compares it with what this software knows.

    Raises:
        ModelPackageError: if it is of an older format, or was made for another transform or class order.
    """
    content = _parsed(path)
    _check_transform(content.transform)
    for task in content.tasks:
        _check_task(task, content.architecture.replicates)
    for attribute in content.attributes:
        _check_attribute(attribute)
    return content


def _parsed(path: Path) -> PackageContent:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("format") in range(FORMAT):
            raise ModelPackageError(
                f"{path} is of format {content['format']}, which has one calibrator for all views and no guard against "
                f"recordings unlike the training data; this version of FGait reads format {FORMAT}. Make the package "
                "again from its training run with `fgait package`."
            )
        return PackageContent.model_validate(content)
    except (ValueError, ValidationError) as error:
        raise ModelPackageError(
            f"{path} is not in the form that this version of FGait reads: {error}. Use the FGait version that made "
            "the package, or make it anew with `fgait package`."
        ) from error


def _check_transform(transform: Transform) -> None:
    ours = (ALIGNMENT, HEIGHT_PX, WIDTH_PX, BINARY_ABOVE)
    theirs = (transform.alignment, transform.height_px, transform.width_px, transform.binary_above)
    if ours != theirs:
        raise ModelPackageError(
            f"The model was trained on silhouettes made by another transform {theirs} than this software's {ours}; its "
            "scores would be wrong. Train and package it again with this version."
        )


def _check_task(task: TaskContent, replicates: int) -> None:
    known = TASKS.get(task.name)
    if known is None or task.class_order != known.classes or task.positive_class != known.positive:
        expected = "no such task" if known is None else f"{known.classes}, positive {known.positive!r}"
        raise ModelPackageError(
            f"The class order of {task.name} is {task.class_order}, positive {task.positive_class!r}; this software "
            f"has {expected}. Its scores would be read wrongly: use the FGait version that made the package."
        )
    _check_views(task, 1 + replicates)


def _check_attribute(attribute: AttributeContent) -> None:
    known = ATTRIBUTES.get(attribute.name)
    if known is None or attribute.class_order != known.classes:
        expected = "no such attribute" if known is None else str(known.classes)
        raise ModelPackageError(
            f"The class order of {attribute.name} is {attribute.class_order}; this software has {expected}. Use the "
            "FGait version that made the package."
        )
    _check_views(attribute, 1)


def _check_views(content: TaskContent | AttributeContent, heads: int) -> None:
    for view, each in content.by_view.items():
        if len(each.calibrators) != heads or len(each.conformal_quantiles) != len(content.class_order):
            raise ModelPackageError(
                f"The package's {content.name} ({view} view) does not fit its architecture: it needs one calibrator "
                "for each head and one conformal threshold for each class. Make the package again."
            )


def load_weights(path: Path, content: PackageContent) -> tuple[TaskNetwork, Typicality]:
    """Reads `weights.safetensors`.

    Raises:
        ModelPackageError: if they do not fit the architecture.
    """
    architecture = content.architecture
    backbone = Backbone(architecture.channels, architecture.depths, MODALITIES[content.transform.modality].channels)
    backbone.predictor = nn.Sequential()
    features = architecture.channels[3] * PARTS
    heads = {task.name: CosineHead(features, len(task.class_order), architecture.replicates) for task in content.tasks}
    heads |= {each.name: CosineHead(features, len(each.class_order), 0) for each in content.attributes}
    network = TaskNetwork(backbone, heads)
    shapes = _guard_shapes(features, content.typicality.components)
    try:
        weights = load_file(path)
        guard = {name: weights.pop(TYPICALITY_PREFIX + name).float() for name in shapes}
        network.load_state_dict(weights)
    except (RuntimeError, SafetensorError, OSError, KeyError) as error:
        raise ModelPackageError(
            f"The weights in {path} do not fit the architecture that the package names: {error}. Make the package "
            "again from its training run."
        ) from error
    wrong = [name for name, shape in shapes.items() if tuple(guard[name].shape) != shape]
    if wrong:
        raise ModelPackageError(
            f"The guard against unlike recordings in {path} does not fit the architecture ({', '.join(wrong)}). Make "
            "the package again from its training run."
        )
    return network, Typicality(**{name: each.numpy() for name, each in guard.items()})


def _guard_shapes(features: int, components: int) -> dict[str, tuple[int, ...]]:
    sizes = ((features,), (components, features), (components,), (1,))
    return {field.name: shape for field, shape in zip(fields(Typicality), sizes, strict=True)}
