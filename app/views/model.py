"""One model version (?version=ID): what it is, how it compares, and everything that can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from app import session
from app.services.models import MIN_REASON, ModelView
from app.services.permissions import Actor, Permission
from app.services.report_content import adaptation_block
from app.services.shadow import MAX_DAYS, ShadowSummary, ShadowTask
from app.views.parts import acceptance_form, gate_report, links, look, page, promotion_rows, training_states
from app.views.parts.promotion_rows import label
from app.views.parts.words import language, later, tr
from clinic_data.tables import ModelVersion, Stage
from reports import wording

_EVALUATED = (Stage.QUARANTINE, Stage.CANDIDATE, Stage.RETIRED)
_REJECTED = _EVALUATED
_SHADOWED = (Stage.CANDIDATE, Stage.RETIRED)
_SPLITS = {"train": later("Trained on"), "calibration": later("Calibrated on"), "test": later("Tested on")}


def body(actor: Actor) -> None:
    """Draws the page."""
    version_id = links.asked_for("version")
    if not version_id:
        page.missing(tr("model version"), links.MODELS, tr("Go to the models"))
        return
    view = session.services().models.get(actor, version_id)
    _head(view.version)
    if view.retraining is not None:
        links.link(links.RETRAINING_RUN, tr("The retraining that made it"), retraining=view.retraining.id)
    if view.report is not None:
        gate_report.verdict(view.report, view.version.stage)
    _promotion(actor, view)
    if view.report is not None:
        st.subheader(tr("Comparison on the locked people"))
        st.html(gate_report.criteria(view.report))
        gate_report.details(view.report, "model")
    elif view.evaluation is None:
        st.info(tr("This version was never compared with the one in production on your locked people."))
    _evaluation(actor, view)
    _shadow(actor, view)
    _about(view)
    _history(actor, view)
    _export_and_reject(actor, view)
    links.link(links.MODELS, tr("Back to the models"))


def _head(version: ModelVersion) -> None:
    pills = [training_states.stage_pill(version)]
    if version.simulated:
        pills.append(look.pill(tr("simulated"), "wait"))
    st.html(f"<h1>{escape(label(version))} &nbsp; {' '.join(pills)}</h1>")
    people = version.metrics.get("people") or {}
    look.facts(
        [
            (tr("Origin"), tr(training_states.ORIGINS[version.origin])),
            (tr("Since"), session.shown_time(version.created_at)),
            *([(tr("Signed by"), version.signer)] if version.signer else []),
            (
                tr("Screens for"),
                ", ".join(wording.task_title(task, language()) for task in version.metrics.get("tasks", ())),
            ),
            *((tr(words), tr("{n} people", n=people[name])) for name, words in _SPLITS.items() if name in people),
        ]
    )


def _promotion(actor: Actor, view: ModelView) -> None:
    if view.version.stage is Stage.PRODUCTION:
        return
    if view.obstacle:
        st.info(tr("No promotion can be asked for now: {obstacle}", obstacle=view.obstacle))
        return
    with st.container(border=True), st.form("promote", border=False):
        st.markdown(tr("**Ask for the promotion of this version.** Another administrator has to approve it."))
        reason = st.text_area(
            tr("Why it should go into production"),
            max_chars=1000,
            height=80,
            placeholder=tr("At least {MIN_REASON} characters; kept with the decision", MIN_REASON=MIN_REASON),
        )
        if st.form_submit_button(tr("Ask for the promotion"), type="primary"):
            with page.errors_shown():
                session.services().models.request_promotion(actor, view.version.id, reason)
                session.put_notice(tr("The promotion is asked for. Another administrator has to decide."))
                st.switch_page(links.MODELS)


def _evaluation(actor: Actor, view: ModelView) -> None:
    """Comparing a package of another clinic on one's own locked people."""
    if view.evaluation is not None:
        job = view.evaluation
        st.subheader(tr("Evaluation"))
        st.progress(job.progress, text=job.message or tr("Waiting for a trainer"))
        st.caption(tr("The evaluation goes on when you leave this page. It can be cancelled on the page Jobs."))
        if st.button(tr("Look again"), key="look-again"):
            st.rerun()
        return
    if view.version.stage not in _EVALUATED:
        return
    services = session.services()
    cohorts = services.cohorts.list(actor, 100, 0).rows
    with st.expander(tr("Evaluate on your own locked people"), expanded=view.version.stage is Stage.QUARANTINE):
        if not cohorts:
            st.info(
                tr("An evaluation needs a frozen cohort; its gate people judge. Freeze one on the page Retraining.")
            )
            return
        by_id = {cohort.id: cohort for cohort in cohorts}
        chosen = st.selectbox(
            tr("Cohort"),
            list(by_id),
            format_func=lambda key: tr(
                "Cohort {number} · {task}",
                number=by_id[key].number,
                task=wording.task_title(by_id[key].task, language()),
            ),
            key="evaluate-cohort",
        )
        acceptance = acceptance_form.form()
        if st.button(tr("Start the evaluation"), key="evaluate", type="primary"):
            with page.errors_shown():
                services.models.evaluate(actor, view.version.id, chosen, acceptance)
                session.put_notice(tr("The evaluation is queued."))
                st.rerun()


def _shadow(actor: Actor, view: ModelView) -> None:
    shadow, may_shadow = view.shadow, view.version.stage in _SHADOWED
    if not may_shadow and not shadow.running and not shadow.tasks:
        return
    models = session.services().models
    st.subheader(tr("Shadow"))
    if shadow.running:
        st.markdown(
            tr(
                "This version scores new screenings beside the one in production until **{time}**. No "
                "clinician sees it.",
                time=session.shown_time(shadow.until),
            )
        )
        if st.button(tr("Stop the shadow"), key="stop-shadow"):
            with page.errors_shown():
                models.stop_shadow(actor, view.version.id)
                st.rerun()
    elif may_shadow:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            days = st.number_input(tr("Days"), min_value=1, max_value=MAX_DAYS, value=14, key="shadow-days", width=140)
            started = st.button(tr("Score beside production"), key="start-shadow")
        st.caption(tr("New screenings are scored with this version, too; no clinician sees these scores."))
        if started:
            with page.errors_shown():
                models.start_shadow(actor, view.version.id, int(days))
                st.rerun()
    _shadow_summary(shadow)


