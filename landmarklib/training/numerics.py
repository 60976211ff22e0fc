"""What else decides the last digits of a run: threads and the number type of convolutions on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def settled(device: str, threads: int = 1) -> Iterator[None]:
    """Within it, so many threads compute on a processor, and float32 means float32 on a GPU.

    A sum that is split over threads is rounded in another way for each number of them. On a GPU torch lets convolutions
    round their inputs to 10 bits (TF32) unless it is told not to.
    """
    cudnn = torch.backends.cudnn
    before, threads_before = cudnn.allow_tf32, torch.get_num_threads()
    cudnn.allow_tf32 = False
    if device == "cpu":
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        cudnn.allow_tf32 = before
        torch.set_num_threads(threads_before)
