"""From stored JSON to the parts of a report on gait, explanation and several recordings, in each language."""

from __future__ import annotations

import pytest
from explained import explained, of_several
from fast_engine import result, sequence

from app.services.report_content import quality_lines, recording_block, report_from_result, score_blocks
from app.services.report_gait_content import clip_blocks, explanation_blocks, gait_block, reference_blocks
from reports.gait_words import parameter_label
from reports.pdf import render_pdf


def test_what_was_measured_is_carried_over():
    gait = gait_block(explained().to_json())
    cadence = gait.parameters[0]
    assert (cadence.name, cadence.value, cadence.standard_error, cadence.minimal_detectable_change) == (
        "cadence",
        88.0,
        1.4,
        6.0,
    )
    assert cadence.norm.limits == (95.0, 131.0)
    assert cadence.outside_norm
    assert [line.why_not for line in gait.parameters if line.value is None] == ["height_missing", "view"]
    assert not gait.parameters[2].validated
    assert gait.heel_strikes == 3
    hip = gait.curves[0]
    assert (hip.joint, hip.side, len(hip.mean_deg), hip.norm_source) == ("hip", "left", 51, "Made up for tests, 1999.")


def test_explanations_keep_their_checks_and_hidden_ones_their_reason():
    shown, hidden = explanation_blocks(explained().to_json())
    assert (shown.shown, shown.stability, shown.random_model_allowed) == (True, 0.91, 0.5)
    assert [band.effect for band in shown.bands][1] == 0.173
    assert shown.phases[0].phase == (0.0, 0.2)
    assert (hidden.shown, hidden.why_not) == (False, "unstable")


def test_the_size_of_a_reference_walkers_curve_is_dropped():
    (first, _) = reference_blocks(explained().to_json())
    assert "38.5" not in repr(first)
    assert dict(first.labels) == {"scoliosis": "positive", "depression": "no"}


def test_the_first_recording_that_passed_leads_and_refused_ones_say_why():
    clips = clip_blocks(of_several().to_json())
    assert [clip.refused for clip in clips] == [True, False, False]
    assert sum(clip.leading for clip in clips) == 1
    assert clips[0].reasons == ("The feet leave the picture. Step back.",)
    assert not clips[0].leading


def test_results_of_older_versions_lack_all_of_it():
    old = {name: value for name, value in result("walk.mp4").to_json().items() if name not in ADDED}
    assert gait_block(old) is None
    assert explanation_blocks(old) == reference_blocks(old) == clip_blocks(old) == ()
    assert score_blocks(old)[0].clips == 1


ADDED = {"gait", "explanations", "references", "clips", "body_height_m"}


def test_silhouettes_that_were_never_a_video_have_no_size():
    facts = result("walk.mp4").to_json()
    facts["recording"] |= {
        "width_px": None,
        "height_px": None,
        "frame_rate_hz": None,
        "duration_s": None,
        "codec": None,
    }
    block = recording_block(facts)
    assert (block.width_px, block.height_px, block.duration_s, block.codec) == (None, None, None, None)


@pytest.mark.parametrize("language", ["zh", "ar"])
def test_checks_are_said_in_the_readers_language(language: str):
    check = {
        "name": "full_body",
        "label": "Whole body visible",
        "value": 55,
        "unit": "%",
        "threshold": "at least 70% of the time (refused below 40%)",
        "passed": False,
        "blocking": False,
        "advice": "The whole body is seen in only 55% of the time: the border of the picture or something in front of "
        "the person hides a part. Film from farther away, with room above the head and below the feet.",
    }
    (line,) = quality_lines([check], language)
    for text in (line.label, line.threshold, line.advice):
        assert not any(word in text for word in ("body", "time", "Film"))
    assert "55%" in line.advice
    assert line.value == "55 %"


def test_everything_is_printed_in_arabic():
    report = report_from_result(
        explained().to_json(),
        sequence().frames,
        None,
        clinic_name="Clinic",
        report_number="FG-1",
        created_by="Dr Clara",
        language="ar",
    )
    assert report.body_height_m == 1.62
    assert render_pdf(report).startswith(b"%PDF-1.7")
    assert parameter_label("cadence", "ar") != "Cadence"
