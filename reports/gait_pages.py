"""The pages on what moved a score and on the gait: apart from each other, so that no norm is read as a cause."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from reportlab.platypus.flowables import Flowable, Spacer

from reports import gait_words, wording
from reports.content import ScreeningReport
from reports.gait_blocks import CurveBlock, EffectBlock, ExplanationBlock, GaitBlock, ParameterLine, ReferenceBlock
from reports.gait_charts import body_figure, curve_chart, effect_bars, points_text
from reports.gait_labels import GAIT_LABELS
from reports.layout import BODY, CONTENT_WIDTH_PT, LABEL, SMALL, Figure, Setting, beside, grid, together
from reports.numbers import percent_of_count, plain_number

_BARS_PT = 330.0
_CHARTS_A_ROW = 3


def explanation_part(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    """What moved each score, or why that is not shown, and the walkers that are near."""
    story: list[Flowable] = []
    for explanation in report.explanations:
        story += _explanation(explanation, setting)
    return story + _references(report.references, setting) if report.references else story


def _explanation(explanation: ExplanationBlock, setting: Setting) -> list[Flowable]:
    words, language = GAIT_LABELS[setting.language], setting.language
    heading = setting.heading(words.explanation.format(task=wording.task_title(explanation.task, language)))
    if not explanation.shown:
        reason = gait_words.explanation_why_not(explanation.why_not, language)
        return [together([*heading, setting.text(reason, BODY)])]
    names = [gait_words.band_label(band.band, language) for band in explanation.bands]
    bars = Figure(
        effect_bars(explanation.bands, names, setting.fonts, _BARS_PT),
        words.band_alt.format(effects=_effects_text(explanation.bands, names)),
    )
    figure = Figure(body_figure(explanation.bands, setting.fonts, 104, language), words.explanation_caption)
    caption = setting.text(f"{words.explanation_caption} ({words.effect_axis})", LABEL)
    drawing = beside(setting, [[caption, bars], [figure]], (_BARS_PT + 12, CONTENT_WIDTH_PT - _BARS_PT - 12))
    content = [*heading, setting.text(words.explanation_note, BODY), Spacer(1, 3), drawing]
    return [together([*content, *_phases(explanation, setting), *_checks(explanation, setting)])]


def _phases(explanation: ExplanationBlock, setting: Setting) -> list[Flowable]:
    if not explanation.phases:
        return []
    words = GAIT_LABELS[setting.language]
    spans = [phase.phase for phase in explanation.phases if phase.phase is not None]
    names = [gait_words.phase_label(span, setting.language) for span in spans]
    bars = effect_bars(explanation.phases, names, setting.fonts, _BARS_PT)
    alt = words.phase_alt.format(effects=_effects_text(explanation.phases, names))
    return [Spacer(1, 4), setting.text(words.phases_caption, LABEL), _at_start(Figure(bars, alt), setting)]


def _at_start(figure: Flowable, setting: Setting) -> Flowable:
    return beside(setting, [[figure], []], (_BARS_PT + 12, CONTENT_WIDTH_PT - _BARS_PT - 12))


def _effects_text(effects: Sequence[EffectBlock], names: Sequence[str]) -> str:
    return "; ".join(f"{name} {points_text(each.effect)}" for each, name in zip(effects, names, strict=True))


def _checks(explanation: ExplanationBlock, setting: Setting) -> list[Flowable]:
    story: list[Flowable] = [Spacer(1, 3)]
    if explanation.stability is not None and explanation.random_model is not None:
        sentence = GAIT_LABELS[setting.language].explanation_checks.format(
            stability=plain_number(explanation.stability, 2),
            needed=plain_number(explanation.stability_needed, 2),
            random=plain_number(explanation.random_model, 2),
            allowed=plain_number(explanation.random_model_allowed, 2),
        )
        story.append(setting.text(sentence, SMALL))
    return [*story, setting.text(explanation.method, SMALL)] if explanation.method else story


def _references(references: Sequence[ReferenceBlock], setting: Setting) -> list[Flowable]:
    words, language = GAIT_LABELS[setting.language], setting.language
    rows = [
        (
            words.reference_person.format(
                sex=setting.words.sexes.get(walker.sex, walker.sex), age=plain_number(walker.age_years, 0)
            ),
            plain_number(walker.similarity, 2),
            setting.words.views.get(walker.view, walker.view),
            "; ".join(wording.class_name(task, name, language) for task, name in walker.labels),
        )
        for walker in references
    ]
    table = grid(setting, words.reference_columns, rows, (130, 70, 110, CONTENT_WIDTH_PT - 310))
    note = setting.text(words.references_note, SMALL)
    return [together([*setting.heading(words.references), note, Spacer(1, 3), table])]


def gait_part(gait: GaitBlock | None, setting: Setting) -> list[Flowable]:
    """The gait parameters with their norms, and the joint angles over the cycle."""
    words = GAIT_LABELS[setting.language]
    heading = setting.open_heading(words.parameters)
    if gait is None:
        return [*heading, setting.text(words.not_measured_old, SMALL)]
    story = [*heading, setting.text(words.parameters_note, SMALL), Spacer(1, 3)]
    if gait.measured:
        rows = [_parameter_row(line, setting) for line in gait.measured]
        story.append(grid(setting, words.parameters_columns, rows, (122, 122, 68, 105, CONTENT_WIDTH_PT - 417)))
    story += [Spacer(1, 3), *_below_parameters(gait, setting)]
    return [*story, *_curves(gait.curves, setting)]


def _parameter_row(line: ParameterLine, setting: Setting) -> tuple[str, ...]:
    words, language = GAIT_LABELS[setting.language], setting.language
    name = gait_words.parameter_label(line.name, language)
    if not line.validated:
        name = f"{name} ({gait_words.not_validated_note(language)})"
    value = gait_words.value_text(line.value or 0.0, line.unit, language)
    if line.standard_error is not None:
        value = words.value_with_error.format(value=value, error=gait_words.error_text(line.standard_error, line.unit))
    change = line.minimal_detectable_change
    return (
        name,
        value,
        str(line.n),
        _norm(line, setting),
        "\u2013" if change is None else gait_words.value_text(change, line.unit, language),
    )


def _figure(value: float, unit: str) -> str:
    return gait_words.figure_text(value, unit)


def _norm(line: ParameterLine, setting: Setting) -> str:
    words = GAIT_LABELS[setting.language]
    if line.norm is None:
        return words.norm_none
    low, high = line.norm.limits
    text = words.norm_range.format(low=_figure(low, line.unit), high=_figure(high, line.unit))
    return f"{text}; {words.outside}" if line.outside_norm else text


def _below_parameters(gait: GaitBlock, setting: Setting) -> list[Flowable]:
    words, language = GAIT_LABELS[setting.language], setting.language
    sentences: list[str] = []
    missing = sorted((line for line in gait.parameters if line.value is None), key=lambda line: line.why_not)
    for code, lines in groupby(missing, key=lambda line: line.why_not):
        names = wording.listed([gait_words.parameter_label(line.name, language) for line in lines], language)
        sentences.append(words.left_out.format(names=names, reason=gait_words.why_not_sentence(code, language)))
    norms = [line.norm for line in gait.measured if line.norm is not None]
    sources = dict.fromkeys(
        words.norm_simulated.format(source=norm.source) if norm.simulated else norm.source for norm in norms
    )
    if sources:
        sentences.append(words.source_line.format(sources="; ".join(sources)))
    sentences.append(words.detector.format(detector=gait.event_detector))
    return [setting.text(sentence, SMALL) for sentence in sentences]


def _curves(curves: Sequence[CurveBlock], setting: Setting) -> list[Flowable]:
    if not curves:
        return []
    words = GAIT_LABELS[setting.language]
    width_pt = CONTENT_WIDTH_PT / _CHARTS_A_ROW
    charts = [_chart(curve, setting, width_pt - 8) for curve in curves]
    rows: list[Flowable] = []
    for begin in range(0, len(charts), _CHARTS_A_ROW):
        row = [[chart] for chart in charts[begin : begin + _CHARTS_A_ROW]]
        row += [[] for _ in range(_CHARTS_A_ROW - len(row))]
        rows += [beside(setting, row, [width_pt] * _CHARTS_A_ROW), Spacer(1, 4)]
    notes = dict.fromkeys(_curve_note(curve, setting) for curve in curves)
    first, *others = rows
    return [
        together([*setting.heading(words.curves), first]),
        *others,
        *(setting.text(note, SMALL) for note in notes),
    ]


def _curve_note(curve: CurveBlock, setting: Setting) -> str:
    words = GAIT_LABELS[setting.language]
    template = words.curves_note if curve.norm_source else words.curves_without_norm
    return template.format(strides=curve.strides, source=curve.norm_source)


def _chart(curve: CurveBlock, setting: Setting, width_pt: float) -> Flowable:
    words, language = GAIT_LABELS[setting.language], setting.language
    name = gait_words.joint_label(curve.joint, language, curve.side)
    sign = gait_words.joint_sign(curve.joint, language)
    title = words.curve_title.format(joint=name, sign=sign) if sign else name
    drawing = curve_chart(curve, setting.fonts, (width_pt, 104.0), (title, words.cycle_axis))
    low, high = min(curve.mean_deg), max(curve.mean_deg)
    last = len(curve.mean_deg) - 1
    alt = words.curve_alt.format(
        joint=name,
        low=gait_words.value_text(low, "deg", language),
        low_at=percent_of_count(curve.mean_deg.index(low) / last),
        high=gait_words.value_text(high, "deg", language),
        high_at=percent_of_count(curve.mean_deg.index(high) / last),
    )
    return Figure(drawing, alt)
