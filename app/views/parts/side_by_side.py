"""A result beside one of an earlier visit: scores of one version only, changes against measurement error, curves."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.gait_view import Change, changes, gait_of
from app.services.permissions import Actor
from app.services.report_content import model_block, score_blocks
from app.views.parts import clips, joint_curves, links, look
from app.views.parts.explanation import view_words
from app.views.parts.gait_parameters import figure_of, label_of, value_of
from app.views.parts.words import language, tr
from clinic_data.tables import Assessment
from reports import wording
from reports.content import Outcome, ScoreBlock

_ASKED = "compare"


def choice(actor: Actor, assessment: Assessment) -> Assessment | None:
    """Lets the reader choose an earlier or later result of the patient; the choice stands in the address.

    Args:
        actor: who looks.
        assessment: the result that is open.

    Returns:
        The chosen one, or None.
    """
    if not assessment.patient_id:
        return None
    found = session.services().screening.assessments_of_patient(actor, assessment.patient_id)
    others = {other.id: other for other in found if other.id != assessment.id}
    if not others:
        return None
    st.subheader(tr("Compare with another visit"), anchor="compare")
    asked = links.asked_for(_ASKED)
    ids = list(others)
    chosen: str | None = st.selectbox(
        tr("Result to compare with"),
        ids,
        index=ids.index(asked) if asked in ids else None,
        format_func=lambda each: _name(others[each]),
        placeholder=tr("Choose"),
        key=f"compare:{assessment.id}",
    )
    if chosen is None:
        st.query_params.pop(_ASKED, None)
        return None
    st.query_params[_ASKED] = chosen
    return others[chosen]


def _name(assessment: Assessment) -> str:
    model = model_block(assessment.result)
    return tr(
        "{time}, {view}, model {name} {version}",
        time=session.shown_time(assessment.created_at),
        view=view_words(assessment.result["quality"]["view"]),
        name=model.name,
        version=model.version,
    )


def show(actor: Actor, now: Assessment, before: Assessment) -> None:
    """Draws two results beside each other.

    Args:
        actor: who looks.
        now: the result that is open.
        before: the other one.
    """
    _scores(now, before)
    _parameters(now, before)
    joint_curves.show(gait_of(now.result), gait_of(before.result), key="compared-curves")
    left, right = st.columns(2)
    for place, each, name in ((left, now, tr("This result")), (right, before, tr("The other visit"))):
        with place:
            st.html(f"<b>{escape(name)}</b> <span>{escape(session.shown_time(each.created_at))}</span>")
            clips.show_player(actor, each, clips.walk_of(actor, each), key=f"compared:{each.id}", group="compared")
    links.link(links.RESULT, tr("Open the other result"), assessment=before.id)


def _scores(now: Assessment, before: Assessment) -> None:
    versions = [model_block(each.result) for each in (now, before)]
    same = versions[0].sha256 == versions[1].sha256
    if not same:
        st.warning(
            tr(
                "The two results are of different model versions. Their scores cannot be compared; re-score the older "
                "recording with the version in production, under “Follow-up”."
            )
        )
    earlier = {score.task: score for score in score_blocks(before.result)}
    look.table(
        (tr("Score"), tr("This result"), tr("The other visit")),
        [
            (
                escape(wording.task_title(score.task, language())),
                _score(score),
                _score(earlier[score.task]) if score.task in earlier else "–",
            )
            for score in score_blocks(now.result)
        ],
        even=True,
    )
    if same:
        st.caption(
            tr(
                "Two scores of one person differ by chance, too: where their intervals overlap, nothing is shown to "
                "have changed."
            )
        )


def _score(score: ScoreBlock) -> str:
    pill = look.score_pill(score)
    if score.outcome is Outcome.UNLIKE:
        return pill
    low, high = wording.interval_words(score.interval)
    value = wording.percent_of_probability(score.positive_probability)
    words = tr("{value} (95 % interval {low} to {high})", value=value, low=low, high=high)
    return f"{pill}<br>{escape(words)}"


def _parameters(now: Assessment, before: Assessment) -> None:
    gait, earlier = gait_of(now.result), gait_of(before.result)
    if gait is None or earlier is None:
        st.caption(tr("Gait parameters were not measured in both results."))
        return
    if gait.view != earlier.view:
        st.info(
            tr(
                "One walk was filmed {now}, the other {before}: what their parameters differ by is not only the "
                "patient, so no change is given.",
                now=view_words(gait.view),
                before=view_words(earlier.view),
            )
        )
    both = changes(gait, earlier)
    known = [each for each in both if each.now.value is not None or each.before.value is not None]
    look.table(
        (tr("Parameter"), tr("This result"), tr("The other visit"), tr("Change")),
        [
            (escape(label_of(each.now)), escape(value_of(each.now)), escape(value_of(each.before)), _change(each))
            for each in known
        ],
    )
    st.caption(
        tr(
            "More than measurement error does not mean that the patient is better or worse: nobody walks the same "
            "every day."
        )
    )


def _change(change: Change) -> str:
    if change.difference is None:
        return escape(tr("other view")) if change.why_not == "view" else "–"
    signed = figure_of(change.difference, change.now.unit, signed=True)
    if change.beyond_error is None:
        words, kind = tr("measurement error not known"), "neutral"
    elif change.beyond_error:
        words, kind = tr("more than measurement error"), "borderline"
    else:
        words, kind = tr("within measurement error"), "neutral"
    return f"{escape(signed)} {look.pill(words, kind)}"
