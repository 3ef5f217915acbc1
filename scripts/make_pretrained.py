"""Train the included models, and write their files and cards into the package.

Each is trained by a recipe with seed 0, on all of MNIST's training images:

    python scripts/make_pretrained.py

The recipes' receipts must be in docs/receipts: the cards quote them. The cards' table of false acceptances has a row for
photos: CIFAR-10's test images, from the folder or the name given by ``--photos``.

The confidence of a model is calibrated with a twin, trained by the same recipe on nine tenths of the images, and the tenth held
out from it. The temperature is the twin's: a network is less overconfident on its own training images than on others, so the
model's own temperature would be too low. A separate head learns what the model knows and what it does not, from nine tenths of
the images and pictures that are not digits; its threshold is set on the tenth that the head has not seen. It matters little
that the network itself has seen that tenth: the twin of mnist-mlp calls 1.0 % of the test images
unknown, mnist-mlp itself 0.9 %.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np

from handspun.augment import Augmentation
from handspun.confidence.calibration import fit_confidence, fit_temperature
from handspun.confidence.exposure import fit_head
from handspun.confidence.unknown import (
    LETTERS,
    LOOKALIKES,
    TEACHING_FONTS,
    Acceptance,
    acceptance,
    draw_blank,
    draw_clouds,
    draw_letters,
    draw_noise,
    draw_scribbles,
    evaluate_unknown,
)
from handspun.data import Split, load_dataset
from handspun.evaluation.evaluate import Evaluation, evaluate
from handspun.evaluation.messy import MESSY, MessyEvaluation, evaluate_messy
from handspun.files.writing import write_text
from handspun.networks.answers import UNKNOWN, Confidence, is_empty
from handspun.networks.architectures import structure
from handspun.networks.modelfile import load, save
from handspun.networks.sequential import Sequential
from handspun.recipes import load_recipe
from handspun.recipes.run import Material, Plan, prepare, train

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "src" / "handspun" / "pretrained"
RECEIPTS = ROOT / "docs" / "receipts"

#: The recipe of each model, and its purpose.
RECIPES = {
    "mnist-mlp": ("best-128-64", "It has only dense layers, for readers who want to follow every number."),
    "mnist-cnn": ("cnn-small", "It is the better one, and the default of `handspun predict`."),
}


#: The share of the training images held out from the twin and the head.
HELD_OUT = 0.1

#: Digits and letters as people write and photograph them: a head learns from these too.
AS_PEOPLE_WRITE = Augmentation(shift=1.5, rotation=15.0, scale=0.1, shear=8.0, elastic=0.8, thickness=0.8, noise=25.0)

#: How many variants of each letter of a font are drawn.
LETTER_VERSIONS = 40


def main() -> None:
    """Train the models named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all by default")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--photos", default="cifar10", help="a dataset of photos without digits, for the table in the cards")
    parser.add_argument("--twins", type=Path, default=None, help="a folder to keep twins in; existing twins there are used")
    parser.add_argument("--keep", action="store_true", help="keep the existing weights; only renew confidence and cards")
    arguments = parser.parse_args()
    photos = load_dataset(arguments.photos).test
    if photos is None:
        parser.error(f"{arguments.photos} has no test images")
    for name in arguments.names or RECIPES:
        if name not in RECIPES:
            parser.error(f"there is no {name}; there are {', '.join(RECIPES)}")
        make(name, arguments.threads, photos.images, arguments.twins, keep=arguments.keep)


