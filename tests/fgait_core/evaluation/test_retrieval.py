"""Retrieval equals a naive implementation, whatever the ties, gaps and block sizes, and its memory stays bounded."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgait_core.errors import ConfigError
from fgait_core.evaluation import distances
from fgait_core.evaluation.retrieval import look_up, measure_retrieval, nearest, part_distance
from tests.fgait_core.evaluation.naive_retrieval import naive_distance, naive_places


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    probes=st.integers(1, 12),
    entries=st.integers(1, 40),
    people=st.integers(1, 8),
    values=st.integers(1, 5),
)
def test_places_equal_sorting(seed: int, probes: int, entries: int, people: int, values: int) -> None:
    """Few different values make ties; few entries make probes without a match; a third is excluded."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(values, size=(probes, entries)).astype(np.float32)
    who, gallery = rng.integers(people, size=probes).astype(str), rng.integers(people, size=entries).astype(str)
    left_out = rng.random((probes, entries)) < 1 / 3
    found = look_up(lambda block: matrix[block].copy(), who, gallery, excluded=lambda block: left_out[block])
    for row in range(probes):
        expected = naive_places(matrix[row], gallery == who[row], ~left_out[row])
        np.testing.assert_allclose(found[row], expected, atol=1e-12)


def people_and_embeddings(seed: int, people: int = 30, each: int = 4, channels: int = 8, parts: int = 5):
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(people, 1, channels, parts))
    embeddings = centre + 1.5 * rng.normal(size=(people, each, channels, parts))
    names = np.repeat([f"p{number}" for number in range(people)], each)
    return embeddings.reshape(-1, channels, parts).astype(np.float32), names


def test_measures_equal_the_naive_ones_on_embeddings() -> None:
    embeddings, names = people_and_embeddings(1)
    probe, gallery = np.arange(0, 120, 4), np.setdiff1d(np.arange(120), np.arange(0, 120, 4))[:80]
    matrix = naive_distance(embeddings[probe], embeddings[gallery])
    rows = [
        naive_places(d, names[gallery] == who, np.ones(80, bool)) for d, who in zip(matrix, names[probe], strict=True)
    ]
    places = np.array(rows)
    matched = places[:, 0] > 0
    measured = measure_retrieval(
        embeddings[probe], embeddings[gallery], names[probe], names[gallery], ranks=(1, 2, 5, 10)
    )
    assert matched.sum() == measured.probes < 30
    assert measured.without_match == 30 - matched.sum()
    for k, value in measured.rank.items():
        assert value == pytest.approx(100 * (places[matched, 0] <= k).mean())
    assert measured.mean_average_precision == pytest.approx(100 * places[matched, 1].mean())
    assert measured.mean_inp == pytest.approx(100 * places[matched, 2].mean())
    assert measured.curve[1] == measured.rank[2]
    wrong = measure_retrieval(embeddings[probe], embeddings[gallery], names[probe], names[gallery], missing="wrong")
    assert wrong.rank[1] == pytest.approx(100 * (matched & (places[:, 0] == 1)).mean())
    assert wrong.mean_average_precision == pytest.approx(100 * places[:, 1].mean())


@pytest.mark.parametrize("kind", ["euclidean", "cosine"])
def test_nothing_depends_on_the_size_of_blocks_and_tiles(kind, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, names = people_and_embeddings(2)
    own = np.arange(120)
    arguments = (embeddings, embeddings, names, names)
    options = {"excluded": lambda block: own[block, None] == own, "distance": kind}
    whole = measure_retrieval(*arguments, **options)
    order = nearest(embeddings, embeddings, 7, **options)
    monkeypatch.setattr(distances, "BLOCK_BYTES", 4 * 120 * 7)
    monkeypatch.setattr(distances, "_TILE", 13)
    monkeypatch.setattr(distances, "_TILE_ROWS", 3)
    assert [block.stop - block.start for block in distances.blocks(120, 120)][:2] == [7, 7]
    pieces = measure_retrieval(*arguments, **options)
    assert pieces.mean_average_precision == pytest.approx(whole.mean_average_precision, abs=1e-9)
    assert pieces.rank == whole.rank
    np.testing.assert_array_equal(nearest(embeddings, embeddings, 7, **options), order)


def test_nearest_equals_a_stable_sort() -> None:
    rng = np.random.default_rng(3)
    points = rng.integers(3, size=(50, 2, 1)).astype(np.float32)
    expected = np.argsort(naive_distance(points, points), axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(nearest(points, points, 9), expected)
    assert nearest(points[:2], points[:4], 9).shape == (2, 4)


def test_memory_is_that_of_a_block_not_of_the_matrix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """2,000 x 2,000 float32 would be 16 MB; blocks of 0.5 MB and embeddings on disk need less than 4 MB."""
    monkeypatch.setattr(distances, "BLOCK_BYTES", 2**19)
    embeddings, names = people_and_embeddings(4, people=500, channels=4, parts=3)
    np.save(tmp_path / "half.npy", embeddings.astype(np.float16))
    mapped = np.load(tmp_path / "half.npy", mmap_mode="r")
    measure_retrieval(mapped[:64], mapped, names[:64], names)
    tracemalloc.start()
    measured = measure_retrieval(mapped, mapped, names, names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert measured.rank[1] == 100
    assert peak < 4e6


def test_what_cannot_be_measured_is_refused() -> None:
    embeddings, names = people_and_embeddings(5, people=3)
    with pytest.raises(ConfigError, match="same person"):
        measure_retrieval(embeddings[:4], embeddings[4:], names[:4], names[4:])
    with pytest.raises(ConfigError, match="probes and a gallery"):
        measure_retrieval(embeddings[:0], embeddings, names[:0], names)
    embeddings[3, 0, 0] = np.nan
    with pytest.raises(ConfigError, match="not finite"):
        measure_retrieval(embeddings, embeddings, names, names)


def test_part_distance_takes_the_mean_over_parts() -> None:
    embeddings, _ = people_and_embeddings(6)
    np.testing.assert_allclose(
        part_distance(embeddings, embeddings[:9]), naive_distance(embeddings, embeddings[:9]), atol=2e-3
    )
