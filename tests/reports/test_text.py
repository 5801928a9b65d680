"""Text in any script: order, joining, fonts by glyph, wrapping."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.fonts import BOLD, HAN, MISSING_GLYPH, REGULAR, load_fonts, unprintable
from reports.shaping import Line, clean, lay_out_line
from reports.text import TextBlock, TextStyle, wrap_text


def drawn(line: Line) -> str:
    """What stands on the page from left to right, presentation forms read back as letters."""
    placed = sorted(line.glyphs, key=lambda part: part.x_pt)
    return unicodedata.normalize("NFKC", "".join(part.characters for part in placed))


def test_latin_is_one_string_in_the_first_font() -> None:
    line = lay_out_line("Müller, Zoë Łukasz Nguyễn", load_fonts(), 10)
    assert [(part.font_name, part.characters) for part in line.glyphs] == [(REGULAR, "Müller, Zoë Łukasz Nguyễn")]


@pytest.mark.parametrize(("bold", "latin"), [(False, REGULAR), (True, BOLD)])
def test_han_takes_the_second_font_and_latin_stays(bold: bool, latin: str) -> None:
    line = lay_out_line("王小明 (Wang)", load_fonts(), 10, bold)
    assert [part.font_name for part in line.glyphs] == [HAN, latin]
    assert drawn(line) == "王小明 (Wang)"


@pytest.mark.parametrize("name", ["محمد علي", "שלום כהן", "فاطمة الزهراء"])
def test_a_right_to_left_name_is_drawn_from_right_to_left(name: str) -> None:
    assert drawn(lay_out_line(name, load_fonts(), 10)) == name[::-1]


def test_arabic_letters_join() -> None:
    line = lay_out_line("محمد", load_fonts(), 10)
    forms = [unicodedata.name(character) for part in line.glyphs for character in part.characters]
    # From left to right: the last letter first. Mim begins, hah and mim are in the middle, dal ends.
    assert [form.rsplit(" ", 2)[-2] for form in forms] == ["FINAL", "MEDIAL", "MEDIAL", "INITIAL"]


def test_latin_and_arabic_on_one_line_keep_their_own_directions() -> None:
    assert drawn(lay_out_line("Ali محمد 12 cm", load_fonts(), 10)) == "Ali 12 " + "محمد"[::-1] + " cm"


def test_vowel_signs_do_not_break_a_word() -> None:
    line = lay_out_line("مُحَمَّد", load_fonts(), 10)
    assert MISSING_GLYPH not in drawn(line)
    assert 0 < line.width_pt <= lay_out_line("محمد", load_fonts(), 10).width_pt * 1.05


def test_a_character_that_no_font_has_shows_as_a_box_and_is_named() -> None:
    fonts = load_fonts()
    assert drawn(lay_out_line("देव", fonts, 10)) == MISSING_GLYPH * 3
    assert unprintable("Dev द Zoë 王 محمد", fonts) == ("द",)


def test_text_that_could_mislead_is_cleaned() -> None:
    assert clean("ab\u202ecd\u0000\n e\u0301") == "abcd \u00e9"


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_the_layout_and_no_line_is_too_wide(text: str) -> None:
    style = TextStyle(9, 12)
    fonts = load_fonts()
    lines = wrap_text(text, fonts, style, 90)
    assert all(line.width_pt <= 90.01 or len(line.text) <= 2 for line in lines)
    flat = "".join(line.text for line in lines).replace(" ", "")
    assert flat == clean(text).replace(" ", "")


def test_a_block_splits_between_pages_without_losing_a_line() -> None:
    block = TextBlock("word " * 200, load_fonts(), TextStyle(9, 12))
    _, height = block.wrap(200, 1000)
    first, second = block.split(200, 60)
    assert isinstance(first, TextBlock)
    assert isinstance(second, TextBlock)
    assert len(first.lines) == 5
    assert first.lines + second.lines == block.lines
    assert first.wrap(200, 1000)[1] + second.wrap(200, 1000)[1] == height
    assert block.split(200, 5) == []


def test_a_wrapped_line_ends_with_its_blank_for_whoever_hears_it() -> None:
    style = TextStyle(9.0, 12.0)
    whole = "Do not use it for the care of patients and do not rely on it."
    lines = wrap_text(whole, load_fonts(), style, 90.0)
    assert len(lines) > 2
    drawn = ["".join(glyphs.characters for glyphs in line.glyphs) for line in lines]
    assert "".join(drawn) == whole
    assert all(line.width_pt <= 90.0 for line in lines)
