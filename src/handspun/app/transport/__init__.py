"""What crosses the network: the guard of all requests, JSON, arrays, frames, server-sent events, sockets.

It knows nothing of models or trainings. Begin with ``wire.py`` (how a request becomes values that can be trusted), then
``guard.py``.
"""
