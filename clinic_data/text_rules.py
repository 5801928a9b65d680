"""What text may be stored, and how text is made comparable."""

from __future__ import annotations

import unicodedata

# Letters that Unicode does not decompose into a base letter and an accent.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
# Joiners that Persian and Indic names need; every other invisible character could disguise a name.
_ALLOWED_INVISIBLE = frozenset("\u200c\u200d")
_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def search_key(text: str) -> str:
    """``text`` without case, accents and doubled spaces, for comparison and search."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(bare.translate(_PLAIN_LETTERS).split())


def has_invisible(text: str, *, allow_lines: bool = False) -> bool:
    """Whether ``text`` holds control or invisible characters (``allow_lines``: tabs and new lines are fine)."""
    allowed = _ALLOWED_INVISIBLE | frozenset("\n\t" if allow_lines else "")
    return any(
        character not in allowed and unicodedata.category(character) in _INVISIBLE_CATEGORIES for character in text
    )


def one_line(text: str, max_length: int) -> str:
    """``text`` as one printable line of at most ``max_length`` characters."""
    printable = "".join(" " if has_invisible(character) else character for character in text)
    return " ".join(printable.split())[:max_length]


def checked_lines(value: str, name: str, max_length: int) -> str:
    """``value`` as it is stored: trimmed, composed letters, plain new lines.

    Args:
        value: what was typed.
        name: of the field, for the sentences.
        max_length: in characters.

    Raises:
        ValueError: it holds invisible characters or is too long; pydantic's validators want this kind.
    """
    text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    if has_invisible(text, allow_lines=True):
        raise ValueError(f"The {name} holds a control or invisible character. Type that part anew.")
    if len(text) > max_length:
        raise ValueError(f"The {name} may have at most {max_length} characters.")
    return text
