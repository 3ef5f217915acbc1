"""The engine: flat parameters, the tape of a pass, memory, matrix products, and the threads and processes that share the work.

It knows only arrays, not layers or losses. Begin with ``parameters.py`` and ``tape.py``; the rest makes them fast.
"""
