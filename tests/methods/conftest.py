"""What tests of methods share."""

from __future__ import annotations

import pytest
import torch

from landmarklib.training import train


@pytest.fixture
def trained(monkeypatch) -> dict[str, dict[str, torch.Tensor]]:
    """A run's weights and buffers after each stage."""
    found, end = {}, train.end_stage

    def spy(runs, method, options, stage, final):
        end(runs, method, options, stage, final)
        found[stage.name] = runs[0].weights()

    monkeypatch.setattr(train, "end_stage", spy)
    return found
