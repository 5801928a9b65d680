"""How things look: one style sheet and a few pieces of plain HTML, with every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote, urlsplit

import streamlit as st

from app.services.permissions import Actor
from app.views.parts.words import language, tr
from clinic_data.tables import Patient, Sex
from reports.catalogues import LANGUAGES
from reports.content import AdaptationBlock, ModelBlock, ScoreBlock
from reports.measures import TypicalityBlock
from reports.wording import (
    interval_words,
    outcome_label,
    percent_of_count,
    percent_of_probability,
    phrases,
    probability_sentence,
    simulated_explanation,
    typicality_figures,
)

_STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>#|$:~!&"})


def plain(text: str) -> str:
    """A text that somebody typed, for where the framework reads Markdown: titles, links, labels."""
    return text.translate(_MARKDOWN)


def add_style() -> None:
    """Adds the style sheet to the page."""
    st.html(_STYLE)


def who_is_signed_in(actor: Actor) -> None:
    """Name and role, with the way to one's own password."""
    st.html(
        f'<div class="fg-who"><b>{escape(actor.display_name)}</b><span class="fg-muted fg-small">'
        f"{escape(actor.username)} · {escape(tr(actor.role.value))}</span><br>"
        f'<a class="fg-link fg-small" href="/change-password" target="_self">{escape(tr("Change password"))}</a></div>'
    )


def choice_of_language() -> None:
    """Links to the same page in another language, each by its own name."""
    path = urlsplit(st.context.url or "/")
    here = quote(path.path + (f"?{path.query}" if path.query else ""), safe="")
    links = (
        f'<b lang="{code}">{name}</b>'
        if code == language()
        else f'<a class="fg-link" href="/language?to={code}&amp;next={here}" target="_self" lang="{code}">{name}</a>'
        for code, name in LANGUAGES.items()
    )
    st.html(f'<nav class="fg-languages fg-small" aria-label="{escape(tr("Language"))}">{"".join(links)}</nav>')


def who_is_assessed(patient: Patient) -> None:
    """Whose page this is, so that nobody screens the wrong patient."""
    name = ", ".join(part for part in (patient.family_name, patient.given_name) if part)
    st.html(
        f'<div>{escape(tr("Patient"))} <b><bdi>{escape(name)}</bdi></b> <span class="fg-muted">· '
        f"<bdi>{escape(patient.record_number)}</bdi> · "
        f"{escape(tr('born {date}', date=patient.birth_date.isoformat()))} · "
        f"{escape(sex_words(patient.sex))}</span></div>"
    )


def sex_words(sex: Sex) -> str:
    """The sex of a patient as a reader says it."""
    return {
        Sex.FEMALE: tr("female"),
        Sex.MALE: tr("male"),
        Sex.OTHER: tr("other"),
        Sex.UNKNOWN: tr("sex unknown"),
    }[sex]


def waiting_hint(waiting_s: float) -> None:
    """Says so when nobody takes a job."""
    if waiting_s > 20:
        st.warning(
            tr(
                "No worker has taken this job yet. Other jobs may be ahead of it; if nothing happens for some minutes, "
                "tell your administrator that the worker may not be running. The job is kept."
            )
        )


def simulated_banner(*adaptations: AdaptationBlock | None) -> None:
    """Stands above everything that shows a score of a simulated model.

    Args:
        adaptations: of the models whose scores are shown; without any, that of a model that nobody adapted.
    """
    explanations = dict.fromkeys(simulated_explanation(adaptation, language()) for adaptation in adaptations or (None,))
    lines = "<br>".join(escape(explanation) for explanation in explanations)
    st.html(
        f'<div class="fg-banner" role="note"><b>{escape(phrases(language()).simulated_banner)}</b><br>{lines}</div>'
    )


def notice(title: str, text: str, *, kind: str = "note") -> None:
    """Words that cannot be overlooked.

    Args:
        title: first line.
        text: what it means and what to do.
        kind: "note", "stop" or "good"; the colour never says more than the words.
    """
    role = "alert" if kind == "stop" else "note"
    st.html(
        f'<div class="fg-banner fg-{escape(kind)}" role="{role}"><b class="fg-big">{escape(title)}</b><br>'
        f"{escape(text)}</div>"
    )


