"""The PDF: what a reader finds on it, in every outcome, and that it is the same bytes each time."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from reports import wording
from reports.content import AdaptationBlock, PatientBlock, QualityLine, ScoreBlock, ScreeningReport
from reports.fonts import MISSING_GLYPH
from reports.measures import Interval, TypicalityBlock
from reports.pdf import render_pdf

Reports = Callable[..., ScreeningReport]
Outcomes = Callable[[str, str], ScoreBlock]


def page_texts(document: bytes) -> list[str]:
    pages = (page.extract_text() for page in PdfReader(BytesIO(document)).pages)
    return [" ".join(unicodedata.normalize("NFKC", text).split()) for text in pages]


def whole_text(document: bytes) -> str:
    return " ".join(page_texts(document))


def outside_text(document: bytes, path: Path) -> str:
    """The text as another program, poppler, reads it."""
    path.write_bytes(document)
    run = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True)
    return unicodedata.normalize("NFKC", run.stdout.decode())


def page_images(document: bytes, folder: Path, dpi: int = 60) -> list[np.ndarray]:
    (folder / "report.pdf").write_bytes(document)
    subprocess.run(
        ["pdftoppm", "-r", str(dpi), "-gray", "-png", str(folder / "report.pdf"), str(folder / "page")], check=True
    )
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("page*.png"))]


def plain(sentence: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", sentence).split())


def test_the_first_page_says_who_what_and_what_next(report_factory: Reports) -> None:
    report = report_factory()
    first = page_texts(render_pdf(report))[0]
    expected = ["Müller, Zoë", "A-10233", "2011-05-02", "15 years", "person 1 of 2", "from the side", "9 footsteps"]
    expected += [wording.SIMULATED_BANNER, wording.simulated_explanation(None), "Screening, not diagnosis"]
    for score in report.scores:
        expected += [wording.plain_result(score), wording.probability_with_interval(score), *wording.next_steps(score)]
        expected.append(wording.operating_point_short(score))
    expected += [
        "threshold 41 %",
        "accepted",
        "overridden, because",
        "Name, date, signature",
        "Light on the walker: 0.31",
    ]
    for sentence in expected:
        assert plain(sentence) in first


def test_the_other_pages_carry_method_figures_and_identity(report_factory: Reports) -> None:
    report = report_factory()
    rest = " ".join(page_texts(render_pdf(report))[1:])
    expected = [report.model.sha256, report.recording.sha256, report.model.training_data, *report.model.known_gaps]
    expected += ["fgait-bundled 0.1.0", "FGait 0.1.0", "600 for training", wording.INTENDED_USE, *wording.LIMITS]
    expected += ["Film in brighter, even light.", "14 of 48 silhouettes"]
    for score in report.scores:
        expected += [
            wording.interval_sentence(score),
            wording.operating_point_sentence(score),
            wording.calibration_sentence(score),
            wording.conformal_sentence(score),
            wording.evidence_note(score),
        ]
    for sentence in expected:
        assert plain(sentence) in rest


def test_every_page_is_marked_simulated_and_numbered(report_factory: Reports) -> None:
    pages = page_texts(render_pdf(report_factory()))
    assert len(pages) >= 3
    for number, text in enumerate(pages, 1):
        assert text.count(wording.SIMULATED_BANNER) >= 2
        assert f"Page {number} of {len(pages)}" in text
        assert "Report R-2026-000123" in text
        assert "Müller, Zoë" in text


def test_a_model_of_real_people_is_not_called_simulated(
    report_factory: Reports, score_factory: Callable[..., ScoreBlock]
) -> None:
    model = replace(report_factory().model, simulated=False, training_data="Recordings of patients.")
    report = report_factory(model=model, scores=(score_factory(simulated=False),))
    assert "simulated" not in whole_text(render_pdf(report)).lower()


@pytest.mark.parametrize("task", ["scoliosis", "depression"])
@pytest.mark.parametrize("outcome", ["positive", "negative", "abstained", "empty", "conflicting"])
def test_every_outcome_renders_and_no_angle_is_named(
    task: str, outcome: str, report_factory: Reports, outcome_factory: Outcomes
) -> None:
    score = outcome_factory(task, outcome)
    text = whole_text(render_pdf(report_factory(scores=(score,))))
    assert plain(wording.plain_result(score)) in text
    assert "Cobb" not in text
    assert not re.search(r"\d\s*°", text)
    assert ("The model cannot tell" in text) == (outcome in {"abstained", "empty", "conflicting"})


def test_a_weak_model_is_called_weak_on_the_first_page(
    report_factory: Reports, score_factory: Callable[..., ScoreBlock]
) -> None:
    point = replace(score_factory().operating_point, specificity=0.2, specificity_interval=Interval(0.1, 0.3))
    weak = score_factory(operating_point=point)
    assert plain(wording.weakness_sentence(weak)) in page_texts(render_pdf(report_factory(scores=(weak,))))[0]
    assert "Weak test" not in whole_text(render_pdf(report_factory()))


def test_two_results_and_the_decision_fit_on_the_first_page_even_if_both_are_weak(
    report_factory: Reports, outcome_factory: Outcomes
) -> None:
    point = replace(outcome_factory("scoliosis", "positive").operating_point, specificity=0.2)
    point = replace(point, specificity_interval=Interval(0.1, 0.3))
    scores = [replace(outcome_factory(task, "positive"), operating_point=point) for task in ("scoliosis", "depression")]
    pages = page_texts(render_pdf(report_factory(scores=tuple(scores))))
    assert "Name, date, signature" in pages[0]
    assert "What the model saw" in pages[1]


def test_a_refused_recording_gives_reasons_and_no_result(report_factory: Reports) -> None:
    quality = (QualityLine("Footsteps", "2", "at least 4", False, True, "Film a walk of at least four steps."),)
    text = whole_text(render_pdf(report_factory(quality=quality, scores=())))
    assert plain(wording.ENGLISH.refused) in text
    assert "Film a walk of at least four steps." in text
    assert "Calibrated probability" not in text


def test_a_recording_unlike_the_training_data_gets_no_figure_and_says_what_to_do(
    report_factory: Reports, outcome_factory: Outcomes, unlike: TypicalityBlock
) -> None:
    scores = tuple(outcome_factory(task, "unlike") for task in ("scoliosis", "depression"))
    pages = page_texts(render_pdf(report_factory(scores=scores, typicality=unlike)))
    whole = " ".join(pages)
    figures = wording.typicality_figures(unlike, simulated=True)
    for sentence in (wording.UNLIKE_TITLE, unlike.reason, figures, "threshold 0.444)", "Name, date, signature"):
        assert plain(sentence) in pages[0]
    for score in scores:
        for sentence in (wording.plain_result(score), *wording.next_steps(score)):
            assert plain(sentence) in pages[0]
        for sentence in (wording.evidence_note(score), wording.plain_result(score)):
            assert plain(sentence) in " ".join(pages[1:])
        assert plain(wording.interval_sentence(score)) not in whole
    for words in ("72 %", "Calibrated probability", "sensitivity 90", "By class", "Prediction set of this walk"):
        assert words not in whole
    assert "Not scored. Nothing like it was seen." in whole


def test_a_typical_recording_says_so_on_the_first_page_and_among_the_checks(
    report_factory: Reports, score_factory: Callable[..., ScoreBlock], typical: TypicalityBlock
) -> None:
    score = score_factory(fitted_on="side")
    pages = page_texts(render_pdf(report_factory(scores=(score,), typicality=typical)))
    assert plain(wording.typicality_sentence(typical)) in pages[0]
    rest = " ".join(pages[1:])
    assert plain(wording.typicality_figures(typical, simulated=True)) in rest
    assert "recordings from the side" in rest
    assert "Where it is unlike them, no score is given." in rest


def test_an_old_result_says_that_typicality_was_not_checked(report_factory: Reports) -> None:
    pages = page_texts(render_pdf(report_factory()))
    assert "Like the training data: not checked by this version" in pages[0]
    assert "Like the training data not checked" in " ".join(pages[1:])
    assert "Where it is unlike them" not in " ".join(pages)


def test_without_a_patient_the_report_says_so_on_each_page(report_factory: Reports) -> None:
    assert all("No patient recorded" in text for text in page_texts(render_pdf(report_factory(patient=None))))


@pytest.mark.parametrize(
    ("family", "given"),
    [
        ("王", "小明"),
        ("山田", "太郎"),
        ("김", "철수"),
        ("Łuczak-Ñandú", "Éloïse"),
        ("Nguyễn", "Thị Ánh"),
        ("Иванова", "Ольга"),
    ],
)
def test_names_in_many_scripts_are_printed_and_found_again(
    family: str, given: str, report_factory: Reports, patient_factory: Callable[..., PatientBlock], tmp_path: Path
) -> None:
    document = render_pdf(report_factory(patient=patient_factory(family, given)))
    text = outside_text(document, tmp_path / "report.pdf")
    assert f"{family}, {given}" in text
    assert MISSING_GLYPH not in text


@pytest.mark.parametrize(("family", "given"), [("الحسيني", "محمد علي"), ("כהן", "שרה")])
def test_right_to_left_names_are_found_again(
    family: str, given: str, report_factory: Reports, patient_factory: Callable[..., PatientBlock], tmp_path: Path
) -> None:
    text = outside_text(render_pdf(report_factory(patient=patient_factory(family, given))), tmp_path / "report.pdf")
    assert family in text
    assert given in text
    assert MISSING_GLYPH not in text
    assert text.count("2011-05-02") > text.count("Page")  # on each page, and the name turns the date around nowhere
    assert "02-05-2011" not in text


def test_an_arabic_name_leaves_ink_where_it_stands(
    report_factory: Reports, patient_factory: Callable[..., PatientBlock], tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with_name = page_images(render_pdf(report_factory(patient=patient_factory("الحسيني", "محمد"))), tmp_path / "a")[0]
    other = page_images(render_pdf(report_factory(patient=patient_factory("X", ""))), tmp_path / "b")[0]
    changed = np.argwhere(with_name.astype(int) - other.astype(int) < -60)
    assert len(changed) > 40
    rows = changed[:, 0] / len(with_name)
    assert rows.max() < 0.30  # the name stands in the header and in the patient block, nothing else moved


def test_an_unprintable_name_is_admitted(report_factory: Reports, patient_factory: Callable[..., PatientBlock]) -> None:
    text = whole_text(render_pdf(report_factory(patient=patient_factory("देव", "A"))))
    assert "Go by the record number" in text


def test_long_values_and_many_checks_stay_on_the_paper(
    report_factory: Reports, patient_factory: Callable[..., PatientBlock], tmp_path: Path
) -> None:
    base = report_factory()
    checks = tuple(
        QualityLine(f"Check {n} " + "with a long label " * 3, "x" * 60, "y" * 60, n % 3 > 0, False, "Do this. " * 12)
        for n in range(45)
    )
    report = report_factory(
        clinic_name="Clinic " * 40,
        created_by="Dr. " + "N" * 150,
        patient=patient_factory("Wolfeschlegelsteinhausenbergerdorff" * 4, "Maria-Theresia " * 12),
        recording=replace(base.recording, file_name="walk_" * 60 + ".mp4", codec="c" * 80),
        quality=checks,
        model=replace(base.model, training_data="Simulated walks. " * 150, known_gaps=("A gap. " * 60,) * 12),
    )
    document = render_pdf(report)
    assert whole_text(document).count("Do this.") == 15 * 12
    for page in page_images(document, tmp_path, 40):
        margin = round(page.shape[1] * 40 / 595)
        assert page[:, :margin].min() > 200
        assert page[:, -margin:].min() > 200


@pytest.mark.parametrize("part", ["patient", "training data", "known gap", "advice", "author", "method", "refusal"])
def test_a_text_longer_than_a_page_is_still_printed(
    part: str, report_factory: Reports, patient_factory: Callable[..., PatientBlock]
) -> None:
    base = report_factory()
    warned = tuple(replace(line, passed=False, blocking=False, advice="Do this. " * 600) for line in base.quality)
    refused = tuple(replace(line, passed=False, blocking=True, advice="Do this. " * 600) for line in base.quality)
    report = {
        "patient": lambda: replace(base, patient=patient_factory("Wolfe" * 1500, "\u738b" * 900)),
        "training data": lambda: replace(base, model=replace(base.model, training_data="Simulated walks. " * 500)),
        "known gap": lambda: replace(base, model=replace(base.model, known_gaps=("gap " * 2500,))),
        "advice": lambda: replace(base, quality=warned),
        "author": lambda: replace(base, created_by="x" * 4000),
        "method": lambda: replace(base, scores=(replace(base.scores[0], interval_method="m " * 2500),)),
        "refusal": lambda: replace(base, quality=refused * 3, scores=()),
    }[part]()
    pages = page_texts(render_pdf(report))
    assert all(f"Page {number} of {len(pages)}" in text for number, text in enumerate(pages, 1))
    assert report.model.sha256 in " ".join(pages)


def test_a_report_without_silhouettes_says_so(report_factory: Reports) -> None:
    text = whole_text(render_pdf(report_factory(silhouettes=np.zeros((0, 64, 44), np.uint8))))
    assert "No silhouette is stored with this report." in text


def test_the_silhouettes_are_one_embedded_image(report_factory: Reports) -> None:
    pages = PdfReader(BytesIO(render_pdf(report_factory()))).pages
    images = [image for page in pages for image in page.images]
    assert len(images) == 1
    pixels = np.asarray(Image.open(BytesIO(images[0].data)).convert("L"))
    assert pixels.shape == (64, 14 * 48 - 4)
    assert pixels.min() < 100
    assert pixels.max() == 255


def test_equal_content_gives_equal_bytes_even_after_other_reports(
    report_factory: Reports, patient_factory: Callable[..., PatientBlock]
) -> None:
    document = render_pdf(report_factory())
    render_pdf(report_factory(patient=patient_factory("王", "محمد")))
    assert render_pdf(report_factory()) == document


def test_another_process_gives_the_same_bytes(report_factory: Reports) -> None:
    code = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); import conftest; from reports.pdf import render_pdf; "
        "print(hashlib.sha256(render_pdf(conftest.make_report())).hexdigest())"
    )
    here = Path(__file__).parent
    run = subprocess.run(
        [sys.executable, "-c", code, str(here)], capture_output=True, check=True, text=True, cwd=here.parents[1]
    )
    assert run.stdout.strip() == hashlib.sha256(render_pdf(report_factory())).hexdigest()


def test_every_font_is_embedded(
    report_factory: Reports, patient_factory: Callable[..., PatientBlock], tmp_path: Path
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(render_pdf(report_factory(patient=patient_factory("王", "محمد"))))
    table = subprocess.run(["pdffonts", str(path)], capture_output=True, check=True, text=True).stdout.splitlines()[2:]
    assert len(table) >= 3
    for row in table:
        assert re.search(r"\byes\s+yes\s+yes\b", row), row
        assert "Helvetica" not in row


def test_the_metadata_names_the_software_and_not_the_patient(report_factory: Reports) -> None:
    document = render_pdf(report_factory())
    metadata = PdfReader(BytesIO(document)).metadata
    assert metadata is not None
    assert metadata.title == "Gait screening report R-2026-000123"
    assert metadata.author == "FGait 0.1.0"
    assert not any("ller" in str(value) or "10233" in str(value) for value in metadata.values())


def test_an_unknown_language_is_refused(report_factory: Reports) -> None:
    with pytest.raises(ValueError, match="choose one of ar, en, zh"):
        render_pdf(report_factory(language="xx"))


def test_an_adapted_model_says_so_on_the_page(report_factory: Reports, typical: TypicalityBlock) -> None:
    adaptation = AdaptationBlock("scoliosis", "head", 214, False, "fgait-bundled 0.2.0")
    model = replace(report_factory().model, adaptation=adaptation)
    report = report_factory(model=model, typicality=typical)
    text = plain(whole_text(render_pdf(report)))
    for words in (
        "SIMULATED MODEL",
        "adapted to 214 people of a clinic",
        "Adapted to",
        "begun with fgait-bundled 0.2.0",
        "simulated ones and those of the clinic",
    ):
        assert words in text
    assert "measured on patients" not in text