def make(name: str, threads: int | None, photos: np.ndarray, twins: Path | None, *, keep: bool) -> None:
    """Train one model, calibrate its confidence, and write its file and its card."""
    recipe_name, purpose = RECIPES[name]
    receipt_path = RECEIPTS / f"{recipe_name}.json"
    if not receipt_path.exists():
        sys.exit(f"{receipt_path} is missing. Make it first: handspun reproduce {recipe_name} --seeds 3")
    receipt = json.loads(receipt_path.read_text("utf-8"))
    settings = load_recipe(recipe_name).settings.replace(threads=threads)
    with_held_out = settings.replace(validation=HELD_OUT)
    material = prepare(with_held_out)
    path = MODELS / f"{name}.npz"
    began = time.perf_counter()
    network = load(path) if keep else train(Plan(settings, prepare(settings))).network
    twin_path = None if twins is None else twins / f"{name}.npz"
    if twin_path is not None and twin_path.exists():
        twin = load(twin_path)
    else:
        twin = train(Plan(with_held_out, material)).network
        if twin_path is not None:
            save(twin, twin_path)
    print(f"{name}: trained in {time.perf_counter() - began:.0f} s")
    network.confidence = find_confidence(network, twin, material)
    test = material.test
    assert test is not None
    assert test.labels is not None
    assert network.contract is not None
    evaluation = evaluate(network, test.images, test.labels)
    messy = evaluate_messy(network, test.images, test.labels, network.contract)
    accepted = evaluate_unknown(network, network.contract)
    accepted += (acceptance("photos", "CIFAR-10's test images", network.answer(network.contract(photos))),)
    training = {
        "data": "mnist",
        "recipe": recipe_name,
        "settings": settings.replace(threads=None).as_dict(),
        "test_accuracy": evaluation.accuracy,
        "messy_accuracy": messy.mean,
        "unknown_rate": evaluation.unknown_rate,
        "calibration_error": evaluation.reliability.error,
    }
    save(network, path, training=training)
    size = path.stat().st_size
    refused = {version.name: _unknown_rate(network, version(test.images)) for version in MESSY.values()}
    write_text(MODELS / f"{name}.md", card(name, purpose, network, evaluation, messy, refused, accepted, receipt, size))
    print(f"{path}: {size:,} bytes, {evaluation.accuracy:.2%}, messy {messy.mean:.2%}, unknown {evaluation.unknown_rate:.2%}")


def find_confidence(network: Sequential, twin: Sequential, material: Material) -> Confidence:
    """Temperature, head and threshold of a network trained on all of the material, with a twin that was not."""
    contract, held_out = network.contract, material.validation
    assert contract is not None
    assert held_out is not None
    assert held_out.labels is not None
    # Clean digits and digits as people write them: calibrated on clean ones alone, it would not hold for the others.
    rng = np.random.default_rng(0)
    clean = contract(held_out.images)
    both = np.concatenate([clean, contract(AS_PEOPLE_WRITE(held_out.images, rng))])
    temperature = fit_temperature(twin.logits(both), np.tile(held_out.labels, 2))
    head = fit_head(network, *teaching(network, material.train, rng))
    found = fit_confidence(network, clean, held_out.labels, head=head)
    return dataclasses.replace(found, temperature=temperature)


