"""The card says what was simulated, what was adapted, and on whom each figure was measured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fgait_core.model_package import bundled_package_dir
from fgait_core.package_content import AdaptationContent, PackageContent
from fgait_core.package_files import CARD_FILE, CONTENT_FILE, METRICS_FILE
from fgait_core.recipes.model_card import write_card

BUNDLED = bundled_package_dir()
ADAPTATION = AdaptationContent(
    task="depression",
    scope="head",
    people=40,
    recordings=41,
    simulated_people=False,
    base_name="fgait-simulated",
    base_version="2.0.0",
    base_sha256="a" * 64,
    manifest_sha256="b" * 64,
)
ONLY_SIMULATED = "trained, calibrated and tested on **simulated walkers only**"
NEVER = "it never saw one"


def card(metrics: dict[str, Any] | None = None, *, simulated: bool = True, **adaptation: object) -> str:
    """Of the bundled package as a retraining of depression would leave it."""
    content = PackageContent.model_validate_json((BUNDLED / CONTENT_FILE).read_text())
    changed = content.model_copy(
        update={"simulated": simulated, "adaptation": ADAPTATION.model_copy(update=adaptation)}
    )
    measured = json.loads((BUNDLED / METRICS_FILE).read_text())
    words = "60 locked gate people of the clinic (61 recordings), never trained on"
    return write_card(changed, measured | {"adaptation": {"measured_on": words}} | (metrics or {}))


def section(text: str, heading: str) -> str:
    return text.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]


def test_the_card_of_a_package_that_nobody_adapted_is_as_it_was() -> None:
    content = PackageContent.model_validate_json((BUNDLED / CONTENT_FILE).read_text())
    metrics = json.loads((BUNDLED / METRICS_FILE).read_text())
    assert write_card(content, metrics) == (BUNDLED / CARD_FILE).read_text()


def test_adapted_to_real_people() -> None:
    text = card()
    assert text.splitlines()[0].endswith("(simulated)"), "the base learned from simulated walkers"
    assert ONLY_SIMULATED not in text
    assert NEVER not in text
    assert "40 people (41 recordings) with confirmed outcomes of depression" in text
    told = section(text, "Adapted to a clinic")
    assert "the head of depression" in told
    assert "fgait-simulated 2.0.0" in told
    assert "60 locked gate people of the clinic" in told
    assert "SHA-256 of the protocol" not in told
    assert "scoliosis can be found in the gait of real people: nobody real was seen for it" in text
    measured = section(text, "Measured\n")
    assert "scoliosis: on simulated people whom the network never saw" in measured
    assert "### scoliosis in groups (simulated)" in measured
    assert "### depression in groups\n" in measured


def test_adapted_to_simulated_people() -> None:
    text = card(simulated_people=True, scope="recalibration", protocol_sha256="c" * 64)
    assert NEVER in text
    assert "40 simulated people (41 recordings)" in text
    assert "### depression in groups (simulated)" in text
    assert "the network is the base's to the last weight" in text
    assert f"SHA-256 of the protocol: `{'c' * 64}`" in text


@pytest.mark.parametrize(("passed", "words"), [(True, "Gate: every criterion met"), (False, "not every criterion")])
def test_the_gate_is_named(passed: bool, words: str) -> None:
    assert words in card({"gate": {"passed": passed}})


def test_a_trained_encoder_is_told() -> None:
    told = section(card(scope="head_and_last_stage"), "Adapted to a clinic")
    assert "last stage of the encoder" in told
    assert "calibrated and measured anew, with the new encoder, on simulated people" in told


def test_baselines_of_other_people_stand_beside_no_figure_of_the_clinic() -> None:
    row = next(line for line in card().splitlines() if "mean silhouette (baseline)" in line)
    scoliosis, depression = [cell.strip() for cell in row.split("|")][2:4]
    assert depression == "not measured"
    assert scoliosis != "not measured"


def test_nothing_is_called_simulated_where_nothing_is() -> None:
    text = card(simulated=False)
    assert "(simulated)" not in text.splitlines()[0]
    assert "simulated walkers**" not in text


def test_thresholds_of_the_clinic_are_told() -> None:
    measured = json.loads((BUNDLED / METRICS_FILE).read_text())["typicality"]
    assert "fixed on the calibration split" in card()
    text = card({"typicality": measured | {"measured_on": "48 development people of the clinic"}})
    assert "fixed on people of the clinic" in text
    assert "Measured on 48 development people of the clinic:" in text


def test_a_task_that_was_adapted_before_keeps_its_people() -> None:
    before = {"scoliosis": {"measured_on": "50 locked gate people of the clinic", "simulated_people": False}}
    text = card({"earlier_adaptations": before})
    assert "- Figures of scoliosis, adapted before: 50 locked gate people of the clinic." in text
    assert "### scoliosis in groups\n" in text
    assert "scoliosis, depression: on people of the clinic, see above." in text
    assert "whom the network never saw" not in section(text, "Measured\n")
    assert "nobody real was seen" not in text
    assert "figures of scoliosis and depression hold in another clinic" in text
