"""POST /api/predict: right answers for pictures in every form, and a sentence for everything else."""

import io
import json
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from strokes import drawings, render

from handspun.app.answers import batching, predict
from handspun.app.models import catalog
from handspun.app.transport import wire

PNG = {"content-type": "image/png"}


def file_of(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def npy_of(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.fixture(scope="module")
def digits():
    """Ten drawings, 0 to 9: (10, 280, 280) uint8, light on black."""
    return np.stack([render(next(d for d in drawings() if d["digit"] == digit)) for digit in range(10)])


def read(response):
    assert response.status_code == 200, response.text
    return [prediction["class"] for prediction in response.json()["predictions"]]


DIGITS = [str(digit) for digit in range(10)]


def test_a_picture_file_gets_the_librarys_answer(client, models, digits):
    network = models.get().network
    for digit in (0, 4, 7):
        answer = client.post("/api/predict", content=file_of(255 - digits[digit]), headers=PNG).json()
        expected = network.answer(network.contract(255 - digits[digit][None]))
        (prediction,) = answer["predictions"]
        assert answer["model"] == "mnist-cnn"
        assert prediction["class"] == str(digit)
        assert prediction["verdict"] == str(expected.verdict[0])
        np.testing.assert_allclose(list(prediction["probabilities"].values()), expected.probabilities[0], rtol=1e-5, atol=1e-9)
        assert prediction["probability"] == prediction["probabilities"][str(digit)]
        assert list(prediction["probabilities"]) == DIGITS


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 90}), ("PNG", {}), ("WEBP", {}), ("BMP", {}), ("GIF", {}), ("TIFF", {})]
)
def test_every_common_file_format_is_read(client, digits, kind, options):
    for type_ in (f"image/{kind.lower()}", "application/octet-stream"):
        body = file_of(255 - digits[3], kind, **options)
        assert read(client.post("/api/predict", content=body, headers={"content-type": type_})) == ["3"]


def test_many_pictures_are_accepted_in_every_form(client, digits):
    files = [("images", (f"{digit}.png", file_of(digits[digit]), "image/png")) for digit in range(10)]
    answer = client.post("/api/predict", files=files)
    assert read(answer) == DIGITS
    assert [prediction["name"] for prediction in answer.json()["predictions"]] == [f"{digit}.png" for digit in range(10)]
    npy = {"content-type": "application/x-npy"}
    assert read(client.post("/api/predict", content=npy_of(digits), headers=npy)) == DIGITS
    assert read(client.post("/api/predict", content=npy_of(digits[5]), headers=npy)) == ["5"]
    colours = np.repeat(255 - digits[..., None], 3, axis=3)
    assert read(client.post("/api/predict", content=npy_of(colours), headers=npy)) == DIGITS
    small = digits[:3, ::5, ::5].tolist()
    assert read(client.post("/api/predict", json={"pixels": small})) == DIGITS[:3]
    assert read(client.post("/api/predict", json={"pixels": small[2]})) == ["2"]


def test_the_model_can_be_chosen(client, models, digits):
    answer = client.post("/api/predict?model=mnist-mlp", content=file_of(digits[6]), headers=PNG).json()
    network = models.get("mnist-mlp").network
    expected = network.answer(network.contract(digits[6][None]))
    assert answer["model"] == "mnist-mlp"
    assert answer["predictions"][0]["probability"] == pytest.approx(float(expected.probabilities.max()), rel=1e-5)


def test_weights_that_are_too_large_give_a_sentence(client, models, digits):
    weights = models.get().network.parameters.vector
    before = weights.copy()
    try:
        weights *= 1e25
        answer = client.post("/api/predict", content=file_of(digits[7]), headers=PNG)
    finally:
        weights[...] = before
    assert answer.status_code == 400
    assert "no finite outputs" in answer.text
    assert "7" in read(client.post("/api/predict", content=file_of(digits[7]), headers=PNG))


def test_an_empty_picture_has_no_class(client):
    for value in (0, 255, 128):
        (prediction,) = client.post("/api/predict", json={"pixels": np.full((40, 40), value).tolist()}).json()["predictions"]
        assert prediction == {"name": None, "verdict": "empty", "class": None, "probability": None, "probabilities": None}


