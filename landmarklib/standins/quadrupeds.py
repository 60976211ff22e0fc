"""Four-legged animals: walking tigers with stripes, seen from the side or obliquely, on some ground.

Fifteen joints in ATRW's order and four more. Left and right are the animal's. Before the view is applied x points
ahead, y down and z to the animal's right.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from landmarklib.core.types import Annotations
from landmarklib.drawing import behind, collect, generator, turn
from landmarklib.drawing.paint import Canvas, backdrop, distant, obstacle

IMAGE, ANIMAL, CLIP = 0, 1, 2  # first numbers of the generators
N_ANIMALS = 1000
JOINTS = (
    *("left ear", "right ear", "nose", "right shoulder", "right front paw", "left shoulder", "left front paw"),
    *("right hip", "right knee", "right back paw", "left hip", "left knee", "left back paw", "tail", "center"),
    *("withers", "croup", "right elbow", "left elbow"),
)
N_JOINTS = len(JOINTS)
CHEST, RUMP, HEAD, RIGHT_HOCK, LEFT_HOCK = range(
    N_JOINTS, N_JOINTS + 5
)  # not joints, but what is painted hangs on them
FRONT, BACK = {1: (3, 17, 4), -1: (5, 18, 6)}, {1: (7, 8, RIGHT_HOCK, 9), -1: (10, 11, LEFT_HOCK, 12)}  # side -> leg
PARTS = np.array(
    [leg[i : i + 2] for legs in (FRONT, BACK) for leg in legs.values() for i in range(len(leg) - 1)]
    + [(CHEST, RUMP), (CHEST, HEAD)]
)
RADIUS = np.array([0.06, 0.04] * 2 + [0.08, 0.05, 0.04] * 2 + [0.17, 0.11])
STEP = 0.16  # radians of the gait from frame to frame
KNOWN = ("animal", "facing", "clip", "frame")


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n tigers.

    given: animal, facing (0 left, 1 right), or clip and frame: one tiger that walks on in one place.
    """

    def one(i: int, of: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        rng = generator(seed, IMAGE, i)
        animal, facing, phase = int(rng.integers(N_ANIMALS)), int(rng.integers(2)), rng.uniform(0, 2 * np.pi)
        scene, moving = rng, {}
        if "clip" in of or "frame" in of:
            moving = {"clip": int(of.get("clip", 0)), "frame": int(of.get("frame", 0))}
            scene, animal = generator(seed, CLIP, moving["clip"]), moving["clip"]
            facing, phase = int(scene.integers(2)), STEP * moving["frame"]
        animal, facing = int(of.get("animal", animal)), int(of.get("facing", facing))
        looks = generator(seed, ANIMAL, animal)
        joints, body, head = skeleton(looks, scene, facing, phase, bool(moving))
        joints, unit = place(joints, scene, size, phase if moving else 0.0)
        image, hidden = paint(joints, body, head, unit, looks, scene, rng, size)
        points = joints[:N_JOINTS, :2]
        inside = ((points >= -0.5) & (points <= size - 0.5)).all(-1)
        return image, points, inside & ~hidden[:N_JOINTS], {"animal": animal, "facing": facing, **moving}

    return collect("tiger", n, first, given, KNOWN, one)


def twelve(points: Float[np.ndarray, "N 19 2"]) -> Float[np.ndarray, "N 12 2"]:
    """The points of Tiger-Pose, in its order; of every pair first the right one."""
    return points[:, [2, 0, 15, 16, 8, 9, 12, 11, 17, 4, 18, 6]]


def skeleton(
    looks: np.random.Generator, scene: np.random.Generator, facing: int, phase: float, moving: bool
) -> tuple[Float[np.ndarray, "M 3"], Float[np.ndarray, "3 3"], Float[np.ndarray, "3 3"]]:
    """Joints in units of the trunk's length around its middle, and how body and head are turned."""
    yaw = scene.uniform(-45, 45) + (0 if facing else 180)
    body = turn(2, scene.uniform(-7, 7)) @ turn(0, scene.uniform(-4, 14)) @ turn(1, yaw)
    sway = np.sin(0.31 * phase + 1) if moving else scene.uniform(-1, 1)
    nod = np.sin(0.23 * phase) if moving else scene.uniform(-1, 1)
    head = body @ turn(1, 30 * sway) @ turn(2, 8 + 18 * nod)
    long, high, wide = looks.uniform(0.9, 1.1, 3)
    joints = np.zeros((N_JOINTS + 5, 3))
    joints[[CHEST, RUMP]] = [0.4 * long, 0.02, 0], [-0.4 * long, 0, 0]
    joints[[13, 14, 15, 16]] = [-0.58 * long, -0.06, 0], [0, 0, 0], [0.38 * long, -0.2, 0], [-0.38 * long, -0.19, 0]
    joints[HEAD] = [0.72 * long, -0.13 + 0.1 * nod, 0.1 * sway]
    for side, ahead, behind_ in ((1, 0.0, 0.6), (-1, np.pi, np.pi + 0.6)):
        _leg(joints, FRONT[side], [0.4 * long, 0.08, 0.13 * wide * side], high * FRONT_LENGTHS, _front(phase + ahead))
        _leg(joints, BACK[side], [-0.4 * long, 0.04, 0.13 * wide * side], high * BACK_LENGTHS, _back(phase + behind_))
    joints = joints @ body.T
    skull = np.array([[-0.03, -0.16, -0.1], [-0.03, -0.16, 0.1], [0.21, 0.05, 0]])  # ears and nose
    joints[[0, 1, 2]] = joints[HEAD] + skull @ head.T
    return joints, body, head


FRONT_LENGTHS, BACK_LENGTHS = np.array([0.2, 0.33]), np.array([0.24, 0.23, 0.16])


def _leg(
    joints: np.ndarray, leg: tuple[int, ...], start: list[float], lengths: np.ndarray, degrees: list[float]
) -> None:
    """Degrees by which each bone points back from straight down."""
    joints[leg[0]] = start
    for a, b, length, angle in zip(leg[:-1], leg[1:], lengths, np.radians(degrees), strict=True):
        joints[b] = joints[a] + length * np.array([-np.sin(angle), np.cos(angle), 0])


def _front(phase: float) -> list[float]:
    swing, lift = np.sin(phase), max(0.0, np.cos(phase))
    return [14 - 24 * swing, -4 - 20 * swing + 32 * lift]


def _back(phase: float) -> list[float]:
    swing, lift = np.sin(phase), max(0.0, np.cos(phase))
    return [-20 - 18 * swing, 34 - 16 * swing + 14 * lift, -8 - 16 * swing + 30 * lift]


def place(
    joints: Float[np.ndarray, "M 3"], scene: np.random.Generator, size: int, phase: float
) -> tuple[Float[np.ndarray, "M 3"], float]:
    """Joints in pixels, and the trunk's length in them; phase moves a tiger of a clip to and fro."""
    low, high = joints[:, :2].min(0) - 0.1, joints[:, :2].max(0) + 0.1
    unit = scene.uniform(0.62, 0.92) * size / 1.75
    room = np.maximum(size * 0.96 - (high - low) * unit, 0)
    where = np.clip(scene.random(2) + 0.2 * np.sin(0.05 * phase), 0, 1)
    start = 0.02 * size + where * room - low * unit
    return np.concatenate([joints[:, :2] * unit + start - 0.5, joints[:, 2:] * unit], 1), unit


def paint(
    joints: Float[np.ndarray, "M 3"],
    body: Float[np.ndarray, "3 3"],
    head: Float[np.ndarray, "3 3"],
    unit: float,
    looks: np.random.Generator,
    scene: np.random.Generator,
    rng: np.random.Generator,
    size: int,
) -> tuple[UInt8[np.ndarray, "3 S S"], Bool[np.ndarray, " M"]]:
    """The picture, and what in it is hidden."""
    fur = np.array([205, 122, 45]) * looks.uniform(0.75, 1.1) + looks.uniform(-12, 12, 3)
    black, pale = np.array([38, 26, 18.0]), np.array([232, 216, 192.0])
    canvas = Canvas(distant(backdrop(scene, size, contrast=40.0, shapes=3), 0.55, 90.0))
    _ground(canvas, joints, unit, scene, size)
    parts: list[tuple[float, Callable[[], None]]] = []
    for legs, widths in ((FRONT, (0.13, 0.085, 0.07)), (BACK, (0.19, 0.1, 0.075, 0.07))):
        for leg in legs.values():
            depth = joints[leg[0], 2]
            parts.append((depth, lambda leg=leg, w=widths, d=depth: _limb(canvas, joints, leg, w, fur, black, unit, d)))
    parts.append((joints[13, 2] - 0.02 * unit, lambda: _tail(canvas, joints, body, fur, black, unit, looks, scene)))
    parts.append((0.0, lambda: _trunk(canvas, joints, body, fur, black, pale, unit, looks)))
    parts.append((joints[HEAD, 2], lambda: _head(canvas, joints, head, fur, black, pale, unit)))
    for _, part in sorted(parts, key=lambda part: part[0]):
        part()
    hidden = behind(joints, PARTS, unit * RADIUS)
    outwards = np.array([[0.0, 0, -1], [0, 0, 1], [0.7, 0, 0]])  # of ears and nose
    hidden[[0, 1, 2]] |= (outwards @ head.T)[:, 2] < -0.85
    hidden = hidden | obstacle(canvas, joints[:, :2], scene, most=6)
    return canvas.pixels(rng, tuple(scene.uniform(-0.25, 0.25, 2))), hidden


def _ground(canvas: Canvas, joints: np.ndarray, unit: float, scene: np.random.Generator, size: int) -> None:
    level = joints[[4, 6, 9, 12], 1].min() - 0.05 * unit
    colour = np.array([150, 165, 105]) * scene.uniform(0.7, 1.2) + scene.uniform(-25, 25, 3)
    tilt = scene.uniform(-0.06, 0.06, 2) * size
    ground = np.array([[-1, level + tilt[0]], [size, level + tilt[1]], [size, size], [-1, size]])
    canvas.polygon(ground, colour)
    middle = joints[[4, 6, 9, 12], :2].mean(0)
    canvas.oval(middle, (0.6 * unit, 0.06 * unit), colour * 0.6)


def _limb(
    canvas: Canvas,
    joints: np.ndarray,
    leg: tuple[int, ...],
    widths: tuple[float, ...],
    fur,
    black,
    unit: float,
    depth: float,
) -> None:
    colour = fur * (1 + 0.9 * np.clip(depth / unit, -0.25, 0.06))  # the far legs are in the shade
    flat = joints[list(leg), :2]
    for a, b, thick, thin in zip(flat[:-1], flat[1:], widths[:-1], widths[1:], strict=True):
        canvas.taper(a, b, (thick * unit, thin * unit), colour)
    canvas.oval(flat[-1], (0.055 * unit, 0.035 * unit), colour * 1.1)
    for share, width in ((0.25, 0.09), (0.6, 0.075)):
        at, along = flat[-2] * share + flat[-3] * (1 - share), flat[-2] - flat[-3]
        across = np.array([-along[1], along[0]]) / max(np.hypot(*along), 1e-6) * width / 2 * unit
        canvas.stroke(np.stack([at - across, at + across]), 0.022 * unit, black)


def _trunk(canvas: Canvas, joints: np.ndarray, body: np.ndarray, fur, black, pale, unit: float, looks) -> None:
    chest, rump, middle = (joints[k, :2] for k in (CHEST, RUMP, 14))
    down = body[:2, 1] * unit
    canvas.taper(chest + 0.05 * down, middle + 0.07 * down, (0.36 * unit, 0.3 * unit), pale)
    canvas.taper(rump, middle, (0.37 * unit, 0.34 * unit), fur)
    canvas.taper(chest - 0.02 * down, middle, (0.4 * unit, 0.34 * unit), fur)
    canvas.taper(chest, joints[HEAD, :2], (0.32 * unit, 0.24 * unit), fur)
    near = 1 if body[2, 2] > 0 else -1  # the flank that is seen
    length = joints[CHEST] - joints[RUMP]
    for at in np.linspace(-0.08, 1.08, 10) + looks.uniform(-0.03, 0.03, 10):
        ends = np.radians(np.linspace(0, looks.uniform(75, 125), 4))
        ring = np.stack([0.03 * np.sin(3 * ends), -0.185 * np.cos(ends), near * 0.185 * np.sin(ends)], 1) @ body.T
        stripe = (joints[RUMP] + at * length)[:2] + unit * ring[:, :2]
        canvas.stroke(stripe, looks.uniform(0.016, 0.034) * unit, black)


def _tail(canvas: Canvas, joints: np.ndarray, body: np.ndarray, fur, black, unit: float, looks, scene) -> None:
    curl = scene.uniform(-0.2, 0.25)
    shape = np.array(
        [[0, 0, 0], [-0.14, 0.12, 0.02], [-0.22, 0.3, 0.05], [-0.34, 0.36 - curl, 0.06], [-0.4, 0.2 - curl, 0.06]]
    )
    flat = joints[13, :2] + unit * (shape @ body.T)[:, :2]
    canvas.stroke(flat, 0.06 * unit, fur, curved=True)
    canvas.stroke(flat[3:], 0.062 * unit, black)
    canvas.stroke(flat[1:3] * 0.5 + flat[2:4] * 0.5, 0.02 * unit, black)


def _head(canvas: Canvas, joints: np.ndarray, head: np.ndarray, fur, black, pale, unit: float) -> None:
    middle = joints[HEAD, :2]

    def at(*xyz: object) -> Float[np.ndarray, " 2"]:
        return middle + unit * (head @ xyz)[:2]

    for k, side in ((0, -1), (1, 1)):
        canvas.oval(0.85 * joints[k, :2] + 0.15 * middle, (0.055 * unit, 0.055 * unit), black)
        canvas.oval(
            0.7 * joints[k, :2] + 0.3 * middle, (0.04 * unit, 0.04 * unit), pale if side * head[2, 2] > 0 else fur
        )
    canvas.oval(middle, (0.15 * unit, 0.15 * unit), fur)
    for side in (1, -1):
        if side * head[2, 2] > -0.6:
            canvas.oval(at(0.06, 0.07, 0.08 * side), (0.07 * unit, 0.055 * unit), pale)
    canvas.taper(at(0.08, 0.03, 0), at(0.17, 0.06, 0), (0.14 * unit, 0.1 * unit), fur)
    canvas.taper(at(0.1, 0.1, 0), at(0.17, 0.1, 0), (0.09 * unit, 0.07 * unit), pale)
    canvas.oval(joints[2, :2], (0.03 * unit, 0.026 * unit), black)
    for side in (1, -1):
        if (head @ [0.6, -0.1, 0.7 * side])[2] > 0:
            canvas.oval(at(0.105, -0.03, 0.085 * side), (0.02 * unit, 0.02 * unit), black)
    for x in (-0.06, -0.01):
        canvas.stroke(
            np.stack([at(x, -0.13, 0.07 * (1 if head[2, 2] > 0 else -1)), at(x, -0.14, 0)]), 0.02 * unit, black
        )
