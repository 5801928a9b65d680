"""In which language somebody reads."""

from __future__ import annotations

import pytest

from app.gateway.language import chosen_language


@pytest.mark.parametrize(
    ("cookie", "asked_for", "chosen"),
    [
        (None, None, "en"),
        ("ar", "zh-CN", "ar"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "fi, AR;q=0.5", "ar"),
        ("klingon", "fi", "en"),
    ],
)
def test_the_browsers_choice_comes_before_what_it_asks_for(cookie: str | None, asked_for: str | None, chosen: str):
    assert chosen_language(cookie, asked_for) == chosen
