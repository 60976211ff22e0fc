"""The order of images, against an oracle that draws batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from small import Walker, annotations, blocks_run, data_of, experiment, train_blocks

from landmarklib.core.errors import UserError
from landmarklib.core.experiment import Experiment
from landmarklib.training import batches
from landmarklib.training.pack import Pack
from landmarklib.training.state import TrainState


def order_of(
    e: Experiment, labelled: list[int], n: int, start: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    data = data_of(annotations(n, 0), torch.tensor(labelled, dtype=torch.long))
    return batches.image_order(TrainState(e, Walker(), data, generator), e.stages[0], start)


def endless(index: torch.Tensor, n: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """The slow oracle: batches from a pool that is refilled, in an order drawn anew, whenever it is too short."""
    pool = index[:0]
    while True:
        while 0 < len(index) and len(pool) < n:
            pool = torch.cat([pool, index[torch.randperm(len(index), generator=generator)]])
        yield pool[:n]
        pool = pool[n:]


def step_by_step(
    e: Experiment, labelled: list[int], n: int, start: int, generator: torch.Generator
) -> list[list[list[int]]]:
    """Labelled and unlabelled images of each step, drawn by the oracle when the step comes."""
    stage, is_labelled = e.stages[0], torch.zeros(n, dtype=torch.bool)
    is_labelled[labelled] = True
    first = endless(is_labelled.nonzero()[:, 0], stage.batch, generator)
    second = endless((~is_labelled).nonzero()[:, 0], stage.batch_unlabelled, generator)
    steps = [(next(first).tolist(), next(second).tolist() if i >= start else None) for i in range(stage.steps)]
    return [[drawn for drawn, _ in steps], [drawn for _, drawn in steps if drawn is not None]]


@pytest.mark.parametrize(
    "n_labelled, n_unlabelled, batch, batch_unlabelled, start",
    [
        (20, 12, 8, 4, 0),
        (20, 12, 8, 4, 17),
        (20, 12, 8, 4, 29),
        (20, 12, 8, 4, 30),
        (16, 8, 8, 4, 0),
        (12, 30, 7, 11, 3),
        (3, 2, 8, 7, 0),
        (3, 2, 8, 7, 5),
        (1, 1, 1, 1, 1),
        (0, 12, 8, 5, 0),
        (20, 0, 8, 4, 0),
        (7, 12, 0, 5, 0),
        (7, 12, 5, 0, 2),
    ],
)
def test_images_come_in_the_order_of_batches_drawn_step_by_step(
    n_labelled, n_unlabelled, batch, batch_unlabelled, start
):
    n = n_labelled + n_unlabelled
    labelled = torch.randperm(n, generator=torch.Generator().manual_seed(1))[:n_labelled].tolist()
    e = experiment(images=30 * (batch or batch_unlabelled), batch=batch, batch_unlabelled=batch_unlabelled)
    ours, oracles = (torch.Generator().manual_seed(2) for _ in range(2))
    order, expected = order_of(e, labelled, n, start, ours), step_by_step(e, labelled, n, start, oracles)
    assert [drawn.tolist() for drawn in order] == expected
    assert [len(drawn) for drawn in order] == [30, 30 - start]
    assert torch.equal(ours.get_state(), oracles.get_state())


@pytest.mark.parametrize("onset, start", [({}, 0), ({"elt": 0.5}, 5), ({"elt": 0.99}, 10)])
def test_training_takes_the_images_in_that_order_after_one_number_for_the_noise(monkeypatch, onset, start):
    taken, step = [], Pack.step
    monkeypatch.setattr(
        Pack, "step", lambda p, terms, index, *more: (taken.append(index), step(p, terms, index, *more))
    )
    e = experiment(weights={"landmarks": 900.0, "elt": 270.0}, starts=onset, images=80, n_evaluations=1)
    drawn = blocks_run(e).generator
    train_blocks(e)
    torch.randint(2**62, (), generator=drawn)
    labelled, unlabelled = step_by_step(e, list(range(64)), 128, start, drawn)
    expected = [first + second for first, second in zip(labelled, [[]] * start + unlabelled, strict=True)]
    assert [index.tolist() for index in taken] == [[images] for images in expected]


def test_each_image_comes_once_per_epoch_in_a_new_order(generator):
    e = experiment(images=120, batch=4)
    drawn = order_of(e, list(range(10, 16)), 16, 30, generator)[0].view(20, 6)
    assert (drawn.sort(1).values == torch.arange(10, 16)).all()
    assert len({tuple(epoch) for epoch in drawn.tolist()}) > 15


def test_a_batch_that_is_larger_than_its_set_is_filled(generator):
    drawn, _ = order_of(experiment(images=21, batch=7), [0, 1, 2], 4, 3, generator)
    assert drawn.shape == (3, 7) and drawn.flatten().bincount().tolist() == [7, 7, 7]


@pytest.mark.parametrize("n_labelled, batch", [(0, 4), (5, 0)])
def test_batches_are_empty_where_there_is_nothing_to_give(generator, n_labelled, batch):
    e = experiment(images=3 * (batch or 4), batch=batch)
    drawn, others = order_of(e, list(range(n_labelled)), 9, 0, generator)
    assert drawn.shape == (3, 0) and others.shape == (3, 4)


def test_labelled_images_may_take_the_places_of_unlabelled_ones_where_there_are_none(generator):
    stage = replace(experiment(images=60, batch=4, batch_unlabelled=3).stages[0], refill=True)
    e = replace(experiment(), stages=(stage,))
    drawn, others = order_of(e, list(range(6)), 6, 5, generator)
    assert drawn.shape == (15, 4) and others.shape == (10, 3)
    assert others.flatten().bincount().tolist() == [5] * 6  # each image once per epoch, here too
    drawn, others = order_of(e, [0, 1, 2], 6, 5, generator)
    assert {*others.flatten().tolist()} == {3, 4, 5}


def share_of(share: float, n: int, seed: int = 3, **changes) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Both orders of 6 labelled images and n others of which a stage sees a share, and the state of the generator."""
    e = replace(experiment(images=60, batch=4, batch_unlabelled=5), seed=seed)
    e = replace(e, stages=(replace(e.stages[0], unlabelled=share, **changes),))
    generator = torch.Generator().manual_seed(2)
    return *order_of(e, list(range(6)), 6 + n, 3, generator), generator.get_state()


