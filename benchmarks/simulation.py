"""Frames a second that the simulator makes: with one and two processes, stage by stage, and against plain code.

`./run benchmark simulation` prints the tables of docs/evidence/speed.md, in processor time of the calmest round. The
first measures people with ten recordings of 30 frames and the usual mix of clothes, loads and paths, and a whole data
set as `fgait simulate dataset` writes it. The second measures one process stage by stage. The third draws the same
recordings with the plain code below: numpy for bones, skin and camera, every triangle filled,
OpenCV for the alignment.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.alignment import align
from fgait_core.simulation import walker
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, BONES, PARENTS, SPINE
from fgait_core.simulation.dataset import generator
from fgait_core.simulation.dataset.generator import simulate_person, write_split
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.gait.channels import CHANNEL_INDEX
from fgait_core.simulation.picture import posing
from fgait_core.simulation.walker import PICTURE_PX, draw_setup, pose_walk

RECORDINGS, FRAMES = 10, 30
SPINE_SHARE = {"spine5": 0.15, "spine4": 0.4, "spine3": 0.65, "spine2": 0.85, "chest": 1.0}
LIMBS = (("thigh", "thigh", "shank"), ("shank", "shank", "foot"), ("upper_arm", "uarm", "forearm"))
STAGES = (
    (generator, "random_take", "draw view, clothes, path"),
    (generator, "describe", "labels and numbers"),
    (walker, "walk_along", "path"),
    (walker, "draw_channels", "gait channels"),
    (walker, "dress", "dress"),
    (walker, "pose_body", "bones and skin"),
    (walker, "projection_matrices", "camera"),
    (walker, "project", "projection"),
    (walker, "fill", "fill"),
    (walker, "degrade", "segmentation noise"),
    (walker, "align_all", "alignment"),
    (generator, "draw_planned_walker", "draw the person"),
)
Floats = NDArray[np.floating]


def turn(axis: str, degrees: Floats) -> Floats:
    """Rotation matrices about an axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    zero, one = np.zeros_like(c), np.ones_like(c)
    rows = {
        "x": ((one, zero, zero), (zero, c, -s), (zero, s, c)),
        "y": ((c, zero, s), (zero, one, zero), (-s, zero, c)),
        "z": ((c, -s, zero), (s, c, zero), (zero, zero, one)),
    }[axis]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def yaw_roll_pitch(yaw: Floats, roll: Floats, pitch: Floats) -> Floats:
    return turn("z", yaw) @ turn("y", -roll) @ turn("x", -pitch)


def shortest_rotation(start: Floats, end: Floats) -> Floats:
    start = np.broadcast_to(start, end.shape)
    x, y, z = np.moveaxis(np.cross(start, end), -1, 0)
    zero = np.zeros_like(x)
    skew = np.stack([np.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))], -2)
    cosine = np.sum(start * end, -1)
    return np.eye(3) + skew + skew @ skew / np.maximum(1.0 + cosine, 1e-6)[..., None, None]


def limb_direction(sagittal: Floats, lateral: Floats, outward: float) -> Floats:
    forward, out = np.radians(sagittal), np.radians(lateral)
    return np.stack([np.sin(out) * outward, np.cos(out) * np.sin(forward), -np.cos(out) * np.cos(forward)], -1)


def plain_rotations(channels: Floats, joints_m: Floats, spine_deg: Floats, abduction_deg: float) -> Floats:
    """Rotations of all bones [frame, bone, 3, 3] in numpy."""

    def of(name: str) -> Floats:
        return channels[:, CHANNEL_INDEX[name]]

    out = np.zeros((len(channels), len(BONES), 3, 3))
    pelvis = np.stack([of("pel_yaw"), of("pel_roll"), of("pel_pitch")])
    chest = np.stack([pelvis[0] + of("ch_yaw"), pelvis[1] + of("ch_roll"), of("ch_pitch")])
    out[:, BONE_INDEX["pelvis"]] = yaw_roll_pitch(*pelvis)
    for number, bone in enumerate(SPINE):
        angles = pelvis + (chest - pelvis) * SPINE_SHARE[bone] + spine_deg[number][:, None]
        out[:, BONE_INDEX[bone]] = yaw_roll_pitch(*angles)
    neck = chest[0] * 0.5, (chest[1] + of("hd_roll")) * 0.5, (chest[2] + of("hd_pitch")) * 0.5
    out[:, BONE_INDEX["neck"]] = yaw_roll_pitch(*neck)
    out[:, BONE_INDEX["head"]] = yaw_roll_pitch(chest[0] * 0.15, of("hd_roll"), of("hd_pitch"))
    yaw_of = {False: turn("z", pelvis[0]), True: turn("z", chest[0] + spine_deg[4, 0])}
    down = np.array([0.0, 0.0, -1.0])
    for side, outward in (("l", 1.0), ("r", -1.0)):
        for bone, channel, following in (*LIMBS, ("forearm", "farm", "hand")):
            arm = channel in ("uarm", "farm")
            rest = joints_m[BONE_INDEX[f"{side}_{following}"]] - joints_m[BONE_INDEX[f"{side}_{bone}"]]
            to_down = shortest_rotation(rest / np.linalg.norm(rest), down)
            lateral = of(f"{side}_{channel}_lat") + (abduction_deg if arm else 0.0)
            wanted = limb_direction(of(f"{side}_{channel}_sag"), lateral, outward)
            out[:, BONE_INDEX[f"{side}_{bone}"]] = yaw_of[arm] @ shortest_rotation(down, wanted) @ to_down
        out[:, BONE_INDEX[f"{side}_hand"]] = out[:, BONE_INDEX[f"{side}_forearm"]]
        foot = turn("z", -outward * of(f"{side}_foot_lat")) @ turn("x", of(f"{side}_foot_sag"))
        out[:, BONE_INDEX[f"{side}_foot"]] = yaw_of[False] @ foot
    return out


