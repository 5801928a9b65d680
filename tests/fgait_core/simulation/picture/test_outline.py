"""Numbers that say how rough and restless outlines are."""

import numpy as np

from fgait_core.simulation.picture.outline import measure_outline, overlap


def _bars(frames: int = 6) -> np.ndarray:
    bars = np.zeros((frames, 64, 44), np.uint8)
    bars[:, 4:60, 12:32] = 255
    return bars


def test_a_still_smooth_body_has_none_of_it():
    measured = measure_outline(_bars())
    assert measured.change == measured.blinking == measured.grey == measured.holes == 0.0
    assert measured.roughness < 0.05
    assert measured.area == 56 * 20 / (64 * 44)


def test_each_number_sees_its_own_fault():
    blinking = _bars()
    blinking[3, 20, 32:35] = 255
    rough = _bars()
    rough[:, 4:60:2, 32:34] = 255
    grey = _bars()
    grey[:, 4:60, 32] = 128
    holed = _bars()
    holed[:, 20:24, 20:24] = 0
    still = measure_outline(_bars())
    assert measure_outline(blinking).blinking > 0.0
    assert measure_outline(blinking).change > 0.0
    assert measure_outline(rough).roughness > still.roughness + 0.1
    assert measure_outline(rough).blinking == 0.0
    assert measure_outline(grey).grey > 0.3
    assert measure_outline(holed).holes == 1.0


def test_overlap_is_intersection_over_union():
    moved = np.roll(_bars(2), 5, axis=2)
    np.testing.assert_allclose(overlap(_bars(2), moved), [15 / 25, 15 / 25])
    assert overlap(np.zeros((1, 64, 44), np.uint8), np.zeros((1, 64, 44), np.uint8))[0] == 0.0
