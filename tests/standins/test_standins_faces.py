"""Stand-in faces: which way they look, where their points lie, and how far these tell attributes."""

from __future__ import annotations

import kinds
import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from landmarklib.core.errors import UserError
from landmarklib.datasets import mtfl, w300
from landmarklib.standins import faces


def eyes_apart(points: np.ndarray) -> np.ndarray:
    """Distance of the eyes' middles."""
    five = faces.five(points)
    return np.linalg.norm(five[:, 1] - five[:, 0], axis=-1)


def test_a_draw_keeps_the_rules_of_every_kind():
    kinds.keeps_the_rules(faces, 68)


def test_given_attributes_are_kept_and_change_nothing_else():
    n = 6
    given = {"person": [7] * n, "gender": [1] * n, "glasses": [0, 1] * 3, "expression": np.arange(6), "yaw": [0.1] * n}
    given |= {
        "pitch": [0.0] * n,
        "roll": [0.0] * n,
        "light": [9] * n,
        "scale": [0.2] * n,
        "x": [0.5] * n,
        "y": [0.5] * n,
    }
    drawn = faces.draw(n, 32, **given)
    for name, values in given.items():
        assert drawn.attributes[name].tolist() == list(values), name
    assert drawn.attributes["smile"].tolist() == [0, 1, 0, 0, 0, 0]
    assert (drawn.attributes["azimuth"] == 0).all() and (drawn.attributes["pose"] == 2).all()
    other = faces.draw(n, 32, **given | {"glasses": [1] * n})
    np.testing.assert_array_equal(other.points, drawn.points)
    assert not np.array_equal(other.images[0], drawn.images[0]) and np.array_equal(other.images[1], drawn.images[1])
    with pytest.raises(UserError, match="smile 1 and expression 2"):
        faces.draw(1, 16, smile=[1], expression=[2])


def test_a_flash_changes_the_light_alone():
    """Under two flashes the edges of a head agree far better than those of two heads."""
    lit, other = (faces.draw(1, 64, first=5, light=[flash]) for flash in (6, 11))
    np.testing.assert_array_equal(lit.points, other.points)
    edges = [np.diff(drawn.images[0].mean(0)).ravel() for drawn in (lit, other, faces.draw(1, 64, first=6, light=[6]))]
    same, different = (np.corrcoef(edges[0], edge)[0, 1] for edge in edges[1:])
    assert same > 0.5 > different


def test_the_head_looks_where_its_attributes_say():
    turned = faces.draw(5, 32, camera=[0, 1, 2, 3, 4], roll=[0.0] * 5, person=[1] * 5)
    p = turned.points
    nose = p[:, 30, 0] - p[:, 36:48, 0].mean(1)
    assert (np.diff(nose) > 0).all() and nose[0] < 0 < nose[4]
    poses = faces.draw(5, 32, pose=[0, 1, 2, 3, 4])
    assert poses.attributes["pose"].tolist() == [0, 1, 2, 3, 4] and (np.diff(poses.attributes["yaw"]) > 0).all()
    assert poses.visible[1:4].all() and not poses.visible[[0, 4]].all(-1).any()
    assert faces.draw(3, 32, camera=[0, 2, 4]).attributes["pose"].tolist() == [1, 2, 3]


def test_fewer_points_are_in_their_order():
    points = faces.draw(8, 48, camera=[2] * 8, roll=[0.0] * 8).points
    five, nineteen = faces.five(points), faces.nineteen(points)
    for p, mirror in ((points, w300.DATASET.mirror), (five, mtfl.DATASET.mirror)):
        left, right = p[:, :, 0], p[:, list(mirror), 0]
        assert np.corrcoef((left + right).mean(0), np.arange(p.shape[1]))[0, 1] ** 2 < 0.5
        assert np.ptp((left + right).mean(0)) < 0.15 * np.ptp(p[..., 0])
    assert (five[:, [0, 3], 0] < five[:, [1, 4], 0]).all() and (five[:, 2, 1] > five[:, 0, 1]).all()
    assert (np.diff(nineteen[:, [0, 1, 2, 3, 4, 5], 0]) > 0).all() and (np.diff(nineteen[:, 6:12, 0]) > 0).all()
    assert (np.diff(nineteen[:, [1, 7, 13, 16, 18], 1]) > 0).all()


def test_regions_are_those_of_the_points():
    given = {"expression": [5] * 6, "camera": [2] * 6}
    drawn, maps = faces.draw(6, 96, seed=2, **given), faces.regions(6, 96, seed=2, **given)
    assert maps.shape == (6, 96, 96) and set(np.unique(maps)) <= set(range(len(faces.CLASSES)))
    middles = {
        "left eye": range(36, 42),
        "right eye": range(42, 48),
        "nose": (30, 31, 35),
        "inner mouth": range(60, 68),
    }
    middles |= {"left brow": (18, 19, 20), "right brow": (23, 24, 25)}
    for i, label_map in enumerate(maps):
        for name, numbers in middles.items():
            x, y = np.round(drawn.points[i, list(numbers)].mean(0)).astype(int)
            assert faces.CLASSES.index(name) in label_map[y - 2 : y + 3, x - 2 : x + 3], name


@pytest.fixture(scope="module")
def studio():
    """Upright faces, as in Multi-PIE: 24 persons, five cameras, six expressions."""
    rng, n = np.random.default_rng(0), 300
    given = {
        "camera": rng.integers(5, size=n),
        "expression": rng.integers(6, size=n),
        "person": rng.integers(24, size=n),
    }
    return faces.draw(n, 8, **given, roll=np.zeros(n))


def information(drawn, name: str) -> float:
    """Adjusted mutual information of an attribute with x and with y, in 20 steps, averaged over points.

    Place and scale are left out. Source: table S2 of honari2018.
    """

    def steps(v):
        return np.minimum((v - v.min()) / np.ptp(v) * 20, 19).astype(int)

    points = drawn.points - drawn.points.mean(1, keepdims=True)
    points = points / points.std((1, 2), keepdims=True)
    columns = points[:, ::4].reshape(len(drawn), -1).T
    return 2 * np.mean([adjusted_mutual_info_score(drawn.attributes[name], steps(v)) for v in columns])


def test_landmarks_tell_attributes_in_the_order_of_the_paper(studio):
    camera, expression, person, glasses = (
        information(studio, n) for n in ("camera", "expression", "person", "glasses")
    )
    assert camera > 1.5 * expression and expression > 1.5 * person and person > 5 * abs(glasses)
    assert information(studio, "smile") > 5 * abs(glasses) and abs(glasses) < 0.01 and expression > 0.05


def test_neither_the_mean_nor_a_ridge_from_pixels_finds_the_points():
    mean, share = kinds.varies(faces.draw(450, 32, pose=[2] * 450), eyes_apart)
    assert mean > 10 and 0.4 < share < 0.95
