"""Signs of life of long work."""

from __future__ import annotations

import pytest

from fgait_core.errors import OperationCancelled
from fgait_core.progress import Pulse, never_cancelled, part_of, raise_if_cancelled


def test_pulse_keeps_the_last_fraction_and_never_passes_one():
    told: list[tuple[float, str]] = []
    pulse = Pulse(lambda fraction, words: told.append((fraction, words)), never_cancelled, "Looking", every_s=0.0)
    pulse(0.25)
    pulse()
    pulse(1.7)
    assert told == [(0.25, "Looking"), (0.25, "Looking"), (1.0, "Looking")]


def test_pulse_does_not_tell_too_often():
    told: list[float] = []
    pulse = Pulse(lambda fraction, words: told.append(fraction), never_cancelled, "Looking", every_s=60.0)
    for step in range(1000):
        pulse(step / 1000)
    assert told == [0.0]


def test_pulse_stops_the_work_where_asked():
    pulse = Pulse(lambda fraction, words: None, lambda: True, "Looking")
    with pytest.raises(OperationCancelled):
        pulse()


def test_part_of_a_bar_stays_inside_its_stretch():
    told: list[float] = []
    report = part_of(lambda fraction, words: told.append(fraction), 0.2, 0.6)
    for fraction in (-1.0, 0.0, 0.5, 1.0, 2.0):
        report(fraction, "")
    assert told == pytest.approx([0.2, 0.2, 0.4, 0.6, 0.6])


def test_only_a_yes_stops():
    raise_if_cancelled(never_cancelled)
    with pytest.raises(OperationCancelled):
        raise_if_cancelled(lambda: True)
