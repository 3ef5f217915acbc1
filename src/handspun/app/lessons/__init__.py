"""One training step explained, operation by operation, with its arrays and the source lines that ran (Step).

It knows the models and the layers, and starts no trainings. Begin with ``steps.py``; ``texts.py`` says what each layer does.
"""
