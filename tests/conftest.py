"""Shared fixtures. Every test is seeded by what it does; nothing sleeps and nothing uses the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the process that only hands out the tests needs none
    import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Results must not depend on the machine's cores while testing."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A generator with a fixed seed."""
    import torch

    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def tables_read():
    """Every table was read with the data sets as they are: smaller ones, as tests make them, would not fit it."""
    from landmarklib import tables

    for name in tables.names():
        tables.get(name)


@pytest.fixture(autouse=True)
def literal(monkeypatch):
    """Runs are computed in the literal form, so that they are the same on every machine and at once.

    A test of the choice itself overrides this.
    """
    from filling import literal_form, slow_rate

    from landmarklib.training import autotune

    monkeypatch.setattr(autotune, "choose", literal_form)
    monkeypatch.setattr(autotune, "rate", slow_rate)
