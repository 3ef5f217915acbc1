"""Pictures: from an image file to the input of a network.

File, pixels (``decoding.py``, ``reading.py``), grey, ink, the size and place that a network was trained on (``contract.py``),
and last the network's numbers (``inputs.py``). Nothing here knows networks. Begin with ``contract.py``.
"""
