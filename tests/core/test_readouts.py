"""Linear maps from outputs to landmarks: about which origin, with a bias, with a ridge."""

from __future__ import annotations

import numpy as np
import pytest

from landmarklib.core import coords, readouts

RNG = np.random.default_rng(0)
OUTPUTS = RNG.uniform(-1, 1, (40, 3, 2))
SEEN = np.ones((40, 2), bool)
SIDE = 20


def landmarks(readout: readouts.Readout, outputs: np.ndarray = OUTPUTS) -> np.ndarray:
    """In [-1, 1]."""
    return coords.to_norm(readout.landmarks(coords.to_pixels(outputs, (SIDE, SIDE)), SIDE), (SIDE, SIDE))


@pytest.mark.parametrize("origin", ["centre", "corner", "free"])
def test_a_map_about_an_origin_is_found_from_its_own_origin_and_by_a_bias(origin):
    matrix, zero = RNG.normal(size=(6, 4)), {"centre": 0.0, "corner": 1.0, "free": 0.3}[origin]
    true = ((OUTPUTS.reshape(40, 6) + zero) @ matrix - zero).reshape(40, 2, 2)
    found = {name: readouts.regress(OUTPUTS, true, SEEN, name) for name in ("centre", "corner", "free")}
    exact = [name for name, fitted in found.items() if np.allclose(landmarks(fitted), true)]
    assert exact == [name for name in ("centre", "corner", "free") if name in (origin, "free")]


@pytest.mark.parametrize("origin, n", [("centre", 6), ("corner", 6), ("free", 7)])
def test_a_ridge_is_the_solution_of_its_normal_equations_and_leaves_a_bias_free(origin, n):
    true = RNG.uniform(-1, 1, (40, 2, 2))
    x = OUTPUTS.reshape(40, 6) + (origin == "corner")
    x = np.concatenate([x, np.ones((40, 1))], 1) if origin == "free" else x
    cost = 0.5 * np.eye(n) * ([1] * 6 + [0] * (n - 6))
    expected = np.linalg.solve(x.T @ x + cost, x.T @ (true.reshape(40, 4) + (origin == "corner")))
    assert np.allclose(readouts.regress(OUTPUTS, true, SEEN, origin, 0.5).weights, expected)


def test_a_landmark_counts_where_it_is_visible():
    true, seen = RNG.uniform(-1, 1, (40, 2, 2)), SEEN.copy()
    seen[20:, 1] = False
    spoilt = true.copy()
    spoilt[20:, 1] = 99
    fitted = readouts.regress(OUTPUTS, spoilt, seen)
    alone = readouts.regress(OUTPUTS[:20], true[:20], SEEN[:20])
    assert np.allclose(fitted.weights[:, 2:], alone.weights[:, 2:])


def test_fewer_images_than_outputs_give_the_solution_of_least_norm():
    true = RNG.uniform(-1, 1, (2, 2, 2))
    fitted = readouts.regress(OUTPUTS[:2], true, SEEN[:2])
    assert np.allclose(landmarks(fitted, OUTPUTS[:2]), true)
    assert np.allclose(fitted.weights, np.linalg.pinv(OUTPUTS[:2].reshape(2, 6)) @ true.reshape(2, 4))


@pytest.mark.parametrize("origin", ["centre", "free"])
def test_contributions_are_shares_of_the_absolute_coefficients_of_each_landmark(origin):
    weights = np.array([[1.0, 0, 2, 0], [0, -1, 0, 0], [0, 2, -4, 0], [0, 0, 0, 2]])  # of 2 outputs, to 2 landmarks
    bias = np.full((int(origin == "free"), 4), 9.0)
    found = readouts.Readout(weights=np.concatenate([weights, bias]), origin=origin).contributions()
    assert np.allclose(found, [[2 / 4, 2 / 8], [2 / 4, 6 / 8]])


def test_to_a_landmark_that_is_never_visible_nothing_contributes():
    seen = SEEN.copy()
    seen[:, 1] = False
    found = readouts.regress(OUTPUTS, RNG.uniform(-1, 1, (40, 2, 2)), seen, ridge=0.1).contributions()
    assert np.allclose(found.sum(0), [1, 0])
