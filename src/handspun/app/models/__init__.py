"""The models that the app can ask, and how a picture becomes what a model sees.

It knows the networks and the transport, and none of the views. Begin with ``catalog.py``.
"""
