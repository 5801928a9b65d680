"""Explanations of scores: what is shown, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.explanation import explained as room
from fgait_core.explanation.effects import Effects, measure_effects, probabilities, shuffled, windows_of
from fgait_core.explanation.explained import explained, phase_at
from fgait_core.explanation.nearest import nearest_walkers
from fgait_core.explanation.occlusion import BANDS, PHASES
from fgait_core.explanation.reference_bank import FRAME_RATE_HZ, packaged_bank
from fgait_core.inference import model_facts
from fgait_core.model_package import ModelPackage, SeenWalk, bundled_package_dir
from fgait_core.screening_result import (
    GaitEventFacts,
    GaitFacts,
    GaitParameterFacts,
    QualityFacts,
    RecordingFacts,
    ScreeningResult,
    TypicalityFacts,
)
from fgait_core.sequence import SilhouetteSequence

TASKS = ("scoliosis", "depression")


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return ModelPackage.load(bundled_package_dir())


def walk(place: int, repeats: int = 3) -> SeenWalk:
    """A reference walker who walks on and on."""
    bank = packaged_bank()
    frames = np.tile(bank.frames(place), (repeats, 1, 1))
    times_s = np.arange(len(frames)) / FRAME_RATE_HZ
    return SeenWalk(SilhouetteSequence(frames, times_s, np.arange(len(frames))), str(bank.view[place]))


def result_of(package: ModelPackage, seen: SeenWalk, *, typical: bool = True) -> ScreeningResult:
    """Scores of a walk whose left heel strikes every second."""
    strikes = tuple(GaitEventFacts(foot="left", kind="heel_strike", time_s=float(each)) for each in range(4))
    guard = TypicalityFacts(
        score=0.1,
        threshold=0.4,
        typical=typical,
        reason="" if typical else "Film again.",
        false_alarm_rate=0.05,
        measured_false_alarm_rate=0.05,
        measured_false_alarm_interval=(0.04, 0.06),
    )
    return ScreeningResult(
        created_by="test",
        recording=RecordingFacts(file_name="walk.mp4", sha256="0" * 64, size_bytes=1),
        quality=QualityFacts(passed=True, view=seen.view),
        scores=package.score(seen.sequence, TASKS, seen.view),
        typicality=guard,
        gait=GaitFacts(view=str(seen.view), event_detector="test", events=strikes, parameters=()),
        model=model_facts(package),
        simulated=True,
        refused=False,
    )


def test_effects_are_those_of_hiding_and_repeat_themselves(package: ModelPackage):
    seen = walk(12)
    phase = np.mod(seen.sequence.timestamps_s, 1.0)
    measured = measure_effects(package, seen, phase, TASKS)
    again = measure_effects(package, seen, phase, ("depression",))
    assert set(measured) == set(TASKS)
    assert set(again) == {"depression"}
    assert (again["depression"].bands == measured["depression"].bands).all()
    for effects in measured.values():
        assert effects.bands.shape == (3, len(BANDS))
        assert effects.phases.shape == (3, PHASES)
        assert (np.abs(effects.bands) > 1e-6).any()
        assert -1 <= effects.stability <= 1
        assert 0 <= effects.likeness_to_random <= 1


def test_probabilities_are_those_of_the_score_where_windows_are_the_same(package: ModelPackage):
    seen = walk(12, repeats=1)
    windows = windows_of(package, seen, None)
    assert windows is not None
    said = probabilities(package.network, package.content.tasks, windows.pictures[None], seen.view)
    for score in package.score(seen.sequence, view=seen.view):
        assert said[score.task][0] == pytest.approx(score.probabilities[score.positive_class], abs=1e-6)


def test_a_shuffled_network_has_the_same_weights_in_another_order(package: ModelPackage):
    random = shuffled(package.network, 0)
    for own, other in zip(package.network.parameters(), random.parameters(), strict=True):
        assert own.flatten().sort().values.equal(other.flatten().sort().values)
    assert not all(
        own.equal(other) for own, other in zip(package.network.parameters(), random.parameters(), strict=True)
    )


def test_stability_and_likeness_are_correlations():
    profile = np.array([0.3, 0.1, 0.0, -0.1, 0.2, 0.05])
    alike = Effects(np.stack([profile, 2 * profile, profile + 1]), np.zeros((3, 0)), np.stack([-profile, profile]))
    assert alike.stability == pytest.approx(1.0)
    assert alike.stability_of_phases == -1.0
    assert alike.likeness_to_random == pytest.approx(1.0)
    opposite = Effects(np.stack([profile, -profile]), np.stack([profile, profile]), np.zeros((2, 6)))
    assert opposite.stability == pytest.approx(-1.0)
    assert opposite.stability_of_phases == pytest.approx(1.0)
    assert opposite.likeness_to_random == 0.0


PROFILE = np.array([0.3, 0.1, 0.0, -0.1, 0.2, 0.05])
UNLIKE_PROFILE = np.array([0.1, -0.2, 0.1, 0.1, 0.2, -0.25])


@pytest.mark.parametrize(
    ("second", "random", "phases", "why_not"),
    [
        (PROFILE, UNLIKE_PROFILE, PROFILE, ""),
        (PROFILE, UNLIKE_PROFILE, -PROFILE, ""),
        (-PROFILE, UNLIKE_PROFILE, PROFILE, "unstable"),
        (PROFILE, PROFILE, PROFILE, "like_a_random_model"),
    ],
)
def test_shown_only_where_both_checks_pass(
    package: ModelPackage,
    monkeypatch: pytest.MonkeyPatch,
    second: np.ndarray,
    random: np.ndarray,
    phases: np.ndarray,
    why_not: str,
):
    found = Effects(np.stack([PROFILE, second]), np.stack([PROFILE, phases]), random[None])
    monkeypatch.setattr(room, "measure_effects", lambda *_: dict.fromkeys(TASKS, found))
    seen = walk(12)
    result = explained(package, result_of(package, seen), seen)
    assert [each.task for each in result.explanations] == list(TASKS)
    for each in result.explanations:
        assert each.shown == (why_not == "")
        assert each.why_not == why_not
        assert [band.name for band in each.bands] == list(BANDS)
        assert [band.effect for band in each.bands] == pytest.approx(((PROFILE + second) / 2).tolist())
        assert len(each.phases) == (PHASES if phases is PROFILE else 0)
    assert ScreeningResult.model_validate(result.to_json()) == result


def test_nothing_is_explained_of_an_unlike_recording_or_a_short_one(package: ModelPackage):
    seen = walk(12)
    unlike = explained(package, result_of(package, seen, typical=False), seen)
    assert {each.why_not for each in unlike.explanations} == {"unlike"}
    assert unlike.references == ()
    frames = seen.sequence.frames[:8]
    short = SeenWalk(SilhouetteSequence(frames, np.arange(8) / FRAME_RATE_HZ, np.arange(8)), seen.view)
    brief = explained(package, result_of(package, short), short)
    assert {each.why_not for each in brief.explanations} == {"too_short"}
    assert not any(each.shown for each in brief.explanations)
    assert brief.references == ()


def test_a_reference_walker_is_nearest_to_itself(package: ModelPackage):
    bank = packaged_bank()
    place = int(np.flatnonzero(bank.view == "back")[3])
    nearest = nearest_walkers(package, walk(place, repeats=1))
    assert nearest[0].id == bank.ids[place]
    assert nearest[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert len(nearest) == 3
    assert {each.view for each in nearest} == {"back"}
    assert nearest[1].similarity < 0.99
    assert nearest[0].labels == {"scoliosis": bank.scoliosis[place], "depression": bank.depression[place]}
    assert nearest_walkers(package, SeenWalk(walk(place).sequence, None)) == ()


def test_a_package_of_longer_windows_has_no_reference_walkers_but_explanations(package: ModelPackage):
    transform = package.content.transform.model_copy(update={"window_frames": 18})
    content = package.content.model_copy(update={"transform": transform})
    longer = ModelPackage(content, package.network, package.guard, package.sha256)
    seen = walk(12)
    result = explained(longer, result_of(longer, seen), seen)
    assert result.references == ()
    assert all(each.bands for each in result.explanations)


def test_phase_runs_from_one_left_heel_strike_to_the_next():
    phase = phase_at(np.arange(0.75, 3.0, 0.25), _gait(left=(1.0, 2.0, 9.0), right=(1.5,)))
    assert np.isnan(phase[[0, 5, 6, 7, 8]]).all()
    assert phase[1:5] == pytest.approx([0.0, 0.25, 0.5, 0.75])


def test_no_phase_reaches_over_a_gap_or_a_missed_strike():
    times_s = np.arange(0.0, 8.0, 0.1)
    gait = _gait(left=(0.0, 1.0, 2.0, 4.0, 5.0, 7.0))
    known = np.isfinite(phase_at(times_s[(times_s < 2.2) | (times_s > 2.8)], gait))
    assert known.sum() == 20 + 10 + 20  # to the gap; after it, where a strike may have been missed
    rhythm = GaitParameterFacts(name="stride_time", unit="s", value=1.05)
    sure = np.isfinite(phase_at(times_s, gait.model_copy(update={"parameters": (rhythm,)})))
    assert times_s[sure] == pytest.approx(np.concatenate([np.arange(0.0, 2.0, 0.1), np.arange(4.0, 5.0, 0.1)]))


def test_without_events_there_is_no_phase():
    assert np.isnan(phase_at(np.arange(3.0), _gait(left=()))).all()


def _gait(left: tuple[float, ...], right: tuple[float, ...] = ()) -> GaitFacts:
    strikes = sorted([(at, "left") for at in left] + [(at, "right") for at in right])
    events = [{"foot": foot, "kind": "heel_strike", "time_s": at} for at, foot in strikes]
    return GaitFacts.model_validate({"view": "side", "event_detector": "test", "events": events, "parameters": ()})
