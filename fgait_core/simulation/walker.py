"""One simulated person and that person's recordings, down to aligned silhouettes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.alignment import align
from fgait_core.simulation.bodies import Body, BodyBank
from fgait_core.simulation.camera import Camera, draw_camera, fit_to_picture, project
from fgait_core.simulation.clothing import DressedBody, Outfit, draw_hair, draw_outfit, dress
from fgait_core.simulation.conditions import Conditions, with_conditions
from fgait_core.simulation.motion import CHANNEL_INDEX, Gait, GaitPrior, draw_channels, draw_gait
from fgait_core.simulation.path import STRAIGHT, walk_along
from fgait_core.simulation.posing import bone_rotations, joint_positions, skin
from fgait_core.simulation.raster import fill_hull, fill_triangles
from fgait_core.simulation.segmentation_noise import degrade
from fgait_core.simulation.skeleton import BONE_INDEX

PICTURE_PX = 128


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """A person: body, gait (conditions included) and hair stay the same from recording to recording."""

    body: Body
    gait: Gait
    conditions: Conditions
    hair: str
    hair_m: float


@dataclass(frozen=True, slots=True)
class RecordingSetup:
    """What differs between the recordings of one person.

    Attributes:
        camera: where the camera stands.
        outfit: clothes and load.
        speed: factor on the person's own speed.
        noise: how rough the segmentation is; 1 typical.
    """

    camera: Camera
    outfit: Outfit
    speed: float
    noise: float


def draw_walker(body: Body, conditions: Conditions, prior: GaitPrior, rng: np.random.Generator) -> Walker:
    """A person with that body and those conditions."""
    hair, hair_m = draw_hair(rng, body.sex)
    gait = draw_gait(prior, rng, body.sex, body.age_years)
    return Walker(body, with_conditions(gait, conditions, body.age_years, rng), conditions, hair, hair_m)


def draw_setup(walker: Walker, rng: np.random.Generator) -> RecordingSetup:
    """A recording's circumstances, drawn without regard to the conditions."""
    return RecordingSetup(
        draw_camera(rng),
        draw_outfit(rng, walker.body.sex, walker.hair, walker.hair_m),
        float(np.clip(rng.normal(1.0, 0.09), 0.75, 1.3)),
        float(rng.uniform(0.4, 1.5)),
    )


def record(
    walker: Walker,
    bank: BodyBank,
    setup: RecordingSetup,
    n_frames: int,
    frame_rate_hz: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], Gait]:
    """One recording: aligned silhouettes uint8 [frame, 64, 44] (grey edges) and the gait as walked in it."""
    gait = walker.gait.at_speed(setup.speed)
    passage = walk_along(STRAIGHT, gait, walker.body.leg_m, n_frames, frame_rate_hz, rng)
    channels = draw_channels(gait, passage, frame_rate_hz, rng)
    _hold_still(channels, setup.outfit)
    dressed = dress(walker.body, bank.faces, bank.weights, setup.outfit)
    points = _body_points(walker.body, bank.weights, dressed, gait, channels)
    pixels = fit_to_picture(project(points, setup.camera, passage.position_m[:, 1]), PICTURE_PX)
    masks = fill_triangles(pixels, bank.faces, PICTURE_PX)
    for hull in dressed.hulls:
        for frame in range(n_frames):
            fill_hull(masks[frame], pixels[frame, hull])
    masks = degrade(masks, setup.noise, rng)
    return _aligned(masks), gait


def _aligned(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    frames = [align(mask) for mask in masks]
    # A body that fills the picture always has the mass that alignment asks for.
    return np.stack([frame for frame in frames if frame is not None])


def _hold_still(channels: NDArray[np.float64], outfit: Outfit) -> None:
    """Keeps the arm that carries a bag near its mean, in place."""
    if outfit.still_arm is None:
        return
    for segment in ("uarm", "farm"):
        column = channels[:, CHANNEL_INDEX[f"{outfit.still_arm}_{segment}_sag"]]
        mean = 0.0 if segment == "uarm" else 8.0
        column[:] = mean + 0.3 * (column - column.mean())


def _body_points(
    body: Body, weights: NDArray[np.float32], dressed: DressedBody, gait: Gait, channels: NDArray[np.float64]
) -> NDArray[np.floating]:
    """Vertices of mesh and parts [frame, vertex, 3] with the lowest foot on the floor."""
    abduction_deg = float(np.clip((body.bmi - 22.0) * 0.55, -1.0, 8.0))
    rotations = bone_rotations(channels, body.joints_m, gait.spine_deg, abduction_deg)
    positions = joint_positions(rotations, body.joints_m)
    mesh = skin(dressed.vertices_m, weights, body.joints_m, rotations, positions)
    sway, floor = channels[:, CHANNEL_INDEX["px"]] * body.leg_m, mesh[..., 2].min(1)
    moved = np.stack([sway, np.zeros_like(sway), -floor], -1)[:, None]
    points: list[NDArray[np.floating]] = [mesh + moved]
    for part in dressed.parts:
        if part.bone is None:
            points.append(np.broadcast_to(part.points_m, (len(channels), *part.points_m.shape)))
            continue
        bone = BONE_INDEX[part.bone]
        turned = np.einsum("fij,pj->fpi", rotations[:, bone], part.points_m - body.joints_m[bone])
        points.append(turned + positions[:, bone, None] + moved)
    return np.concatenate(points, 1)


def _part_hulls(dressed: DressedBody) -> list[NDArray[np.int64]]:
    counts = [len(part.points_m) for part in dressed.parts]
    starts = len(dressed.vertices_m) + np.cumsum([0, *counts])
    return [np.arange(start, start + count) for start, count in zip(starts, counts, strict=False)]