def plain_transforms(channels: Floats, joints_m: Floats, spine_deg: Floats, abduction_deg: float = 0.0):
    """What `posing.bone_transforms` gives, in numpy."""
    rotations = plain_rotations(channels, joints_m, spine_deg, abduction_deg)
    positions = np.zeros((len(channels), len(BONES), 3))
    for bone, parent in enumerate(PARENTS):
        if parent >= 0:
            positions[:, bone] = positions[:, parent] + rotations[:, parent] @ (joints_m[bone] - joints_m[parent])
    shifts = positions - np.einsum("fbij,bj->fbi", rotations, joints_m)
    return np.concatenate([rotations, shifts[..., None]], -1), positions


def plain_skin(vertices_m: Floats, weights: Floats, transforms: Floats) -> Floats:
    """Linear blend skinning with all weights, the lowest point on the floor: [frame, vertex, 3]."""
    blended = np.einsum("vb,fbij->fvij", weights, transforms, optimize=True)
    points = np.einsum("fvij,vj->fvi", blended[..., :3], vertices_m) + blended[..., 3]
    points[..., 2] -= points[..., 2].min(1, keepdims=True)
    return points


def plain_project(points_m: Floats, matrices: Floats) -> Floats:
    seen = np.einsum("fij,fpj->fpi", matrices[..., :3], points_m) + matrices[:, None, :, 3]
    return seen[..., :2] / seen[..., 2:]


def plain_fit(points: Floats, size_px: int = PICTURE_PX, margin_px: int = 2) -> Floats:
    low, high = points.min(1, keepdims=True), points.max(1, keepdims=True)
    scale = (size_px - 2 * margin_px) / (high - low).max(-1, keepdims=True)
    return (points - (low + high) / 2) * scale + size_px / 2


