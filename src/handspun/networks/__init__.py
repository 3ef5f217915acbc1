"""Networks: layers in a row with one flat vector of parameters, and what belongs to one network.

It knows layers, but neither data sets nor training. Begin with ``sequential.py``, then ``architectures.py`` (``mlp``, ``cnn``),
``answers.py`` (what a network says of a picture) and ``modelfile.py`` (how it is saved).
"""
