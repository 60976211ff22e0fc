"""The brush: what it draws of a polygon, and where."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from landmarklib.drawing import raster


def drawn(polygon, size: int = 24) -> np.ndarray:
    return raster.draw_convex(np.array([polygon], float), np.zeros(1, int), 1, size)[0]


def area(image: np.ndarray) -> float:
    return image.sum(dtype=float) / 255


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
