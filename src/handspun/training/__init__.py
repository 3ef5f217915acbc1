"""Training: the loop, what watches it, and what survives an interruption.

It knows networks, losses and optimizers, but not where images come from. Begin with ``fit.py``, then ``trainer.py``.
"""

from handspun.training.callbacks import BestCheckpoint, Callback, CSVLog, Deadline, EarlyStopping, JSONLinesLog, TensorBoardLog
from handspun.training.fit import fit
from handspun.training.history import History
from handspun.training.trainer import Trainer

__all__ = [
    "BestCheckpoint",
    "CSVLog",
    "Callback",
    "Deadline",
    "EarlyStopping",
    "History",
    "JSONLinesLog",
    "TensorBoardLog",
    "Trainer",
    "fit",
]
