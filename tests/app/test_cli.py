"""The program `fgait`, as its user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import fast_engine
import numpy as np
import pypdf
import pytest

from app import cli
from fgait_core.screening_result import BandEffectFacts, ClipFacts, ExplanationFacts, ScreeningResult
from fgait_core.sequence import SilhouetteSequence

PROGRAM = str(Path(sys.executable).with_name("fgait"))


def fgait(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def screened(sample_video: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, bytes, str]:
    """JSON, PDF and printed words of screening the real sample video."""
    folder = tmp_path_factory.mktemp("screened")
    done = fgait("screen", sample_video, "--json", folder / "result.json", "--pdf", folder / "report.pdf")
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "result.json").read_text()), (folder / "report.pdf").read_bytes(), done.stdout


@pytest.mark.slow
def test_screening_the_sample_gives_calibrated_scores(screened: tuple[dict, bytes, str]):
    result = ScreeningResult.model_validate(screened[0])
    assert not result.refused
    assert result.quality.passed
    assert result.quality.view == "side"
    assert result.sequence is not None
    assert result.sequence.frames >= 150
    assert {score.task for score in result.scores} == {"scoliosis", "depression"}
    for score in result.scores:
        assert sum(score.probabilities.values()) == pytest.approx(1, abs=1e-6)
        low, high = score.interval
        assert 0 <= low <= score.probabilities[score.positive_class] <= high <= 1
        assert low < high
        assert score.abstained == (len(score.prediction_set) != 1)
        assert score.model_version == result.model.version
        assert score.simulated


@pytest.mark.slow
def test_report_names_the_model_and_says_simulated(screened: tuple[dict, bytes, str]):
    result, pdf, printed = screened
    pages = [page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages]
    assert all("simulated" in page.lower() for page in pages)
    assert any(result["model"]["version"] in page for page in pages)
    assert "SIMULATED" in printed
    assert "not diagnosis" in printed


@pytest.mark.slow
def test_silhouettes_are_written_with_a_contact_sheet(sample_video: Path, tmp_path: Path):
    done = fgait("silhouettes", sample_video, "--out", tmp_path / "walk.npz", "--contact-sheet", tmp_path / "sheet.png")
    assert done.returncode == 0, done.stderr
    sequence = SilhouetteSequence.load(tmp_path / "walk.npz")
    assert len(sequence) >= 150
    assert 0.05 < np.mean(sequence.frames > 127) < 0.6
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_video_is_refused_with_reasons_in_the_json(tmp_path: Path):
    (tmp_path / "walk.mp4").write_bytes(b"%PDF-1.7 this is no video")
    done = fgait("screen", tmp_path / "walk.mp4", "--json", tmp_path / "out.json", "--pdf", tmp_path / "out.pdf")
    assert done.returncode == 3
    result = ScreeningResult.model_validate_json((tmp_path / "out.json").read_text())
    assert result.refused
    assert result.reasons
    assert not result.scores
    assert result.recording.size_bytes == 25
    assert not (tmp_path / "out.pdf").exists()
    assert result.reasons[0] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["screen"], "VIDEO"),
        (["screen", "missing.mp4"], "missing.mp4"),
        (["screen", __file__, "--person", "0"], "person"),
        (["screen", __file__, __file__, "--person", "1"], "once for each video"),
        (["screen", __file__, "--height", "1.80"], "height"),
        (["screen", __file__, "--json", "/missing/folder/out.json"], "cannot be written"),
        (["screen", __file__, "--task", "astrology"], "scoliosis, depression"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(arguments: list[str], words: str):
    done = fgait(*arguments)
    assert done.returncode == 2
    assert words.lower() in " ".join(done.stderr.replace("│", " ").split()).lower()
    assert "Traceback" not in done.stderr


def test_package_that_is_none_is_a_fault(tmp_path: Path, sample_video: Path):
    done = fgait("screen", sample_video, "--package", tmp_path)
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]):
    """What screening prints, given its result."""

    def print_result(result: ScreeningResult) -> str:
        cli.print_summary(result)
        return capsys.readouterr().out.replace("\u00a0", " ")

    return print_result


def test_unlike_recording_is_printed_without_a_figure_but_with_what_to_do(printed):
    words = printed(fast_engine.unlike("walk.mp4", ("scoliosis", "depression")))
    for expected in ("no (unlikeness 1.731, threshold 0.444). The silhouettes are unlike", "scoliosis: no answer"):
        assert expected in words
    assert "forward-bend test" in words
    assert "PHQ-9" in words
    assert "0.71" not in words
    assert "interval" not in words


def test_typical_and_old_results_are_printed_with_their_figures(printed):
    words = printed(fast_engine.result("walk.mp4"))
    assert "Like the training data: yes (unlikeness 0.210, threshold 0.444)." in words
    assert "scoliosis: positive 0.71 (95 % interval 0.60 to 0.80), set {positive}" in words
    old = Path(__file__).parents[1] / "golden" / "screening_result_1.json"
    words = printed(ScreeningResult.model_validate_json(old.read_text()))
    assert "not checked by this version" in words
    assert "scoliosis: positive 0.71" in words


def test_version_and_sample(sample_video: Path):
    assert fgait("--version").stdout.startswith("fgait ")
    assert Path(fgait("sample").stdout.strip()) == sample_video


def test_architectures_have_the_published_sizes():
    listed = {row["name"]: row for row in json.loads(fgait("architectures", "--json").stdout)}
    sizes = [listed["0.03B"][name] for name in ("encoder", "projector", "predictor")]
    assert sizes == [33_134_272, 16_316_416, 16_284_672]
    assert listed["0.13B"]["encoder"] == 132_298_432


def test_several_recordings_are_printed_one_by_one(printed):
    single = fast_engine.result("front.mp4")
    facts = {name: getattr(single, name) for name in ClipFacts.model_fields}
    passed = ClipFacts(**facts)
    refused = passed.model_copy(update={"refused": True, "reasons": ("Film the whole body.",), "scores": ()})
    scores = tuple(score.model_copy(update={"clips": 2, "fusion": "mean"}) for score in single.scores)
    empty = refused.model_copy(update={"person": None, "people": (), "reasons": ("Nobody was seen.",)})
    words = printed(single.model_copy(update={"clips": (passed, refused, passed, empty), "scores": scores}))
    assert words.count("front.mp4: person 1 of") == 3
    assert words.count("refused: Film the whole body.") == 1
    assert "front.mp4: refused: Nobody was seen." in words
    assert words.count("side view") == 2


def test_only_an_explanation_that_passed_its_checks_is_printed(printed):
    bands = (
        BandEffectFacts(name="head", rows=(0, 9), effect=0.02, spread=0.01),
        BandEffectFacts(name="hips", rows=(27, 35), effect=-0.08, spread=0.01),
    )
    shown = ExplanationFacts(
        task="depression", shown=True, method="", bands=bands, stability_needed=0.7, random_model_allowed=0.7
    )
    result = fast_engine.result("walk.mp4")
    words = printed(result.model_copy(update={"explanations": (shown,)}))
    assert "depression: what moved the number most is hips (-0.08)" in words
    hidden = shown.model_copy(update={"shown": False, "why_not": "unstable"})
    assert "moved the number" not in printed(result.model_copy(update={"explanations": (hidden,)}))
