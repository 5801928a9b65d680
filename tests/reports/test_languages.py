"""Every word in every language, and pages that are read from right to left."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import full_content as full
import pytest
from babel.messages.pofile import read_po
from pypdf import PdfReader

from reports import (
    follow_up_labels,
    gait_labels,
    gait_words,
    labels,
    phrases,
    record_labels,
    stored_words,
    wording,
)
from reports.catalogues import LANGUAGES, read_catalogue
from reports.content import ScoreBlock, ScreeningReport
from reports.fonts import MISSING_GLYPH, load_fonts, unprintable
from reports.measures import Interval, TypicalityBlock
from reports.pdf import render_pdf
from reports.shaping import lay_out_line
from reports.text import TextBlock, TextStyle, wrap_text
from reports.translation import FOLDER, strings_of

OTHERS = sorted(set(LANGUAGES) - {"en"})
WORDS = (phrases, labels, record_labels, gait_labels, gait_words, follow_up_labels)
PLACEHOLDER = re.compile(r"\{\w*\}")


def all_strings() -> set[str]:
    return {text for module in WORDS for text in strings_of(module.ENGLISH)} | set(stored_words.TEMPLATES)


@pytest.mark.parametrize("language", OTHERS)
def test_every_string_is_translated_with_the_same_placeholders(language: str) -> None:
    catalogue = read_catalogue(FOLDER, language)
    missing = sorted(text for text in all_strings() if text not in catalogue)
    assert not missing
    for english, translated in catalogue.items():
        assert set(PLACEHOLDER.findall(translated)) == set(PLACEHOLDER.findall(english)), english


@pytest.mark.parametrize("language", OTHERS)
def test_no_catalogue_holds_what_nobody_says_any_more(language: str) -> None:
    with (FOLDER / f"{language}.po").open("rb") as file:
        held = {message.id for message in read_po(file, locale=language) if message.id}
    assert held == all_strings()


@pytest.mark.parametrize("language", OTHERS)
def test_every_letter_of_a_translation_can_be_printed(language: str) -> None:
    fonts = load_fonts()
    assert not unprintable("".join(read_catalogue(FOLDER, language).values()), fonts)


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_are_said_in_the_language(language: str, score_factory: Callable[..., ScoreBlock]) -> None:
    score = score_factory()
    for sentence in (
        wording.plain_result(score, language),
        *wording.next_steps(score, language),
        wording.operating_point_sentence(score, language),
        wording.conformal_sentence(score, language),
        gait_words.parameter_label("cadence", language),
        gait_words.why_not_sentence("view", language),
    ):
        assert not re.search(r"\b(the|of|is|not)\b", sentence), sentence
    assert "Cobb" not in " ".join(read_catalogue(FOLDER, language).values())


def weak_and_full(
    report_factory: Callable[..., ScreeningReport],
    outcome_factory: Callable[[str, str], ScoreBlock],
    typical: TypicalityBlock,
    language: str,
) -> ScreeningReport:
    """The fullest first page: two weak results with a decision, a logo, an addendum and a code."""
    point = replace(outcome_factory("scoliosis", "positive").operating_point, specificity=0.2)
    point = replace(point, specificity_interval=Interval(0.1, 0.3))
    scores = tuple(
        replace(outcome_factory(task, "positive"), operating_point=point) for task in wording.ENGLISH.conditions
    )
    parts = full.everything() | {"addendum": full.make_addendum(), "typicality": typical}
    return report_factory(scores=scores, language=language, **parts)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_fullest_first_page_is_one_page_in_every_language(
    language: str,
    report_factory: Callable[..., ScreeningReport],
    outcome_factory: Callable[[str, str], ScoreBlock],
    typical: TypicalityBlock,
) -> None:
    document = render_pdf(weak_and_full(report_factory, outcome_factory, typical, language))
    pages = [page.extract_text() for page in PdfReader(BytesIO(document)).pages]
    assert full.make_verification().code in pages[0]
    assert "48" in pages[1]  # the strip of silhouettes begins the second page
    assert full.make_verification().code not in pages[1]
    assert not any(MISSING_GLYPH in text for text in pages)


def drawn(text: str, *, from_right: bool) -> str:
    line = lay_out_line(text, load_fonts(from_right), 10)
    return "".join(part.characters for part in sorted(line.glyphs, key=lambda part: part.x_pt))


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("العتبة \u22120.123، ثم", "\u22120.123"),
        ("الاحتمال: 72\u00a0% (من 58)", "72\u00a0%"),
        ("أقل من < 1\u00a0% فقط", "< 1\u00a0%"),
        ("في 2026-11-23 10:43 UTC بعد", "2026-11-23 10:43 UTC"),
        ("صورة 1080 \u00d7 1920 px هنا", "1080 \u00d7 1920 px"),
    ],
)
def test_a_figure_stays_whole_in_a_text_from_right_to_left(text: str, whole: str) -> None:
    assert whole in drawn(text, from_right=True)


def test_brackets_enclose_in_both_directions() -> None:
    placed = drawn("نص (ABC) DEF (2018) نص", from_right=True)
    assert "DEF (2018)" in placed
    assert placed.index("ABC") > placed.index("DEF")
    assert placed[placed.index("ABC") - 1] == "("
    assert placed[placed.index("ABC") + 3] == ")"


def test_a_paragraph_from_the_right_begins_at_the_right_and_a_code_keeps_its_order() -> None:
    fonts = load_fonts(right_to_left=True)
    block = TextBlock("النتيجة", fonts, TextStyle(9, 12))
    block.wrap(200, 100)
    assert block.fonts.right_to_left
    assert drawn("5a5a-ABC", from_right=True) == "5a5a-ABC"
    lines = wrap_text("العتبة حددت قبل الاختبار 90 % (82 %).", fonts, TextStyle(9, 12), 60)
    last = "".join(part.characters for part in sorted(lines[-1].glyphs, key=lambda part: part.x_pt))
    assert last[0] == "."  # the end of a paragraph from the right stands at the left


def test_a_line_breaks_neither_within_a_date_nor_behind_an_opening_bracket() -> None:
    for width in range(40, 120, 7):
        for line in wrap_text("Decided on 2026-11-23 （王小明） by her", load_fonts(), TextStyle(9, 12), width):
            assert not line.text.endswith(("2026-", "（"))
