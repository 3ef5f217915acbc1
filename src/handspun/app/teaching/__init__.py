"""Teaching: a model learns a person's labelled drawings (Teach), which can also be saved as a data set file.

It knows the models and the runs. Begin with ``teach.py``; ``drawings.py`` reads and writes the drawings.
"""
