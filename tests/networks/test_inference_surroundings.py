"""The same bytes whatever surrounds the process: NumPy's error handling, warnings, ``python -O``, forks, threads."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, io, sys, threading
import numpy as np
import handspun as hs

def digest():
    found = hashlib.sha256()
    pixels = np.random.default_rng(0).integers(0, 256, (70, 12, 12), np.uint8)
    labels = np.random.default_rng(1).integers(0, 4, 70)
    extreme = np.random.default_rng(2).choice([-1e30, 0.0, 1e-40, 300.0], (70, 144))  # probabilities of exactly 0 and 1
    for network in (hs.cnn((12, 12), 4, kernel_size=3, norm="batch"), hs.mlp(144, [8], 4, "gelu"), hs.mlp(144, [8], 4, "tanh")):
        network.confidence = hs.fit_confidence(network, pixels, labels)
        for images in (pixels, extreme):
            for array in (network.predict(images), network.predict_proba(images), network.answer(images).score):
                found.update(array.tobytes())
            found.update(b"".join(array.tobytes() for array in network.activations(images).values()))
            result = hs.evaluate(network, images, labels)
            found.update(repr((result.accuracy, result.loss, result.reliability.error, result.unknown_rate)).encode())
        found.update(network.answer(pixels, views=True).probabilities.tobytes())
        report = hs.check_gradients(network, pixels[:3], labels[:3], elements=4)
        found.update(repr((report.elementwise, report.directional)).encode())
        file = io.BytesIO()
        hs.save(network, file)
        found.update(file.getvalue())
    return found.hexdigest()

def shown(into):
    into.append(digest())
"""

ENDS = {
    "plain": "print(digest())",
    "errors raise": "np.seterr(all='raise')\nprint(digest())",
    "errors warn": "np.seterr(all='warn')\nprint(digest())",
    "thread": "into = []\nthread = threading.Thread(target=shown, args=[into])\nthread.start()\nthread.join()\nprint(into[0])",
    "forked": (
        "import os\ndigest()\nread, write = os.pipe()\nif not os.fork():\n    os.write(write, digest().encode())\n"
        "    os._exit(0)\nos.wait()\nprint(os.read(read, 100).decode())"
    ),
    "spawned": "print(__import__('subprocess').check_output([sys.executable, '-c', PROGRAM + 'print(digest())'], text=True))",
}


def run(end, *flags):
    program = f"PROGRAM = {PROGRAM!r}\n{PROGRAM}\n{ENDS[end]}"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *flags, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture(scope="module")
def plain():
    return run("plain")


@pytest.mark.parametrize("end", [end for end in ENDS if end != "plain"])
def test_surroundings_change_no_byte(end, plain):
    if end == "forked" and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    assert run(end) == plain


def test_python_without_asserts_gives_the_same_bytes(plain):
    assert run("plain", "-O") == plain
    assert run("errors raise", "-OO") == plain