def bomb():
    """A PNG of 8 kB that claims, and has, 400 megapixels."""
    side = 20_000
    row = zlib.compressobj(9)
    data = b"".join(row.compress(b"\0" * (side // 8 + 1)) for _ in range(side)) + row.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    chunks = (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("status", "body", "headers", "says"),
    [
        (400, b"this is no picture", PNG, "not an image"),
        (400, b"", PNG, "not an image"),
        (400, file_of(np.zeros((50, 50), np.uint8))[:60], PNG, "not an image"),
        (400, bomb(), PNG, "pixels"),
        (415, b"hello", {"content-type": "text/plain"}, "text/plain"),
        (415, b"hello", {}, "Send a picture"),
        (400, b"[1, 2", {"content-type": "application/json"}, "not JSON"),
        (400, b"[1, 2]", {"content-type": "application/json"}, "JSON object"),
        (400, b"[" * 100_000, {"content-type": "application/json"}, "not JSON"),
        (400, b'{"pixels": [[1, 2], [3]]}', {"content-type": "application/json"}, "same length"),
        (400, b'{"pixels": [[1, 256]]}', {"content-type": "application/json"}, "from 0 to 255"),
        (400, b'{"pixels": [[1, -1]]}', {"content-type": "application/json"}, "from 0 to 255"),
        (400, b'{"pixels": [["a"]]}', {"content-type": "application/json"}, "from 0 to 255"),
        (400, b'{"pixels": [[0.5]]}', {"content-type": "application/json"}, "from 0 to 255"),
        (400, b'{"pixels": []}', {"content-type": "application/json"}, "from 0 to 255"),
        (400, b'{"pixels": 7}', {"content-type": "application/json"}, "pictures (H, W)"),
        (400, b'{"pixels": {"a": 1}}', {"content-type": "application/json"}, "from 0 to 255"),
        (400, b'{"pixels": [[99999999999999999999999]]}', {"content-type": "application/json"}, "from 0 to 255"),
        (400, b"{}", {"content-type": "application/json"}, "from 0 to 255"),
        (400, npy_of(np.zeros((3, 3))), {"content-type": "application/x-npy"}, "float64"),
        (400, npy_of(np.zeros((3, 3), np.uint8))[:-1], {"content-type": "application/x-npy"}, "The file"),
        (400, npy_of(np.zeros((2, 3, 4, 5, 6), np.uint8)), {"content-type": "application/x-npy"}, "pictures (H, W)"),
        (400, npy_of(np.array([{}], object)), {"content-type": "application/x-npy"}, "The file"),
        (413, npy_of(np.zeros((1001, 2, 2), np.uint8)), {"content-type": "application/x-npy"}, "At most 1000"),
        (400, b"--x\r\nnonsense", {"content-type": "multipart/form-data; boundary=x"}, ""),
        (400, b"hello", {"content-type": "multipart/form-data"}, ""),
    ],
)
def test_invalid_requests_get_a_sentence(client, status, body, headers, says):
    answer = client.post("/api/predict", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]


def test_an_unknown_model_is_not_found(client):
    answer = client.post("/api/predict?model=../../etc/passwd", content=b"", headers=PNG)
    assert answer.status_code == 404
    assert "Known models: mnist-cnn, mnist-mlp" in answer.json()["error"]


def test_hostile_file_names_have_no_effect(client, digits, tmp_path):
    name = f"../../{tmp_path}/owned<script>.png"
    answer = client.post("/api/predict", files=[("images", (name, file_of(digits[1]), "image/png"))])
    assert read(answer) == ["1"]
    assert not list(tmp_path.iterdir())
    broken = client.post("/api/predict", files=[("images", ("<script>", b"x", "image/png"))])
    assert broken.status_code == 400
    assert "<script>" not in broken.text


def test_file_names_must_be_in_utf_8(client, digits):
    part = (
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="\\ud800"\r\n\r\n' + file_of(digits[1]) + b"\r\n--x--\r\n"
    )
    for charset in ("undefined", "unicode_escape", "base64", "no-such"):
        kind = f"multipart/form-data; boundary=x; charset={charset}"
        answer = client.post("/api/predict", content=part, headers={"content-type": kind})
        assert answer.status_code == 415
        assert "UTF-8" in answer.json()["error"]
    answer = client.post(
        "/api/predict", content=part, headers={"content-type": "multipart/form-data; boundary=x; charset=UTF-8"}
    )
    assert answer.json()["predictions"][0]["name"] == "\\ud800"


def test_a_form_of_many_large_pictures_is_refused(client, monkeypatch):
    monkeypatch.setattr(predict, "MAX_FORM_PIXELS", 90_000)
    files = [("f", ("a.png", file_of(np.zeros((200, 200), np.uint8)))) for _ in range(3)]
    assert client.post("/api/predict", files=files[:2]).status_code == 200
    answer = client.post("/api/predict", files=files)
    assert answer.status_code == 413
    assert "90,000 pixels together" in answer.json()["error"]


MEMORY = """
import io, sys
from pathlib import Path
from handspun.app.models.catalog import shipped_models
from handspun.app.answers.predict import _decode

def peak():
    return next(int(line.split()[1]) * 1024 for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))

model = shipped_models()[0]
small, large = (Path(name).read_bytes() for name in sys.argv[1:])
model.preprocess(_decode(small, "it"))
before = peak()
model.preprocess(_decode(large, "it"))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory of a process this way")
@pytest.mark.parametrize(
    ("mode", "colour", "kind", "most"),
    [("RGBA", (255, 255, 255, 4), "PNG", 12), ("RGB", (9, 99, 200), "JPEG", 12), ("F", 1.5, "TIFF", 17), ("I", 9, "TIFF", 17)],
)
def test_decoding_takes_few_bytes_per_pixel(mode, colour, kind, most, tmp_path):
    side = 2500
    for size in (50, side):
        Image.new(mode, (size, size), colour).save(tmp_path / str(size), kind)
    command = [sys.executable, "-c", MEMORY, tmp_path / "50", tmp_path / str(side)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    read = (tmp_path / str(side)).stat().st_size  # the body
    assert int(done.stdout) < read + (most + 0.8) * side**2, f"{int(done.stdout) / side**2:.1f} bytes a pixel"


def test_json_of_too_many_values_is_refused(client):
    for body in (
        "[" + "[]," * 600_000 + "[]]",
        "{" + ",".join(f'"{i}":0' for i in range(10**6)) + "}",
    ):
        answer = client.post("/api/predict", content='{"pixels":' + body + "}", headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "1,000,000 values" in answer.json()["error"]


def test_text_among_the_pixels_takes_no_memory(client):
    """NumPy would make all texts as long as the longest: here 400 TB."""
    pixels = ["x" * 10**7] + ["y"] * 10**5
    assert client.post("/api/predict", json={"pixels": pixels}).status_code == 400


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        ([[0, 1], [2]], "same length"),
        ([[0, 1], 2], "whole numbers"),
        ([[[[[0]]]]], "whole numbers"),
        ([[[[0]]]] * 2, None),
        ([[True]], "whole numbers"),
        ([[0.5]], "whole numbers"),
        ([[10**40]], "whole numbers"),
        ([], "whole numbers"),
        ([[]], "whole numbers"),
        (3, "uint8 pictures"),
    ],
)
def test_lists_must_be_pictures(client, pixels, says):
    answer = client.post("/api/predict", json={"pixels": pixels})
    assert answer.status_code == (200 if says is None else 400), answer.text
    assert says is None or says in answer.json()["error"]


def test_a_picture_that_is_one_long_line_is_refused(client):
    line = np.random.default_rng(0).integers(0, 256, (1, catalog.MAX_PICTURE_SIDE + 1), np.uint8)
    for shape in (line, line.T):
        for body, kind in ((file_of(shape), "image/png"), (npy_of(shape), "application/x-npy")):
            answer = client.post("/api/predict", content=body, headers={"content-type": kind})
            assert answer.status_code == 400
            assert "16,384 pixels a side" in answer.json()["error"]


def test_no_temporary_folder_is_needed(client, digits, monkeypatch, tmp_path):
    """There may be none, or it may be full."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    large = file_of(np.pad(digits[3], ((500, 500), (500, 500))), "BMP")
    assert len(large) > 2**20
    assert read(client.post("/api/predict", files=[("f", ("a.bmp", large))])) == ["3"]
    assert (
        read(client.post("/api/predict", content=npy_of(digits[:2]), headers={"content-type": "application/x-npy"}))
        == DIGITS[:2]
    )
    assert client.get("/api/models/mnist-mlp/file").status_code == 200


def test_a_form_without_files_is_refused(client):
    answer = client.post("/api/predict", files=[("a", (None, "text"))])
    assert answer.status_code == 400


def test_simultaneous_requests_get_their_own_answers(client, digits, monkeypatch):
    sizes = []
    compute = batching._compute

    def counted(batch):
        sizes.append(len(batch))
        return compute(batch)

    monkeypatch.setattr(batching, "_compute", counted)
    order = np.random.default_rng(3).integers(0, 10, 200)
    bodies = [file_of(digit) for digit in digits]

    def ask(digit):
        return read(client.post("/api/predict", content=bodies[digit], headers=PNG))[0]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, order)) == [str(digit) for digit in order]
    assert sum(sizes) == 200
    assert max(sizes) > 1, "simultaneous requests were not computed together"


def test_the_description_matches_the_end_points(client):
    description = client.get("/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            answer = client.request(method, path.replace("{name}", "mnist-mlp"))
            assert answer.status_code in (200, 415), path
            assert str(answer.status_code) in operation["responses"]
    references = set(json.dumps(description).split('"#/components/schemas/')[1:])
    assert {reference.partition('"')[0] for reference in references} == set(description["components"]["schemas"])


def test_the_description_states_the_limits(client):
    text = client.get("/openapi.json").json()["info"]["description"]
    assert f"{wire.MAX_BODY_BYTES // 2**20} MiB" in text
    assert f"{batching.MAX_PICTURES} pictures" in text


def test_a_downloaded_model_can_be_loaded(client, models, tmp_path):
    from handspun import load

    (tmp_path / "model.npz").write_bytes(client.get("/api/models/mnist-mlp/file").content)
    loaded = load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.parameters.vector, models.get("mnist-mlp").network.parameters.vector)
