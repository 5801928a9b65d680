"""The recordings of an assessment: whom they show, what of each was used, its quality, and the player."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from app import session
from app.gateway.files import overlay_url
from app.services.gait_view import clips_of, facts_of, leading_position
from app.services.permissions import Actor
from app.services.report_content import quality_lines, score_blocks
from app.services.walk_view import WalkView
from app.views.parts import look, page, player, quality
from app.views.parts.explanation import view_words
from app.views.parts.words import language, tr
from clinic_data.tables import Assessment
from fgait_core.screening_result import ClipFacts
from reports import wording
from reports.content import ModelBlock, ScoreBlock
from reports.measures import TypicalityBlock
from reports.stored_words import said_in

_CONTACTS_ESTIMATED = ("front", "back")


def walk_of(actor: Actor, assessment: Assessment, position: int | None = None) -> WalkView | None:
    """The silhouettes of a recording of an assessment; a file that does not open is told, and the page goes on."""
    with page.errors_shown():
        return session.services().walk_views.of(actor, assessment.id, position)
    return None


def show_player(actor: Actor, assessment: Assessment, walk: WalkView | None, *, key: str, group: str = "") -> None:
    """Draws the player of an assessment; with several recordings the reader chooses which.

    Args:
        actor: who looks.
        assessment: whose recordings they are.
        walk: of the leading recording.
        key: of the widgets.
        group: players of one group show the same phase.
    """
    position = _chosen_clip(assessment, key)
    if position is not None:
        walk = walk_of(actor, assessment, position)
    if walk is None:
        st.caption(tr("The silhouettes of this recording are no longer stored."))
        return
    has_clip = session.services().walk_views.has_clip(actor, assessment.id, position)
    url = overlay_url(assessment.id, position) if has_clip else ""
    player.show(walk, url, key=f"{key}:{assessment.id}:{position}", group=group)
    if has_clip:
        st.caption(tr("The recording with the outline of the chosen person. Check that it is the patient."))
    else:
        st.caption(tr("There is no film of this walk, only its silhouettes."))
    if not walk.strides:
        st.caption(tr("No gait cycle was found, so the slider goes over the whole walk."))
    elif facts_of(assessment.result, position)["quality"]["view"] in _CONTACTS_ESTIMATED:
        st.caption(
            tr(
                "Filmed from the front or from behind, only some contacts of the feet are seen; the others are put "
                "where they usually are."
            )
        )


def _chosen_clip(assessment: Assessment, key: str) -> int | None:
    clips = clips_of(assessment.result)
    shown = [position for position, clip in enumerate(clips) if not clip.refused]
    if len(shown) < 2:
        return None
    leading = leading_position(assessment.result)
    return st.selectbox(
        tr("Recording"),
        shown,
        index=shown.index(leading) if leading in shown else 0,
        format_func=lambda position: _name(position, clips[position]),
        key=f"{key}:clip",
    )


def _name(position: int, clip: ClipFacts) -> str:
    view, file_name = view_words(clip.quality.view), clip.recording.file_name
    return tr("{number}: {view} ({file_name})", number=position + 1, view=view, file_name=file_name)


def fused_words(score: ScoreBlock) -> str:
    """How a score was put together from several recordings; empty for one."""
    if score.clips < 2:
        return ""
    return tr("Put together from {count} recordings: {method}", count=score.clips, method=score.fusion)


def show_quality(assessment: Assessment, typicality: TypicalityBlock | None, model: ModelBlock) -> None:
    """Draws the quality checks of each recording; advice stands beside those that failed."""
    st.subheader(tr("Quality of the recording"), anchor="quality")
    clips = clips_of(assessment.result)
    if not clips:
        checks = quality_lines(assessment.result["quality"]["checks"], language())
        quality.show(checks, quality.typicality_row(typicality))
    else:
        _overview(assessment, clips)
        for position, clip in enumerate(clips):
            with st.expander(_name(position, clip), expanded=clip.refused):
                if clip.refused:
                    st.markdown(f"**{tr('This recording was not used.')}**")
                    look.bullets([said_in(reason, language()) for reason in clip.reasons])
                checks = facts_of(assessment.result, position)["quality"]["checks"]
                quality.show(quality_lines(checks, language()))
    if typicality is not None and typicality.typical:
        figures = wording.typicality_figures(
            typicality, simulated=model.simulated, mixed=model.mixed_people, language=language()
        )
        st.caption(figures)


def _overview(assessment: Assessment, clips: Sequence[ClipFacts]) -> None:
    """Each recording in a row with what it says by itself."""
    tasks = [score.task for score in score_blocks(assessment.result)]
    look.table(
        (
            tr("Recording"),
            tr("Steps"),
            tr("Outcome"),
            *(tr("{task}, alone", task=wording.task_title(task, language())) for task in tasks),
        ),
        [_clip_row(position, clip, tasks) for position, clip in enumerate(clips)],
    )
    st.caption(tr("The score above is that of all recordings together; a single one says less."))


def _clip_row(position: int, clip: ClipFacts, tasks: Sequence[str]) -> tuple[str, ...]:
    state = look.pill(tr("not used"), "positive") if clip.refused else look.pill(tr("used"), "ok")
    alone = {score.task: score.probabilities[score.positive_class] for score in clip.scores}
    unlike = clip.typicality is not None and not clip.typicality.typical
    shown = {} if clip.refused or unlike else alone
    steps = "–" if clip.quality.steps is None else str(clip.quality.steps)
    figures = (wording.percent_of_probability(shown[task]) if task in shown else "–" for task in tasks)
    return escape(_name(position, clip)), steps, state, *figures
