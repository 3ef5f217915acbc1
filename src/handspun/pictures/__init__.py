"""From an image file to the input of a network.

A file becomes pixels (``decoding.py``, ``reading.py``), grey (``grey.py``), ink (``normalize.py``, ``paper.py``), a picture of
the size and position that a network was trained on (``contract.py``), and last the network's numbers (``inputs.py``). Nothing
here knows networks. Begin with ``contract.py``.
"""
