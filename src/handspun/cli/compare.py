"""``handspun compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from handspun.cli.console import accuracy_line, note, out, print_json
from handspun.cli.datasets import fits, labelled
from handspun.cli.model_choice import class_names, open_model
from handspun.cli.options import JsonOption, argument
from handspun.errors import UsageError
from handspun.evaluation.metrics import mcnemar, wilson_interval
from handspun.pictures.contract import PictureContract
from handspun.recipes.seen import learned_from, seen_before

#: A difference counts as real if its p-value is below this level.
LEVEL = 0.05


def compare(
    a: Annotated[Path, argument("A model file, run folder or included model.", "A")],
    b: Annotated[Path, argument("Another one.", "B")],
    data: Annotated[str | None, argument("A name or path; by default the test images of A's training.", "DATA")] = None,
    json: JsonOption = False,
) -> None:
    """Compare two models on the same images by McNemar's exact test: better, worse, or cannot tell.

    Example: handspun compare runs/wide runs/deep mnist
    """
    network_a, header = open_model(a)
    network_b, header_b = open_model(b)
    if class_names(network_a) != class_names(network_b):
        raise UsageError(f"{a} and {b} have different classes; they cannot be compared.")
    images, labels, where = labelled(data, header, network_a)
    right_a = network_a.predict(images) == labels  # (N,)
    if isinstance(network_b.contract, PictureContract):  # pictures of a folder: each model takes them in its own size
        images, again, _ = labelled(data, header, network_b)
        if not np.array_equal(labels, again):
            raise UsageError(f"{where} are not the same pictures in the sizes of the two models.")
    else:
        fits(images, network_b, where)
    right_b = network_b.predict(images) == labels
    for path, own in ((a, header), (b, header_b)):
        note(seen_before(data or learned_from(header.get("training")), own.get("training"), path))
    only_a, only_b = int(np.count_nonzero(right_a & ~right_b)), int(np.count_nonzero(right_b & ~right_a))
    p = mcnemar(only_a, only_b)
    verdict = "cannot tell" if p >= LEVEL else ("better" if only_a > only_b else "worse")
    total = len(labels)
    hits = {side: int(right.sum()) for side, right in (("a", right_a), ("b", right_b))}
    if json:
        sides = {side: {"accuracy": n / total, "accuracy_interval_95": wilson_interval(n, total)} for side, n in hits.items()}
        print_json({"data": where, "images": total, **sides, "only_a": only_a, "only_b": only_b, "p": p, "a_is": verdict})
        return
    lines = [f"On {where}:"]
    for path, n in zip((a, b), hits.values(), strict=True):
        lines.append(f"  {path}: {accuracy_line(n / total, wilson_interval(n, total), total)}")
    lines.append(f"Right where the other is wrong: {a} {only_a:,} times, {b} {only_b:,} times; McNemar's test: p = {p:.2g}")
    unsure = f"Cannot tell which is better (p is not below {LEVEL})."
    lines.append(unsure if verdict == "cannot tell" else f"{a} is {verdict} than {b}.")
    out.print("\n".join(lines), soft_wrap=True)
