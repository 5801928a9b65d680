"""Writes the model card of a package from what was measured."""

from __future__ import annotations

from typing import Any

from fgait_core.package_content import ANY_VIEW, CalibratedContent, PackageContent
from fgait_core.recipes.measure_groups import IN_GROUPS, listed
from fgait_core.recipes.model_card_origin import adapted, marked, measured_heading, of_clinic, origin, title


def write_card(content: PackageContent, metrics: dict[str, Any]) -> str:
    """The card as Markdown; what was simulated is called so."""
    channels = "-".join(map(str, content.architecture.channels))
    depths = "-".join(map(str, content.architecture.depths))
    people = ", ".join(f"{count} {split}" for split, count in content.people.items())
    transform = content.transform
    seen = transform.modality.replace("_", " ")
    lines = [
        title(content),
        "",
        *origin(content, metrics),
        "",
        "## What it is",
        "",
        f"- Network: DeepGaitV2-P3D encoder, channels {channels}, depths {depths}, projector, one head for each "
        f"task with {content.architecture.replicates} bootstrap replicates.",
        f"- Input: {transform.window_frames} frames ({seen}) of {transform.height_px} x {transform.width_px} at "
        f"{transform.frame_rate_hz:g} Hz; the windows of a longer recording are averaged.",
        f"- Data: {content.training_data}.",
        f"- People in the splits, none in two of them, no body in two of them: {people}.",
        *adapted(content, metrics),
        "",
        *measured_heading(content, metrics),
        "Intervals are 95 %. AUROC is of the positive class against the rest, all sequences, interval over people.",
        "Sensitivity, specificity, calibration and coverage: one sequence of each person.",
        "",
        *_table(("", *(task.name for task in content.tasks)), _rows(content, metrics)),
    ]
    for task in content.tasks:
        lines += [
            "",
            f"### {task.name} in groups{marked(content, task.name, metrics)}",
            "",
            *_groups(metrics["tasks"][task.name]),
        ]
    lines += _attributes(content, metrics)
    lines += _typicality(content, metrics["typicality"])
    lines += ["", "## Known gaps", "", *(f"- {gap}" for gap in content.known_gaps)]
    lines += [
        "",
        "## Interval, view and set of a score",
        "",
        "The interval of a score and the conformal set are explained in `docs/evidence/bundled_model.md`. The set "
        f"promises to hold the true class for {content.tasks[0].coverage:.0%} of the people of each class, for people "
        "like those of the calibration split. Calibrators and sets belong to the view that the quality check finds; "
        "fitted for themselves are: " + "; ".join(f"{task.name}: {_views(task)}" for task in content.tasks) + ".",
        "",
    ]
    return "\n".join(lines)


def _table(header: tuple[str, ...], rows: list[tuple[str, list[str]]]) -> list[str]:
    return [
        f"| {' | '.join(header)} |",
        "|---|" + "---|" * (len(header) - 1),
        *(f"| {label} | {' | '.join(cells)} |" for label, cells in rows),
    ]


def _views(content: CalibratedContent) -> str:
    own = [f"{view} ({each.people} people)" for view, each in content.by_view.items() if view != ANY_VIEW]
    return ", ".join(own) or "no view, all are pooled"


def _attributes(content: PackageContent, metrics: dict[str, Any]) -> list[str]:
    """Sex and age group: no part of a screening result."""
    if not content.attributes:
        return []
    measured = [metrics["attributes"][each.name] for each in content.attributes]
    rows = [
        ("classes", [", ".join(each.class_order) for each in content.attributes]),
        ("people, sequences", [f"{each['people']}, {each['sequences']}" for each in measured]),
        ("AUROC of each class", [_of_classes(each) for each in measured]),
        ("balanced accuracy", [_estimate(each["balanced_accuracy"]) for each in measured]),
        ("… by chance", [f"{each['chance_balanced_accuracy']:.3f}" for each in measured]),
        *_calibration_rows(measured),
    ]
    lines = [
        "",
        "## Attributes of the person (simulated)",
        "",
        "For research on the model, such as whether it reads the condition off sex or age. They are no part of a",
        "screening result. Calibration is class-wise.",
        "",
        *_table(("", *(each.name for each in content.attributes)), rows),
    ]
    for each, found in zip(content.attributes, measured, strict=True):
        lines += ["", f"### {each.name} in groups (simulated)", "", *_groups(found)]
    return lines


def _of_classes(measured: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {each['auroc']['value']:.3f}" for name, each in measured["classes"].items() if each["auroc"]
    )


