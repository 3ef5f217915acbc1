"""Evaluation: how good a network's answers are.

Metrics take plain arrays; ``evaluate.py`` and ``messy.py`` ask a network. Nothing here trains. Begin with ``metrics.py``.
"""
