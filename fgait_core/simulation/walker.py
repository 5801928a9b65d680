"""One simulated person and that person's recordings, down to aligned silhouettes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.bodies.bank import Body, BodyBank
from fgait_core.simulation.bodies.mesh import Mesh, mesh_of
from fgait_core.simulation.conditions.combined import Conditions, with_conditions
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.movement import draw_channels
from fgait_core.simulation.gait.path import STRAIGHT, Passage, Path, draw_path, walk_along
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait
from fgait_core.simulation.outfit.clothing import DressedBody, Outfit, draw_hair, draw_outfit, dress, hold_arms
from fgait_core.simulation.picture.body_parts import draw_labels, lay_on
from fgait_core.simulation.picture.camera import Camera, draw_camera, projection_matrices, scene_matrices
from fgait_core.simulation.picture.fast_alignment import align_all, to_silhouette
from fgait_core.simulation.picture.occlusion import Occluder, draw_occluder
from fgait_core.simulation.picture.poses import coco_joints, confidence, depth_below_skin, face_points
from fgait_core.simulation.picture.posing import PosedBody, carried, pose_body
from fgait_core.simulation.picture.raster import fill, fit_to_picture, part_hulls, project
from fgait_core.simulation.picture.segmentation_noise import degrade, sharpened

PICTURE_PX = 128
"""Width and height of the picture that a walker is drawn in before the alignment to 64 x 44."""


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
        camera: where the camera stands and how it is held.
        outfit: clothes and load.
        path: where the walker goes.
        occluder: what stands between the camera and the path, if anything.
        speed: factor on the person's own speed.
        noise: how rough the segmentation is; 0 exact, 1 typical.
    """

    camera: Camera
    outfit: Outfit
    path: Path
    occluder: Occluder | None
    speed: float
    noise: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a structured plan fixes of a recording; everything else is drawn.

    Attributes:
        view_deg: of the camera.
        clothing, carrying: of the outfit.
        plain: straight on over the floor with nothing before the walker.
    """

    view_deg: float | None = None
    clothing: str | None = None
    carrying: str | None = None
    plain: bool = False


ANYTHING = Wanted()


@dataclass(frozen=True, slots=True, eq=False)
class PosedWalk:
    """A walk in space, before anything of it is drawn.

    Attributes:
        body: as posed, in the walker's frame.
        matrices: float64 [frame, 3, 4], walker's frame to picture (see `camera.projection_matrices`).
        dressed: body and what it wears, at rest.
        passage: where the walker goes.
        gait: as walked in this recording.
    """

    body: PosedBody
    matrices: NDArray[np.float64]
    dressed: DressedBody
    passage: Passage
    gait: Gait

    @property
    def points_m(self) -> NDArray[np.float32]:
        """float32 [frame, vertex, 3] in the walker's frame: the dressed mesh, then the points of each part."""
        return self.body.points_m

    @property
    def joints_m(self) -> NDArray[np.float64]:
        """float64 [frame, 21, 3]: where each of `skeleton.BONES` begins, then the crown of the head."""
        return self.body.joints_m


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What a simulated camera and segmenter bring of a walk.

    Attributes:
        silhouettes: uint8 [frame, 64, 44], grey at the edges.
        poses: float32 [frame, 17, 3], COCO's joints in pixels of the silhouette, whose pixel i reaches from i to
            i + 1, and confidence; None if not asked for.
        parsing: uint8 [frame, 64, 44], 0 background, label of `data.parsing_maps.PARTS`; None if not asked for.
        gait: as walked.
        passage: where the walker went.
    """

    silhouettes: NDArray[np.uint8]
    poses: NDArray[np.float32] | None
    parsing: NDArray[np.uint8] | None
    gait: Gait
    passage: Passage


def draw_walker(body: Body, conditions: Conditions, prior: GaitPrior, rng: np.random.Generator) -> Walker:
    """A person with that body and those conditions."""
    hair, hair_m = draw_hair(rng, body.sex)
    gait = draw_gait(prior, rng, body.sex, body.age_years)
    return Walker(body, with_conditions(gait, conditions, body.age_years, rng), conditions, hair, hair_m)


def draw_setup(
    walker: Walker, rng: np.random.Generator, wanted: Wanted = ANYTHING, duration_s: float = 1.2
) -> RecordingSetup:
    """A recording's circumstances, drawn without regard to the conditions.

    Args:
        walker: who is recorded.
        rng: source of the draw.
        wanted: what is fixed.
        duration_s: length of the recording, over which a walker may turn or stop.
    """
    body = walker.body
    camera = draw_camera(rng, wanted.view_deg)
    outfit = draw_outfit(
        rng,
        body.sex,
        walker.hair,
        walker.hair_m,
        age_years=body.age_years,
        clothing=wanted.clothing,
        carrying=wanted.carrying,
    )
    path = draw_path(rng, duration_s)
    speed, noise = float(np.clip(rng.normal(1.0, 0.09), 0.75, 1.3)), float(rng.uniform(0.4, 1.5))
    way_m = walker.gait.at_speed(speed).speed_m_s(body.leg_m) * duration_s
    occluder = draw_occluder(rng, camera, 0.0 if path.kind == "treadmill" else way_m)
    if wanted.plain:
        path, occluder = STRAIGHT, None
    return RecordingSetup(camera, outfit, path, occluder, speed, noise)


def pose_walk(
    walker: Walker,
    bank: BodyBank,
    setup: RecordingSetup,
    n_frames: int,
    frame_rate_hz: float,
    rng: np.random.Generator,
) -> PosedWalk:
    """The walk that `record` records, in space; the same `rng` gives the same walk."""
    body, gait = walker.body, walker.gait.at_speed(setup.speed)
    passage = walk_along(setup.path, gait, body.leg_m, n_frames, frame_rate_hz, rng)
    channels = draw_channels(gait, passage, frame_rate_hz, rng)
    hold_arms(channels, setup.outfit)
    dressed = dress(body, bank.faces, bank.weights, setup.outfit)
    posed = pose_body(body, dressed, mesh_of(bank), gait.spine_deg, channels)
    matrices = projection_matrices(setup.camera, passage.position_m, passage.heading_deg)
    return PosedWalk(posed, matrices, dressed, passage, gait)


def record(
    walker: Walker,
    bank: BodyBank,
    setup: RecordingSetup,
    n_frames: int,
    frame_rate_hz: float,
    rng: np.random.Generator,
    *,
    poses: bool = False,
    parsing: bool = False,
) -> Recording:
    """One recording of a walker.

    Frames in which nobody can be seen repeat the frame before them.

    Args:
        walker: who walks.
        bank: the bank that the walker's body is from.
        setup: what differs between recordings.
        n_frames: how many frames.
        frame_rate_hz: frames a second.
        rng: source of what differs from stride to stride and from frame to frame.
        poses: whether to find the joints, too; the silhouettes are the same.
        parsing: whether to label the parts of the body, too; the silhouettes are the same.
    """
    walk, mesh = pose_walk(walker, bank, setup, n_frames, frame_rate_hz, rng), mesh_of(bank)
    pixels = project(walk.points_m, walk.matrices)
    picture = fit_to_picture(pixels, PICTURE_PX)
    hulls = (*walk.dressed.hulls, *part_hulls(walk.dressed))
    masks = fill(pixels, mesh, hulls, _screen(walk, setup, picture), PICTURE_PX)
    silhouettes, aligned, usable = align_all(degrade(masks, setup.noise, rng))
    silhouettes = sharpened(silhouettes)
    joints = labels = None
    if poses or parsing:
        seen, depths_m = draw_labels(to_silhouette(pixels, aligned), _depth_m(walk, walk.points_m), mesh, walk.dressed)
        labels = lay_on(seen, silhouettes) if parsing else None
        joints = _poses(walker.body, walk, mesh, picture, aligned, depths_m, silhouettes) if poses else None
    kept = _kept(usable)
    return Recording(
        silhouettes[kept],
        None if joints is None else joints[kept],
        None if labels is None else labels[kept],
        walk.gait,
        walk.passage,
    )


def _poses(
    body: Body,
    walk: PosedWalk,
    mesh: Mesh,
    picture: NDArray[np.float32],
    aligned: NDArray[np.float64],
    depths_m: NDArray[np.float32],
    silhouettes: NDArray[np.uint8],
) -> NDArray[np.float32]:
    face_m = face_points(body, mesh)
    joints_m = coco_joints(walk.joints_m, carried(walk.body.transforms, "head", face_m))
    pixels = project(joints_m.astype(np.float32), walk.matrices) * picture[:, None, :1] + picture[:, None, 1:]
    pixels = to_silhouette(pixels, aligned)
    below_skin_m = depth_below_skin(coco_joints(body.joints_m.astype(np.float64), face_m), walk.dressed.vertices_m)
    sure = confidence(pixels, _depth_m(walk, joints_m), below_skin_m, depths_m, silhouettes)
    return np.concatenate([pixels, sure[..., None]], -1).astype(np.float32)


def _depth_m(walk: PosedWalk, points_m: NDArray[np.floating]) -> NDArray[np.float32]:
    """Distance from the camera along its axis [frame, point]."""
    away = walk.matrices[:, 2]
    return (np.einsum("fpi,fi->fp", points_m, away[:, :3]) + away[:, 3:]).astype(np.float32)


def _screen(walk: PosedWalk, setup: RecordingSetup, framing: NDArray[np.float32]) -> NDArray[np.float32]:
    """The corners of what hides the walker, in pixels [frame, corner, 2], where it is nearer than the walker."""
    if setup.occluder is None:
        return np.zeros((len(framing), 0, 2), np.float32)
    matrices = scene_matrices(setup.camera, walk.passage.position_m)
    corners = np.broadcast_to(setup.occluder.corners_m.astype(np.float32), (len(framing), 8, 3))
    pixels = project(corners, matrices) * framing[:, None, :1] + framing[:, None, 1:]
    away_m = matrices[:, 2] @ np.append(setup.occluder.corners_m.mean(0), 1.0)
    pixels[away_m > walk.matrices[:, 2, 3]] = 0.0
    return pixels


def _kept(usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each frame the last usable one up to it; at the start, the first usable one."""
    return np.maximum.accumulate(np.where(usable, np.arange(len(usable)), int(usable.argmax())))
