"""Networks: a sequence of layers with one flat vector of parameters, and what belongs to one network.

It knows layers, but neither data sets nor training. Begin with ``sequential.py`` (forward and backward), then ``layout.py``
(where each parameter lives), ``inference.py``, ``architectures.py`` (``mlp``, ``cnn``), ``answers.py`` (what a network says
about a picture) and ``modelfile.py`` (how it is saved).
"""
