"""Fuzzing: Hypothesis, files near a valid one, and what reading them gives.

Without Hypothesis, the tests that need it are skipped; the others in their files still run.
"""

import pytest

from handspun.errors import HandspunError

try:
    from hypothesis import given, settings, strategies as st
except ImportError:

    class _Anything:
        """Stands for any strategy in the arguments of a decorator."""

        def __getattr__(self, name):
            return self

        def __call__(self, *args, **kwargs):
            return self

    st = _Anything()

    def given(*args, **kwargs):
        return pytest.mark.skip(reason="could not import 'hypothesis'")

    def settings(**kwargs):
        return lambda test: test


__all__ = ["given", "mutate", "mutations", "outcome", "settings", "st"]


def outcome(function):
    """The result of a function, or the error of ours that it raises."""
    try:
        return function()
    except HandspunError as fault:
        return fault


def mutations(most=4, least=1):
    """Steps for ``mutate``: a file is cut, or has bytes flipped, inserted or dropped at a share of its length."""
    step = st.tuples(st.sampled_from(["flip", "insert", "cut", "drop"]), st.floats(0, 1), st.binary(max_size=8))
    return st.lists(step, min_size=least, max_size=most)


def mutate(valid: bytes, steps) -> bytes:
    """A valid file after some steps of ``mutations``."""
    data = bytearray(valid)
    for kind, share, content in steps:
        place = int(share * len(data))
        if kind == "flip" and place < len(data):
            data[place] ^= (content or b"\x01")[0] or 1
        elif kind == "insert":
            data[place:place] = content
        elif kind == "cut":
            del data[place:]
        else:
            del data[place : place + len(content)]
    return bytes(data)
