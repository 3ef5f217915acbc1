"""Callbacks that interrupt a training, break it or stop it."""

import signal

from handspun.training.callback import Callback


class Trouble(Callback):
    """Interrupts, crashes or stops the training at a place: ("step", 3), ("epoch", 1) or ("end",)."""

    watches_steps = True

    def __init__(self, interrupt=None, crash=None, stop=None):
        self.interrupt, self.crash, self.stop = interrupt, crash, stop

    def _at(self, place, trainer):
        if place == self.stop:
            trainer.stop = True
        if place == self.crash:
            raise ZeroDivisionError("planted")
        if place == self.interrupt:
            signal.raise_signal(signal.SIGINT)
            signal.getsignal(signal.SIGINT)  # lets Python run the handler

    def on_step_end(self, trainer):
        self._at(("step", trainer.step), trainer)

    def on_epoch_end(self, trainer, record):
        self._at(("epoch", trainer.epoch), trainer)

    def on_train_end(self, trainer):
        self._at(("end",), trainer)


class StopAfter(Trouble):
    """Interrupts the training after a step; None never does."""

    def __init__(self, step):
        super().__init__(interrupt=("step", step))
