"""Good walks pass; everything else is refused with every reason, or carries a warning."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.errors import RecordingError
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import assess_quality
from fgait_core.silhouettes.footsteps import manner_of
from fgait_core.silhouettes.quality import view_of

TASKS = ("scoliosis", "depression")


PER_FRAME = ("landmarks_px", "visibility", "world_m", "boxes_px", "centres_px", "scales_px_per_m", "camera_px")


def part_of(walk, part):
    """The frames `part` of a walk."""
    s = walk.sequence
    sequence = SilhouetteSequence(s.frames[part], s.timestamps_s[part], s.source_frames[part])
    return replace(walk, sequence=sequence, **{name: getattr(walk, name)[part] for name in PER_FRAME})


def failed(walk, people=(None,)):
    report = assess_quality(walk, people, TASKS)
    return {check.name for check in report.blocking}, {check.name for check in report.warnings}


def test_sample_passes(sample):
    report = assess_quality(sample.walk, sample.people, TASKS)
    report.require()
    assert report.view == "side"
    assert 6 <= report.steps <= 9
    assert 85 < report.cadence_per_min < 110
    assert {check.name for check in report.warnings} == {"one_person", "view_scoliosis"}


def test_every_check_says_what_it_wants_and_failed_ones_what_to_do(sample):
    for check in assess_quality(sample.walk, sample.people, TASKS).checks:
        assert check.label
        assert check.threshold
        assert bool(check.advice) is not check.passed


def test_people_who_balance_are_refused_as_not_walking(balancing):
    with pytest.raises(RecordingError) as refusal:
        assess_quality(balancing.walk, balancing.people, TASKS).require()
    names = {check.name for check in refusal.value.checks if check.blocking and not check.passed}
    assert {"walking", "steps", "duration"} <= names
    assert len(refusal.value.reasons) == len(names)
    assert any("does not walk anywhere" in reason for reason in refusal.value.reasons)


def test_front_and_back_are_told_apart(balancing):
    view_deg = manner_of(balancing.walk).view_deg
    assert (view_deg < 60) if "cam01" in balancing.path.name else (view_deg > 120)


@pytest.mark.slow
def test_tiny_pedestrians_are_refused_as_too_small_and_too_slow_a_video(pedestrians):
    with pytest.raises(RecordingError) as refusal:
        assess_quality(pedestrians.walk, pedestrians.people, TASKS).require()
    assert any("pixels high" in reason for reason in refusal.value.reasons)
    assert any("10 pictures a second" in reason for reason in refusal.value.reasons)
    assert len(pedestrians.people) >= 3


def on_the_spot(walk):
    """The same steps without getting anywhere, as on a treadmill."""
    hips = walk.landmarks_px[:, 23:25].mean(axis=1, keepdims=True)
    scales = np.full_like(walk.scales_px_per_m, walk.scales_px_per_m.mean())
    return replace(walk, landmarks_px=walk.landmarks_px - hips + hips.mean(axis=0), scales_px_per_m=scales)


def test_walking_on_the_spot_is_refused(sample):
    assert failed(on_the_spot(sample.walk))[0] == {"walking"}


def test_standing_is_refused(sample):
    still = replace(on_the_spot(sample.walk), world_m=np.repeat(sample.walk.world_m[:1], len(sample.walk.world_m), 0))
    assert failed(still)[0] == {"walking", "steps"}


def test_one_leg_that_kicks_is_refused(sample):
    kicking = on_the_spot(sample.walk)
    world = np.repeat(kicking.world_m[:1], len(kicking.world_m), 0).copy()
    world[:, 28, 0] += 0.4 * np.abs(np.sin(np.arange(len(world)) / 20))
    assert "walking" in failed(replace(kicking, world_m=world))[0]


def test_cycling_past_is_refused(sample):
    """Legs that swing and are never straight, while the body travels."""
    walk = sample.walk
    world = walk.world_m.copy()
    phase = np.arange(len(world)) / 5.0
    for knee, ankle, sign in ((25, 27, 1), (26, 28, -1)):
        hip = world[:, knee - 2]
        world[:, knee] = hip + np.stack([0.40 + 0 * phase, 0.15 + 0.08 * sign * np.sin(phase), 0 * phase], axis=1)
        world[:, ankle] = world[:, knee] + np.stack(
            [-0.05 + 0.15 * sign * np.cos(phase), 0.40 + 0 * phase, 0 * phase], axis=1
        )
    report = assess_quality(replace(walk, world_m=world), (None,), TASKS)
    assert [check.name for check in report.blocking] == ["walking"]
    assert "never straight" in report.blocking[0].advice


def test_running_past_is_refused(sample):
    sequence = sample.walk.sequence
    faster = SilhouetteSequence(sequence.frames, sequence.timestamps_s / 3, sequence.source_frames)
    assert "walking" in failed(replace(sample.walk, sequence=faster))[0]


def test_a_panned_camera_is_taken_into_account(sample):
    """The camera follows the walker, who then stays in the middle of the picture."""
    walk = sample.walk
    hips = walk.landmarks_px[:, 23:25, 0].mean(axis=1)
    shift = hips[0] - hips
    landmarks = walk.landmarks_px.copy()
    landmarks[..., 0] += shift[:, None]
    camera = np.stack([shift, np.zeros_like(shift)], axis=1)
    panned = replace(walk, landmarks_px=landmarks, camera_px=camera, camera_motion=0.2)
    blocking, warnings = failed(panned)
    assert not blocking
    assert "camera_motion" in warnings


@pytest.mark.parametrize(
    ("change", "name", "blocks"),
    [
        ({"body_height_px": 90.0}, "body_size", True),
        ({"body_height_px": 150.0}, "body_size", False),
        ({"sharpness": 0.02}, "sharpness", True),
        ({"sharpness": 0.05}, "sharpness", False),
        ({"followed_frames": 1000}, "full_body", True),
        ({"followed_frames": 280}, "full_body", False),
        ({"camera_motion": 0.3}, "camera_motion", False),
    ],
)
def test_one_fault_at_a_time(sample, change, name, blocks):
    blocking, warnings = failed(replace(sample.walk, **change))
    assert blocking == ({name} if blocks else set())
    assert (name in warnings) is not blocks


def test_slow_video_is_refused(sample):
    video = replace(sample.walk.video, frame_rate_hz=12.0)
    assert failed(replace(sample.walk, video=video))[0] == {"frame_rate"}


def test_a_few_frames_are_refused_as_short_and_without_steps(sample):
    walk = sample.walk
    blocking, _ = failed(replace(part_of(walk, slice(60, 90)), followed_frames=30))
    assert {"duration", "steps"} <= blocking


def test_all_reasons_are_given_at_once(sample):
    video = replace(sample.walk.video, frame_rate_hz=12.0)
    bad = replace(sample.walk, video=video, body_height_px=90.0, sharpness=0.01)
    with pytest.raises(RecordingError) as refusal:
        assess_quality(bad, (None,), TASKS).require()
    assert len(refusal.value.reasons) == 3


@pytest.mark.parametrize(
    ("degrees", "view"), [(0, "front"), (45, "oblique"), (90, "side"), (135, "oblique"), (180, "back")]
)
def test_views_have_names(degrees, view):
    assert view_of(degrees) == view


@pytest.mark.parametrize(("turn_deg", "view"), [(0, "side"), (-90, "front"), (90, "back"), (45, "oblique")])
def test_the_view_follows_the_body_and_steps_do_not_depend_on_it(sample, turn_deg, view):
    """Turning the landmarks about the vertical is seeing the same walk from elsewhere."""
    walk = sample.walk
    cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
    turned = replace(walk, world_m=walk.world_m @ turn.T)
    report = assess_quality(turned, (None,), TASKS)
    assert report.view == view
    assert report.steps == assess_quality(walk, (None,), TASKS).steps


def test_view_advice_depends_on_the_task(sample):
    side = {c.name: c for c in assess_quality(sample.walk, (None,), TASKS).checks}
    assert not side["view_scoliosis"].passed
    assert "front" in side["view_scoliosis"].advice
    assert side["view_depression"].passed
    assert not side["view_scoliosis"].blocking


@pytest.mark.parametrize("keep_every", [1, 2])
def test_steps_do_not_depend_on_the_frame_rate(sample, keep_every):
    walk = sample.walk
    manner = manner_of(part_of(walk, slice(None, None, keep_every)))
    assert manner.steps == manner_of(walk).steps
    assert manner.cadence_per_min == pytest.approx(manner_of(walk).cadence_per_min, rel=0.05)
