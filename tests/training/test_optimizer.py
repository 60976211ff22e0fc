"""Adam's groups, clipping, weight decay, frozen groups and the teacher's average, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small import CPU, Walker, annotations, blocks_run, data_of, experiment, fake, train_blocks

from landmarklib.core.method import Prediction
from landmarklib.core.stages import Optimizer, Stage
from landmarklib.training import optimizer, train
from landmarklib.training.pack import Pack
from landmarklib.training.state import TrainState


def stage_of(**changes) -> Stage:
    """The stage of the small run. changes: fields of its optimizer."""
    stage = replace(experiment().stages[0], weights={"landmarks": 1.0})
    return replace(stage, optimizer=replace(stage.optimizer, **changes))


def test_rates_follow_the_schedule_and_the_head_has_its_own(monkeypatch):
    rates, adam = [], torch.optim.Adam

    class Spy(adam):
        def step(self, *args, **kwargs):
            rates.append([(float(group["lr"]), len(group["params"])) for group in self.param_groups])
            return super().step(*args, **kwargs)

    monkeypatch.setattr(torch.optim, "Adam", Spy)
    weights = {"landmarks": 900.0, "classes": 10.0}
    train_blocks(experiment(weights=weights, images=80, rate=0.01, head_rate=10.0, warmup=2, hold=0.5))
    expected = [0.005, 0.01, 0.01, 0.01, 0.01, 0.01, 0.008, 0.006, 0.004, 0.002]
    n_head = 4
    assert [body for (body, _), _ in rates] == pytest.approx(expected)
    assert [head for _, (head, _) in rates] == pytest.approx([10 * rate for rate in expected])
    assert {n for _, (_, n) in rates} == {n_head}


def test_every_group_has_its_own_rate_and_parameters_of_none_have_the_common_one():
    names = ("trunk.a.weight", "head.bias", "headless.weight", "trunk.b.weight")
    parameters = {name: torch.zeros(1, 2, requires_grad=True) for name in names}
    method = fake(groups={"trunk": "trunk", "top": "head"})
    made = optimizer.adam(parameters, method, stage_of(rate=0.1, rates={"trunk": 0.5, "top": 3.0}), CPU)
    optimizer.set_rate(made, 0.5)
    found = {id(p): float(group["lr"]) for group in made.param_groups for p in group["params"]}
    assert [found[id(parameters[name])] for name in names] == pytest.approx([0.025, 0.15, 0.05, 0.025])


def test_the_gradient_of_each_run_is_clipped_over_all_its_parameters():
    """Norms of 13, 0 and 1.3, of a parameter of two numbers and one of a single number."""
    pair, single, unused = torch.zeros(3, 2), torch.zeros(3), torch.zeros(3)
    pair.grad = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.3, 0.4]])
    single.grad = torch.tensor([12.0, 0.0, 1.2])
    optimizer.clip_gradients([pair, unused, single], 0.0)
    assert pair.grad[0].tolist() == [3, 4] and single.grad[0] == 12
    optimizer.clip_gradients([pair, unused, single], 6.5)
    torch.testing.assert_close(pair.grad, torch.tensor([[1.5, 2.0], [0.0, 0.0], [0.3, 0.4]]))
    torch.testing.assert_close(single.grad, torch.tensor([6.0, 0.0, 1.2]))
    assert unused.grad is None


@pytest.mark.parametrize("decay, moved", [(0.0, 0.0), (0.1, 0.05)])
def test_weight_decay_is_added_to_the_gradient(decay, moved):
    """Where the loss is flat Adam's first step is the rate, in the direction of the decay alone."""
    method = fake(lambda models, batch, terms, options, noise: {"landmarks": 0 * models.student.x.expand(2)})
    run = TrainState(experiment(), Walker(), data_of(annotations(4, 0)), torch.Generator().manual_seed(0))
    Pack([run], method, {}, stage_of(rate=0.05, weight_decay=decay)).step(
        ("landmarks",), torch.tensor([[0, 1]]), 2, 1.0
    )
    assert run.module.x.item() == pytest.approx(-1 + moved, abs=1e-6)


def test_a_stage_that_trains_a_group_leaves_all_others_bit_for_bit():
    e = experiment(weights={"landmarks": 900.0, "classes": 10.0}, images=40, n_evaluations=1)
    e = replace(e, stages=(replace(e.stages[0], trains="head", optimizer=Optimizer(0.01, weight_decay=0.1)),))
    before, after = (run.module.state_dict() for run in (blocks_run(e), train_blocks(e)))
    moved = {name.partition(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {"head"} and {name.partition(".")[0] for name in before} == {"head", "localizer"}


class Normalised(torch.nn.Module):
    """Two parts, each of which keeps statistics, and a number that belongs to neither."""

    def __init__(self):
        super().__init__()
        self.body, self.head = (torch.nn.BatchNorm1d(2) for _ in range(2))
        self.x = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, images):
        return self.x + self.head(self.body(images.mean((1, 2))[:, 7:9]))


@pytest.mark.parametrize(
    "trains, moved", [("", {"body", "head", "x"}), ("body", {"body"}), ("head", {"head"})], ids=["all", "body", "head"]
)
@pytest.mark.parametrize("n", [1, 2], ids=["alone", "packed"])
def test_statistics_of_frozen_parts_stay(trains, moved, n):
    def loss(models, batch, terms, options, noise):
        return {"landmarks": (models.student(batch.images) - torch.tensor([1.0, 3.0])).square().sum(-1)}

    def predict(module, images, options):
        return Prediction(module(images)[:, None].expand(-1, 5, -1))

    method = fake(loss, predict, groups={"body": "body", "head": "head"})
    runs = []
    for seed in range(n):
        e = experiment(images=40, n_evaluations=2, seed=seed)
        e = replace(e, stages=(replace(e.stages[0], trains=trains),))
        runs.append(TrainState(e, Normalised(), data_of(annotations(16, seed)), torch.Generator().manual_seed(seed)))
    before = Normalised().state_dict()
    train.train(runs, method, annotations(8, 2), {})
    for run in runs:
        after = run.module.state_dict()
        changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
        assert not run.failure and {name.partition(".")[0] for name in changed} == moved
        for part in moved - {"x"}:
            assert {f"{part}.running_mean", f"{part}.running_var", f"{part}.weight"} <= changed
            assert after[f"{part}.num_batches_tracked"] == run.best_step


def test_a_teacher_is_a_moving_average_and_its_counters_are_copies():
    teacher = {"w": torch.tensor([1.0, -2.0]), "n": torch.tensor([3, 3]), "half": torch.tensor([4.0]).half()}
    student = {
        "w": torch.tensor([2.0, 8.0]),
        "n": torch.tensor([7, 9]),
        "half": torch.tensor([8.0]),
        "more": torch.ones(1),
    }
    optimizer.average(teacher, student, 0.75)
    assert teacher["w"].tolist() == [1.25, 0.5]
    assert teacher["n"].tolist() == [7, 9] and teacher["n"].dtype == torch.int64
    assert teacher["half"].item() == 5 and teacher["half"].dtype == torch.float16
    assert teacher.keys() == {"w", "n", "half"} and student["w"].tolist() == [2, 8]
