"""Random numbers: drawn from a generator, noted, and handed out again."""

from __future__ import annotations

import pytest
import torch

from landmarklib.core.noise import Noise, RecordingNoise, ReplayNoise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_of_each(noise: Noise) -> list[torch.Tensor]:
    return [noise.uniform(2, 3), noise.normal(4), noise.uniform(1), noise.normal(0, 5), noise.uniform()]


def test_numbers_are_those_of_the_generator_in_order():
    g = seeded()
    expected = [torch.rand(2, 3, generator=g), torch.randn(4, generator=g), torch.rand(1, generator=g)]
    expected += [torch.randn(0, 5, generator=g), torch.rand((), generator=g)]
    found = some_of_each(Noise(seeded()))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert {a.dtype for a in found} == {torch.float32}


def test_uniform_numbers_lie_between_zero_and_one():
    u = Noise(seeded()).uniform(20000)
    assert 0 <= u.min() < 0.001 and 0.999 < u.max() < 1
    assert u.mean().item() == pytest.approx(1 / 2, abs=0.01)
    assert u.var().item() == pytest.approx(1 / 12, abs=0.003)


def test_normal_numbers_have_mean_zero_and_variance_one():
    z = Noise(seeded()).normal(20000)
    assert z.mean().item() == pytest.approx(0, abs=0.02)
    assert z.var().item() == pytest.approx(1, abs=0.03)
    assert (z.abs() < 1).float().mean().item() == pytest.approx(0.683, abs=0.01)


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    some_of_each(Noise(seeded()))
    some_of_each(RecordingNoise(seeded()))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_recorder_notes_what_is_asked_for_and_gives_the_same_numbers():
    recorder = RecordingNoise(seeded())
    found = some_of_each(recorder)
    assert all(torch.equal(a, b) for a, b in zip(found, some_of_each(Noise(seeded())), strict=True))
    assert recorder.drawn == [
        ("uniform", (2, 3)),
        ("normal", (4,)),
        ("uniform", (1,)),
        ("normal", (0, 5)),
        ("uniform", ()),
    ]


def test_drawn_numbers_are_handed_out_in_order_as_they_are():
    tensors = some_of_each(Noise(seeded()))
    assert all(a is b for a, b in zip(some_of_each(ReplayNoise(tensors)), tensors, strict=True))


@pytest.mark.parametrize("shape", [(3, 2), (6,), (2, 3, 1), (2,)])
def test_drawn_numbers_of_another_shape_are_refused(shape):
    with pytest.raises(AssertionError, match=r"uniform numbers of shape .* are asked for where \(2, 3\) were noted"):
        ReplayNoise([torch.zeros(2, 3)]).uniform(*shape)


def test_no_more_numbers_are_handed_out_than_were_drawn():
    noise = ReplayNoise([torch.zeros(2)])
    noise.normal(2)
    with pytest.raises(StopIteration):
        noise.normal(2)
