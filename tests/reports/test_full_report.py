"""Letterhead, decision, explanation, gait, clips, outcomes and verification on the pages of a report."""

from __future__ import annotations

import subprocess
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import full_content as full
import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from reports import wording
from reports.content import ScoreBlock, ScreeningReport
from reports.gait_blocks import CurveBlock, EffectBlock, ExplanationBlock, NormBlock, ParameterLine
from reports.pdf import render_pdf
from reports.record_blocks import ClinicBlock, ClipBlock, DecisionBlock, OutcomeLine, VerificationBlock

Reports = Callable[..., ScreeningReport]


def page_texts(document: bytes) -> list[str]:
    pages = (page.extract_text() for page in PdfReader(BytesIO(document)).pages)
    return [" ".join(unicodedata.normalize("NFKC", text).split()) for text in pages]


@pytest.fixture(scope="module")
def whole(report_factory: Reports) -> bytes:
    """One full report, rendered once."""
    return render_pdf(report_factory(**full.everything()))


def test_the_first_page_tells_clinic_decision_version_and_code(whole: bytes) -> None:
    first = page_texts(whole)[0]
    for text in (
        "1 Sample Street, 12345 Sampletown",
        "Scoliosis: overridden by Dr. Test Person, 2026-11-23 11:05 UTC: no scoliosis.",
        "Reason: Forward-bend test normal, 2 degrees",
        "Depression accepted",
        "Version 2, replaces report",
        full.make_verification().code,
    ):
        assert text in first


def test_the_value_at_the_clinics_prevalence_is_on_the_first_page_and_its_source_behind(
    whole: bytes, score_factory: Callable[..., ScoreBlock]
) -> None:
    pages = page_texts(whole)
    sentence = " ".join(wording.predictive_sentence(score_factory(), 0.03).replace("\u00a0", " ").split())
    assert f"At this clinic: {sentence}" in pages[0]
    assert "as the clinic says: own records of 2025." in " ".join(pages[1:])


def test_without_a_prevalence_nothing_is_said_of_this_clinic(report_factory: Reports) -> None:
    text = " ".join(page_texts(render_pdf(report_factory(clinic=full.make_clinic(prevalence={})))))
    assert "At this clinic" not in text


