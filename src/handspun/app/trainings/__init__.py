"""Trainings from the page's form (Train): the data sets and settings on offer, and how they become a run.

It knows the runs and the drawings of ``teaching``. Begin with ``training.py``; ``options.py`` lists what can be chosen.
"""