@pytest.mark.parametrize("n", [10, 13, 37])
def test_of_a_share_of_the_unlabelled_images_all_else_stays_as_with_all_of_them(n):
    whole = share_of(1.0, n)
    for share in (0.1, 0.5, 0.99):
        order, others, state = share_of(share, n)
        assert torch.equal(order, whole[0]) and torch.equal(state, whole[2])
        assert others.shape == whole[1].shape == (12, 5)


def test_larger_shares_of_the_unlabelled_images_have_those_of_smaller_ones_and_stages_the_same():
    few, half, all_but_one = ({*share_of(share, 20)[1].flatten().tolist()} for share in (0.1, 0.5, 0.95))
    assert few < half < all_but_one < set(range(6, 26))
    assert list(map(len, (few, half, all_but_one))) == [2, 10, 19]
    assert {*share_of(0.5, 20, name="another", afresh=True)[1].flatten().tolist()} == half
    assert {*share_of(0.5, 20, seed=4)[1].flatten().tolist()} != half


def test_each_image_of_a_share_comes_once_per_epoch_in_a_new_order():
    epochs = share_of(0.25, 24)[1].view(10, 6)
    assert (epochs.sort(1).values == epochs[0].sort().values).all() and epochs[0].unique().numel() == 6
    assert len({tuple(epoch) for epoch in epochs.tolist()}) > 7


def test_a_share_of_no_unlabelled_image_is_none_and_one_that_leaves_none_is_refused():
    assert share_of(0.5, 0)[1].shape == (12, 0)
    with pytest.raises(
        UserError, match=r"^unlabelled: 0.02 leaves none of 20 images without labels; the least is 0.05$"
    ):
        share_of(0.02, 20)


def test_next_images_are_the_labelled_ones_and_then_the_unlabelled_ones_of_each_run():
    labelled, unlabelled = torch.arange(12).view(2, 3, 2), torch.arange(20, 24).view(2, 2, 1)
    orders = list(zip(labelled, unlabelled, strict=True))
    found = [(index.tolist(), n) for index, n in (batches.next_images(orders, step) for step in range(3))]
    assert found == [([[0, 1], [6, 7]], 2), ([[2, 3, 20], [8, 9, 22]], 2), ([[4, 5, 21], [10, 11, 23]], 2)]
