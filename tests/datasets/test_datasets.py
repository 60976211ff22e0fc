"""The generated data sets, their brush, and which images are labelled."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from landmarklib.core import coords, subsets
from landmarklib.datasets import blocks, shapes
from landmarklib.drawing import raster
from landmarklib.nets.layers import Perceptron

IDS = tuple(f"train-{i:05d}" for i in range(10))


@pytest.fixture(scope="module")
def some_blocks():
    return blocks.generate(150, seed=3)


@pytest.fixture(scope="module")
def some_shapes():
    return shapes.generate(150, seed=3)


def drawn(polygon, size: int = 24) -> np.ndarray:
    return raster.draw_convex(np.array([polygon], float), np.zeros(1, int), 1, size)[0]


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


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2])
@pytest.mark.parametrize("n_corners, radius", [(3, 11.0), (4, 10.0), (8, 7.0)])
def test_drawn_area_is_the_geometric_area(n_corners, radius, angle):
    polygon = raster.regular_polygon(n_corners) @ raster.rotation(np.array([angle]))[0].T * radius + [15.3, 14.8]
    expected = n_corners / 2 * radius**2 * np.sin(2 * np.pi / n_corners)
    assert area(drawn(polygon, 30)) == pytest.approx(expected, rel=0.01)


def test_a_square_on_pixel_edges_is_drawn_exactly():
    image = drawn([[1.5, 2.5], [4.5, 2.5], [4.5, 4.5], [1.5, 4.5]], 7)
    expected = np.zeros((7, 7))
    expected[3:5, 2:5] = 255
    assert np.array_equal(image, expected)


def test_an_edge_through_pixel_centres_is_half_covered():
    image = drawn([[1, 0.5], [4, 0.5], [4, 4.5], [1, 4.5]], 6)
    assert image[2].tolist() == [0, 128, 255, 255, 128, 0]


def test_sense_and_first_corner_do_not_matter():
    polygon = np.array([[3.2, 4.1], [15.7, 6.3], [9.4, 17.8]])
    expected = drawn(polygon).astype(int)
    assert area(expected) > 50
    for order in itertools.permutations(range(3)):
        assert np.abs(drawn(polygon[list(order)]) - expected).max() <= 1


@pytest.mark.parametrize("shift", [(-10, 0), (0, -10), (14, 0), (0, 14), (-9, 13)])
def test_what_is_outside_the_frame_is_clipped(shift):
    polygon = np.array([[3.2, 4.1], [15.7, 6.3], [9.4, 17.8]]) + shift
    whole = np.zeros((72, 72))
    whole += drawn(polygon + 24, 72)
    assert 0 < area(whole[24:48, 24:48]) < area(whole) - 5
    assert np.abs(drawn(polygon, 24) - whole[24:48, 24:48]).max() <= 1


def test_a_polygon_wholly_outside_draws_nothing():
    assert not drawn([[-9, 3], [-3, 3], [-3, 9], [-9, 9]], 8).any()


def test_polygons_go_to_their_own_image():
    square = np.array([[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]])
    images = raster.draw_convex(np.stack([square, square + 3, square]), np.array([2, 2, 0]), 3, 7)
    assert [area(image) for image in images] == [4, 0, 8]


def test_many_polygons_are_drawn_like_few():
    rng = np.random.default_rng(0)
    polygons = raster.regular_polygon(3) * 3 + rng.uniform(2, 10, (2100, 1, 2))
    images = raster.draw_convex(polygons, np.arange(2100), 2100, 12)
    for i in (0, 1049, 1050, 2099):
        assert np.array_equal(images[i], drawn(polygons[i], 12))


def test_rotation_by_a_quarter_turns_x_into_y():
    assert np.allclose(raster.rotation(np.array([np.pi / 2])), [[[0, -1], [1, 0]]])


def test_regular_polygons_have_circumradius_one_and_equal_sides():
    for n in (3, 4, 7):
        corners = raster.regular_polygon(n)
        assert corners.shape == (n, 2) and np.allclose(corners.mean(0), 0)
        assert np.allclose(np.linalg.norm(corners, axis=1), 1)
        assert np.allclose(np.linalg.norm(corners - np.roll(corners, 1, 0), axis=1), 2 * np.sin(np.pi / n))


def test_labelled_images_are_the_same_in_every_process():
    assert subsets.label_order(IDS, None, 0).tolist() == [0, 7, 8, 9, 5, 1, 4, 3, 6, 2]
    assert subsets.label_subset(IDS, 0.3, 0).tolist() == [0, 7, 8]
    assert subsets.label_subset(IDS, 0.3, 1).tolist() == [1, 3, 8]


def test_labelled_images_with_classes_take_turns():
    classes = np.arange(10) % 2
    assert subsets.label_order(IDS, classes, 0).tolist() == [0, 7, 8, 9, 5, 4, 1, 6, 3, 2]
    assert subsets.label_subset(IDS, 0.6, 0, classes).tolist() == [0, 4, 5, 7, 8, 9]


@pytest.mark.parametrize("fraction, n", [(0.0, 0), (0.01, 3), (0.05, 15), (0.333, 100), (0.5, 150), (1.0, 300)])
def test_subset_is_the_rounded_share_and_balanced_within_one(fraction, n):
    classes = np.random.default_rng(0).permutation(np.arange(300) % 15)
    chosen = subsets.label_subset(tuple(map(str, range(300))), fraction, 0, classes)
    assert len(chosen) == len(set(chosen.tolist())) == n
    assert chosen.tolist() == sorted(chosen.tolist())
    counts = np.bincount(classes[chosen], minlength=15)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("balanced", [False, True])
def test_subsets_of_growing_fractions_are_nested(balanced):
    ids, classes = tuple(map(str, range(301))), np.arange(301) % 7 if balanced else None
    subsets = [set(subsets.label_subset(ids, f, 0, classes).tolist()) for f in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)]
    for small, large in itertools.pairwise(subsets):
        assert small < large


@pytest.mark.parametrize("balanced", [False, True])
def test_subset_does_not_depend_on_the_order_of_the_images(balanced):
    ids, classes = tuple(map(str, range(200))), np.arange(200) % 7
    shuffled = np.random.default_rng(0).permutation(200)

    def chosen(order: np.ndarray) -> set[str]:
        here = tuple(ids[i] for i in order)
        return {here[i] for i in subsets.label_subset(here, 0.1, 0, classes[order] if balanced else None)}

    assert chosen(shuffled) == chosen(np.arange(200))


def test_subset_depends_on_the_seed():
    ids = tuple(map(str, range(200)))
    subsets = [frozenset(subsets.label_subset(ids, 0.1, seed).tolist()) for seed in range(5)]
    assert len(set(subsets)) == 5


def test_a_rare_class_is_used_up_before_the_rest_grows():
    classes = np.array([0] * 8 + [1] * 2)
    assert np.bincount(classes[subsets.label_subset(IDS, 0.6, 0, classes)]).tolist() == [4, 2]


def test_hash_of_ids_ignores_their_order():
    assert subsets.ids_hash(["b", "a"]) == hashlib.sha256(b"a\nb").hexdigest()[:12]
    assert subsets.ids_hash(["a", "b"]) == subsets.ids_hash(["b", "a"]) != subsets.ids_hash(["a", "c"])


def test_fingerprint_tells_pixels_points_and_ids_apart():
    a = shapes.generate(3, 0, 16)
    images, points = a.images.copy(), a.points.copy()
    images[2, 0, 15, 15] += 1
    points[0, 0, 0] += 0.01
    changed = [replace(a, images=images), replace(a, points=points), replace(a, ids=("x", *a.ids[1:]))]
    prints = [subsets.fingerprint(b) for b in (a, *changed)]
    assert len(set(prints)) == 4 and all(len(p) == 16 for p in prints)
    assert subsets.fingerprint(replace(a, images=a.images.copy())) == prints[0]
