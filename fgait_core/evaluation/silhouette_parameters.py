"""Parameters of gait that can be measured from aligned silhouettes alone, for classical baselines.

Widths, outlines and axes of bands of the body, how strongly each moves at the rate of steps and of strides, and how
often a step is taken. What alignment removes cannot be measured any more: silhouettes are 64 px high and centred in
every frame, so that size, speed over the floor and the bob of the body are lost. Cadence stands for speed, the spread
of the legs against the height for stride length.

Deviations: parameters of clinical gait analysis are angles and lengths of joints; these are their shadows in 64 x 44
pixels, in pixels of the silhouette (1/64 of the height of the person) or degrees in the picture.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

Numbers = NDArray[np.float64]

SLOWEST_STEPS_MIN, FASTEST_STEPS_MIN = 66.0, 216.0
_CANDIDATES = 76
_USUAL_STEPS_MIN, _USUAL_SPREAD = 112.0, 0.2
"""About what people of all ages walk with: median, and standard deviation of the logarithm. It decides only where a
short sequence leaves the choice open."""
_LONG_S = 1.8
"""From here on a sequence holds enough to fit three rates; in a shorter one too many candidates would fit."""
_INDEPENDENT_SHARE = 0.3
"""So many of the frames count as independent of each other."""
_BANDS: dict[str, slice] = {
    "head": slice(0, 8),
    "shoulders": slice(9, 16),
    "trunk": slice(16, 27),
    "hands": slice(27, 36),
    "thighs": slice(36, 46),
    "shanks": slice(46, 56),
    "feet": slice(57, 64),
}
"""Rows of the silhouette."""
_TRUNK = slice(12, 32)
_NECK = slice(5, 15)
_SPREADING = ("hands", "thighs", "shanks", "feet")
_SWAYING = ("head", "shoulders", "hands", "thighs", "shanks", "feet")
_SHOULDER_PX = (4, 5, 6, 7)
"""Columns beside the axis of the trunk where the tops of the shoulders are looked for."""
_LOWEST_SHOULDER_PX = 24

SIGNALS: tuple[str, ...] = (
    *(f"{band}_width_px" for band in _BANDS),
    *(f"{band}_spread_px" for band in _SPREADING),
    *(f"{band}_aside_px" for band in _SWAYING),
    "trunk_lean_deg",
    "right_shoulder_px",
    "neck_width_px",
    "neck_row_px",
)
"""What is measured in each frame: lit pixels of a band's rows; from its leftmost to its rightmost; how far its middle
lies to the right of that of the trunk; lean of the trunk to the right; how much higher the outline is on its right."""
_TIMED = tuple(SIGNALS.index(f"{band}_{kind}_px") for kind in ("width", "spread", "aside") for band in _SPREADING)

PARAMETERS: tuple[str, ...] = (
    "cadence_steps_min",
    "regularity",
    "change_a_frame",
    "area_px",
    "facing_px",
    "lean_forward_deg",
    "head_forward_px",
    *(f"{band}_outline_asymmetry" for band in _BANDS),
    *(f"{signal}_{kind}" for kind in ("mean", "at_steps", "at_half_steps", "at_strides") for signal in SIGNALS),
)
"""Names of the columns of `silhouette_parameters`. `regularity` is the share of the movement that repeats with the
steps; `change_a_frame` the share of the outline's area that differs between frames; `facing_px` how far the feet reach
to the right beyond the shanks, whose sign turns `lean_forward_deg` and `head_forward_px`; `..._asymmetry` the share of
the mean silhouette that its mirror image lacks. Of each signal: its mean, and the amplitudes of what repeats with each
step, twice a step, and with each stride (unlike left and right steps, or a sway from side to side)."""


def silhouette_parameters(silhouettes: NDArray[np.uint8], frame_rate_hz: float) -> Numbers:
    """Measures many sequences at once.

    Args:
        silhouettes: uint8 `[sequence, frame, 64, 44]`, 0 background, anything else body; about a second or longer.
        frame_rate_hz: frames a second.

    Returns:
        float64 `[sequence, parameter]`, in the order of `PARAMETERS`.
    """
    body = silhouettes > 0
    signals = frame_signals(body)
    cadence = cadence_steps_min(signals, frame_rate_hz)
    steps, half_steps, strides, regularity = _amplitudes(signals, cadence, frame_rate_hz)
    mean = signals.mean(1)
    energy = body.mean(1)
    facing = _named(mean, "feet_aside_px") - _named(mean, "shanks_aside_px")
    forward = np.sign(facing)
    single = [
        cadence,
        regularity,
        (body[:, 1:] != body[:, :-1]).sum((1, 2, 3)) / np.maximum(body[:, 1:].sum((1, 2, 3)), 1),
        energy.sum((1, 2)),
        facing,
        _named(mean, "trunk_lean_deg") * forward,
        _named(mean, "head_aside_px") * forward,
        *(_asymmetry(energy[:, rows]) for rows in _BANDS.values()),
    ]
    return np.concatenate([np.stack(single, 1), mean, steps, half_steps, strides], 1)


def frame_signals(body: NDArray[np.bool_]) -> Numbers:
    """What is measured in each frame: bool `[sequence, frame, 64, 44]` to float64 `[sequence, frame, signal]`."""
    outline, tops = _outlines(np.ascontiguousarray(body).reshape(-1, HEIGHT_PX, WIDTH_PX))
    outline = outline.reshape(*body.shape[:2], 3, HEIGHT_PX).astype(np.float64)
    lit, middle, spread = outline[:, :, 0], outline[:, :, 1], outline[:, :, 2]
    axis = _middle(lit, middle, _TRUNK)
    found = [lit[..., rows].mean(-1) for rows in _BANDS.values()]
    found += [spread[..., _BANDS[band]].mean(-1) for band in _SPREADING]
    found += [_middle(lit, middle, _BANDS[band]) - axis for band in _SWAYING]
    neck = lit[..., _NECK]
    found += [_lean_deg(lit, middle), _right_shoulder_px(tops.reshape(*body.shape[:2], WIDTH_PX), axis)]
    return np.stack([*found, neck.min(-1), _NECK.start + neck.argmin(-1)], -1)


@njit(cache=True)
def _outlines(body):
    """Of each frame `[frame, 3, 64]`, row by row, lit pixels, sum of their columns, spread; of each column its top."""
    frames, height, width = body.shape
    rows = np.zeros((frames, 3, height), np.float32)
    tops = np.full((frames, width), height, np.int16)
    for frame in range(frames):
        for y in range(height):
            first, last = -1, -1
            for x in range(width):
                if body[frame, y, x]:
                    first = x if first < 0 else first
                    last = x
                    rows[frame, 0, y] += 1
                    rows[frame, 1, y] += x
                    tops[frame, x] = min(tops[frame, x], y)
            rows[frame, 2, y] = last - first + 1 if first >= 0 else 0
    return rows, tops


def cadence_steps_min(signals: Numbers, frame_rate_hz: float) -> Numbers:
    """Steps a minute of each sequence `[sequence]`.

    At each candidate, sines at the rate of steps and at that of strides (of a long sequence also at twice the rate of
    steps) are fitted by least squares, beside a straight line, to widths, spreads and sway of arms and legs. The
    candidate that is likeliest, given what is left over and how people usually walk, wins, and a parabola through its
    neighbours refines it.

    Args:
        signals: of `frame_signals`.
        frame_rate_hz: frames a second.
    """
    candidates = np.geomspace(SLOWEST_STEPS_MIN, FASTEST_STEPS_MIN, _CANDIDATES)
    frames = signals.shape[1]
    level = _without_line(signals[..., _TIMED])
    basis = np.stack([_sines(each / 60.0, frames, frame_rate_hz) for each in candidates])
    fitted = basis.swapaxes(1, 2).reshape(-1, frames) @ level
    explained = (fitted**2).sum(2).reshape(len(signals), _CANDIDATES, -1).sum(2)
    left_over = 1 - explained / np.maximum((level**2).sum((1, 2)), 1e-9)[:, None]
    unusual = np.log(candidates / _USUAL_STEPS_MIN) / _USUAL_SPREAD
    likely = -_INDEPENDENT_SHARE * frames * np.log(np.maximum(left_over, 1e-3)) - 0.5 * unusual**2
    best = np.clip(likely.argmax(1), 1, _CANDIDATES - 2)
    low, top, high = (likely[np.arange(len(best)), best + step] for step in (-1, 0, 1))
    place = best + np.clip(0.5 * (low - high) / np.minimum(low - 2 * top + high, -1e-12), -0.5, 0.5)
    return SLOWEST_STEPS_MIN * (FASTEST_STEPS_MIN / SLOWEST_STEPS_MIN) ** (place / (_CANDIDATES - 1))


def _named(signals: Numbers, name: str) -> Numbers:
    return signals[..., SIGNALS.index(name)]


def _middle(lit: Numbers, middle: Numbers, rows: slice) -> Numbers:
    """Mean column of the lit pixels of some rows; the middle of the picture where there are none."""
    count = lit[..., rows].sum(-1)
    return np.where(count > 0, middle[..., rows].sum(-1) / np.maximum(count, 1), (WIDTH_PX - 1) / 2)


def _lean_deg(lit: Numbers, middle: Numbers) -> Numbers:
    """Lean of the trunk to the right of the picture: of the straight line through the middles of its rows."""
    weight = lit[..., _TRUNK]
    up = HEIGHT_PX - np.arange(HEIGHT_PX, dtype=np.float64)[_TRUNK]
    centre = middle[..., _TRUNK] / np.maximum(weight, 1)
    total = np.maximum(weight.sum(-1, keepdims=True), 1)
    up = up - (weight * up).sum(-1, keepdims=True) / total
    slope = (weight * up * centre).sum(-1) / np.maximum((weight * up**2).sum(-1), 1e-9)
    return np.degrees(np.arctan(slope))


def _right_shoulder_px(tops: NDArray[np.int16], axis: Numbers) -> Numbers:
    """How much higher the outline lies to the right of the neck than to its left."""
    top = np.minimum(tops, _LOWEST_SHOULDER_PX).astype(np.float64)
    at = np.rint(axis).astype(np.int64)[..., None]
    beside = [np.clip(at + side * np.array(_SHOULDER_PX), 0, WIDTH_PX - 1) for side in (-1, 1)]
    left, right = (np.take_along_axis(top, columns, -1) for columns in beside)
    return (left - right).mean(-1)


def _asymmetry(energy: Numbers) -> Numbers:
    """Share of a mean silhouette `[sequence, row, column]` that its mirror image lacks."""
    return np.abs(energy - energy[..., ::-1]).sum((1, 2)) / (2 * np.maximum(energy.sum((1, 2)), 1e-9))


def _without_line(signals: Numbers) -> Numbers:
    """Signals `[sequence, frame, signal]` without mean and trend."""
    frames = signals.shape[1]
    line = np.stack([np.ones(frames), np.arange(frames) - (frames - 1) / 2], 1)
    line /= np.linalg.norm(line, axis=0)
    return signals - np.einsum("fl,gl,ngs->nfs", line, line, signals, optimize=True)


def _sines(steps_hz: float, frames: int, frame_rate_hz: float) -> Numbers:
    """Sines and cosines of all rates `[frame, wave]`, without line, orthogonal and of unit length."""
    angle = 2 * np.pi * steps_hz * np.arange(frames) / frame_rate_hz
    rates = (1.0, 0.5, 2.0) if frames / frame_rate_hz >= _LONG_S else (1.0, 0.5)
    waves = np.stack([wave(angle * rate) for rate in rates for wave in (np.sin, np.cos)], 1)
    return np.linalg.qr(_without_line(waves[None])[0])[0]


def _amplitudes(signals: Numbers, cadence: Numbers, frame_rate_hz: float) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Amplitudes `[sequence, signal]` once a step, twice a step, once a stride; share of the movement they explain."""
    frames = signals.shape[1]
    level = _without_line(signals)
    angle = 2 * np.pi * cadence[:, None] / 60.0 * np.arange(frames) / frame_rate_hz
    waves = np.stack([wave(angle * rate) for rate in (1.0, 2.0, 0.5) for wave in (np.sin, np.cos)], -1)
    waves = _without_line(waves)
    ridge = 0.02 * frames * np.eye(waves.shape[-1])  # short sequences hold little more than one stride
    gram = np.einsum("nfa,nfb->nab", waves, waves) + ridge
    weights = np.linalg.solve(gram, np.einsum("nfa,nfs->nas", waves, level))
    left_over = level - np.einsum("nfa,nas->nfs", waves, weights)
    explained = 1 - (left_over**2).sum((1, 2)) / np.maximum((level**2).sum((1, 2)), 1e-9)
    size = np.hypot(weights[:, ::2], weights[:, 1::2])
    return size[:, 0], size[:, 1], size[:, 2], explained
