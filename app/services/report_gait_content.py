"""From the JSON of an assessment to what was measured of the walk beside its scores, and to its several recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.gait_blocks import (
    CurveBlock,
    EffectBlock,
    ExplanationBlock,
    GaitBlock,
    NormBlock,
    ParameterLine,
    ReferenceBlock,
)
from reports.record_blocks import ClipBlock
from reports.stored_words import said_in

Json = Mapping[str, Any]


def gait_block(result_json: Json, language: str = "en") -> GaitBlock | None:
    """What was measured of the walk; None in results of versions that did not."""
    facts = result_json.get("gait")
    if facts is None:
        return None
    return GaitBlock(
        view=facts["view"],
        event_detector=said_in(facts["event_detector"], language),
        heel_strikes=sum(event["kind"] == "heel_strike" for event in facts["events"]),
        parameters=tuple(_parameter_line(parameter, language) for parameter in facts["parameters"]),
        curves=tuple(_curve_block(curve, language) for curve in facts["curves"]),
    )


def _parameter_line(parameter: Json, language: str) -> ParameterLine:
    return ParameterLine(
        name=parameter["name"],
        unit=parameter["unit"],
        value=parameter["value"],
        why_not=parameter["why_not"],
        n=parameter["n"],
        standard_error=parameter["standard_error"],
        minimal_detectable_change=parameter["minimal_detectable_change"],
        norm=_norm_block(parameter["norm"], language),
        validated=parameter["validated"],
    )


def _norm_block(norm: Json | None, language: str) -> NormBlock | None:
    if norm is None:
        return None
    youngest, oldest = norm["ages_years"]
    return NormBlock(
        mean=norm["mean"],
        sd=norm["sd"],
        ages_years=(youngest, oldest),
        sex=norm["sex"],
        source=said_in(norm["source"], language),
        simulated=norm["simulated"],
    )


def _curve_block(curve: Json, language: str) -> CurveBlock:
    return CurveBlock(
        joint=curve["joint"],
        side=curve["side"],
        mean_deg=tuple(curve["mean_deg"]),
        sd_deg=tuple(curve["sd_deg"]),
        strides=curve["strides"],
        norm_low_deg=tuple(curve["norm_low_deg"]),
        norm_high_deg=tuple(curve["norm_high_deg"]),
        norm_source=said_in(curve["norm_source"], language),
    )


def explanation_blocks(result_json: Json, language: str = "en") -> tuple[ExplanationBlock, ...]:
    """What moved each score; empty in results of versions that did not look."""
    return tuple(_explanation_block(facts, language) for facts in result_json.get("explanations", ()))


def _explanation_block(facts: Json, language: str) -> ExplanationBlock:
    bands = (
        EffectBlock(band["effect"], band["spread"], band=band["name"], rows=tuple(band["rows"]))
        for band in facts["bands"]
    )
    phases = (EffectBlock(part["effect"], part["spread"], phase=tuple(part["phase"])) for part in facts["phases"])
    return ExplanationBlock(
        task=facts["task"],
        shown=facts["shown"],
        method=said_in(facts["method"], language),
        stability_needed=facts["stability_needed"],
        random_model_allowed=facts["random_model_allowed"],
        why_not=facts["why_not"],
        bands=tuple(bands),
        phases=tuple(phases),
        stability=facts["stability"],
        random_model=facts["random_model"],
    )


def reference_blocks(result_json: Json) -> tuple[ReferenceBlock, ...]:
    """The nearest simulated walkers, without the doses of their conditions: no angle is ever printed."""
    return tuple(
        ReferenceBlock(
            similarity=walker["similarity"],
            sex=walker["sex"],
            age_years=walker["age_years"],
            view=walker["view"],
            labels=tuple(walker["labels"].items()),
        )
        for walker in result_json.get("references", ())
    )


def clip_blocks(result_json: Json, language: str = "en") -> tuple[ClipBlock, ...]:
    """Every recording of an assessment of several; empty where there was one."""
    clips = result_json.get("clips", ())
    passed = [clip["recording"]["sha256"] for clip in clips if not clip["refused"]]
    leading = result_json["recording"]["sha256"] if passed else ""
    return tuple(_clip_block(clip, clip["recording"]["sha256"] == leading, language) for clip in clips)


def _clip_block(clip: Json, leading: bool, language: str) -> ClipBlock:
    quality = clip["quality"]
    failed = (check for check in quality["checks"] if not check["passed"] and not check["blocking"])
    return ClipBlock(
        file_name=clip["recording"]["file_name"],
        sha256=clip["recording"]["sha256"],
        view=quality["view"],
        steps=quality["steps"],
        checks=len(quality["checks"]),
        warnings=tuple(said_in(check["advice"], language) for check in failed),
        refused=clip["refused"],
        reasons=tuple(said_in(reason, language) for reason in clip["reasons"]),
        leading=leading and not clip["refused"],
    )
