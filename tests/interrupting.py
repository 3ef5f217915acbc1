"""Trainings that are interrupted."""

import signal

from handspun.training.callback import Callback


class StopAfter(Callback):
    """Interrupts the training after a step; ``None`` never."""

    watches_steps = True

    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            signal.raise_signal(signal.SIGINT)
