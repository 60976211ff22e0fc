"""What decides the last digits of a run is settled within it, and as before after it."""

from __future__ import annotations

import pytest
import torch

from landmarklib.training import numerics


def test_convolutions_are_in_float32_within_and_as_before_after():
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32
    try:
        for allowed in (True, False):
            cudnn.allow_tf32 = allowed
            with pytest.raises(KeyError), numerics.settled("cuda"):
                assert not cudnn.allow_tf32
                raise KeyError
            assert cudnn.allow_tf32 == allowed
    finally:
        cudnn.allow_tf32 = before


def test_a_processor_computes_a_run_with_as_many_threads_as_it_says():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with numerics.settled("cpu"):
            assert torch.get_num_threads() == 1
        with numerics.settled("cpu", 2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
