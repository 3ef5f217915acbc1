"""Labelled drawings, to a data set file and back."""

import io

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from handspun.app.teaching.drawings import MAX_DRAWINGS, decode_drawings, encode_drawings, read_drawings, write_drawings
from handspun.app.transport.wire import RequestError, encode_array
from handspun.data import Split, load_dataset

RNG = np.random.default_rng(2)
DRAWINGS = Split(RNG.integers(0, 256, (7, 28, 28), np.uint8), np.array([3, 1, 4, 1, 5, 9, 2]))
DIGITS = tuple("0123456789")


def saved(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_a_saved_file_is_a_data_set_of_the_same_drawings(web, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))  # data in memory need no disk
    response = web.post("/api/drawings/file", json={"drawings": encode_drawings(DRAWINGS)})
    assert response.headers["content-disposition"] == 'attachment; filename="drawings.npz"'
    path = tmp_path / "drawings.npz"
    path.write_bytes(response.content)
    dataset = load_dataset(path)
    np.testing.assert_array_equal(dataset.train.images, DRAWINGS.images)
    np.testing.assert_array_equal(dataset.train.labels, DRAWINGS.labels)
    assert dataset.classes == DIGITS
    back = web.post("/api/drawings", content=response.content).json()
    assert back == {"drawings": encode_drawings(DRAWINGS), "classes": list(DIGITS)}


def test_classes_get_the_given_names(web):
    drawings = encode_drawings(Split(DRAWINGS.images[:2], np.array([1, 0])))
    content = web.post("/api/drawings/file", json={"drawings": drawings, "classes": ["plane", "bird"]}).content
    assert read_drawings(content).classes == ("plane", "bird")


def test_the_same_drawings_make_the_same_bytes():
    assert write_drawings(DRAWINGS, DIGITS) == write_drawings(DRAWINGS, DIGITS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a whole"),
        (b"PK\3\4 and no more", "not a whole"),
        (write_drawings(DRAWINGS, DIGITS)[:-100], ""),
        (saved(images=np.array([{"a": 1}], object), labels=np.zeros(1, int)), "objects"),
        (saved(images=DRAWINGS.images), "labels"),
        (saved(weights=np.zeros(3)), "expected"),
        (saved(images=np.zeros((2, 8, 8), np.uint8), labels=np.zeros(2, int)), "28 x 28"),
        (saved(images=np.zeros((2, 28, 28)), labels=np.zeros(2, int)), "bytes"),
        (saved(images=DRAWINGS.images, labels=np.arange(7) - 1), "count from 0"),
        (saved(images=DRAWINGS.images, labels=np.arange(6)), "6 labels"),
        (saved(images=DRAWINGS.images[:0], labels=np.arange(0)), "there are no images"),
        (saved(images=DRAWINGS.images, labels=np.arange(7) + 9, classes=np.array(DIGITS)), "a training label 15"),
    ],
)
def test_invalid_files_are_refused_without_the_servers_paths(web, content, words):
    response = web.post("/api/drawings", content=content)
    assert response.status_code == 400
    assert words in response.json()["error"]
    assert "/tmp" not in response.json()["error"]
    assert "drawings.npz" not in response.json()["error"], "the person's file has another name"


def test_too_many_drawings_are_refused(web):
    many = MAX_DRAWINGS + 1
    content = saved(images=np.zeros((many, 28, 28), np.uint8), labels=np.zeros(many, int))
    response = web.post("/api/drawings", content=content)
    assert response.status_code == 413
    assert "1,000" in response.json()["error"]
    with pytest.raises(RequestError, match="1,000"):
        decode_drawings([{}] * many, classes=10)


PIXELS = encode_array(DRAWINGS.images[0])


@pytest.mark.parametrize(
    "drawings",
    [
        None,
        {},
        [],
        ["a"],
        [{"pixels": PIXELS}],
        [{"pixels": PIXELS, "label": 10}],
        [{"pixels": PIXELS, "label": -1}],
        [{"pixels": PIXELS, "label": True}],
        [{"pixels": PIXELS, "label": "7"}],
        [{"pixels": {**PIXELS, "shape": [784]}, "label": 1}],
        [{"pixels": {**PIXELS, "data": "!"}, "label": 1}],
        [{"label": 1}],
    ],
)
def test_invalid_drawings_are_refused(web, drawings):
    response = web.post("/api/drawings/file", json={"drawings": drawings})
    assert response.status_code == 400
    assert "rawing" in response.json()["error"]


@pytest.mark.parametrize("classes", [[], ["a", "a"], [1, 2], "abc", ["x" * 100], ["line\nbreak"]])
def test_invalid_names_of_classes_are_refused(web, classes):
    drawings = [{"pixels": PIXELS, "label": 0}]
    response = web.post("/api/drawings/file", json={"drawings": drawings, "classes": classes})
    assert response.status_code == 400
