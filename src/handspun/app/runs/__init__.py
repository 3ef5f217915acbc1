"""A run is one training that the page watches and steers; the app has one at a time and remembers the last ones.

It runs jobs; ``teaching`` and ``trainings`` decide what a job trains. Begin with ``run.py``.
"""
