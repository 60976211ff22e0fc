"""MNIST's digit 5 alone, in a black frame, as thewlis2017 shows it to a network of its own."""

from __future__ import annotations

from landmarklib.datasets import mnist

DATASET = mnist.of_digit(5, ids={"train": "2b182131aa84", "val": "0e7348fb4c3f", "test": "672b1aa0a0e6"})
