"""The protocol of a retraining: the form that writes it, and how it is shown beside the result."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from app.views.parts import acceptance_form, look
from app.views.parts.words import language, later, tr
from fgait_core.config.retraining import SCOPES, BudgetConfig, RetrainingProtocol, Scope
from reports.wording import percent_of_count, task_title

SCOPE_TITLES: Mapping[str, str] = {
    "recalibration": later("Recalibration only"),
    "head": later("Head"),
    "head_and_last_stage": later("Head and last stage"),
    "whole_network": later("Whole network"),
}
_SCOPE_WORDS: Mapping[str, str] = {
    "recalibration": later(
        "Probabilities, threshold and prediction sets are fitted to your people; what the network looks "
        "at stays. The better choice up to some hundred outcomes. Seconds."
    ),
    "head": later("Also the last layer of the task learns anew. Worth its while from about 300 outcomes. Minutes."),
    "head_and_last_stage": later(
        "Also the last stage of the network learns, with simulated people mixed in so that it "
        "forgets nothing. For many hundred people. Better with a GPU."
    ),
    "whole_network": later("Everything learns, with simulated people mixed in. For thousands of people, with a GPU."),
}
_DEVICES = {"cpu": "CPU", "cuda": "GPU"}


def form(task: str) -> RetrainingProtocol:
    """Draws the form and returns the protocol as it stands."""
    st.markdown(tr("**What may change**"))
    scope: Scope = st.radio(
        tr("Scope"),
        SCOPES,
        index=SCOPES.index("head"),
        format_func=lambda name: tr(SCOPE_TITLES[name]),
        captions=[tr(_SCOPE_WORDS[name]) for name in SCOPES],
        key="scope",
        label_visibility="collapsed",
    )
    changes_encoder = scope in ("head_and_last_stage", "whole_network")
    replay = 50
    if changes_encoder:
        replay = st.slider(
            tr("Simulated people in each training batch (%)"),
            min_value=10,
            max_value=90,
            value=50,
            step=5,
            key="replay",
            help=tr("More keeps what the network knows; less learns more from your people."),
        )
    left, right = st.columns([1, 1.5], gap="medium")
    with left:
        st.markdown(tr("**What it may cost**"))
        budget = _budget(changes_encoder)
        sensitivity, coverage, seed = _operation()
    with right:
        st.markdown(tr("**What must come of it**"))
        acceptance = acceptance_form.form()
    return RetrainingProtocol(
        task=task,
        scope=scope,
        replay=replay / 100,
        wanted_sensitivity=sensitivity,
        coverage=coverage,
        budget=budget,
        acceptance=acceptance,
        seed=seed,
    )


def _budget(changes_encoder: bool) -> BudgetConfig:
    default = BudgetConfig()
    minutes = st.number_input(
        tr("Minutes at the most"),
        min_value=1,
        max_value=100_000,
        value=int(default.minutes),
        key="minutes",
        help=tr("A run that needs longer is stopped and has failed."),
    )
    epochs = default.epochs
    if changes_encoder:
        epochs = st.number_input(
            tr("Epochs"),
            min_value=1.0,
            max_value=1000.0,
            value=default.epochs,
            key="epochs",
            help=tr("How often each development person is seen."),
        )
    device = st.radio(
        tr("Trainer"),
        list(_DEVICES),
        format_func=lambda name: _DEVICES[name],
        horizontal=True,
        key="device",
        help=tr("Which trainers may take the work. A GPU trainer has to be set up first (see the deployment guide)."),
    )
    processes = default.processes
    if device == "cuda" and changes_encoder:
        processes = st.number_input(tr("GPUs"), min_value=1, max_value=64, value=1, key="processes")
    return BudgetConfig(minutes=minutes, epochs=epochs, device=device, processes=int(processes))


def _operation() -> tuple[float, float, int]:
    sensitivity = st.number_input(
        tr("Wanted sensitivity (%)"),
        min_value=50,
        max_value=99,
        value=80,
        key="sensitivity",
        help=tr("The threshold is put where so many of the development people with the condition are found."),
    )
    coverage = st.number_input(
        tr("Promised coverage of the prediction sets (%)"), min_value=60, max_value=99, value=90, key="coverage"
    )
    seed = st.number_input(
        tr("Seed"),
        min_value=0,
        max_value=1_000_000,
        value=1,
        key="seed",
        help=tr("Of every draw; the same seed repeats a run."),
    )
    return sensitivity / 100, coverage / 100, int(seed)


def shown(protocol: RetrainingProtocol, sha256: str) -> str:
    """The protocol as it was written, for reading, as HTML."""
    budget, accept = protocol.budget, protocol.acceptance
    chance = tr(", better than chance") if accept.better_than_chance else ""
    rows = [
        (tr("Task"), task_title(protocol.task, language())),
        (tr("May change"), tr(SCOPE_TITLES[protocol.scope])),
        *([(tr("Simulated people in a batch"), percent_of_count(protocol.replay))] if protocol.changes_encoder else []),
        (tr("Wanted sensitivity"), percent_of_count(protocol.wanted_sensitivity)),
        (tr("Promised coverage"), percent_of_count(protocol.coverage)),
        (tr("Budget"), _budget_words(protocol.changes_encoder, budget)),
        (
            tr("Gate people"),
            tr(
                "at least {min_positive} with, {min_negative} without the condition",
                min_positive=accept.min_positive,
                min_negative=accept.min_negative,
            ),
        ),
        (
            tr("AUROC"),
            tr("lower by less than {auroc_margin}{chance}", auroc_margin=f"{accept.auroc_margin:g}", chance=chance),
        ),
        (
            tr("Sensitivity"),
            tr("lower by less than {sensitivity_margin}", sensitivity_margin=f"{accept.sensitivity_margin:g}"),
        ),
        (
            tr("Specificity"),
            tr("lower by less than {specificity_margin}", specificity_margin=f"{accept.specificity_margin:g}"),
        ),
        (tr("Brier score"), tr("higher by less than {brier_margin}", brier_margin=f"{accept.brier_margin:g}")),
        (tr("Calibration slope"), tr("{low} to {high}", low=f"{accept.slope[0]:g}", high=f"{accept.slope[1]:g}")),
        (tr("ECE beyond chance"), tr("at most {max_excess_ece}", max_excess_ece=f"{accept.max_excess_ece:g}")),
        (
            tr("Subgroups"),
            tr(
                "AUROC at least {subgroup_floor} from {subgroup_min} people of each kind on",
                subgroup_floor=f"{accept.subgroup_floor:g}",
                subgroup_min=accept.subgroup_min,
            ),
        ),
        (tr("Seed"), str(protocol.seed)),
    ]
    table = look.table_html(
        (tr("What"), tr("Fixed before the run")), [(escape(name), escape(words)) for name, words in rows]
    )
    return f'{table}<div class="fg-muted fg-small">{escape(tr("SHA-256 of the protocol:"))} {look.sha256(sha256)}</div>'


def _budget_words(changes_encoder: bool, budget: BudgetConfig) -> str:
    epochs = tr(", {epochs} epochs", epochs=f"{budget.epochs:g}") if changes_encoder else ""
    gpus = f" × {budget.processes}" if budget.processes > 1 else ""
    device = _DEVICES.get(budget.device, budget.device)
    return tr(
        "{minutes} minutes{epochs}, {device}{gpus}",
        minutes=f"{budget.minutes:g}",
        epochs=epochs,
        device=device,
        gpus=gpus,
    )
