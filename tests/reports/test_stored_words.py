"""What the engine writes into results is recognised, whatever its figures, and said in other languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from fgait_core import model_package
from fgait_core.explanation import explained
from fgait_core.gait_parameters import detectors, norms
from fgait_core.package_files import read_content
from fgait_core.silhouettes import people, quality, tracking, video
from fgait_core.simulation.gait.norms import NORMS
from reports.stored_words import said_in

WRITERS = {"_check", "VideoDecodeError", "NoWalkerError"}


def sentences(module: ModuleType) -> Iterator[str]:
    """Every text that a module writes into a check or a refusal, with figures for what is only known at run time."""
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if isinstance(node, ast.Call) and called in WRITERS:
            arguments = node.args[1:] if called == "_check" else node.args
            texts = (text for argument in arguments for text in _texts(argument, module))
            yield from (text for text in texts if len(text) > 2 and not text.startswith("There is no file"))
        if isinstance(node, ast.Return) and called == "" and isinstance(node.value, (ast.Constant, ast.JoinedStr)):
            yield from (text for text in _texts(node.value, module) if text.endswith("."))


def _texts(node: ast.expr, module: ModuleType) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(_filled(part, module) for part in node.values)
    elif isinstance(node, ast.Tuple):
        for part in node.elts:
            yield from _texts(part, module)


def _filled(part: ast.expr, module: ModuleType) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.IfExp) and isinstance(value.body, ast.Constant):
        return str(value.body.value)
    if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
        return next(iter(getattr(module, value.value.id).values()))
    known = getattr(module, value.id, None) if isinstance(value, ast.Name) else None
    return known if isinstance(known, str) else "7"


def not_said(text: str) -> bool:
    return said_in(text, "zh") == text or any(word in said_in(text, "zh") for word in (" the ", " of ", " and "))


def test_every_text_of_checks_and_refusals_is_known() -> None:
    written = {text for module in (quality, video, people, tracking) for text in sentences(module)}
    written -= {"px", "Hz", "7 is a folder, not a video file.", "7 or 7"}
    assert len(written) > 40
    varying = {
        text for text in written if "only sound" in text or text.startswith(("The file holds 7", "The file is 7"))
    }
    varying |= {text for text in written if text.startswith("The video uses 7")}
    assert sorted(filter(not_said, written - varying)) == []


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("at least 70% of the time (refused below 40%)", ("70%", "40%")),
        (
            "The file is a PDF document, whatever its name says. Choose a video in MP4, MOV, MKV, AVI or WebM format.",
            (),
        ),
        ("In full view, 1 footstep was counted. Film at least 4 steps of straight walking, better 8.", ("4", "8")),
        (
            "The legs move at 210 steps a minute, which is no walking. Film the patient walking straight ahead over "
            "the ground at the usual pace, not on a treadmill.",
            ("210",),
        ),
        ("View for scoliosis", ()),
        (f"The video uses the codec theora, which cannot be read here. {video._CONVERT}", ("theora",)),
        ("The file holds only sound, no video. Choose the file that shows the patient walking.", ()),
    ],
)
@pytest.mark.parametrize("language", ["zh", "ar"])
def test_a_text_keeps_its_figures(text: str, figures: tuple[str, ...], language: str) -> None:
    said = said_in(text, language)
    assert said != text
    assert "scoliosis" not in said
    assert "Film" not in said
    for figure in figures:
        assert figure in said


def test_what_the_bundled_model_says_is_known() -> None:
    content = read_content(model_package.bundled_package_dir() / "package.json")
    texts = [
        model_package.INTERVAL_METHOD,
        model_package.UNLIKE,
        model_package.FUSION,
        explained.METHOD,
        norms.SIMULATED,
    ]
    texts += [norm.source[0].upper() + norm.source[1:] for norm in NORMS if "," in norm.source or "of" in norm.source]
    texts += [*detectors.DETECTORS, content.training_data, *content.known_gaps]
    assert [text for text in texts if said_in(text, "ar") == text] == []


def test_what_nobody_translated_stays_as_it_is() -> None:
    assert said_in("A sentence of another maker's package.", "ar") == "A sentence of another maker's package."
    assert said_in("Sharpness", "en") == "Sharpness"
    assert said_in("", "zh") == ""
