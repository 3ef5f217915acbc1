"""Confidence: calibrated probabilities, and the answer "none of the classes".

The results go into a network's ``Confidence`` (``networks/answers.py``). This room may train small networks. Begin with
``calibration.py``, then ``exposure.py`` and ``unknown.py``.
"""
