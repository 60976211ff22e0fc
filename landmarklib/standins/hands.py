"""Hands that show signs, before clutter: 25 points, 27 gestures.

A hand of bones bends, turns in space and is projected; it is painted around its points.

Lengths are in palms, from the wrist to the middle finger's knuckle. In the model the fingers point along y, the thumb
along -x and the palm along z.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from landmarklib.core.types import Annotations
from landmarklib.drawing import collect, generator, turn
from landmarklib.drawing.paint import Canvas, backdrop

FINGERS = ("index", "middle", "ring", "little")
JOINTS = ("knuckle", "middle joint", "end joint", "tip")
_NAMES = [n for a, b in pairwise(("thumb", *FINGERS)) for n in (f"web {a} {b}", *(f"{b} {joint}" for joint in JOINTS))]
_THUMB = ("thumb root", "thumb knuckle", "thumb joint", "thumb tip")
LANDMARKS = ("wrist thumb side", *_THUMB, *_NAMES[1:], "wrist little side")  # no web beside the thumb
SKELETON = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (0, 24)),
    *((k + i, k + i + 1) for k in (5, 10, 15, 20) for i in range(3)),
    *((0, 5), (5, 9), (9, 10), (10, 14), (14, 15), (15, 19), (19, 20), (20, 24)),
)
SIXTEEN = (2, 3, 4, 5, 6, 8, 10, 11, 13, 15, 16, 18, 20, 21, 23)  # three of each finger, after the wrist's middle
N_SUBJECTS = 12
IMAGE, SUBJECT = 0, 1  # what the numbers are drawn for
KNOWN = ("gesture", "subject", "right", "back", "turn")
# Bend of a finger's three joints in degrees: straight, hooked, curved, touching the thumb, in the fist.
BENDS = {"s": (4, 6, 4), "h": (8, 100, 60), "c": (30, 42, 28), "t": (52, 62, 34), "f": (84, 100, 60)}
# Directions of the thumb's three bones: degrees from y towards x, and out of the palm.
THUMBS = {
    "out": ((-54, 10), (-60, 8), (-62, 5)),
    "up": ((-26, 15), (-8, 12), (-2, 8)),
    "in": ((-30, 40), (42, 35), (68, 12)),
    "over": ((-38, 45), (66, 40), (92, 15)),
    "ring": ((-36, 35), (-12, 45), (6, 35)),
    "round": ((-42, 52), (-24, 58), (-6, 45)),
}


class Gesture(NamedTuple):
    """How a hand shows a gesture.

    thumb: of THUMBS.
    fingers: of BENDS, from the index on.
    spread: 1 for fingers apart, negative for two that cross.
    turn, yaw: of the hand in degrees.
    """

    thumb: str
    fingers: str
    spread: float = 0.0
    turn: float = 0.0
    yaw: float = 0.0


GESTURES = (
    Gesture("ring", "tttt", 0, 0, -40),
    Gesture("in", "sfff"),
    Gesture("out", "ffff"),
    Gesture("in", "ssff", 1),
    Gesture("in", "sffs", 1),
    Gesture("out", "ssff", 1),
    Gesture("in", "sssf"),
    Gesture("in", "ssss", 1),
    Gesture("out", "ssss", 1),
    Gesture("up", "ssss"),
    Gesture("ring", "tsss", 1),
    Gesture("up", "ffff"),
    Gesture("in", "ssss"),
    Gesture("round", "cccc", 0, 0, 52),
    Gesture("ring", "sttt"),
    Gesture("out", "sfff", 0, -85),
    Gesture("in", "fffs"),
    Gesture("out", "sfff"),
    Gesture("round", "tttt", 0, 0, 52),
    Gesture("over", "ffff"),
    Gesture("over", "hhff"),
    Gesture("in", "ssff"),
    Gesture("in", "ssff", -1),
    Gesture("in", "sssf", 1),
    Gesture("out", "fffs", 1),
    Gesture("out", "sffs", 1),
    Gesture("in", "sfff", 0, 85),
)
KNUCKLES = np.array([[-0.31, 0.96], [-0.09, 1.02], [0.13, 0.97], [0.32, 0.85]])
THUMB_ROOT = np.array([-0.27, 0.2])
BONES = np.array([[0.42, 0.36, 0.29], [0.46, 0.29, 0.23], [0.52, 0.33, 0.24], [0.47, 0.31, 0.23], [0.36, 0.22, 0.20]])
WIDTHS = np.array(
    [
        [0.36, 0.27, 0.24, 0.17],
        [0.24, 0.21, 0.19, 0.15],
        [0.25, 0.22, 0.19, 0.15],
        [0.24, 0.20, 0.18, 0.14],
        [0.21, 0.18, 0.16, 0.12],
    ]
)
ANGLES, APART = np.array([-3.0, 0.0, 3.0, 6.0]), np.array([-15.0, -4.0, 9.0, 22.0])  # of the fingers, in degrees
WRIST, DEPTH = 0.31, 0.22  # half its width, and half its depth


class Looks(NamedTuple):
    """What is the same in all pictures of a person: factors of widths and lengths, and where the sleeve ends."""

    palm: float
    bones: Float[np.ndarray, "5 3"]
    thick: float
    skin: Float[np.ndarray, " 3"]
    sleeve: float
    cloth: Float[np.ndarray, " 3"]


class Hand(NamedTuple):
    """A projected hand: x to the right, y down, z to the viewer.

    joints: of thumb, index and so on.
    arm: direction of the forearm.
    """

    wrist: Float[np.ndarray, "2 3"]
    joints: Float[np.ndarray, "5 4 3"]
    arm: Float[np.ndarray, " 3"]

    def points(self) -> Float[np.ndarray, "25 2"]:
        """The landmarks. A web lies between two knuckles, a little towards the fingers."""
        fingers = self.joints[1:]
        webs = 0.35 * (fingers[:-1, 0] + fingers[1:, 0]) + 0.15 * (fingers[:-1, 1] + fingers[1:, 1])
        chain = np.concatenate([np.concatenate([f, w[None]]) for f, w in zip(fingers, [*webs, webs[0]], strict=True)])
        return np.concatenate([self.wrist[:1], self.joints[0], chain[:-1], self.wrist[1:]])[:, :2]


def looks(seed: int, subject: int) -> Looks:
    """Those of a person."""
    rng = generator(seed, SUBJECT, subject)
    dark = rng.uniform(0, 1) ** 1.5
    skin = (1 - dark) * np.array([238.0, 200, 174]) + dark * np.array([122.0, 80, 60]) + rng.normal(0, 7, 3)
    bones = BONES * rng.uniform(0.86, 1.16) * rng.uniform(0.95, 1.05, (5, 1))
    sleeve = rng.uniform(0.15, 0.9) if rng.uniform() < 0.6 else 9.0
    return Looks(
        rng.uniform(0.86, 1.16),
        bones,
        rng.uniform(0.88, 1.12),
        skin,
        sleeve,
        rng.uniform(20, 230) + rng.normal(0, 35, 3),
    )


def pose(
    rng: np.random.Generator, given: Looks, gesture: int, right: bool = True, back: bool = False, around: float = 0.0
) -> Hand:
    """A hand of that person in a gesture, seen a little from the side, in palms.

    around: radians, clockwise in the image.
    """
    g = GESTURES[gesture]
    spread = max(g.spread, 0) * rng.uniform(0.85, 1.15)
    angle = ANGLES + APART * spread + rng.normal(0, 1.5, 4)
    angle[:2] += (15, -13) if g.spread < 0 else (0, 0)
    bend = np.cumsum(np.array([BENDS[f] for f in g.fingers]) + rng.normal(0, 4, (4, 3)), 1)
    lean, out = np.moveaxis(np.array(THUMBS[g.thumb]) + rng.normal(0, 4, (3, 2)), -1, 0)
    # Degrees from y towards x, and out of the palm, of all bones.
    a, b = np.radians(np.stack([np.vstack([lean, np.tile(angle[:, None], 3)]), np.vstack([out, bend])]))
    bones = given.bones[..., None] * np.stack([np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), np.sin(b)], -1)
    starts = np.zeros((5, 1, 3))
    starts[:, 0, :2] = np.vstack([THUMB_ROOT, KNUCKLES]) * [given.palm, 1]
    joints = np.concatenate([starts, starts + np.cumsum(bones, 1)], 1)
    yaw, pitch = g.yaw + rng.uniform(-24, 24), rng.uniform(-18, 18)
    roll = np.degrees(around) + g.turn + rng.uniform(-20, 20)
    flip = np.diag([1.0 if right == back else -1.0, -1.0, 1.0])  # a left palm's thumb is at -x; rows run down
    in_image = turn(2, roll) @ flip
    seen = in_image @ turn(0, pitch) @ turn(1, yaw) @ np.diag([1.0, 1.0, -1.0 if back else 1.0])
    # The wrist is an oval tube: its ends are those of the outline, wherever it is seen from.
    half = np.hypot(WRIST * given.palm * np.cos(np.radians(yaw)), DEPTH * np.sin(np.radians(yaw)))
    edge = in_image @ [half, 0.0, 0.0]
    return Hand(np.stack([-edge, edge]), joints @ seen.T, seen @ [0.0, -1.0, 0.0])


def sixteen(points: Float[np.ndarray, "N 25 2"]) -> Float[np.ndarray, "N 16 2"]:
    """The wrist's middle, and start, centre and end of each finger."""
    return np.concatenate([(points[:, :1] + points[:, -1:]) / 2, points[:, SIXTEEN]], 1)


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n hands.

    given: gesture, subject, right (1 for a right hand), back (1 where its back is seen), turn (radians, clockwise).
    """

    def one(i: int, of: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        rng = generator(seed, IMAGE, i)
        values = {"gesture": rng.integers(len(GESTURES)), "subject": rng.integers(N_SUBJECTS), "right": 1, "back": 0}
        values = {name: int(of.get(name, value)) for name, value in values.items()}
        person, back = looks(seed, values["subject"]), bool(values["back"])
        hand = pose(rng, person, values["gesture"], bool(values["right"]), back, float(of.get("turn", 0)))
        image, points = _painted(rng, hand, person, size, back)
        return image, points, np.ones(len(LANDMARKS), bool), values

    return collect("hand", n, first, given, KNOWN, one)


def _painted(
    rng: np.random.Generator, hand: Hand, person: Looks, size: int, back: bool
) -> tuple[np.ndarray, Float[np.ndarray, "25 2"]]:
    """The picture and its points, in pixels."""
    points = hand.points()
    low, high = points.min(0), points.max(0)
    palm = min(rng.uniform(0.27, 0.38), 0.86 / (high - low).max())
    room = np.maximum(0.93 - palm * (high - low), 0) / 2
    middle = 0.5 + np.clip(rng.uniform(-0.16, 0.16, 2), -room, room)
    shift = np.append(middle - palm * (low + high) / 2, 0) * size - [0.5, 0.5, 0]
    scaled = Hand(hand.wrist * palm * size + shift, hand.joints * palm * size + shift, hand.arm)
    unit = palm * size
    wall = backdrop(rng, size, rng.uniform(10, 40), 3) * rng.uniform(0.25, 0.75)  # the hand is nearer to the light
    canvas = Canvas(wall.astype(np.uint8))
    skin = person.skin * rng.uniform(0.85, 1.08)
    _hand(canvas, scaled, person, skin, unit, back)
    if rng.uniform() < 0.12:  # something thin before it
        ends = scaled.points()[rng.integers(25)] + rng.normal(0, 0.5, (2, 2)) * size
        canvas.stroke(ends, 0.03 * size, rng.uniform(20, 230, 3))
    light = rng.uniform(-0.25, 0.25, 2)
    return canvas.pixels(rng, (light[0], light[1]), rng.uniform(2, 9)), scaled.points()


def _hand(canvas: Canvas, hand: Hand, person: Looks, skin: np.ndarray, unit: float, back: bool) -> None:
    """Palm and fingers, the farthest first."""
    ends = np.stack([hand.joints[:, :-1], hand.joints[:, 1:]], 2)
    widths = np.stack([WIDTHS[:, :-1], WIDTHS[:, 1:]], -1) * person.thick * unit
    inner, outer = (
        _capsules(ends[..., :2].reshape(15, 2, 2), w.reshape(15, 2)).reshape(5, 3, -1, 2)
        for w in (widths, widths + 0.05 * unit)
    )
    depth = ends[..., 2].mean((1, 2)) / unit
    # Bones that point at the viewer are lit; so are those before the palm.
    tilt = (ends[:, :, 1, 2] - ends[:, :, 0, 2]) / np.maximum(
        np.linalg.norm(np.diff(ends, axis=2)[:, :, 0], axis=-1), 1e-6
    )
    shade = 1 - 0.16 * np.abs(tilt) + 0.05 * np.clip(depth, -1, 1)[:, None]
    order = np.argsort(depth)
    behind = [k for k in order if depth[k] < -0.12]
    for k in [*behind, None, *(k for k in order if depth[k] >= -0.12)]:
        if k is None:
            _palm(canvas, hand, person, skin, unit, back)
            continue
        for polygon in outer[k]:
            canvas.polygon(polygon, 0.58 * skin)
        for bone in np.argsort(ends[k, :, :, 2].mean(1)):
            canvas.polygon(inner[k, bone], skin * shade[k, bone])
        if back and k and hand.joints[k, 3, 2] > -0.35 * unit:
            nail = 0.75 * hand.joints[k, 3] + 0.25 * hand.joints[k, 2]
            canvas.oval(nail[:2], (0.055 * unit, 0.055 * unit), np.minimum(skin * 1.12 + 12, 255))


def _palm(canvas: Canvas, hand: Hand, person: Looks, skin: np.ndarray, unit: float, back: bool) -> None:
    """Forearm, palm, its lines and the sleeve. All outlines come first, so that none runs across the wrist."""
    knuckles, root, (near, far) = hand.joints[1:, 0, :2], hand.joints[0, 0, :2], hand.wrist[:, :2]
    wrist, arm = (near + far) / 2, hand.arm[:2] / np.hypot(*hand.arm[:2]) * unit
    width, edge = np.hypot(*(far - near)), 0.05 * unit
    inset = 0.55 * hand.wrist[:, :2] + 0.45 * wrist
    ends = [(wrist, wrist + 4 * arm), (inset[0], knuckles[0]), (inset[1], knuckles[3]), (inset[0], root)]
    ends += [(root, knuckles[0]), (wrist, knuckles[1])]
    thick = person.thick * unit * np.array([[0.3, 0.25], [0.3, 0.22], [0.25, 0.32], [0.3, 0.25], [0.4, 0.26]])
    widths = np.concatenate([[[width, 1.5 * width]], thick])
    for extra, colour in ((edge, 0.58 * skin), (0.0, skin)):
        for polygon in _capsules(np.array(ends), widths + extra):
            canvas.polygon(polygon, colour)
    canvas.polygon(np.stack([near, root, *knuckles, far]), skin)
    for line in _lines(knuckles, root, near, far, back):
        canvas.stroke(line, 0.035 * unit, 0.86 * skin, curved=not back)
    ends = np.array([(wrist + arm * person.sleeve, wrist + arm * (person.sleeve + 4))])
    for extra, colour in ((edge, 0.55 * person.cloth), (0.0, person.cloth)):
        canvas.polygon(_capsules(ends, np.array([[width, 1.5 * width]]) + 0.2 * unit + extra)[0], colour)


def _lines(knuckles: np.ndarray, root: np.ndarray, near: np.ndarray, far: np.ndarray, back: bool) -> list[np.ndarray]:
    """Two creases of the palm, or the tendons of the back."""
    wrist = (near + far) / 2
    if back:
        return [np.stack([0.7 * knuckle + 0.3 * wrist, knuckle]) for knuckle in knuckles]
    start, end = 0.75 * knuckles[0] + 0.25 * near, 0.72 * knuckles[3] + 0.28 * far
    low = wrist + 0.12 * (root - far)
    bow = 0.5 * (start + end) + 0.1 * (near - start)
    return [np.stack([start, bow, end]), np.stack([start, 0.5 * (knuckles[1] + low), low])]


def _capsules(ends: Float[np.ndarray, "S 2 2"], widths: Float[np.ndarray, "S 2"]) -> Float[np.ndarray, "S V 2"]:
    """Outlines of S limbs with round ends."""
    along = ends[:, 1] - ends[:, 0]
    angle = np.arctan2(along[:, 1], along[:, 0])[:, None]
    arc = angle + np.linspace(-np.pi / 2, np.pi / 2, 7)
    unit = np.stack([np.cos(arc), np.sin(arc)], -1)
    radius = widths[:, :, None, None] / 2
    return np.concatenate([ends[:, 1, None] + radius[:, 1] * unit, ends[:, 0, None] - radius[:, 0] * unit], 1)
