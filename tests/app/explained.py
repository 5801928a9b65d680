"""Results with everything that is measured beside a score, made up for tests of pages; no person walks like this."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from confirmed import drawn_version_id
from fast_engine import result, sequence

from clinic_data import assessment_clips, assessments, jobs, recordings
from clinic_data.assessment_clips import ClipFiles
from clinic_data.file_vault import FileKind
from fgait_core.screening_result import ScreeningResult

POINTS = 51


def events(first_s: float = 0.1, strides: int = 1, stride_s: float = 1.1) -> list[dict[str, Any]]:
    """Regular steps: left strikes at 0, right toe off at 10 %, right strikes at 50 %, left toe off at 60 %."""
    found: list[dict[str, Any]] = []
    for number in range(strides):
        start = first_s + number * stride_s
        found += [
            {"foot": "left", "kind": "heel_strike", "time_s": start},
            {"foot": "right", "kind": "toe_off", "time_s": start + 0.1 * stride_s},
            {"foot": "right", "kind": "heel_strike", "time_s": start + 0.5 * stride_s},
            {"foot": "left", "kind": "toe_off", "time_s": start + 0.6 * stride_s},
        ]
    return [*found, {"foot": "left", "kind": "heel_strike", "time_s": first_s + strides * stride_s}]


def norm(mean: float, sd: float) -> dict[str, Any]:
    """Healthy adults of both sexes."""
    source = "Made up for tests, 1999."
    return {"mean": mean, "sd": sd, "ages_years": (18, 49), "sex": "both", "source": source, "simulated": False}


def parameter(name: str, unit: str, value: float | None, **more: Any) -> dict[str, Any]:
    """One parameter; without a value it says that the view does not allow it."""
    facts = {"name": name, "unit": unit, "value": value, "n": 9, "why_not": "" if value is not None else "view"}
    return facts | more


def curve(joint: str, side: str, top_deg: float) -> dict[str, Any]:
    """An angle that rises and falls once."""
    mean = [top_deg * math.sin(math.pi * i / (POINTS - 1)) for i in range(POINTS)]
    return {
        "joint": joint,
        "side": side,
        "mean_deg": mean,
        "sd_deg": [2.0] * POINTS,
        "strides": 4,
        "norm_low_deg": [each - 8 for each in mean],
        "norm_high_deg": [each + 8 for each in mean],
        "norm_source": "Made up for tests, 1999.",
    }


def gait(view: str = "side", cadence: float = 88.0, strides: int = 1) -> dict[str, Any]:
    """What was measured of a walk; its cadence is below the norm."""
    return {
        "view": view,
        "event_detector": "drawn",
        "events": events(strides=strides),
        "parameters": [
            parameter(
                "cadence",
                "steps/min",
                cadence,
                standard_error=1.4,
                minimal_detectable_change=6.0,
                norm=norm(113.0, 9.0),
            ),
            parameter("stance", "%", 61.0, norm=norm(61.0, 2.0), minimal_detectable_change=3.0),
            parameter("double_support", "%", 22.0, validated=False),
            parameter("trunk_lean", "deg", 5.5),
            parameter("step_length_m", "m", None, why_not="height_missing"),
            parameter("shoulder_obliquity", "deg", None),
        ],
        "curves": [curve("hip", "left", 30.0), curve("knee", "left", 60.0), curve("knee", "right", 55.0)],
    }


def explanation(task: str, why_not: str = "") -> dict[str, Any]:
    """Shoulders push the score up, hips pull it down, the rest does nothing; or why nothing is shown."""
    names = ("head", "shoulders", "trunk", "hips", "thighs", "lower_legs")
    rows = ((0, 9), (9, 16), (16, 30), (30, 38), (38, 48), (48, 64))
    effects = (0.01, 0.173, 0.02, -0.084, 0.0, 0.01)
    bands = [
        {"name": name, "rows": where, "effect": effect, "spread": 0.012}
        for name, where, effect in zip(names, rows, effects, strict=True)
    ]
    phases = [{"phase": (i / 5, (i + 1) / 5), "effect": 0.03 * i, "spread": 0.01} for i in range(5)]
    return {
        "task": task,
        "shown": not why_not,
        "why_not": why_not,
        "method": "drawn",
        "bands": bands,
        "phases": phases,
        "stability": 0.91,
        "stability_needed": 0.7,
        "random_model": 0.12,
        "random_model_allowed": 0.5,
    }


def reference(number: int) -> dict[str, Any]:
    """A reference walker with a strong curve, whose size must never be shown."""
    return {
        "id": f"r{number:03d}",
        "similarity": 0.9 - number / 10,
        "sex": "female",
        "age_years": 14.0,
        "view": "side",
        "labels": {"scoliosis": "positive", "depression": "no"},
        "doses": {"scoliosis": 38.5, "depression": 0.0},
    }


def explained(
    tasks: tuple[str, ...] = ("scoliosis", "depression"), *, view: str = "side", cadence: float = 88.0
) -> ScreeningResult:
    """A result of one recording with gait, explanations and reference walkers."""
    content = result("walk.mp4", tasks).model_dump()
    content["quality"]["view"] = view
    shown = {"scoliosis": "", "depression": "unstable"}
    added = {
        "gait": gait(view, cadence),
        "explanations": [explanation(task, shown[task]) for task in tasks],
        "references": [reference(0), reference(1)],
        "body_height_m": 1.62,
    }
    return ScreeningResult.model_validate(content | added)


def of_several(tasks: tuple[str, ...] = ("scoliosis",)) -> ScreeningResult:
    """A result of three recordings, the first of which was refused."""
    whole = explained(tasks).model_dump()
    names = ("recording", "people", "person", "quality", "sequence", "scores", "typicality", "gait")
    clips: list[dict[str, Any]] = []
    for number, view in enumerate(("front", "side", "back")):
        clip = {name: whole[name] for name in names} | {"refused": number == 0, "reasons": ()}
        clip["recording"] = whole["recording"] | {"file_name": f"{view}.mp4", "sha256": str(number) * 64}
        clip["quality"] = whole["quality"] | {"view": view}
        clips.append(clip)
    nothing = {"scores": (), "gait": None, "sequence": None, "reasons": ("The feet leave the picture. Step back.",)}
    clips[0] |= nothing
    scores = [each | {"clips": 2, "fusion": "mean of the log-odds"} for each in whole["scores"]]
    whole |= {"clips": clips, "scores": scores, "recording": clips[1]["recording"]}
    return ScreeningResult.model_validate(whole)


def store(clinic, content: ScreeningResult, *, clip: bytes = b"no clip") -> str:
    """Stores a result with silhouettes and clip, if any, as the worker does; gives the id of the assessment."""
    services, patient_id = clinic.services, clinic.patient.id
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "silhouettes.npz"
        sequence().save(path)
        silhouettes = services.storage.write_file(path, patient_id=patient_id, kind=FileKind.SILHOUETTES).key
    overlay = services.storage.write_bytes(clip, patient_id=patient_id, kind=FileKind.OVERLAY).key if clip else None
    files = [
        services.storage.write_bytes(f"video {number}".encode(), patient_id=patient_id, kind=FileKind.VIDEO)
        for number in range(len(content.clips) or 1)
    ]
    with services.database.transaction() as session:
        taken = [
            recordings.add_recording(
                session=session,
                patient_id=clinic.patient.id,
                original_name="walk.mp4",
                stored=file,
                uploaded_by=clinic.clinician.user_id,
            ).id
            for file in files
        ]
        job = jobs.enqueue(session=session, kind="screen", payload={}, recording_id=taken[0], queue="none")
        stored = assessments.add_assessment(
            session=session,
            patient_id=clinic.patient.id,
            recording_id=taken[0],
            job_id=job.id,
            model_version_id=drawn_version_id(session),
            result=content.to_json(),
            silhouettes_key=silhouettes,
            overlay_key=overlay,
        )
        if content.clips:
            used = [
                ClipFiles(recording_id) if each.refused else ClipFiles(recording_id, silhouettes, overlay)
                for recording_id, each in zip(taken, content.clips, strict=True)
            ]
            assessment_clips.add_clips(session=session, assessment_id=stored.id, clips=used)
    return stored.id