@njit(cache=True)
def fill_triangles(points, faces, out):  # pragma: no cover - compiled
    """Lights every pixel whose whole-numbered point is in a triangle that turns clockwise."""
    size = out.shape[1]
    for frame in range(points.shape[0]):
        for face in range(faces.shape[0]):
            x0, y0 = points[frame, faces[face, 0]]
            x1, y1 = points[frame, faces[face, 1]]
            x2, y2 = points[frame, faces[face, 2]]
            if (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) <= 0.0:
                continue
            for y in range(max(0, int(np.ceil(min(y0, y1, y2)))), min(size - 1, int(np.floor(max(y0, y1, y2)))) + 1):
                for x in range(
                    max(0, int(np.ceil(min(x0, x1, x2)))), min(size - 1, int(np.floor(max(x0, x1, x2)))) + 1
                ):
                    if (
                        (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0.0
                        and (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0.0
                        and (x0 - x2) * (y - y2) - (y0 - y2) * (x - x2) >= 0.0
                    ):
                        out[frame, y, x] = 255


def plain_silhouettes(points_px: Floats, faces: NDArray[np.integer], size_px: int = PICTURE_PX) -> NDArray[np.uint8]:
    out = np.zeros((len(points_px), size_px, size_px), np.uint8)
    fill_triangles(points_px, faces, out)
    return out


def plans(people: int) -> SimulationPlan:
    return SimulationPlan("train", people, RECORDINGS, FRAMES, seed=1)


def simulate(plan: SimulationPlan, bank: BodyBank, people: range) -> float:
    """Seconds of processor time for a frame of these people."""
    began_s = time.process_time()
    for number in people:
        deque(simulate_person(plan, bank, number), maxlen=0)
    return (time.process_time() - began_s) / (len(people) * RECORDINGS * FRAMES)


def make_people(people: range, rounds: int) -> float:
    """Frames a second of this process, once it is warm, in the calmest round."""
    cv2.setNumThreads(1)
    bank, plan = BodyBank.packaged(), plans(people.stop)
    simulate(plan, bank, range(1))
    return 1.0 / min(simulate(plan, bank, people) for _ in range(rounds))


def whole(people: int, rounds: int) -> None:
    print("| | frames/s | microseconds a frame and process |")
    print("|---|---|---|")
    for processes in (1, 2):
        with get_context("spawn").Pool(processes) as pool:
            rates = pool.starmap(make_people, [(range(n, people, processes), rounds) for n in range(processes)])
        rate = sum(rates)
        print(f"| {processes} process{'es' if processes > 1 else ''} | {rate:,.0f} | {processes * 1e6 / rate:.0f} |")
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.perf_counter()
        write_split(plans(people), Path(folder) / "train", processes=2)
        rate = people * RECORDINGS * FRAMES / (time.perf_counter() - began_s)
    print(f"| {people} people written, by the clock, start included | {rate:,.0f} | |")


def timed(function: Callable, name: str, spent_s: dict[str, float]) -> Callable:
    def run(*args, **options):
        began_s = time.process_time()
        result = function(*args, **options)
        spent_s[name] = spent_s.get(name, 0.0) + time.process_time() - began_s
        return result

    return run


def stages(people: int, rounds: int) -> None:
    bank, plan = BodyBank.packaged(), plans(people)
    simulate(plan, bank, range(1))
    spent_s: dict[str, float] = {}
    with ExitStack() as patches:
        for module, name, words in STAGES:
            patches.enter_context(patch.object(module, name, timed(getattr(module, name), words, spent_s)))
        calmest: tuple[float, dict[str, float]] = (np.inf, {})
        for _ in range(rounds):
            spent_s.clear()
            total_s = simulate(plan, bank, range(people))
            if total_s < calmest[0]:
                calmest = total_s, dict(spent_s)
    total_s = calmest[0]
    parts_s = {name: seconds / (people * RECORDINGS * FRAMES) for name, seconds in calmest[1].items()}
    parts_s["everything else"] = total_s - sum(parts_s.values())
    print("| stage | microseconds a frame | share |")
    print("|---|---|---|")
    for name, seconds in sorted(parts_s.items(), key=lambda item: -item[1]):
        print(f"| {name} | {seconds * 1e6:.1f} | {seconds / total_s:.0%} |")


def walks(people: int) -> Iterator[tuple]:
    bank, plan = BodyBank.packaged(), plans(people)
    for number in range(people):
        person = draw_planned_walker(plan, bank, plan_person(plan, bank, number))
        rng = np.random.default_rng(number)
        setup = draw_setup(person, rng)
        with patch.object(walker, "pose_body", wraps=walker.pose_body) as posed:
            walk = pose_walk(person, bank, setup, FRAMES, 25.0, rng)
        yield bank, person.body, walk, posed.call_args.args


def against_plain(people: int) -> None:
    """The mesh alone, from channels to aligned silhouettes, drawn both ways."""
    ours_s = plain_s = 0.0
    same = []
    for number, (bank, body, walk, (_, dressed, mesh, spine_deg, channels)) in enumerate(walks(people + 1)):
        began_s = time.process_time()
        posed = posing.pose_body(body, dressed, mesh, spine_deg, channels)
        pixels = walker.project(posed.points_m[:, : len(dressed.vertices_m)], walk.matrices)
        walker.fit_to_picture(pixels, PICTURE_PX)
        masks = walker.fill(pixels, mesh, (), np.zeros((FRAMES, 0, 2), np.float32), PICTURE_PX)
        ours, _, _ = walker.align_all(masks)
        between_s = time.process_time()
        abduction_deg = float(np.clip((body.bmi - 22.0) * 0.55, -1.0, 8.0))
        transforms, _ = plain_transforms(channels, body.joints_m, spine_deg, abduction_deg)
        transforms[..., 0, 3] += channels[:, None, CHANNEL_INDEX["px"]] * body.leg_m
        points = plain_skin(dressed.vertices_m, bank.weights, transforms)
        masks = plain_silhouettes(plain_fit(plain_project(points, walk.matrices)), bank.faces)
        plain = np.stack([frame for frame in map(align, masks) if frame is not None])
        done_s = time.process_time()
        if number:  # the first one compiles
            ours_s, plain_s = ours_s + between_s - began_s, plain_s + done_s - between_s
        same.append(((ours > 127) & (plain > 127)).sum() / ((ours > 127) | (plain > 127)).sum())
    frames = people * FRAMES
    print("| from gait channels to aligned silhouettes | microseconds a frame |")
    print("|---|---|")
    print(f"| plain | {plain_s / frames * 1e6:.0f} |")
    print(f"| the simulator | {ours_s / frames * 1e6:.0f} |")
    print(f"\n{plain_s / ours_s:.1f} times as fast; intersection over union of both {np.mean(same):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    whole(options.people, options.rounds)
    print()
    stages(options.people, options.rounds)
    print()
    against_plain(options.people)


if __name__ == "__main__":
    main()
