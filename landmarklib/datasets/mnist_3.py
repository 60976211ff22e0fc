"""MNIST's digit 3 alone, in a black frame, as thewlis2017 shows it to a network of its own."""

from __future__ import annotations

from landmarklib.datasets import mnist

DATASET = mnist.of_digit(3, ids={"train": "afeb1a604e62", "val": "7576ae93c6d6", "test": "f379192a6873"})
