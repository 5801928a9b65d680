"""`fgait embed`: what a network says of sequences, shards or recordings."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fgait_core.commands.collection import Processes, Ray, RetryFailed, run_collection
from fgait_core.commands.progress_bar import progress_bar
from fgait_core.config import LayerName, ModalityName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fgait_core.data.shards import ShardFolder
    from fgait_core.models.backbone import Backbone
    from fgait_core.package_content import Transform


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("embed")(embed)


def embed(
    out: Annotated[Path, typer.Option(help="The .npy file to write; a folder with --recordings.")],
    sequences: Annotated[
        Path | None,
        typer.Option(help="A .npy file, uint8 or floating: sequence x frame x 64 x 44."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="A folder of shards.")] = None,
    recordings: Annotated[str | None, typer.Option(help="A folder, a glob or an address (s3://...) of videos.")] = None,
    layer: Annotated[LayerName, typer.Option(help="Whose output.")] = "projector",
    checkpoint: Annotated[
        Path | None, typer.Option(help="A run folder or a checkpoint, ours or in the published layout.")
    ] = None,
    package: Annotated[Path | None, typer.Option(help="A model package; by default the bundled one.")] = None,
    architecture: Annotated[
        str | None,
        typer.Option(help="A size that the network must have; alone, an untrained network of that size."),
    ] = None,
    branch: Annotated[Literal["teacher", "student"], typer.Option(help="Of a checkpoint of pre-training.")] = "teacher",
    modality: Annotated[
        ModalityName | None,
        typer.Option(help="What the network sees; by default what the package's sees, else silhouettes."),
    ] = None,
    frame_rate_hz: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Bring --recordings to this rate; by default the package's, or with a checkpoint their own."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N; recordings are embedded on cpu.")] = "auto",
    batch: Annotated[int | None, typer.Option(min=1, help="Sequences at once; by default as suits the device.")] = None,
    seed: Annotated[int, typer.Option(help="Of an untrained network.")] = 1,
    processes: Processes = None,
    ray: Ray = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Write what the network says of each sequence: raw outputs of a layer, float32."""
    if sum(source is not None for source in (sequences, data, recordings)) != 1:
        raise typer.BadParameter("Give one of --sequences, --data and --recordings.")
    if checkpoint is not None and package is not None:
        raise typer.BadParameter("Give --checkpoint or --package, not both.")
    if recordings is None and (ray or processes or retry_failed or frame_rate_hz):
        raise typer.BadParameter("--ray, --processes, --retry-failed and --frame-rate-hz are for --recordings.")
    if recordings is None:
        _require_writable(out)
    transform = None if checkpoint or (architecture and not package) else _transform_of(package)
    backbone = _network(checkpoint, package, architecture, branch, seed)
    modality = modality or (transform.modality if transform else "silhouettes")
    if recordings is not None:
        from fgait_core.recipes.recording_embeddings import EmbeddingsOfRecordings

        rate_hz = frame_rate_hz or (transform.frame_rate_hz if transform else None)
        processor = EmbeddingsOfRecordings(backbone, layer, modality, rate_hz)
        run_collection(recordings, processor, out, processes, ray, retry_failed)
        return
    if sequences is not None:
        _embed_sequences(backbone, layer, sequences, device, batch, out)
    elif data is not None:
        _embed_shards(backbone, layer, data, modality, device, batch, out)


def _require_writable(out: Path) -> None:
    """Before the work, not after it."""
    folder = out.absolute().parent
    if not folder.is_dir():
        raise typer.BadParameter(f"The folder {folder} does not exist.")
    if out.is_dir():
        raise typer.BadParameter(f"{out} is a folder; name the .npy file to write.")


def _network(
    checkpoint: Path | None,
    package: Path | None,
    architecture: str | None,
    branch: Literal["teacher", "student"],
    seed: int,
) -> Backbone:
    from fgait_core.recipes.embed import load_network_source, untrained_network

    source = checkpoint or package
    if source is None and architecture is not None:
        typer.echo(
            f"Note: the {architecture} network is untrained, with random weights from seed {seed}; its outputs are for "
            "comparison only. Name --checkpoint or --package for a trained one.",
            err=True,
        )
        return untrained_network(architecture, seed)
    return load_network_source(source, architecture, branch=branch)


def _embed_sequences(
    backbone: Backbone, layer: LayerName, sequences: Path, device: str, batch: int | None, out: Path
) -> None:
    from fgait_core.distributed import choose_device
    from fgait_core.recipes.embed import embed_clips, open_sequences

    clips = open_sequences(sequences)
    if clips.dtype == "uint8" and len(clips) and clips[0].size and clips[0].max() == 1:
        typer.echo("Note: uint8 sequences are divided by 255, and the first one reaches only 1.", err=True)
    with progress_bar() as progress:
        embeddings = embed_clips(
            backbone, clips, layer, device=choose_device(device), batch=batch, out=out, progress=progress
        )
    _say_written(embeddings, layer, out)


def _embed_shards(
    backbone: Backbone, layer: LayerName, data: Path, modality: ModalityName, device: str, batch: int | None, out: Path
) -> None:
    from fgait_core.data.shards import read_shards
    from fgait_core.distributed import choose_device
    from fgait_core.recipes.embed import embed_folder

    folder = read_shards(data)
    with progress_bar() as progress:
        embeddings = embed_folder(
            backbone,
            folder,
            modality=modality,
            layer=layer,
            device=choose_device(device),
            batch=batch,
            out=out,
            progress=progress,
        )
    _write_columns(folder, out.with_suffix(".csv"))
    _say_written(embeddings, layer, out)
    typer.echo(f"Their keys, people and other columns are in {out.with_suffix('.csv')}, in the same order.")


def _write_columns(folder: ShardFolder, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(folder.columns)
        writer.writerows(zip(*(folder.column(name).tolist() for name in folder.columns), strict=True))


def _transform_of(package: Path | None) -> Transform:
    """What a package's network was trained on; checkpoints do not say it."""
    from fgait_core.model_package import ModelPackage, bundled_package_dir

    return ModelPackage.load(package or bundled_package_dir()).content.transform


def _say_written(embeddings: NDArray[np.float32], layer: LayerName, out: Path) -> None:
    typer.echo(f"{layer} of {len(embeddings)} sequences, float32 {list(embeddings.shape)}, written to {out}")