def _typicality(content: PackageContent, measured: dict[str, Any]) -> list[str]:
    """What the guard lets through and what it notices."""
    alarms = {"all": measured["false_alarms"]}
    alarms |= {f"{kind}: {name.replace('_', ' ')}": each for kind, name, each in listed(measured)}
    noticed = measured["noticed"]
    clinic = measured.get("measured_on")
    split, whose = ("the calibration split", "its") if clinic is None else ("people of the clinic", "such")
    return [
        "",
        f"## Recordings unlike the training data{' (simulated)' if content.simulated else ''}",
        "",
        f"Every score of a recording abstains whose features are unlike those of the training people. The threshold is "
        f"fixed on {split} so that {content.typicality.false_alarm_rate:.0%} of {whose} people are called "
        f"unlike. Measured on {clinic or 'the test split'}:",
        "",
        *_table(("walkers called unlike", "share"), [(name, [_estimate(each)]) for name, each in alarms.items()]),
        "",
        *_table(
            ("made-up recordings", "share noticed", "recordings"),
            [
                (kind.replace("_", " "), [_with_interval(each["noticed"], each["interval"]), str(each["recordings"])])
                for kind, each in noticed.items()
            ],
        ),
        "",
        "What is not noticed gets scores as if a person walked. The made-up recordings are drawn; chairs, animals and",
        "curtains as a real camera and segmenter see them were not measured here.",
    ]


def _rows(content: PackageContent, metrics: dict[str, Any]) -> list[tuple[str, list[str]]]:
    tasks = content.tasks
    measured = [metrics["tasks"][task.name] for task in tasks]
    baselines = [_baselines(content, task.name, metrics) for task in tasks]
    point = [each["operating_point"] for each in measured]
    return [
        ("classes", [", ".join(task.class_order) for task in tasks]),
        ("people, sequences", [f"{each['people']}, {each['sequences']}" for each in measured]),
        ("AUROC", [_estimate(each["auroc"]) for each in measured]),
        ("AUROC, one sequence a person", [_estimate(each["auroc_one_sequence_a_person"]) for each in measured]),
        ("accuracy", [_estimate(each["accuracy"]) for each in measured]),
        ("macro F1", [_estimate(each["macro_f1"]) for each in measured]),
        ("balanced accuracy", [_estimate(each["balanced_accuracy"]) for each in measured]),
        ("… by chance", [f"{each['chance_balanced_accuracy']:.3f}" for each in measured]),
        ("AUROC of the mean silhouette (baseline)", [_estimate(each.get("mean_silhouette")) for each in baselines]),
        (
            "AUROC of view, clothing, load, age, sex (short cut)",
            [_estimate(each.get("only_view_clothing_carrying_age_sex")) for each in baselines],
        ),
        ("threshold", [f"{each['threshold']:.3f}" for each in point]),
        ("sensitivity", [_share(each, "sensitivity") for each in point]),
        ("specificity", [_share(each, "specificity") for each in point]),
        *_calibration_rows(measured),
    ]


def _baselines(content: PackageContent, task: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """Those of an adapted task were measured on other people than its figures, and are left out."""
    return {} if of_clinic(content, task, metrics) else metrics["baselines"][task]


def _calibration_rows(measured: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    calibration, conformal = [each["calibration"] for each in measured], [each["conformal"] for each in measured]
    return [
        ("ECE, Brier score", [f"{each['ece']:.3f}, {each['brier']:.3f}" for each in calibration]),
        ("calibration slope, intercept", [f"{each['slope']:.2f}, {each['intercept']:.2f}" for each in calibration]),
        ("conformal coverage, promised", [f"{each['covered']:.3f}, {each['promised']:.2f}" for each in conformal]),
        ("abstained (set not of one class)", [f"{each['abstained']:.3f}" for each in conformal]),
    ]


def _groups(measured: dict[str, Any]) -> list[str]:
    """All measures of each group; those that a task does not have are left out."""
    groups = listed(measured)
    shown = [measure for measure in IN_GROUPS if any(measure in each for _, _, each in groups)]
    rows = [
        (
            f"{kind}: {name.replace('_', ' ')}",
            [str(each["sequences"]), *(_estimate(each.get(measure)) for measure in shown)],
        )
        for kind, name, each in groups
    ]
    return _table(("group", "sequences", *(IN_GROUPS[measure] for measure in shown)), rows)


def _estimate(estimate: dict[str, float] | None) -> str:
    if estimate is None:
        return "not measured"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def _share(point: dict[str, Any], name: str) -> str:
    return _with_interval(point[name], point[f"{name}_interval"])


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
