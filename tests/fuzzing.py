"""Hypothesis where it is installed; elsewhere the tests that need it are skipped, and the others in their files still run."""

import pytest

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


__all__ = ["given", "settings", "st"]
