"""Confidence: calibrated probabilities, and the answer "none of the classes".

What is found here is kept in a network's ``Confidence`` (``networks/answers.py``). It may train small networks of its own.
Begin with ``calibration.py``, then ``exposure.py`` and ``unknown.py``.
"""
