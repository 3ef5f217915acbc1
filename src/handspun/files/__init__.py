"""Reading files from outside safely, and writing files atomically.

Nothing here knows what a network is. Begin with ``writing.py`` (atomic writes), then ``archive.py`` (NumPy archives) and
``header.py`` (the JSON header of model files and checkpoints).
"""
