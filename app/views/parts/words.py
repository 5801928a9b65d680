"""The words of the pages in the reader's language: every text that a page shows goes through `tr`.

`tr("Start")` and `tr("Page {number}", number=3)` take the English text as the key, so that a missing translation
shows English. Texts must stand in the call as they are: the catalogue is made by reading the code.
"""

from __future__ import annotations

from app import session
from app.translation import translate
from clinic_data.errors import ClinicDataError
from reports.catalogues import direction


def language() -> str:
    """The language of this reader: "en", "zh" or "ar"."""
    return session.language()


def reading_direction() -> str:
    """ "rtl" or "ltr"."""
    return direction(language())


def tr(text: str, /, **values: object) -> str:
    """A text in the reader's language, with its `{values}` filled in."""
    return translate(text, language(), **values)


def tr_error(error: ClinicDataError) -> str:
    """What an error says; those whose text holds figures are in English."""
    return tr(str(error))


def later(text: str) -> str:
    """Marks a text of a table for the catalogue; `tr` translates it where it is shown."""
    return text
