"""Answers to pictures: one request at a time, the live stream of a drawing, and the inside of the network (Draw and Inside).

It knows the models, but not trainings. Begin with ``predict.py``; ``live.py`` answers the page.
"""
