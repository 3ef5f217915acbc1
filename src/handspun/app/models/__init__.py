"""The models that the app can ask, and how a picture becomes what a model sees.

It knows networks and the transport, but no views. Begin with ``catalog.py``.
"""
