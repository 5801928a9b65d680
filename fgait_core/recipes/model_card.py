"""Writes the model card of a package from what was measured."""

from __future__ import annotations

from typing import Any

from fgait_core.model_package import PackageContent, TaskContent


def write_card(content: PackageContent, metrics: dict[str, Any]) -> str:
    """The card as Markdown; everything in it says that it was simulated."""
    channels = "-".join(map(str, content.architecture.channels))
    depths = "-".join(map(str, content.architecture.depths))
    people = ", ".join(f"{count} {split}" for split, count in content.people.items())
    transform = content.transform
    seen = transform.modality.replace("_", " ")
    lines = [
        f"# Model card: {content.name} {content.version} (simulated)",
        "",
        "A gait network that was trained, calibrated and tested on **simulated walkers only**. It exists so that the",
        "software can be tried, tested and demonstrated from end to end. Screening, not diagnosis.",
        "",
        "## What it is no evidence for",
        "",
        "- That scoliosis or depression can be found in the gait of real people by this model: it never saw one.",
        "- That any figure below (discrimination, calibration, coverage, operating point) holds for patients.",
        "- That it is fair to any group of real people.",
        "",
        "## What it is",
        "",
        f"- Network: DeepGaitV2-P3D encoder, channels {channels}, depths {depths}, projector, one head for each "
        f"task with {content.architecture.replicates} bootstrap replicates.",
        f"- Input: {transform.window_frames} frames ({seen}) of {transform.height_px} x {transform.width_px} at "
        f"{transform.frame_rate_hz:g} Hz; the windows of a longer recording are averaged.",
        f"- Data: {content.training_data}.",
        f"- People in the splits, none in two of them, no body in two of them: {people}.",
        "",
        "## Measured on simulated people whom it never saw (test split)",
        "",
        "Intervals are 95 %. AUROC is of the positive class against the rest, all sequences, interval over people.",
        "Sensitivity, specificity, calibration and coverage: one sequence of each person.",
        "",
        "| | " + " | ".join(task.name for task in content.tasks) + " |",
        "|---|" + "---|" * len(content.tasks),
    ]
    lines += [f"| {label} | {' | '.join(cells)} |" for label, cells in _rows(content.tasks, metrics)]
    for task in content.tasks:
        lines += ["", f"### {task.name} by view, clothing, load, sex and age (simulated)", "", *_groups(task, metrics)]
    lines += ["", "## Known gaps", "", *(f"- {gap}" for gap in content.known_gaps)]
    lines += [
        "",
        "## Interval and set of a score",
        "",
        "The interval of a score and the conformal set are explained in `docs/evidence/bundled_model.md`. The set "
        f"promises to hold the true class for {content.tasks[0].coverage:.0%} of the people of each class, for people "
        "like those of the calibration split.",
        "",
    ]
    return "\n".join(lines)


def _rows(tasks: tuple[TaskContent, ...], metrics: dict[str, Any]) -> list[tuple[str, list[str]]]:
    measured = [metrics["tasks"][task.name] for task in tasks]
    baselines = [metrics["baselines"][task.name] for task in tasks]
    point = [each["operating_point"] for each in measured]
    calibration = [each["calibration"] for each in measured]
    conformal = [each["conformal"] for each in measured]
    return [
        ("classes", [", ".join(task.class_order) for task in tasks]),
        ("people, sequences", [f"{each['people']}, {each['sequences']}" for each in measured]),
        ("AUROC", [_estimate(each["auroc"]) for each in measured]),
        ("AUROC, one sequence a person", [_estimate(each["auroc_one_sequence_a_person"]) for each in measured]),
        ("accuracy", [_estimate(each["accuracy"]) for each in measured]),
        ("macro F1", [_estimate(each["macro_f1"]) for each in measured]),
        ("balanced accuracy", [_estimate(each["balanced_accuracy"]) for each in measured]),
        ("… by chance", [f"{each['chance_balanced_accuracy']:.3f}" for each in measured]),
        ("AUROC of the mean silhouette (baseline)", [_estimate(each["mean_silhouette"]) for each in baselines]),
        (
            "AUROC of view, clothing, load, age, sex (short cut)",
            [_estimate(each["only_view_clothing_carrying_age_sex"]) for each in baselines],
        ),
        ("threshold", [f"{each['threshold']:.3f}" for each in point]),
        ("sensitivity", [_share(each, "sensitivity") for each in point]),
        ("specificity", [_share(each, "specificity") for each in point]),
        ("ECE, Brier score", [f"{each['ece']:.3f}, {each['brier']:.3f}" for each in calibration]),
        ("calibration slope, intercept", [f"{each['slope']:.2f}, {each['intercept']:.2f}" for each in calibration]),
        ("conformal coverage, promised", [f"{each['covered']:.3f}, {each['promised']:.2f}" for each in conformal]),
        ("abstained (set not of one class)", [f"{each['abstained']:.3f}" for each in conformal]),
    ]


def _groups(task: TaskContent, metrics: dict[str, Any]) -> list[str]:
    measured = metrics["tasks"][task.name]
    lines = ["| group | sequences | AUROC |", "|---|---|---|"]
    for kind in ("view", "clothing", "carrying", "sex", "age"):
        for name, group in measured.get(f"by_{kind}", {}).items():
            lines.append(f"| {kind}: {name.replace('_', ' ')} | {group['sequences']} | {_estimate(group['auroc'])} |")
    return lines


def _estimate(estimate: dict[str, float] | None) -> str:
    if estimate is None:
        return "not measured"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def _share(point: dict[str, Any], name: str) -> str:
    low, high = point[f"{name}_interval"]
    return f"{point[name]:.3f} ({low:.3f} to {high:.3f})"
