"""Every text of the screens is in each catalogue, with the same places for values."""

from __future__ import annotations

import re
import string

import pytest

from app.translation import FOLDER, translate
from app.translations import messages, update
from reports.catalogues import LANGUAGES, read_catalogue

OTHERS = [code for code in LANGUAGES if code != "en"]
TEXTS = [text for text, _ in messages()]


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_each_text_is_translated(language: str):
    known = read_catalogue(FOLDER, language)
    missing = [text for text in TEXTS if text not in known]
    assert not missing, f"{len(missing)} texts lack a translation; run ./run translations: {missing[:5]}"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_places_of_values(language: str):
    known = read_catalogue(FOLDER, language)
    wrong = [text for text in TEXTS if text in known and _places(known[text]) != _places(text)]
    assert not wrong


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_bold_and_links(language: str):
    known = read_catalogue(FOLDER, language)
    wrong = [text for text in TEXTS if text in known and known[text].count("**") != text.count("**")]
    assert not wrong


def test_chinese_is_chinese_and_arabic_is_arabic():
    scripts = {"zh": r"[\u4e00-\u9fff]", "ar": r"[\u0600-\u06ff]"}
    for language, letters in scripts.items():
        sentences = [text for text in TEXTS if len(text) > 40]
        assert all(re.search(letters, translate(text, language)) for text in sentences)


def test_an_unknown_text_shows_english():
    assert translate("Nobody wrote this, {name}.", "zh", name="Ana") == "Nobody wrote this, Ana."


def test_an_update_loses_no_translation_and_drops_what_no_code_says(tmp_path):
    (tmp_path / "zh.po").write_text(
        'msgid "Sign in"\nmsgstr "登录"\n\nmsgid "No code says this"\nmsgstr "没有"\n', encoding="utf-8"
    )
    missing = update(tmp_path)
    known = read_catalogue(tmp_path, "zh")
    assert known == {"Sign in": "登录"}
    assert missing["zh"] == len(TEXTS) - 1
