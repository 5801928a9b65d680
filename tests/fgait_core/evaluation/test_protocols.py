"""Protocols give the published figures, equal a naive count, and say what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.evaluation.protocols import evaluate_protocol
from tests.fgait_core.evaluation.naive_retrieval import naive_distance, naive_places

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("name", ["casiab", "casiab_crossview", "oumvlp", "gait3d", "ccgr_mini", "ccpg"])
def test_published_figures(name: str) -> None:
    with np.load(GOLDEN / f"golden_metric_{name}.npz") as golden:
        sets = {each: golden[each].tolist() for each in ("probe_set", "gallery_set") if each in golden.files}
        result = evaluate_protocol(name, *(golden[each] for each in ("embeddings", "labels", "types", "views")), **sets)
        expected = json.loads(str(golden["results"]))
    assert list(result.published) == list(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(result.published[key], value, atol=1e-6, rtol=0)


class Made:
    """Made-up sequences: every person walks each type in each view, some are missing."""

    def __init__(self, types: list[str], views: list[str], people: int = 7, missing: float = 0.1) -> None:
        rng = np.random.default_rng(len(types))
        rows = [(f"{p:03}", t, v) for p in range(people) for t in types for v in views if rng.random() > missing]
        self.persons, self.types, self.views = (np.array(column) for column in zip(*rows, strict=True))
        centre = {p: rng.normal(size=(4, 3)) for p in np.unique(self.persons).tolist()}
        noise = rng.normal(size=(len(rows), 4, 3))
        self.embeddings = (np.stack([centre[p] for p in self.persons.tolist()]) + 1.2 * noise).astype(np.float32)
        self.distances = naive_distance(self.embeddings, self.embeddings)

    def evaluate(self, name: str, **options):
        return evaluate_protocol(name, self.embeddings, self.persons, self.types, self.views, **options)

    def places(self, probe: np.ndarray, gallery: np.ndarray, left_out: np.ndarray | None = None) -> np.ndarray:
        """Naive places `[probe, 3]` of the probes (mask) in the gallery (mask)."""
        counts = np.tile(gallery, (len(self.persons), 1)) & (~left_out if left_out is not None else True)
        rows = np.flatnonzero(probe)
        return np.array([naive_places(self.distances[r], self.persons == self.persons[r], counts[r]) for r in rows])


def naive_pairs(made: Made, probe: np.ndarray, gallery: np.ndarray, k: int, digits: int) -> float:
    """Mean over pairs of different views of the rounded share of all probes found within k."""
    views = [view for view in np.unique(made.views) if view != "270"]
    means = []
    for own in views:
        first = [
            made.places(probe & (made.views == own), gallery & (made.views == other))[:, 0]
            for other in views
            if other != own
        ]
        means.append(np.mean([round(100 * ((f > 0) & (f <= k)).mean(), digits) for f in first]))
    return float(np.mean(means))


def either(types: np.ndarray, *names: str) -> np.ndarray:
    return np.isin(types, names)


def test_casia_e_leaves_out_a_view_and_looks_in_scene_1() -> None:
    scenes = [
        f"{h}-{s}-{kind}"
        for h in "HL"
        for s in ("scene1", "scene2", "scene3", "scene3_s")
        for kind in ("nm-1", "bg-2", "cl-1")
    ]
    made = Made(scenes, ["000", "090", "180", "270"], people=4)
    result = made.evaluate("casiae")
    gallery = either(made.types, "H-scene1-nm-1", "L-scene1-nm-1")
    for name, kind in (("NM", "nm-1"), ("BG", "bg-2"), ("CL", "cl-1")):
        wanted = [f"{h}-{s}-{kind}" for h in "HL" for s in ("scene2", "scene3", "scene3_s")]
        expected = naive_pairs(made, either(made.types, *wanted), gallery, 1, 2)
        assert result.summary[f"{name} rank-1"] == pytest.approx(expected)
        assert result.published[f"scalar/test_accuracy/{name}@R1"] == pytest.approx(expected)
    assert result.conditions[0].views == ("000", "090", "180")


def test_sustech1k_finds_conditions_within_the_type_and_reports_two_ranks() -> None:
    types = ["00-nm", "01-nm", "01-bg", "02-cl-nt", "03-cr-ub", "04-uf", "01-oc", "05-nm"]
    made = Made(types, ["000", "045", "090"], missing=0.15)
    result = made.evaluate("sustech1k")
    gallery = either(made.types, "00-nm")
    wanted = {"Normal": ["01-nm"], "Night": ["02-cl-nt"], "Umbrella": ["03-cr-ub"], "Overall": types[1:-1]}
    for name, chosen in wanted.items():
        for k in (1, 5):
            expected = naive_pairs(made, either(made.types, *chosen), gallery, k, 2)
            assert result.summary[f"{name} rank-{k}"] == pytest.approx(expected)
            assert result.published[f"scalar/test_accuracy/{name}@R{k}"] == pytest.approx(expected)


def test_simgait_looks_for_another_walk_a_bag_and_a_coat_in_every_other_view() -> None:
    made = Made(["nm-01", "nm-02", "bg-01", "cl-01"], ["000", "045", "090", "180"], people=6)
    result = made.evaluate("simgait")
    for name in ("nm-02", "bg-01", "cl-01"):
        expected = naive_pairs(made, either(made.types, name), either(made.types, "nm-01"), 1, 12)
        assert result.summary[f"{name[:2].upper()} rank-1"] == pytest.approx(expected)
    assert len(result.summary) == 3


def test_exact_figures_stand_beside_rounded_ones() -> None:
    made = Made(["00", "01"], ["000", "030", "060"], people=9)
    result, exact = made.evaluate("oumvlp"), made.evaluate("oumvlp", rounded_cells=False)
    probe, gallery = made.types == "00", made.types == "01"
    assert result.summary["NM rank-1"] == pytest.approx(naive_pairs(made, probe, gallery, 1, 2), abs=1e-12)
    assert result.exact["NM rank-1"] == pytest.approx(naive_pairs(made, probe, gallery, 1, 12), abs=1e-9)
    assert exact.summary == result.exact != result.summary
    assert result.published == exact.published
    summary, by_view, pairs = result.tables
    assert summary.rows == (("NM", result.summary["NM rank-1"]),)
    assert by_view.header == ("condition", "000", "030", "060", "mean")
    assert np.mean(by_view.rows[0][1:4]) == pytest.approx(by_view.rows[0][4])
    assert len(pairs.rows) == 3


@pytest.mark.parametrize(
    ("name", "types"), [("oumvlp_crossview", ("00", "01")), ("casiab_crossview", ("bg-01", "bg-02"))]
)
def test_gallery_of_all_views_without_the_probes_own(name: str, types: tuple[str, str]) -> None:
    made = Made(list(types), ["000", "030", "060"])
    result = made.evaluate(name)
    same = (made.persons[:, None] == made.persons) & (made.views[:, None] == made.views)
    cells = []
    for view in np.unique(made.views):
        places = made.places((made.types == types[0]) & (made.views == view), made.types == types[1], same)
        known = places[places[:, 0] > 0]
        cells.append([round(100 * (known[:, 0] == 1).mean(), 2), round(100 * known[:, 1].mean(), 2)])
    condition = result.conditions[0].name
    assert result.summary[f"{condition} rank-1"] == pytest.approx(np.mean(cells, axis=0)[0])
    assert result.summary[f"{condition} mAP"] == pytest.approx(np.mean(cells, axis=0)[1])


def test_ccpg_reidentification_leaves_out_the_probes_camera() -> None:
    made = Made(["U0_D0", "U0_D0_BG", "U1_D1", "U2_D2", "U3_D3", "U0_D3", "U1_D0"], ["0_0", "0_1", "1_0", "2_0"])
    result = made.evaluate("ccpg_reid")
    camera = np.array([view[0] for view in made.views.tolist()])
    same = (made.persons[:, None] == made.persons) & (camera[:, None] == camera)
    wanted = {
        "CL": (("U0_D0", "U0_D0_BG"), ("U1_D1", "U2_D2", "U3_D3")),
        "UP": (("U3_D3",), ("U0_D3",)),
        "DN": (("U1_D0",), ("U1_D1",)),
        "BG": (("U0_D0_BG",), ("U0_D0",)),
    }
    for name, (probe, gallery) in wanted.items():
        places = made.places(either(made.types, *probe), either(made.types, *gallery), same)
        places = places[places[:, 0] > 0]
        expected = [(places[:, 0] == 1).mean(), places[:, 1].mean(), places[:, 2].mean()]
        found = [result.summary[f"{name} {measure}"] for measure in ("rank-1", "mAP", "mINP")]
        np.testing.assert_allclose(found, 100 * np.array(expected), atol=1e-9)


def test_grew_counts_probes_without_a_match_as_wrong_and_leave_one_out_skips_them() -> None:
    made = Made(["01", "02"], ["00", "01"], people=12, missing=0.3)
    grew, anyone = made.evaluate("grew"), made.evaluate("any")
    first = made.places(made.types == "02", made.types == "01")[:, 0]
    assert (first == 0).any()
    for k in (1, 5, 10, 20):
        assert grew.exact[f"rank-{k}"] == pytest.approx(100 * ((first > 0) & (first <= k)).mean())
    itself = np.eye(len(made.persons), dtype=bool)
    everything = np.ones(len(made.persons), bool)
    places = made.places(everything, everything, itself)
    assert anyone.summary["mAP"] == pytest.approx(100 * places[places[:, 0] > 0, 1].mean())
    assert anyone.conditions[0].without_match == (places[:, 0] == 0).sum()


def test_freegait_may_be_reranked() -> None:
    made = Made(["a", "b", "c"], ["0", "1"], people=15, missing=0)
    keys = [f"{p}-a-0" for p in np.unique(made.persons)]
    plain, again = made.evaluate("freegait", probe_set=keys), made.evaluate("freegait", probe_set=keys, reranked=True)
    assert plain.conditions[0].probes == 15
    assert plain.conditions[0].gallery == 75
    assert again.summary["mAP"] > plain.summary["mAP"]
    with pytest.raises(ConfigError, match="no re-ranking"):
        made.evaluate("any", reranked=True)


def test_conditions_without_data_are_named_and_left_out() -> None:
    made = Made(["nm-01", "nm-05", "cl-01"], ["000", "018"], missing=0)
    result = made.evaluate("casiab")
    assert [each.name for each in result.conditions] == ["NM", "CL"]
    assert result.left_out == ("BG",)


def test_what_does_not_fit_is_said() -> None:
    made = Made(["a", "b"], ["0"], missing=0)
    with pytest.raises(ConfigError, match=r"no protocol 'casia'.*casiab.*any"):
        made.evaluate("casia")
    with pytest.raises(ConfigError, match=r"probes nm-0\[56\].*types a, b"):
        made.evaluate("casiab")
    with pytest.raises(ConfigError, match=r"needs a partition file with a PROBE_SET"):
        made.evaluate("gait3d")
    with pytest.raises(ConfigError, match=r"1 of 2 sequences of the PROBE_SET.*009-a-7.*like 000-a-0"):
        made.evaluate("gait3d", probe_set=["000-a-0", "009-a-7"])
    with pytest.raises(ConfigError, match="nothing to compare"):
        made.evaluate("ccgr", gallery_set=[f"{p}-{t}-0" for p in np.unique(made.persons) for t in "ab"])
    with pytest.raises(ConfigError, match="same person in the gallery"):
        made.evaluate("gait3d", probe_set=["000-a-0", "000-b-0"])
    made.types = np.where(made.persons < "003", "00", "01")
    with pytest.raises(ConfigError, match="same person in the gallery"):
        made.evaluate("oumvlp")
    made.persons = made.persons[:-1]
    with pytest.raises(ConfigError, match="one person, type and view"):
        made.evaluate("any")
