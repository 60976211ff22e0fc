"""MNIST's digit 6 alone, in a black frame, as thewlis2017 shows it to a network of its own."""

from __future__ import annotations

from landmarklib.datasets import mnist

DATASET = mnist.of_digit(6, ids={"train": "1ab55339fc7a", "val": "cef2f62e128e", "test": "32252f5637c8"})
