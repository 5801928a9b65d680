"""What is wrong with a form's values, as sentences for the person who filled it in."""

from __future__ import annotations

from typing import Any

import pydantic


def problem_sentences(error: pydantic.ValidationError, subject: str) -> str:
    """Every problem in one text, a sentence each, without the values (they may be a patient's).

    Args:
        error: what pydantic raised.
        subject: what the fields belong to, e.g. ``"patient"``.
    """
    return " ".join(_sentence(problem, subject) for problem in error.errors())


def _sentence(problem: Any, subject: str) -> str:
    name = str(problem["loc"][0]).replace("_", " ") if problem["loc"] else subject
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["type"] == "extra_forbidden":
        article = "An" if subject[:1] in "aeiou" else "A"
        return f"{article} {subject} has no field {name}."
    return f"The {name} is missing or not of the right kind."
