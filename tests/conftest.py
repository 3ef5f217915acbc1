import os
import signal
import struct

# Before NumPy is loaded: tests are small, and threads would only take the time of other tests.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

# What a shell puts into the background begins with SIGINT ignored, and so would every process that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def blobs():
    """90 pictures (4, 3) of bytes in 3 classes that can be learned: images (90, 4, 3) uint8, labels (90,)."""
    rng = np.random.default_rng(7)
    centres = rng.uniform(60, 195, (3, 12))
    labels = np.repeat(np.arange(3), 30)[rng.permutation(90)]
    images = np.clip(centres[labels] + rng.normal(0, 40, (90, 12)), 0, 255)
    return images.astype(np.uint8).reshape(90, 4, 3), labels


@pytest.fixture
def read_events():
    """A function that gives what is in a file of TensorBoard."""
    Event = pytest.importorskip("tensorboardX.proto.event_pb2").Event

    def read(path):
        data, position = path.read_bytes(), 0
        while position < len(data):  # records of length, checksum, Event, checksum
            (length,) = struct.unpack_from("<Q", data, position)
            yield Event.FromString(data[position + 12 : position + 12 + length])
            position += 16 + length

    return read
