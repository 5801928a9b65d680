"""`./run translations`: brings the catalogues of the screens up to date with the code, and says what is missing.

Texts come from `tr("...")` and `translate("...")`, from errors with a constant text, and from names that the code
itself does not spell out as a sentence (roles, permissions). What no code says any more is dropped.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from app.services.permissions import Permission
from app.settings import CLONE_ROOT
from app.translation import FOLDER
from clinic_data.tables import JobState, Role
from reports.catalogues import LANGUAGES

_PLACES = {
    "tr": 0,
    "translate": 0,
    "later": 0,
    "ValidationError": 0,
    "ConflictError": 0,
    "NotFoundError": 0,
    "PermissionDeniedError": 0,
    "SignInError": 0,
    "StorageError": 0,
    "progress": 1,
}
"""What is called with a text, and as which argument."""
_ROOMS = ("app", "clinic_data")
_PROGRESS_ROOMS = ("fgait_core/inference.py", "fgait_core/silhouettes")
_NAMES = (*Role, *Permission, *JobState, "all", "sex", "age group")


def messages() -> Iterator[tuple[str, str]]:
    """Every text of the screens once, with the file that shows it."""
    seen: set[str] = set()
    for text, place in (*_in_code(), *((str(name), "names") for name in _NAMES)):
        if text.strip() and text not in seen:
            seen.add(text)
            yield text, place


def _in_code() -> Iterator[tuple[str, str]]:
    for path in _files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = _text_of_call(node) if isinstance(node, ast.Call) else None
            if text:
                yield text, str(path.relative_to(CLONE_ROOT))


def _text_of_call(call: ast.Call) -> str | None:
    # Babel's own reader of Python does not look into f-strings, where many of our calls stand.
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    place = _PLACES.get(name)
    if place is None or len(call.args) <= place:
        return None
    argument = call.args[place]
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def _files() -> Iterator[Path]:
    for room in (*_ROOMS, *_PROGRESS_ROOMS):
        path = CLONE_ROOT / room
        yield from sorted(path.rglob("*.py")) if path.is_dir() else (path,)


def update(folder: Path = FOLDER) -> dict[str, int]:
    """Rewrites the catalogues; translations are kept.

    Returns:
        How many texts each language still lacks.
    """
    template = Catalog(charset="utf-8")
    for text, place in messages():
        template.add(text, locations=[(place, 0)])
    missing: dict[str, int] = {}
    for language in (code for code in LANGUAGES if code != "en"):
        path = folder / f"{language}.po"
        catalogue = _read(path, language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalogue, width=110, sort_by_file=True, include_lineno=False, omit_header=False)
        missing[language] = sum(1 for message in catalogue if message.id and not message.string)
    return missing


def _read(path: Path, language: str) -> Catalog:
    if not path.exists():
        comment = f"# {LANGUAGES[language]}: texts of FGait's screens. The key is the English text."
        return Catalog(language, header_comment=comment, project="FGait", fuzzy=False, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    """Updates the catalogues; ends with 1 where something is missing."""
    missing = update()
    for language, count in missing.items():
        print(f"{LANGUAGES[language]} ({language}): {count} texts without a translation")
    sys.exit(1 if any(missing.values()) else 0)


if __name__ == "__main__":
    main()
