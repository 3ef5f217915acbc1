"""Tables of results for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from handspun.cli.console import interval, percent
from handspun.confidence.unknown import Acceptance
from handspun.evaluation.messy import MessyEvaluation
from handspun.evaluation.metrics import ClassScores


def table(*columns: str, words: bool = False) -> Table:
    """An empty table; columns after the first are aligned to the right, the last one to the left if it holds ``words``."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns, 1):
        left = number == 1 or (words and number == len(columns))
        made.add_column(column, justify="left" if left else "right", overflow="fold")
    return made


def scores_table(scores: ClassScores, classes: Sequence[str]) -> Table:
    """Precision, recall and F1 of each class."""
    made = table("class", "precision", "recall", "F1", "images")
    for i, name in enumerate(classes):
        values = (f"{100 * column[i]:.1f} %" for column in (scores.precision, scores.recall, scores.f1))
        made.add_row(name, *values, f"{scores.support[i]:,}")
    return made


def confusion_table(confusion: np.ndarray, classes: Sequence[str]) -> Table:
    """The confusion matrix, zeros as dots, right answers in bold."""
    made = table("true \\ predicted", *classes)
    for i, name in enumerate(classes):
        cells = [Text(f"{n:,}" if n or i == j else "·", "bold" if i == j else "") for j, n in enumerate(confusion[i])]
        made.add_row(name, *cells)
    return made


def unknown_table(accepted: tuple[Acceptance, ...]) -> Table:
    """How often each kind of picture was taken for one of the classes, and how often for an empty one."""
    made = table("other pictures", "taken for a class", "95 % interval", "for empty", "images", "what they are", words=True)
    for kind in accepted:
        shares = percent(kind.rate), interval(kind.interval), percent(kind.empty)
        made.add_row(kind.name, *shares, f"{kind.images:,}", kind.what)
    return made


def messy_table(result: MessyEvaluation) -> Table:
    """The accuracy on each version with its interval, and its difference from that on clean images."""
    made = table("version", "accuracy", "95 % interval", "difference", "distortion", words=True)
    for row in (result.clean, *result.versions):
        difference = "" if row is result.clean else f"{100 * (row.accuracy - result.clean.accuracy):+.2f}"
        made.add_row(row.name, percent(row.accuracy), interval(row.interval), difference, row.strength)
    return made
