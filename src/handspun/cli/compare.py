"""``handspun compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from handspun.cli.classes import class_names
from handspun.cli.console import JsonOption, accuracy_line, messages, open_model, out, print_json
from handspun.cli.datasets import fits, labelled
from handspun.errors import UsageError
from handspun.evaluation.metrics import mcnemar, wilson_interval
from handspun.pictures.contract import PictureContract
from handspun.recipes.seen import learned_from, seen_before

#: Below this p-value a difference is called real.
LEVEL = 0.05


def compare(
    a: Annotated[Path, typer.Argument(help="A model file or run folder.", metavar="A")],
    b: Annotated[Path, typer.Argument(help="Another one.", metavar="B")],
    data: Annotated[
        str | None, typer.Argument(help="A name or path; by default the test images of A's training.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Two models on the same images, by McNemar's exact test: better, worse, or cannot tell.

    Example: handspun compare runs/wide runs/deep mnist
    """
    network_a, header = open_model(a)
    network_b, header_b = open_model(b)
    if class_names(network_a) != class_names(network_b):
        raise UsageError(f"{a} and {b} tell different classes apart; they cannot be compared.")
    images, labels, where = labelled(data, header, network_a)
    right_a = network_a.predict(images) == labels  # (N,)
    if isinstance(network_b.contract, PictureContract):  # pictures of a folder, which each takes in a size of its own
        images, again, _ = labelled(data, header, network_b)
        if not np.array_equal(labels, again):
            raise UsageError(f"{where} are not the same pictures in the sizes of the two models.")
    else:
        fits(images, network_b, where)
    right_b = network_b.predict(images) == labels
    for path, own in ((a, header), (b, header_b)):
        if note := seen_before(data or learned_from(header.get("training")), own.get("training"), path):
            messages.print(f"Note: {note}", soft_wrap=True)
    only_a, only_b = int(np.count_nonzero(right_a & ~right_b)), int(np.count_nonzero(right_b & ~right_a))
    p = mcnemar(only_a, only_b)
    verdict = "cannot tell" if p >= LEVEL else ("better" if only_a > only_b else "worse")
    hits = {"a": int(right_a.sum()), "b": int(right_b.sum())}
    total = len(labels)
    if json:
        sides = {side: {"accuracy": n / total, "accuracy_interval_95": wilson_interval(n, total)} for side, n in hits.items()}
        print_json({"data": where, "images": total, **sides, "only_a": only_a, "only_b": only_b, "p": p, "a_is": verdict})
        return
    out.print(f"On {where}:", soft_wrap=True)
    for path, n in ((a, hits["a"]), (b, hits["b"])):
        out.print(f"  {path}: {accuracy_line(n / total, wilson_interval(n, total), total)}", soft_wrap=True)
    only = f"{a} {only_a:,} times, {b} {only_b:,} times"
    out.print(f"Right where the other is wrong: {only}; McNemar's test: p = {p:.2g}", soft_wrap=True)
    unsure = f"Cannot tell which is better (p is not below {LEVEL})."
    out.print(unsure if verdict == "cannot tell" else f"{a} is {verdict} than {b}.", soft_wrap=True)