def teaching(network: Sequential, digits: Split, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """The training data of a head: digits, and pictures that are not digits, by kind."""
    contract = network.contract
    assert contract is not None
    known = np.concatenate([contract(digits.images), contract(AS_PEOPLE_WRITE(digits.images, rng))])  # (N, 28, 28)
    plain = contract(draw_letters(TEACHING_FONTS, "".join(letter for letter in LETTERS if letter not in LOOKALIKES)))
    letters = np.concatenate([plain, *(contract(AS_PEOPLE_WRITE(plain, rng)) for _ in range(LETTER_VERSIONS))])
    counts = ((draw_scribbles, 8_000), (draw_clouds, 4_000), (draw_blank, 2_000), (draw_noise, 500))
    drawn = [contract(draw(count, rng)) for draw, count in counts]
    return known, [letters, *(images[~is_empty(images)] for images in drawn)]  # empty pictures have their own verdict


def _unknown_rate(network: Sequential, pictures: np.ndarray) -> float:
    """The share of pictures that are called unknown."""
    assert network.contract is not None
    return float(np.mean(network.answer(network.contract(pictures)).verdict == UNKNOWN))


def card(
    name: str,
    purpose: str,
    network: Sequential,
    evaluation: Evaluation,
    messy: MessyEvaluation,
    refused: dict[str, float],
    accepted: tuple[Acceptance, ...],
    receipt: dict,
    size: int,
) -> str:
    """The model card: data, training, accuracy, known weaknesses."""
    confidence = network.confidence
    assert confidence is not None
    low, high = evaluation.interval
    digits = [str(i) for i in range(10)]
    confusion = evaluation.confusion.copy()
    np.fill_diagonal(confusion, 0)
    most = np.argsort(confusion, axis=None, kind="stable")[::-1][:3]
    mixed = ", ".join(f"{digits[i // 10]} read as {digits[i % 10]} ({confusion.flat[i]} times)" for i in most)
    worst = min(messy.versions, key=lambda version: version.accuracy)
    spread = receipt["standard_deviation"]
    refused = {"clean": evaluation.unknown_rate or 0.0, **refused}
    rows = [
        f"| {version.name} | {version.strength} | {version.accuracy:.2%} | {refused[version.name]:.1%} |"
        for version in (messy.clean, *messy.versions)
    ]
    others = [f"| {kind.name} | {kind.what} | {kind.images:,} | {kind.rate:.1%} | {kind.empty:.0%} |" for kind in accepted]
    hardest = max((kind for kind in accepted if kind.name != "letters"), key=lambda kind: kind.rate)
    letters = next(kind for kind in accepted if kind.name == "letters")
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
            f"- **Distorted pictures**: {messy.mean:.2%} on average over the versions below: `handspun evaluate {name} "
            "--messy`.",
            f"- **Trust**: temperature {confidence.temperature:.2f}, fitted on digits that a twin had not seen. The expected "
            f"calibration error on the test images is {evaluation.plain_reliability.error:.2%} without it and "
            f"{evaluation.reliability.error:.2%} with it (15 bins).",
            f"- **Not a digit**: its threshold is set to reject {confidence.false_reject_rate:.0%} of digits; it rejects "
            f"{evaluation.unknown_rate:.2%} of the test images. Other pictures that it takes for digits: the table below, or "
            f"`handspun evaluate {name} --unknown`.",
            "- **Input**: a picture of any size, dark on light or light on dark, with the digit anywhere in it; the contract "
            "in the model file says how it becomes 28 x 28 pixels.",
            "- **Made by** `python scripts/make_pretrained.py`.",
            "",
            "## Known weaknesses",
            "",
            f"- Most frequent confusions on the test images: {mixed}.",
            f"- Of the distorted versions it reads {worst.name} pictures ({worst.strength}) worst: {worst.accuracy:.2%}.",
            f"- It does not always notice that a picture shows no digit: it takes {hardest.rate:.0%} of the {hardest.name} "
            f"below for digits, and {letters.rate:.0%} of all letters; many of these look like digits to people too "
            f"({LOOKALIKES}). It was trained with printed letters of other fonts, scribbles, clouds, grain and noise; it may "
            "take more pictures of other kinds for digits.",
            f"- It rejects too many {max(refused, key=lambda version: refused[version])} digits.",
            "- The digits were written in the United States around 1990, by employees of the Census Bureau and by high-school "
            "students. Other ways to write a digit, such as a 1 with a long upstroke or a crossed 7, are rare among them.",
            "- It takes several digits in one picture for one; `handspun predict --many` separates them, unless they touch.",
            "",
            "## Distorted versions",
            "",
            "| version | distortion | accuracy | rejected |",
            "|---|---|---:|---:|",
            *rows,
            "",
            "## Pictures that are not digits",
            "",
            "| kind | how made | pictures | taken for a digit | for an empty sheet |",
            "|---|---|---:|---:|---:|",
            *others,
            "",
        ]
    )


if __name__ == "__main__":
    main()
