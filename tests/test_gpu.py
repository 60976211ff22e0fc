"""What only a GPU can show: the same numbers as on the CPU. `pytest -m gpu` runs these on a machine that has one."""

from __future__ import annotations

import pytest
import torch

from landmarklib import datasets, methods, run
from landmarklib.nets import plain
from landmarklib.types import Batch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def batch(device: str, n: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, 1, 60, 60, generator=generator)
    points = 2 * torch.rand(n, 5, 2, generator=generator) - 1
    labelled = torch.arange(n) < n // 2
    points[~labelled] = torch.nan
    visible = labelled[:, None].expand(n, 5).contiguous()
    classes = torch.arange(n) % 15
    return Batch(*(t.to(device) for t in (images, points, visible, labelled, classes)))


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("block", [(1, 1), (2, 2), (4, 4)])
def test_losses_and_gradients_equal_the_cpu(name, block):
    method = methods.get(name)
    options = {**method.OPTIONS, "dropout": 0.0}
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    found = {}
    for device, form in (("cpu", plain.LITERAL), ("cuda", plain.Form(block))):
        module = method.build(datasets.get("blocks"), 60, options, torch.Generator().manual_seed(0)).to(device)
        plain.set_form(module, form)
        values = method.loss(
            module, batch(device), {"landmarks", "classes"}, options, torch.Generator(device).manual_seed(0)
        )
        sum(v[m].mean() for v, m in values.values()).backward()
        found[device] = {n: p.grad.cpu() for n, p in module.named_parameters() if p.grad is not None}
        found[device] |= {term: v.detach().cpu() for term, (v, _) in values.items()}
    assert found["cpu"].keys() == found["cuda"].keys()
    for key, value in found["cpu"].items():
        torch.testing.assert_close(
            found["cuda"][key], value, rtol=1e-3, atol=1e-4 * float(value.nan_to_num().abs().max()), equal_nan=True
        )


@pytest.mark.parametrize("table", ["blocks", "shapes"])
def test_every_row_runs_on_the_gpu(table, tmp_path):
    frame = run.ensure(table, seeds=[0], budget="smoke", device="cuda", workers=1, results=tmp_path)
    assert (frame.status == "done").all()
