"""Files: read with suspicion, written whole or not at all.

Nothing here knows what a network is. Begin with ``writing.py`` (atomic writes), then ``archive.py`` (NumPy archives from
outside).
"""