def _shadow_summary(shadow: ShadowSummary) -> None:
    if not shadow.tasks:
        if shadow.until is not None:
            st.info(tr("No screening was scored in the shadow yet."))
        return

    def row(task: ShadowTask) -> tuple[str, ...]:
        known = (
            tr(
                "{right} of {confirmed}; production {screening_right}",
                right=task.right,
                confirmed=task.confirmed,
                screening_right=task.screening_right,
            )
            if task.confirmed
            else tr("none known")
        )
        correlation = "–" if task.correlation is None else f"{task.correlation:.2f}"
        return (
            wording.task_title(task.task, language()),
            str(task.recordings),
            str(task.changed_side),
            tr(
                "{points} points, correlation {correlation}",
                points=f"{100 * task.mean_difference:+.1f}",
                correlation=correlation,
            ).replace("-", "−"),
            tr(
                "{abstained}; production {screening_abstained}",
                abstained=task.abstained,
                screening_abstained=task.screening_abstained,
            ),
            known,
        )

    look.table(
        (
            tr("Task"),
            tr("Screenings"),
            tr("Change side"),
            tr("Mean difference"),
            tr("Abstentions"),
            tr("Right, of confirmed"),
        ),
        [tuple(escape(cell) for cell in row(task)) for task in shadow.tasks],
    )


def _about(view: ModelView) -> None:
    version = view.version
    st.subheader(tr("What it is"))
    adaptation = adaptation_block(version.metrics.get("adapted_on"))
    if adaptation is not None:
        st.markdown(tr("**Adapted to** {whom}.", whom=wording.adapted_sentence(adaptation, language())))
    st.markdown(version.metrics.get("training_data", ""))
    _task_figures(version.metrics.get("figures") or {})
    if view.card:
        with st.expander(tr("Model card")):
            st.markdown(view.card)
    with st.expander(tr("Checksums, configuration and environment")):
        rows = [(tr("Package"), version.sha256), (tr("Manifest of the cohort"), version.manifest_sha256 or "–")]
        look.table((tr("What"), tr("SHA-256")), [(escape(name), look.sha256(value)) for name, value in rows])
        for title, content in ((tr("Configuration"), version.config), (tr("Environment"), version.environment)):
            if content:
                st.markdown(f"**{title}**")
                st.json(content, expanded=False)


def _task_figures(figures: dict[str, dict[str, Any]]) -> None:
    if not figures:
        return

    def percent(value: float | None) -> str:
        return "–" if value is None else wording.percent_of_count(value)

    def plain(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    look.table(
        (
            tr("As its card says"),
            tr("With / without"),
            tr("Threshold"),
            tr("Sensitivity"),
            tr("Specificity"),
            tr("ECE"),
            tr("Slope"),
        ),
        [
            (
                escape(wording.task_title(task, language())),
                f"{each.get('n_positive', '–')} / {each.get('n_negative', '–')}",
                percent(each.get("threshold")),
                percent(each.get("sensitivity")),
                percent(each.get("specificity")),
                plain(each.get("ece")),
                plain(each.get("slope")),
            )
            for task, each in figures.items()
        ],
    )


def _history(actor: Actor, view: ModelView) -> None:
    st.subheader(tr("Lineage"))
    look.table(
        (tr("Version"), tr("Stage"), tr("Origin"), tr("Since")),
        [
            (
                escape(label(each)),
                training_states.stage_pill(each),
                escape(tr(training_states.ORIGINS[each.origin])),
                escape(session.shown_time(each.created_at)),
            )
            for each in view.lineage
        ],
    )
    if view.promotions:
        st.subheader(tr("Promotions"))
        services = session.services()
        versions = {version.id: version for version in services.models.list(actor).versions}
        users = {user.id: user for user in services.users.list_users(actor)}
        promotion_rows.show(view.promotions, versions, users)


def _export_and_reject(actor: Actor, view: ModelView) -> None:
    st.subheader(tr("Pass on, or turn down"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            tr("Export as signed package"),
            data=_package_at_click(view.version.id),
            file_name=f"{view.version.name}_{view.version.version}.fgait.zip",
            mime="application/zip",
            key="export",
            on_click="ignore",
            disabled=view.version.stage is Stage.QUARANTINE,
            help=tr(
                "Weights, figures and the model card, signed with your clinic's key; nothing of a patient. A package "
                "in quarantine cannot be passed on."
            ),
        )
        if view.version.stage in _REJECTED:
            with st.popover(tr("Reject …")):
                st.markdown(tr("A rejected version can never be promoted. It stays in the list."))
                reason = st.text_input(tr("Why"), key="reject-reason", max_chars=300)
                if st.button(tr("Reject this version"), key="reject", type="primary"):
                    with page.errors_shown():
                        session.services().models.reject(actor, view.version.id, reason)
                        session.put_notice(tr("The version is rejected."))
                        st.rerun()


def _package_at_click(version_id: str) -> Callable[[], bytes]:
    """The signed package, made when it is asked for; whoever asks must still be signed in then."""
    services, token = session.services(), session.token()
    return session.bound(lambda: services.models.export(services.accounts.actor_of(token), version_id))


if __name__ == "__main__":
    page.run(Permission.MANAGE_MODELS, body)