def sha256(text: str, *, short: bool = False) -> str:
    """A checksum as HTML, whole or its beginning."""
    return f'<span class="fg-hash" title="{escape(text)}">{escape(text[:12] if short else text)}</span>'


def unlike_banner(typicality: TypicalityBlock, model: ModelBlock) -> None:
    """Stands above the scores of a recording that is unlike the training data."""
    figures = typicality_figures(typicality, simulated=model.simulated, mixed=model.mixed_people, language=language())
    st.html(
        f'<div class="fg-banner fg-stop" role="alert"><b>{escape(phrases(language()).unlike_title)}.</b><br>'
        f'{escape(tr(typicality.reason))}<br><span class="fg-small">{escape(figures)}</span></div>'
    )


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Labelled values in a row that wraps."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd><bdi>{escape(value)}</bdi></dd></div>" for name, value in pairs)
    st.html(f'<dl class="fg-facts">{cells}</dl>')


def pill(text: str, kind: str) -> str:
    """A coloured label; the colour never says more than the text."""
    return f'<span class="fg-pill fg-{escape(kind)}">{escape(text)}</span>'


def score_pill(score: ScoreBlock) -> str:
    """The outcome of a score in two or three words."""
    return pill(outcome_label(score, language()), score.outcome.value)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, even: bool = False) -> None:
    """Draws a table that wraps its texts; see `table_html`."""
    st.html(table_html(head, rows, even=even))


def table_html(head: Sequence[str], rows: Sequence[Sequence[str]], *, even: bool = False) -> str:
    """A table that wraps its texts.

    Args:
        head: plain texts.
        rows: cells as HTML whose texts are escaped already.
        even: the first column is as wide in each such table, the others share the rest; for tables below each other.
    """
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    kind = "fg-table fg-even" if even else "fg-table"
    return (
        f'<div class="fg-wrap"><table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def beside(*pieces: str) -> None:
    """Draws pieces of HTML beside each other, below each other where the page is narrow."""
    st.html(f'<div class="fg-beside">{"".join(f"<div>{piece}</div>" for piece in pieces)}</div>')


def bullets(sentences: Sequence[str], *, numbered: bool = False) -> None:
    """A list of sentences."""
    kind = "ol" if numbered else "ul"
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    st.html(f'<{kind} class="fg-steps">{items}</{kind}>')


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def score_scale(score: ScoreBlock) -> None:
    """The probability on a plain scale from 0 to 100 %, with its interval and the threshold."""
    low, high = score.interval.low, score.interval.high
    value, threshold = score.positive_probability, score.operating_point.threshold
    low_words, high_words = interval_words(score.interval)
    interval = tr("95 % interval: {low} to {high}", low=low_words, high=high_words)
    spoken = f"{probability_sentence(score, language())}; {interval}"
    threshold_at = min(max(threshold, 0.12), 0.88)
    st.html(
        f'<div class="fg-scale" dir="ltr" role="img" aria-label="{escape(spoken)}">'
        '<div class="track"></div>'
        f'<div class="band" style="left:{_percent(low)};width:{_percent(high - low)}"></div>'
        f'<div class="threshold" style="left:{_percent(threshold)}"></div>'
        f'<div class="mark" style="left:{_percent(value)}"></div>'
        f'<span class="above" style="left:{_percent(min(max(value, 0.04), 0.96))}">'
        f"{escape(percent_of_probability(value))}</span>"
        '<span class="end" style="left:0">0 %</span><span class="end" style="right:0">100 %</span>'
        f'<span class="below" style="left:{_percent(threshold_at)}">'
        f"{escape(tr('threshold {value}', value=percent_of_count(threshold)))}</span>"
        "</div>"
        f'<span class="fg-key"><i class="m"></i>{escape(tr("calibrated probability"))}</span>'
        f'<span class="fg-key"><i></i>{escape(interval)}</span>'
        f'<span class="fg-key"><i class="t"></i>{escape(tr("threshold, fixed beforehand"))}</span>'
    )


def one_time_password(username: str, password: str) -> None:
    """Shows a password that is shown once."""
    st.success(
        tr(
            "One-time password of {username}. It is shown once and stored nowhere; the user chooses an own one at the "
            "first sign-in.",
            username=username,
        )
    )
    st.html(f'<code class="fg-password">{escape(password)}</code>')
