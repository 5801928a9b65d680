"""A report with everything that it can hold: invented figures, marked as simulated."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

from PIL import Image

from reports.gait_blocks import (
    CurveBlock,
    EffectBlock,
    ExplanationBlock,
    GaitBlock,
    NormBlock,
    ParameterLine,
    ReferenceBlock,
)
from reports.record_blocks import (
    AddendumBlock,
    ClinicBlock,
    ClipBlock,
    DecisionBlock,
    NoteBlock,
    OutcomeLine,
    VerificationBlock,
)

BANDS = ("head", "shoulders", "trunk", "hips", "thighs", "lower_legs")
ROWS = ((0, 9), (9, 17), (17, 28), (28, 36), (36, 49), (49, 64))
NORM = NormBlock(112.0, 8.0, (10.0, 17.0), "female", "Invented and others 2020", simulated=False)
SECOND_NORM = NormBlock(0.41, 0.03, (8.0, 18.0), "both", "200 healthy walkers of the simulator", simulated=True)


def logo_png() -> bytes:
    """A picture with a transparent ground, as clinics have them."""
    out = BytesIO()
    picture = Image.new("RGBA", (240, 80), (0, 0, 0, 0))
    picture.paste((20, 90, 120, 255), (10, 10, 90, 70))
    picture.save(out, "PNG")
    return out.getvalue()


def make_clinic(**changes: Any) -> ClinicBlock:
    values: dict[str, Any] = {
        "name": "Test Clinic",
        "address": "1 Sample Street\n12345 Sampletown",
        "logo_png": logo_png(),
        "prevalence": {"scoliosis": 0.03, "depression": 0.12},
        "prevalence_source": "own records of 2025",
    }
    return ClinicBlock(**(values | changes))


def make_decision(task: str, verdict: str = "accepted") -> DecisionBlock:
    moment = datetime(2026, 11, 23, 11, 5, tzinfo=UTC)
    if verdict == "accepted":
        return DecisionBlock(task, verdict, None, "", "Dr. Test Person", moment)
    label = "negative" if task == "scoliosis" else "no"
    return DecisionBlock(task, verdict, label, "Forward-bend test normal, 2 degrees.", "Dr. Test Person", moment)


def make_gait(scale: float = 1.0, **changes: Any) -> GaitBlock:
    """Parameters with and without values, norms and validity, and curves of two knees and a hip."""
    values: dict[str, Any] = {
        "view": "side",
        "event_detector": "zeni",
        "heel_strikes": 9,
        "parameters": (
            ParameterLine("cadence", "steps/min", 96.4 * scale, "", 9, 1.2, 4.1, NORM),
            ParameterLine("step_length", "body heights", 0.402 * scale, "", 8, 0.008, 0.03, SECOND_NORM),
            ParameterLine("double_support", "%", 21.7 * scale, "", 4, 1.0, 5.0, validated=False),
            ParameterLine("trunk_lean", "deg", -2.4 * scale, "", 4, 0.4, 1.9),
            ParameterLine("step_length_m", "m", None, "height_missing"),
            ParameterLine("lateral_sway", "% of body height", None, "view"),
            ParameterLine("shoulder_obliquity", "deg", None, "view"),
        ),
        "curves": (make_curve("knee", "left"), make_curve("knee", "right"), make_curve("hip", "left", norm=False)),
    }
    return GaitBlock(**(values | changes))


def make_curve(joint: str, side: str, *, norm: bool = True) -> CurveBlock:
    places = [place / 50 for place in range(51)]
    mean = tuple(30 + 28 * math.sin(2 * math.pi * (place - 0.45)) for place in places)
    limits = {
        "norm_low_deg": tuple(angle - 9 for angle in mean),
        "norm_high_deg": tuple(angle + 9 for angle in mean),
        "norm_source": "200 healthy walkers of the simulator",
    }
    return CurveBlock(joint, side, mean, (3.0,) * 51, 4, **(limits if norm else {}))


def make_explanation(task: str = "scoliosis", why_not: str = "") -> ExplanationBlock:
    effects = (0.01, 0.14, 0.22, -0.03, 0.02, 0.05)
    bands = [
        EffectBlock(each, 0.02, band=name, rows=rows) for each, name, rows in zip(effects, BANDS, ROWS, strict=True)
    ]
    phases = [EffectBlock(each, 0.015, phase=(place / 5, (place + 1) / 5)) for place, each in enumerate(effects[:5])]
    return ExplanationBlock(
        task=task,
        shown=not why_not,
        method="occlusion",
        stability_needed=0.8,
        random_model_allowed=0.5,
        why_not=why_not,
        bands=() if why_not else tuple(bands),
        phases=() if why_not else tuple(phases),
        stability=0.93,
        random_model=0.12,
    )


def make_verification() -> VerificationBlock:
    code = "hU3kQm1Zr8pX5vTn2wYb7LcD9sFgA4eJ6tRiKoMqNxE"
    return VerificationBlock(code, f"https://clinic.example/verify/{code}", "7b" * 32)


def everything() -> dict[str, Any]:
    """What `make_report(**everything())` adds to the smallest report."""
    return {
        "clinic": make_clinic(),
        "decisions": (make_decision("scoliosis", "overridden"),),
        "outcomes": (
            OutcomeLine("scoliosis", "negative", "radiograph", date(2026, 11, 23)),
            OutcomeLine("depression", None, "not_known", date(2026, 11, 22), 7, "Sleeps badly."),
        ),
        "gait": make_gait(),
        "explanations": (make_explanation(), make_explanation("depression", "unstable")),
        "references": (
            ReferenceBlock(0.93, "female", 14.2, "side", (("scoliosis", "positive"), ("depression", "no"))),
            ReferenceBlock(0.91, "male", 15.0, "side", (("scoliosis", "negative"), ("depression", "no"))),
        ),
        "clips": (
            ClipBlock("side.mp4", "5a" * 32, "side", 9, 9, (), refused=False, leading=True),
            ClipBlock("back.mp4", "6b" * 32, "back", 8, 9, ("Film in brighter light.",), refused=False),
            ClipBlock("front.mp4", "7c" * 32, None, None, 0, (), refused=True, reasons=("The file is empty.",)),
        ),
        "body_height_m": 1.58,
        "verification": make_verification(),
        "version": 2,
        "supersedes": "R-2026-000100",
    }


def make_addendum() -> AddendumBlock:
    return AddendumBlock("The forward-bend test was repeated after a week and is normal.", "R-2026-000100", 1)


def make_note(text: str = "Wears a new orthosis since August.") -> NoteBlock:
    return NoteBlock(text, "Dr. Test Person", datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