def test_the_printed_code_is_read_by_a_camera(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(whole)
    subprocess.run(["pdftoppm", "-r", "200", "-gray", "-png", "-l", "1", str(path), str(tmp_path / "page")], check=True)
    (picture,) = tmp_path.glob("page*.png")
    found, *_ = cv2.QRCodeDetector().detectAndDecode(np.asarray(Image.open(picture)))
    assert found == full.make_verification().url


def test_what_was_measured_of_the_gait_stands_apart_from_the_score(whole: bytes) -> None:
    text = " ".join(page_texts(whole)[1:])
    for part in (
        "beside the score and not part of it",
        "96.4 steps/min (standard error 1.2)",
        "96.0 to 128.0",
        "Double support (not validated from video)",
        "Not given: Lateral sway of the trunk, Shoulder obliquity. Cannot be measured from this view.",
        "body height, which was not entered.",
        "Invented and others 2020; 200 healthy walkers of the simulator (simulated people)",
        "Knee, left (bent is positive)",
        "No norm is known.",
    ):
        assert part in text
    assert text.index("what moved the score") < text.index("Gait parameters")


def test_an_explanation_is_shown_only_where_it_passed_its_checks(whole: bytes, report_factory: Reports) -> None:
    text = " ".join(page_texts(whole))
    assert "Scoliosis: what moved the score" in text
    assert "not why the patient walks so" in text
    assert "+22.0 ± 2.0" in text
    assert "correlation 0.93, at least 0.80" in text
    assert "under small changes of the recording it did not stay the same" in text
    hidden = render_pdf(report_factory(explanations=(full.make_explanation(why_not="like_a_random_model"),)))
    assert "22.0" not in " ".join(page_texts(hidden))


def test_near_walkers_are_called_simulated_and_carry_no_angle(whole: bytes) -> None:
    text = " ".join(page_texts(whole))
    assert "These walkers are simulated" in text
    assert "female, 14 years" in text
    assert "Cobb" not in text


def test_clips_outcomes_height_and_verification_follow(whole: bytes) -> None:
    text = " ".join(page_texts(whole)[1:])
    for part in (
        "side.mp4 (leading)",
        "passed, with advice: Film in brighter light.",
        "left out: The file is empty.",
        "no scoliosis (radiograph); examined on 2026-11-23",
        "not known; examined on 2026-11-22; PHQ-9 total 7; Sleeps badly.",
        "1.58 m, as entered",
        "https://clinic.example/verify/",
        "7b" * 32,
    ):
        assert part in text


def test_an_addendum_is_framed_on_the_first_page_and_whole_behind(report_factory: Reports) -> None:
    addendum = replace(full.make_addendum(), text="It was repeated. " * 60 + "The end of it.")
    pages = page_texts(render_pdf(report_factory(addendum=addendum)))
    assert "Addendum to report R-2026-000100, version 1" in pages[0]
    assert "The end of it." not in pages[0]
    assert "The end of it." in " ".join(pages[1:])


def test_results_of_older_versions_say_that_the_gait_was_not_measured(report_factory: Reports) -> None:
    text = " ".join(page_texts(render_pdf(report_factory())))
    assert "not measured by the version that made this result" in text
    assert "what moved the score" not in text
    assert "Check this report" not in text


def test_a_recording_that_was_never_a_video_can_be_printed(report_factory: Reports) -> None:
    never = {"duration_s": None, "width_px": None, "height_px": None, "frame_rate_hz": None, "codec": None}
    report = report_factory(recording=replace(report_factory().recording, **never))
    assert "Video not known" in " ".join(page_texts(render_pdf(report)))


def test_a_fused_score_says_of_how_many_recordings(
    report_factory: Reports, score_factory: Callable[..., ScoreBlock]
) -> None:
    score = score_factory(clips=3, fusion="Mean of the log odds.")
    assert "3 recordings. Mean of the log odds." in " ".join(page_texts(render_pdf(report_factory(scores=(score,)))))


@pytest.mark.parametrize(
    "build",
    [
        lambda: ClinicBlock(" "),
        lambda: ClinicBlock("A", logo_png=b"GIF89a"),
        lambda: ClinicBlock("A", prevalence={"scoliosis": 1.2}),
        lambda: replace(full.make_decision("scoliosis", "overridden"), reason=" "),
        lambda: replace(full.make_decision("scoliosis"), verdict="perhaps"),
        lambda: replace(
            full.make_decision("scoliosis"), decided_at=full.make_decision("x").decided_at.replace(tzinfo=None)
        ),
        lambda: OutcomeLine("depression", "yes", "clinical_diagnosis", phq9_total=28),
        lambda: VerificationBlock("", "https://a"),
        lambda: VerificationBlock("a", "javascript:alert(1)"),
        lambda: VerificationBlock("a", "https://a", "5A"),
        lambda: ClipBlock("a.mp4", "5a" * 32, None, None, 0, (), refused=True),
        lambda: NormBlock(1.0, 0.0, (1, 2), "both", "a", simulated=False),
        lambda: ParameterLine("cadence", "steps/min", None),
        lambda: ParameterLine("cadence", "steps/min", 1.0, "view"),
        lambda: CurveBlock("knee", "left", (1.0, 2.0), (1.0,), 3),
        lambda: CurveBlock("knee", "left", (1.0, 2.0), (1.0, 1.0), 3, norm_low_deg=(1.0,)),
        lambda: EffectBlock(0.1, 0.0),
        lambda: EffectBlock(0.1, 0.0, band="head", rows=(9, 9)),
        lambda: EffectBlock(1.1, 0.0, band="head", rows=(0, 9)),
        lambda: ExplanationBlock("scoliosis", True, "m", 0.8, 0.5),
        lambda: replace(full.make_explanation(), why_not="unstable"),
        lambda: replace(full.make_addendum(), text=" "),
    ],
)
def test_blocks_refuse_impossible_values(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        build()


def test_a_report_carries_one_decision_a_task_and_one_name_of_the_clinic(report_factory: Reports) -> None:
    decision: DecisionBlock = full.make_decision("scoliosis")
    with pytest.raises(ValueError, match="one decision a task"):
        report_factory(decisions=(decision, decision))
    with pytest.raises(ValueError, match="letterhead"):
        report_factory(clinic=full.make_clinic(name="Another"))
    with pytest.raises(ValueError, match="version"):
        report_factory(version=0)
