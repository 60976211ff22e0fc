"""People: a skeleton of limbs with the limits of its joints, dressed, at sport or signing in front of a camera.

Sixteen joints in MPII's order. A joint counts as visible where it lies in the image and neither the body nor a thing in
front of it hides it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from landmarklib.core.types import Annotations
from landmarklib.drawing import behind, collect, generator, turn
from landmarklib.drawing.paint import Canvas, backdrop, distant, obstacle

IMAGE, PERSON, CLIP = 0, 1, 2  # first numbers of the generators
N_PEOPLE = 10_000
JOINTS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis", "thorax"),
    *("upper neck", "head top", "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow"),
    "left wrist",
)
RIGHT_LEG, LEFT_LEG, RIGHT_ARM, LEFT_ARM = (2, 1, 0), (3, 4, 5), (12, 11, 10), (13, 14, 15)  # from the trunk outwards
PELVIS, THORAX, NECK, HEAD = 6, 7, 8, 9
# What hides other joints: from joint to joint, and half as thick as it is painted, in units of the height.
PARTS = np.array(
    [k[i : i + 2] for k in (RIGHT_ARM, LEFT_ARM, RIGHT_LEG, LEFT_LEG) for i in (0, 1)]
    + [(THORAX, PELVIS), (NECK, HEAD)]
)
RADIUS = np.array([0.023, 0.018, 0.023, 0.018, 0.037, 0.024, 0.037, 0.024, 0.062, 0.045])
# Degrees, from and to. trunk: bend, tilt, twist, nod, look; arms: abduction, flexion, twist, elbow; legs: abduction,
# flexion, knee.
# One arm and one leg, then the other ones; which are the right ones is drawn.
POSES = {
    "stand": (
        ((0, 12), (-6, 6), (-15, 15), (-10, 25), (-45, 45)),
        (((4, 35), (-25, 35), (-20, 60), (5, 100)), ((4, 30), (-20, 25), (-20, 40), (5, 60))),
        (((2, 14), (-8, 12), (0, 15)), ((2, 14), (-8, 25), (0, 30))),
    ),
    "run": (
        ((5, 30), (-8, 8), (-20, 20), (-15, 15), (-20, 20)),
        (((5, 35), (-60, -10), (-20, 30), (30, 110)), ((5, 35), (20, 80), (0, 50), (40, 120))),
        (((0, 12), (25, 85), (20, 110)), ((0, 12), (-35, 0), (5, 90))),
    ),
    "throw": (
        ((-15, 35), (-25, 25), (-45, 45), (-20, 20), (-50, 50)),
        (((80, 170), (-40, 60), (-60, 60), (5, 110)), ((20, 110), (-30, 80), (-40, 60), (5, 90))),
        (((5, 40), (-20, 35), (0, 50)), ((5, 45), (-30, 50), (0, 70))),
    ),
    "crouch": (
        ((15, 75), (-10, 10), (-15, 15), (-40, 10), (-30, 30)),
        (((0, 50), (10, 110), (-20, 60), (5, 110)), ((0, 50), (0, 110), (-20, 60), (5, 110))),
        (((5, 35), (45, 125), (50, 140)), ((5, 35), (35, 125), (50, 140))),
    ),
    "tumble": (
        ((-40, 80), (-25, 25), (-30, 30), (-30, 30), (-30, 30)),
        (((60, 175), (-40, 90), (-40, 40), (0, 60)), ((50, 175), (-40, 90), (-40, 40), (0, 60))),
        (((0, 75), (-35, 110), (0, 90)), ((0, 75), (-45, 110), (0, 110))),
    ),
    "sign": (
        ((-4, 8), (-4, 4), (-10, 10), (-8, 18), (-18, 18)),
        (((5, 45), (5, 55), (-10, 55), (55, 140)), ((5, 45), (5, 55), (-10, 55), (55, 140))),
        (((2, 5), (-2, 3), (0, 4)), ((2, 5), (-2, 3), (0, 4))),
    ),
}
ACTIVITIES = tuple(POSES)
ROLL = {
    "stand": 8,
    "run": 12,
    "throw": 20,
    "crouch": 20,
    "tumble": 180,
    "sign": 2,
}  # the camera's or the body's, to both sides
KNOWN = ("person", "activity", "clip", "frame")


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n people.

    given: person, activity (place in ACTIVITIES), or clip and frame: one signer in one place, who moves smoothly from
        frame to frame.
    """

    def one(i: int, of: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        rng = generator(seed, IMAGE, i)
        person, activity, frame = int(rng.integers(N_PEOPLE)), int(rng.integers(5)), int(rng.integers(10_000))
        scene = rng
        if moving := "clip" in of or "frame" in of:
            clip, frame = int(of.get("clip", 0)), int(of.get("frame", frame))
            scene, person, activity = generator(seed, CLIP, clip), clip, ACTIVITIES.index("sign")
        person, activity = int(of.get("person", person)), int(of.get("activity", activity))
        looks, name = generator(seed, PERSON, person), ACTIVITIES[activity]
        joints, head = skeleton(looks, scene, name, frame if moving else None)
        joints, unit = place(joints, scene, size, name == "sign")
        image, hidden = paint(joints, head, unit, looks, scene, rng, size, clutter=name != "sign")
        points = joints[:, :2]
        inside = ((points >= -0.5) & (points <= size - 0.5)).all(-1)
        values = {"person": person, "activity": activity}
        return image, points, inside & ~hidden, {**values, "clip": clip, "frame": frame} if moving else values

    return collect("body", n, first, given, KNOWN, one)


def fourteen(points: Shaped[np.ndarray, "N 16 ..."]) -> Shaped[np.ndarray, "N 14 ..."]:
    """The joints of Leeds Sports Pose, in its order."""
    return points[:, [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, NECK, HEAD]]


def seven(points: Float[np.ndarray, "N 16 2"]) -> Float[np.ndarray, "N 7 2"]:
    """The joints of BBC Pose: the middle of the head, then wrists, elbows and shoulders, the right one first."""
    return np.concatenate([points[:, [NECK, HEAD]].mean(1, keepdims=True), points[:, [10, 15, 11, 14, 12, 13]]], 1)


def skeleton(
    looks: np.random.Generator, scene: np.random.Generator, activity: str, frame: int | None
) -> tuple[Float[np.ndarray, "16 3"], Float[np.ndarray, "3 3"]]:
    """Joints in units of the body's height around the pelvis, and how the head is turned.

    looks: the person's numbers.
    frame: of a clip.
    """
    trunk, arms, legs = _angles(scene, activity, frame)
    spread = 25 if activity == "sign" else 180 if scene.random() < 0.4 else 60
    view = turn(2, scene.uniform(-1, 1) * ROLL[activity]) @ turn(0, scene.uniform(-12, 12))
    view = view @ turn(1, scene.uniform(-spread, spread))
    lengths = looks.uniform(0.88, 1.12, 9) * [0.28, 0.055, 0.125, 0.1, 0.165, 0.15, 0.052, 0.235, 0.23]
    spine, neck, skull, shoulder, upper, fore, hip, thigh, shin = lengths
    bend, tilt, twist, nod, look = trunk
    low = view @ turn(0, -0.35 * bend)
    chest = view @ turn(2, tilt) @ turn(1, twist) @ turn(0, -bend)
    head = chest @ turn(0, -nod) @ turn(1, look)
    joints = np.zeros((16, 3))
    joints[THORAX] = -spine * (0.45 * low[:, 1] + 0.55 * chest[:, 1])
    joints[NECK] = joints[THORAX] - neck * chest[:, 1]
    joints[HEAD] = joints[NECK] - skull * head[:, 1]
    for side, k, (abduction, flexion, about, elbow) in zip((1, -1), (RIGHT_ARM, LEFT_ARM), arms, strict=True):
        at = chest @ turn(0, flexion) @ turn(2, side * abduction) @ turn(1, side * about)
        joints[k[0]] = joints[THORAX] + chest @ [-side * shoulder, 0.015, 0]
        joints[k[1]] = joints[k[0]] + upper * at[:, 1]
        joints[k[2]] = joints[k[1]] + fore * (at @ turn(0, elbow))[:, 1]
    for side, k, (abduction, flexion, knee) in zip((1, -1), (RIGHT_LEG, LEFT_LEG), legs, strict=True):
        at = low @ turn(0, flexion) @ turn(2, side * abduction)
        joints[k[0]] = low @ [-side * hip, 0.01, 0]
        joints[k[1]] = joints[k[0]] + thigh * at[:, 1]
        joints[k[2]] = joints[k[1]] + shin * (at @ turn(0, -knee))[:, 1]
    return joints, head


def _angles(rng: np.random.Generator, activity: str, frame: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Degrees of the trunk, 5, of the right and left arm, 2 x 4, and leg, 2 x 3."""
    trunk, arms, legs = (np.array(limits, float) for limits in POSES[activity])
    if rng.random() < 0.5:
        arms, legs = arms[::-1], legs[::-1]
    where = rng.random(19)
    if frame is not None:  # two slow waves for every angle
        beat = rng.uniform([[0.004], [0.015]], [[0.012], [0.035]], (2, 19)) * frame + rng.random((2, 19))
        where = 0.5 + np.array([0.32, 0.18]) @ np.sin(2 * np.pi * beat)
    limits = np.concatenate([trunk, arms.reshape(8, 2), legs.reshape(6, 2)])
    angles = limits[:, 0] + (limits[:, 1] - limits[:, 0]) * where
    return angles[:5], angles[5:13].reshape(2, 4), angles[13:].reshape(2, 3)


def place(
    joints: Float[np.ndarray, "16 3"], scene: np.random.Generator, size: int, near: bool
) -> tuple[Float[np.ndarray, "16 3"], float]:
    """Joints in pixels, seen in perspective, and the body's height in them.

    near: from the hips up, else all of the body.
    """
    distance = scene.uniform(3, 8)
    flat = joints[:, :2] * (distance / (distance - joints[:, 2:]))
    if near:
        unit = scene.uniform(1.1, 1.3) * size
        start = scene.uniform([0.42, 0.5], [0.58, 0.58]) * size - flat[THORAX] * unit
    else:
        low, high = flat.min(0), flat.max(0)
        unit = scene.uniform(0.6, 0.84) * size / max((high - low).max(), 0.5)
        room = np.maximum(size * 0.86 - (high - low) * unit, 0)
        start = 0.07 * size + scene.random(2) * room - low * unit
    return np.concatenate([flat * unit + start - 0.5, joints[:, 2:] * unit], 1), unit


def paint(
    joints: Float[np.ndarray, "16 3"],
    head: Float[np.ndarray, "3 3"],
    unit: float,
    looks: np.random.Generator,
    scene: np.random.Generator,
    rng: np.random.Generator,
    size: int,
    clutter: bool,
) -> tuple[UInt8[np.ndarray, "3 S S"], Bool[np.ndarray, " 16"]]:
    """The picture, and which joints something hides."""
    wide = looks.uniform(0.95, 1.4) * unit
    skin = np.array([226, 174, 138]) * looks.uniform(0.35, 1) + looks.uniform(-10, 10, 3)
    shirt, trousers, shoes = looks.uniform(10, 150, (3, 3))  # darker than most places
    hair = np.array([130, 90, 50]) * looks.uniform(0.1, 1.4)
    sleeve, leg = (shirt if looks.random() < 0.5 else skin), (trousers if looks.random() < 0.6 else skin)
    canvas = Canvas(distant(backdrop(scene, size, contrast=40.0, shapes=3)))
    parts = [(joints[[PELVIS, THORAX], 2].mean(), lambda: _trunk(canvas, joints, wide, shirt, trousers))]
    parts.append((joints[[NECK, HEAD], 2].mean(), lambda: _head(canvas, joints, head, skin, hair)))
    limbs = []
    for k in (RIGHT_ARM, LEFT_ARM):
        limbs += [(k[0], k[1], 0.052, 0.04, shirt, None), (k[1], k[2], 0.04, 0.03, sleeve, (0.4, 0.038, skin))]
    for k in (RIGHT_LEG, LEFT_LEG):
        limbs += [(k[0], k[1], 0.088, 0.06, trousers, None), (k[1], k[2], 0.056, 0.038, leg, (0.14, 0.045, shoes))]
    for a, b, thick, thin, colour, end in limbs:
        depth = joints[[a, b], 2].mean()
        light = 1 + 0.5 * np.clip(depth / unit, -0.5, 0.3)  # what is far is darker
        paint_limb = lambda a=a, b=b, w=(thick * wide, thin * wide), c=colour * light, end=end: _limb(  # noqa: E731
            canvas, joints, a, b, w, c, end, wide
        )
        parts.append((depth, paint_limb))
    for _, part in sorted(parts, key=lambda part: part[0]):
        part()
    hidden = behind(joints, PARTS, wide * RADIUS)
    if clutter:
        hidden = hidden | obstacle(canvas, joints[:, :2], scene)
    return canvas.pixels(rng, tuple(scene.uniform(-0.3, 0.3, 2))), hidden


def _limb(canvas: Canvas, joints, a: int, b: int, widths: tuple[float, float], colour, end, wide: float) -> None:
    start, stop = joints[a, :2], joints[b, :2]
    if end:  # a hand in the forearm's direction, or a shoe
        length, thick, tint = end
        beyond = stop + (stop - start) * length * (1 if length > 0.2 else 0.6)
        canvas.taper(stop, beyond, (thick * wide, 0.7 * thick * wide), tint)
    canvas.taper(start, stop, widths, colour)


def _trunk(canvas: Canvas, joints: Float[np.ndarray, "16 3"], wide: float, shirt, trousers) -> None:
    flat = joints[:, :2]
    canvas.taper(flat[2], flat[3], (0.09 * wide, 0.09 * wide), trousers)
    canvas.taper(flat[THORAX] * 0.9 + flat[PELVIS] * 0.1, flat[PELVIS], (0.125 * wide, 0.105 * wide), shirt)
    canvas.taper(flat[12], flat[13], (0.062 * wide, 0.062 * wide), shirt)
    waist = 0.15 * flat[THORAX] - 0.15 * flat[PELVIS]
    canvas.polygon(flat[[12, 13, 3, 2]] + np.array([[0, 0], [0, 0], waist, waist]), shirt)


def _head(canvas: Canvas, joints: Float[np.ndarray, "16 3"], head: Float[np.ndarray, "3 3"], skin, hair) -> None:
    neck, top = joints[NECK, :2], joints[HEAD, :2]
    length = float(np.linalg.norm(joints[HEAD] - joints[NECK]))
    middle, angle = 0.45 * neck + 0.55 * top, float(np.arctan2(*(top - neck)[::-1])) + np.pi / 2
    ahead = head[:, 2]  # where the face looks
    canvas.taper(joints[THORAX, :2], 0.8 * neck + 0.2 * top, (0.45 * length, 0.42 * length), skin * 0.9)
    canvas.oval(middle, (0.4 * length, 0.5 * length), hair, angle)
    if ahead[2] < -0.35:
        return
    canvas.oval(middle + length * (0.2 * ahead[:2] + 0.07 * head[:2, 1]), (0.33 * length, 0.42 * length), skin, angle)
    for side in (-1, 1):
        eye = head @ [side * 0.15, 0.0, 0.4]
        if eye[2] > 0.05:
            canvas.oval(middle + length * eye[:2], (0.05 * length, 0.04 * length), np.array([25, 20, 20.0]), angle)
    if ahead[2] > 0.1:
        mouth = middle + length * (head @ np.array([[-0.1, 0.1], [0.24, 0.24], [0.36, 0.36]]))[:2].T
        canvas.stroke(mouth, 0.06 * length, skin * [0.7, 0.45, 0.45])
