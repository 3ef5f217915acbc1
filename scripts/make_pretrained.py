"""Train the models that come with handspun, and write their files and cards into the package.

Each is made by a recipe with seed 0, on all of MNIST's training images:

    python scripts/make_pretrained.py

The recipes' receipts in docs/receipts must be there: the cards quote them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from handspun.files import write_text
from handspun.messy import MessyEvaluation, evaluate_messy
from handspun.modelfile import save
from handspun.network import structure
from handspun.recipes import load_recipe
from handspun.recipes.run import Result, prepare, train

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "src" / "handspun" / "pretrained"
RECEIPTS = ROOT / "docs" / "receipts"

#: The recipe of each model, and what it is for.
RECIPES = {
    "mnist-mlp": ("best-128-64", "Dense layers alone: for those who want to follow every number of it."),
    "mnist-cnn": ("cnn-small", "The better one, and what `handspun predict` asks by default."),
}


def main() -> None:
    """Make the models named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all by default")
    parser.add_argument("--threads", type=int, default=None)
    arguments = parser.parse_args()
    for name in arguments.names or RECIPES:
        if name not in RECIPES:
            parser.error(f"there is no {name}; there are {', '.join(RECIPES)}")
        make(name, arguments.threads)


def make(name: str, threads: int | None) -> None:
    """Train one model, and write its file and its card."""
    recipe_name, purpose = RECIPES[name]
    receipt_path = RECEIPTS / f"{recipe_name}.json"
    if not receipt_path.exists():
        sys.exit(f"{receipt_path} is missing. Make it first: handspun reproduce {recipe_name} --seeds 3")
    receipt = json.loads(receipt_path.read_text("utf-8"))
    settings = load_recipe(recipe_name).settings
    began = time.perf_counter()
    result = train(settings.replace(threads=threads), prepare(settings))
    print(f"{name}: trained in {time.perf_counter() - began:.0f} s")
    evaluation, test = result.evaluation, result.material.test
    assert evaluation is not None
    assert test is not None
    assert test.labels is not None
    messy = evaluate_messy(result.network, test.images, test.labels, result.network.contract)
    training = {
        "data": "mnist",
        "recipe": recipe_name,
        "settings": settings.as_dict(),
        "test_accuracy": evaluation.accuracy,
        "messy_accuracy": messy.mean,
    }
    path = MODELS / f"{name}.npz"
    save(result.network, path, training=training)
    write_text(MODELS / f"{name}.md", card(name, purpose, result, messy, receipt, path.stat().st_size))
    print(f"{path}: {path.stat().st_size:,} bytes, {evaluation.accuracy:.2%}, messy {messy.mean:.2%}")


def card(name: str, purpose: str, result: Result, messy: MessyEvaluation, receipt: dict, size: int) -> str:
    """The model card: what it is, what it was made of, how well it does, where it fails."""
    evaluation = result.evaluation
    assert evaluation is not None
    network = result.network
    low, high = evaluation.interval
    digits = [str(i) for i in range(10)]
    confusion = evaluation.confusion.copy()
    np.fill_diagonal(confusion, 0)
    most = np.argsort(confusion, axis=None, kind="stable")[::-1][:3]
    mixed = ", ".join(f"{digits[i // 10]} read as {digits[i % 10]} ({confusion.flat[i]} times)" for i in most)
    worst = min(messy.versions, key=lambda version: version.accuracy)
    spread = receipt["standard_deviation"]
    rows = [f"| {version.name} | {version.strength} | {version.accuracy:.2%} |" for version in (messy.clean, *messy.versions)]
    return "\n".join(
        [
            f"# {name}",
            "",
            f"Reads one handwritten digit in a picture. {purpose}",
            "",
            f"- **Network**: {structure(network)}, {network.parameters.vector.size:,} parameters in float32; "
            f"a file of {size / 1e3:.0f} kB.",
            "- **Data**: the 60,000 training images of MNIST (Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0). "
            f"SHA-256 of images and labels: `{receipt['data_sha256']}`.",
            f"- **Recipe**: `{receipt['recipe']}`, seed 0. Over {len(receipt['seeds'])} seeds the recipe gives "
            f"{receipt['mean']:.2%} ± {100 * spread:.2f} (s.d.): `{receipt['command']}`.",
            f"- **Accuracy** on MNIST's 10,000 test images: {evaluation.accuracy:.2%} "
            f"(95 % interval {low:.2%} to {high:.2%}), cross-entropy {evaluation.loss:.4f} nats.",
            f"- **Messy pictures**: {messy.mean:.2%} in the mean over the versions below: `handspun evaluate {name} --messy`.",
            "- **Input**: a picture of any size, dark on light or light on dark, the digit anywhere in it; the model file's "
            "contract says how it becomes 28 x 28 pixels.",
            "- **Made by** `python scripts/make_pretrained.py`.",
            "",
            "## Known weaknesses",
            "",
            f"- Most mixed up in the test: {mixed}.",
            f"- Of the messy versions {worst.name} pictures ({worst.strength}) are read worst: {worst.accuracy:.2%}.",
            "- It knows ten digits and nothing else: of a letter, a scribble or a cat it says which digit they are most like, "
            "often with confidence.",
            "- The digits were written in the United States around 1990, by employees of the Census Bureau and by high-school "
            "students. Other ways to write a digit, such as a 1 with a long upstroke or a crossed 7, are rare among them.",
            "- Several digits in one picture are taken for one.",
            "",
            "## Messy versions",
            "",
            "| version | how messy | accuracy |",
            "|---|---|---:|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
