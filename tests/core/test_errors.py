"""Messages are short, whatever was given, and keep what they say of it."""

from __future__ import annotations

import pickle

from landmarklib.core.errors import DataMissing, UserError, shown


def test_a_long_value_is_shown_by_its_ends():
    assert shown("seeds") == "'seeds'" and shown([1, 2]) == "[1, 2]"
    assert shown("a" * 100_000 + "z").startswith("'aaa") and shown("a" * 100_000 + "z").endswith("aaz'")
    assert len(shown("a" * 100_000)) < 70
    assert shown(1 << 100_000) == "a int too large to be shown"


def test_a_message_keeps_its_ends_and_every_word_that_somebody_means():
    path = "/folder" * 50
    assert str(UserError(f"{path}: not here; valid: a, b")) == f"{path}: not here; valid: a, b"
    message = str(UserError(f"unknown word {'x' * 100_000}; valid: a, b"))
    assert message.startswith("unknown word xxx") and message.endswith("xxx; valid: a, b") and len(message) < 100
    assert len(str(UserError("x " * 100_000))) <= 4000


def test_a_worker_hands_a_mistake_on_as_it_is():
    for error in (UserError("seeds: 3"), DataMissing("mtfl: not here")):
        handed = pickle.loads(pickle.dumps(error))
        assert type(handed) is type(error) and str(handed) == str(error)
