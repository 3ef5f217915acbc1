"""Optimization: from outputs to a loss and its gradient, and from a gradient to new parameters.

Losses see the outputs of a batch; optimizers, schedules, penalties and clipping see flat vectors and step numbers. None of them
knows layers or networks. Begin with ``losses.py``, then ``optimizers.py``.
"""
