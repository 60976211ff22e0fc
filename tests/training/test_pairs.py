"""A stage with pairs: each image comes with another of the same thing, moved alike, and is aligned with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from landmarklib import loading, methods
from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.stages import Evaluation, Optimizer, Schedule, Stage
from landmarklib.core.types import Batch, Crop
from landmarklib.methods import fse
from landmarklib.nets.forms import LITERAL
from landmarklib.training import compute

SIZE, N = 16, 45
JITTER = {"rotation_degrees": 20.0, "scale": 0.1, "shift": 0.2}


def stage(name: str = "train", **changes) -> Stage:
    values = {"images": 45, "batch": 0, "batch_unlabelled": 5, "n_evaluations": 1}
    values |= {"optimizer": Optimizer(0.01, clip=10.0), "schedule": Schedule(1, 0.5)}
    return Stage(name=name, weights={"align": 1.0, "diversity": 0.01}, **{**values, **changes})


def experiment(*stages: Stage, dataset: str = "blocks") -> Experiment:
    return Experiment(
        table="blocks",
        row="FSE",
        dataset=dataset,
        method="fse",
        options={"n_landmarks": 5, "widths": [2, 2, 2, 2, 4], "pool": 3},
        fraction=0.0,
        seed=0,
        budget="smoke",
        size=SIZE,
        train_images=N,
        stages=stages or (stage(pairs=True),),
        evaluation=Evaluation("equivariance_px", 8, 8, [], "matched"),
    )


@pytest.fixture
def in_threes(monkeypatch) -> None:
    """Blocks as if three images in a row showed one thing."""
    get, split = loading.get, loading.split

    def with_things(*which):
        found = split(*which)
        return replace(found, attributes={**found.attributes, "thing": np.arange(len(found)) // 3})

    monkeypatch.setattr(loading, "get", lambda n: replace(get(n), aligned="thing") if n == "blocks" else get(n))
    monkeypatch.setattr(loading, "split", with_things)


@pytest.fixture
def seen(monkeypatch) -> list[Batch]:
    """The batches that the loss is formed on, in order."""
    found, get = [], methods.get

    def spy(models, batch, *rest):
        found.append(batch)
        return fse.loss(models, batch, *rest)

    monkeypatch.setattr(methods, "get", lambda name: replace(fse.METHOD, loss=spy) if name == "fse" else get(name))
    return found


def indices(images: torch.Tensor) -> list[int]:
    """Which training images these are."""
    known = loading.split("blocks", "train", Crop(SIZE)).images[:N]
    return [int(np.flatnonzero((known == one).all((1, 2, 3)))[0]) for one in (255 * images).round().byte().numpy()]


def test_a_partner_is_another_image_of_the_same_thing(in_threes, seen):
    compute.run([experiment()], form=LITERAL)
    taken = set()
    for batch in seen:
        of, partners = indices(batch.images), indices(batch.partner)
        assert all(a != b and a // 3 == b // 3 for a, b in zip(of, partners, strict=True))
        taken |= set(partners)
    assert taken == set(range(N))  # in an epoch each image is a partner once


def test_a_stage_without_pairs_has_no_partners(in_threes, seen):
    compute.run([experiment(stage("first"), stage("second", pairs=True))], form=LITERAL)
    half = len(seen) // 2
    assert [batch.partner is None for batch in seen] == [True] * half + [False] * (len(seen) - half)


def test_the_second_view_is_the_partner_as_it_is_and_the_warp_is_none():
    """Alike, two photos are aligned wherever their landmarks are; unlike, by how far these are apart."""
    images = torch.rand(4, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    options = methods.complete(fse.METHOD, {"n_landmarks": 3, "first_bend": 0.1, "form": "points"})
    nothing = torch.full((4, 0, 2), torch.nan)
    given = Batch(images, nothing, nothing[..., 0] > 0, torch.zeros(4, 0), 0)
    views, peaks = [], torch.full((4, 3, 8, 8), -1e4)
    peaks[:, :, 2, 3] = 1e4
    other = torch.roll(peaks, 2, 3)  # two cells of eight to the right are half of [-1, 1]

    def network(seen):
        views.append(seen)
        return torch.cat([peaks, other if (seen[4:] != seen[:4]).any() else peaks])

    def align(partner):
        batch = replace(given, partner=partner)
        return fse.loss(Models(network), batch, {"align"}, options, Noise(torch.Generator()))["align"]

    assert align(images).tolist() == [0.0] * 4
    assert align(1 - images).tolist() == pytest.approx([0.25] * 4)
    assert torch.equal(views[1], torch.cat([images, 1 - images]))


def test_the_partner_may_be_warped_too():
    """A network that finds the brightest pixel follows the partner under the plate, and has no loss."""
    spots = torch.zeros(4, 1, SIZE, SIZE)
    spots[:, :, 7:9, 6:8] = 1
    nothing = torch.full((4, 0, 2), torch.nan)
    batch = Batch(spots, nothing, nothing[..., 0] > 0, torch.zeros(4, 0), 0, partner=0.5 * spots)
    views = []

    def network(seen):
        views.append(seen)
        return (50 * seen / seen.amax((2, 3), keepdim=True)).expand(-1, 3, -1, -1)

    options = methods.complete(fse.METHOD, {"n_landmarks": 3, "form": "points", "warp_pairs": True})
    align = fse.loss(Models(network), batch, {"align"}, options, Noise(torch.Generator().manual_seed(0)))["align"]
    moved = views[0][4:]
    assert not torch.equal(moved, batch.partner) and (align < 0.01).all()
    still = {**options, "warp_pairs": False}
    fse.loss(Models(network), batch, {"align"}, still, Noise(torch.Generator()))
    assert torch.equal(views[1][4:], batch.partner)


def test_pairs_are_jittered_alike():
    from landmarklib.core import augmentation

    wide = torch.rand(3, 1, 2 * SIZE, 2 * SIZE, generator=torch.Generator().manual_seed(2)) + 0.5
    nothing = torch.full((3, 0, 2), torch.nan)
    batch = Batch(wide, nothing, nothing[..., 0] > 0, torch.zeros(3, 0), 0, partner=wide.clone())
    moved = augmentation.jitter_batch(batch, Noise(torch.Generator().manual_seed(3)), SIZE, **JITTER)
    assert moved.images.shape[-1] == SIZE
    assert torch.equal(moved.images, moved.partner)
    seen = []

    def network(views):
        seen.append(views)
        return torch.zeros(len(views), 3, 8, 8)

    options = methods.complete(fse.METHOD, {"n_landmarks": 3, "warp_pairs": True, "shift": 0.01})
    fse.loss(Models(network), moved, {"align"}, options, Noise(torch.Generator().manual_seed(4)))
    assert seen[0].min() > 0.3  # what a warp brings in is real: the photo reaches beyond the frame


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (experiment(), "^fse: pairs, and blocks has no photos of one thing in other light$"),
        (
            experiment(stage("first", pairs=True, dataset="shapes"), stage("second")),
            "^fse: stage first: pairs of shapes; they are of the run's own data set$",
        ),
        (
            replace(experiment(), method="two_step", options={"n_landmarks": 4}),
            "^two_step: pairs, and the method makes its second views itself$",
        ),
    ],
)
def test_pairs_that_cannot_be_are_refused(wrong, words):
    with pytest.raises(UserError, match=words):
        methods.check(wrong)
        methods.check_attributes(wrong, loading.get(wrong.dataset))


def test_a_thing_with_one_photo_has_no_pair(in_threes):
    with pytest.raises(UserError, match=r"^pairs: \d+ has one image; a pair needs two$"):
        compute.run([replace(experiment(), train_images=16)], form=LITERAL)


def test_how_far_light_moves_landmarks_is_in_the_record(in_threes, monkeypatch):
    """Four test images are three of one thing and one of another; as four things none has another to scatter from."""
    e, given = experiment(), loading.first
    e = replace(e, stages=(replace(e.stages[0], pairs=False),), evaluation=replace(e.evaluation, test_images=4))
    (three,) = compute.run([e], form=LITERAL)
    names = {"thing": np.array(["a", "b", "c", "d"])}
    monkeypatch.setattr(
        loading, "first", lambda a, n: replace(given(a, n), attributes=names) if n == 4 else given(a, n)
    )
    (alone,) = compute.run([e], form=LITERAL)
    assert three.metrics["scatter_px"]["n"] == alone.metrics["scatter_px"]["n"] == 4
    assert three.metrics["scatter_px"]["mean"] > 0 == alone.metrics["scatter_px"]["mean"]
