"""The generated data sets: what their images and points are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from landmarklib.core import coords, subsets
from landmarklib.datasets import blocks, shapes
from landmarklib.drawing import raster
from landmarklib.nets.layers import Perceptron


@pytest.fixture(scope="module")
def some_blocks():
    return blocks.generate(150, seed=3)


@pytest.fixture(scope="module")
def some_shapes():
    return shapes.generate(150, seed=3)


def area(image: np.ndarray) -> float:
    return image.sum(dtype=float) / 255


def two_parts(image: np.ndarray, points: np.ndarray) -> list[tuple[float, np.ndarray, float]]:
    """Area, centroid and polar moment / area^2 of the part at each point; every grey pixel goes to the nearest part.

    The last is 1/6 for a square, 0.192 for an equilateral triangle.
    """
    parts, n = ndimage.label(image > 127, np.ones((3, 3)))
    assert n == 2
    nearest = ndimage.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
    parts = parts[tuple(nearest)]
    y, x = np.indices(image.shape)
    found = []
    for px, py in np.round(points).astype(int):
        weight = image * (parts == parts[py, px]) / 255
        total = weight.sum()
        centre = np.array([(weight * x).sum(), (weight * y).sum()]) / total
        moment = (weight * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2)).sum()
        found.append((total, centre, moment / total**2))
    return found


@pytest.mark.parametrize("generate", [blocks.generate, shapes.generate])
def test_same_seed_same_bytes(generate):
    first, same, other = generate(40, 3, 32), generate(40, 3, 32), generate(40, 4, 32)
    assert first.images.tobytes() == same.images.tobytes() and first.points.tobytes() == same.points.tobytes()
    assert first.ids == same.ids and np.array_equal(first.attributes["class"], same.attributes["class"])
    assert subsets.fingerprint(first) != subsets.fingerprint(other)
    assert not np.array_equal(first.points, other.points)


@pytest.mark.parametrize("dataset", [blocks, shapes])
def test_splits_are_drawn_from_different_seeds(dataset):
    assert len({dataset.SPLIT_SEEDS[split] for split in dataset.DATASET.counts}) == 3


@pytest.mark.parametrize("generate, n_points", [(blocks.generate, 5), (shapes.generate, 2)])
@pytest.mark.parametrize("size", [60, 30])
def test_images_are_uint8_and_points_lie_inside(generate, n_points, size):
    a = generate(30, 0, size, prefix="x")
    assert a.images.shape == (30, 1, size, size) and a.images.dtype == np.uint8
    assert a.points.shape == (30, n_points, 2) and a.visible.all()
    assert a.ids[:2] == ("x-00000", "x-00001") and len(set(a.ids)) == 30
    assert coords.inside(coords.to_norm(a.points, (size, size))).all()


def test_blocks_has_fifteen_balanced_classes():
    counts = np.bincount(blocks.generate(152, 0, 16).attributes["class"])
    assert len(counts) == 15 and sorted(counts) == [10] * 13 + [11] * 2


def test_no_chain_touches_itself():
    assert blocks.chains().shape == (15, 6, 2)
    for chain in blocks.chains():
        for i, j in itertools.combinations(range(6), 2):
            distance = np.abs(chain[i] - chain[j]).sum()
            assert distance == pytest.approx(1) if j == i + 1 else distance > 1.5


def test_chains_are_centred_and_their_head_is_in_line():
    for head, *squares in blocks.chains():
        assert np.allclose(np.mean(squares, 0), 0)
        assert np.allclose(squares[1] - squares[0], squares[0] - head)


def test_chains_are_fifteen_of_the_seventeen_that_do_not_touch_themselves():
    turns_of = {}
    for turns in itertools.product((-1, 0, 1), repeat=3):
        step, cells = 1, [0, 1, 2]
        for turn in turns:
            step *= 1j**turn
            cells.append(cells[-1] + step)
        if all(abs(cells[i] - cells[j]) > 1.1 for i in range(6) for j in range(i + 2, 6)):
            turns_of[tuple(np.round(cells, 6))] = turns
    assert len(turns_of) == 17
    taken = {tuple(np.round((chain - chain[0]) @ [1, 1j], 6)) for chain in blocks.chains()}
    assert {turns for cells, turns in turns_of.items() if cells not in taken} == {(-1, 1, 0), (1, -1, 0)}
    assert taken < set(turns_of)


def test_no_two_chains_are_the_same_up_to_rotation():
    squares = blocks.chains()[:, 1:]
    for a, b in itertools.combinations(squares, 2):
        assert all(np.abs(a @ turn.T - b).max() > 0.5 for turn in raster.rotation(np.arange(4) * np.pi / 2))


def test_mirrored_chains_are_different_classes():
    squares = blocks.chains()[:, 1:]
    pairs = [
        (i, j)
        for (i, a), (j, b) in itertools.permutations(enumerate(squares), 2)
        if np.allclose(a * [1, -1], b, atol=1e-9)
    ]
    assert len(pairs) >= 10


def test_points_of_blocks_are_a_turned_scaled_and_shifted_chain(some_blocks):
    for points, c in zip(some_blocks.points, some_blocks.attributes["class"], strict=True):
        z = (points - points.mean(0)) @ [1, 1j]
        chain = blocks.chains()[c, 1:] @ [1, 1j]
        factor = (z @ chain.conj()) / (chain @ chain.conj())
        assert np.abs(factor * chain - z).max() < 1e-3
        assert 5 <= abs(factor) <= 8.5


def test_square_centres_and_heads_are_white_and_what_is_around_is_black(some_blocks):
    for image, points in zip(some_blocks.images[:, 0], some_blocks.points, strict=True):
        head = 2 * points[:1] - points[1:2]
        for x, y in np.round(np.concatenate([points, head])).astype(int):
            assert image[y, x] == 255
        pitch = np.linalg.norm(points[1] - points[0])
        assert area(image) == pytest.approx(5.5 * (0.9 * pitch) ** 2, rel=0.04)


def test_heads_point_away_from_the_body(some_blocks):
    tip, shoulder = [], []
    for image, points in zip(some_blocks.images[:, 0], some_blocks.points, strict=True):
        image, points = np.pad(image, 9), points + 9
        step = points[0] - points[1]
        side = np.array([-step[1], step[0]])
        for corners, ahead in ((tip, 0.33), (shoulder, -0.33)):
            for x, y in np.round([points[0] + (1 + ahead) * step + s * 0.33 * side for s in (-1, 1)]).astype(int):
                corners.append(image[y, x])
    assert np.mean(tip) < 60 and np.mean(shoulder) > 150


def test_true_landmarks_decide_the_class_of_blocks():
    a = blocks.generate(4800, 5, 16)
    x = torch.from_numpy(coords.to_norm(a.points, (16, 16))).flatten(1)
    y = torch.from_numpy(a.attributes["class"])
    generator = torch.Generator().manual_seed(0)
    net = Perceptron([10, 256, 256, 15], 0.0, generator)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(400):
        index = torch.randint(3200, (128,), generator=generator)
        loss = F.cross_entropy(net(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (net(x[3200:]).argmax(-1) == y[3200:]).float().mean() >= 0.98


def test_shapes_are_whole_and_apart_around_their_points(some_shapes):
    for image, points in zip(some_shapes.images[:, 0], some_shapes.points, strict=True):
        for part, point in zip(two_parts(image, points), points, strict=True):
            assert np.abs(part[1] - point).max() < 0.1


def test_first_landmark_is_the_triangle_and_second_the_square(some_shapes):
    for image, points in zip(some_shapes.images[:, 0], some_shapes.points, strict=True):
        (triangle_area, _, triangle), (square_area, _, square) = two_parts(image, points)
        assert 3**1.5 / 4 * 5.5**2 < triangle_area < 3**1.5 / 4 * 11**2 + 1
        assert 2 * 5.5**2 < square_area < 2 * 11**2 + 1
        assert square < 0.18 < triangle


@pytest.mark.parametrize("size, tie_px", [(60, 1), (120, 2)])
def test_class_of_shapes_is_the_nearer_centre_without_ties(size, tie_px):
    a = shapes.generate(400, 0, size)
    triangle, square = np.hypot(*(a.points + 0.5).T)
    assert np.array_equal(a.attributes["class"], (square < triangle).astype(int))
    closest = np.abs(triangle - square).min()
    assert tie_px - 1e-3 < closest < 2 * tie_px


def test_circumcircles_of_shapes_reach_the_edges_of_the_image_and_no_further():
    points = shapes.generate(2000, 0, 12).points
    smallest_radius = 5.5 / 60 * 12
    low, high = smallest_radius - 0.5, 12 - 0.5 - smallest_radius
    assert low <= points.min() < low + 0.2 and high - 0.2 < points.max() <= high


def test_classes_of_shapes_are_balanced():
    assert 0.45 < shapes.generate(4000, 0, 16).attributes["class"].mean() < 0.55
