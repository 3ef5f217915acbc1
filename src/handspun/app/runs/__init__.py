"""A run is one training that the page watches and steers; the app has one at a time and remembers the last ones.

It knows how to run a job, and not what the job trains: ``teaching`` and ``trainings`` say that. Begin with ``run.py``.
"""
