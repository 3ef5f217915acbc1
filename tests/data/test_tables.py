from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest

from fuzzing import given, settings, st
from handspun.data import load_dataset, read_table
from handspun.errors import DataError, HandspunError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 2, 2), np.uint8)
LABELS = np.arange(40) % 10
HEADER = "label,pixel0,pixel1,pixel2,pixel3\n"


def lines(labelled=True) -> list[str]:
    rows = PIXELS.reshape(40, 4).tolist()
    return [",".join(map(str, [label, *row] if labelled else row)) + "\n" for label, row in zip(LABELS, rows, strict=True)]


def text(labelled=True) -> str:
    return (HEADER if labelled else HEADER.removeprefix("label,")) + "".join(lines(labelled))


@pytest.fixture
def read(tmp_path):
    def reader(content: str | bytes, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path)

    return reader


def check(split, labelled=True):
    assert split.images.dtype == np.uint8
    assert np.array_equal(split.images, PIXELS)
    assert split.labels.tolist() == LABELS.tolist() if labelled else split.labels is None


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t,
        lambda t: t.removeprefix(HEADER),
        lambda t: t.rstrip("\n"),
        lambda t: t + "\n\n \n",
        lambda t: t.replace("\n", "\r\n"),
        lambda t: "\ufeff" + t,
        lambda t: "\ufeff" + t.removeprefix(HEADER),
        lambda t: t.replace("pixel", "1x"),
        lambda t: t.replace(HEADER, '"Label","a","b","c","d"\r\n'),
        lambda t: t.replace(",", ", "),
        lambda t: HEADER + "".join(",".join(f'"{c}"' for c in line.strip().split(",")) + "\n" for line in lines()),
        lambda t: HEADER + "".join(",".join(f"{int(c):.18e}" for c in line.split(",")) + "\n" for line in lines()),
        lambda t: HEADER + "".join(",".join(f"{int(c)}.0" for c in line.split(",")) + "\n" for line in lines()),
        lambda t: HEADER + "".join(",".join(f"{int(c):06}" for c in line.split(",")) + "\n" for line in lines()),
    ],
)
def test_dialects_of_csv_are_read(read, change):
    check(read(change(text())))
    check(read(gzip.compress(change(text()).encode())))


def test_tables_without_labels_are_read(read):
    check(read(text(labelled=False)), labelled=False)
    check(read("".join(lines(labelled=False))), labelled=False)


def test_values_at_the_edges_are_read(read):
    assert read("0,0,255,1,10\n").images.ravel().tolist() == [0, 255, 1, 10]
    assert read("255,99,100,9,0").labels.tolist() == [255]


def test_rows_across_chunks_are_read(read):
    rng = np.random.default_rng(1)
    table = rng.integers(0, 256, (3000, 785), np.uint8)
    split = read("\n".join(",".join(map(str, row)) for row in table.tolist()))
    assert np.array_equal(split.images.reshape(3000, 784), table[:, 1:])
    assert np.array_equal(split.labels, table[:, 0])


def test_reading_takes_little_more_memory_than_the_result(tmp_path):
    path = tmp_path / "zeros.csv.gz"
    path.write_bytes(gzip.compress(b"0,0,0,0,0\n" * 400_000, 1))
    tracemalloc.start()
    read_table(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400_000 * 5 * 1.5 + 12e6


def test_a_folder_with_both_files_is_read(tmp_path):
    (tmp_path / "train.csv").write_text(text())
    (tmp_path / "test.csv.gz").write_bytes(gzip.compress(text(labelled=False).encode()))
    data = load_dataset(tmp_path)
    check(data.train)
    check(data.test, labelled=False)
    assert data.classes == tuple("0123456789")


def test_a_single_file_is_read(tmp_path):
    (tmp_path / "digits.csv").write_text(text())
    data = load_dataset(str(tmp_path / "digits.csv"))
    check(data.train)
    assert data.test is None


def test_test_labels_beyond_the_classes_are_refused(tmp_path):
    (tmp_path / "mnist_train.csv").write_text(text())
    (tmp_path / "mnist_test.csv").write_text("11,0,0,0,0\n")
    with pytest.raises(DataError, match="there is a test label 11, but the 10 classes"):
        load_dataset(tmp_path)


def test_training_images_need_labels(tmp_path):
    (tmp_path / "train.csv").write_text(text(labelled=False))
    with pytest.raises(DataError, match="has no column of labels"):
        load_dataset(tmp_path)


def line_17(cells: str) -> str:
    rows = lines()
    rows[15] = cells + "\n"  # the header is line 1
    return HEADER + "".join(rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (HEADER, "holds no images: it ends after its header"),
        (HEADER.strip(), "holds no images"),
        ("\n", "1 columns of pixels do not form a square"),
        (line_17("1,2,3,256,5"), r'line 17, column 4 \("pixel2"\): \'256\' is not a whole number from 0 to 255'),
        (line_17("1,2,-3,4,5"), r"line 17, column 3 .*'-3' is not"),
        (line_17("1,2,,4,5"), r'line 17, column 3 \("pixel1"\): the cell is empty'),
        (line_17("1,2,nan,4,5"), "'nan' is not"),
        (line_17("1,2,NaN,4,5"), "'NaN' is not"),
        (line_17("1,2,inf,4,5"), "'inf' is not"),
        (line_17("1,2,1e999,4,5"), "'1e999' is not"),
        (line_17("1,2,0.5,4,5"), "'0.5' is not"),
        (line_17("1,2,1_0,4,5"), "'1_0' is not"),
        (line_17("1,2,0x1,4,5"), "'0x1' is not"),
        (line_17("1,2,٣,4,5"), "'٣' is not"),
        (line_17("1000,2,3,4,5"), r"column 1 \(\"label\"\): '1000' is not"),
        (line_17("1,2,\0,4,5"), r"'\\x00' is not"),
        (line_17("1,2," + "9" * 5000 + ",4,5"), "'99999999999999999999' is not"),
        (line_17("1,2,3,4"), "line 17: 4 cells, expected 5"),
        (line_17("1,2,3,4,5,6"), "line 17: 6 cells, expected 5"),
        (line_17("1,2,3,4,5,"), "line 17: 6 cells"),
        (line_17("1;2;3;4;5"), "line 17: 1 cells"),
        (line_17(""), "line 17: it is empty"),
        (line_17("1,2,3,4").replace("3,4\n", "3\n4,5,6\n", 1), "expected 5"),
        (HEADER.replace(",", ";") + "1;2;3;4;5", "separated by commas"),
        ("pixel0,pixel1,pixel2,pixel3,label\n1,2,3,4,5\n", "must come first"),
        (",label,pixel0,pixel1,pixel2,pixel3\n0,1,2,3,4,5\n", "must come first"),
        ("label,a,b,c\n1,2,3,4\n", "3 columns of pixels do not form a square"),
        ("1,2,3\n", "3 columns of pixels do not form a square"),
        ("a,b,c\n1,2,3\n", 'the first column is called "a"'),
        (HEADER.encode("utf-16"), "zero bytes"),
        (b"\xff\xfe,\x80\n", "line 1: not UTF-8"),
        (line_17("1,2,@,4,5").encode().replace(b"@", b"\xff"), r"'\\\\xff' is not"),
        (b"1" * (2**20 + 5), "line 1: longer than"),
        (HEADER.encode() + b"1" * 2**21, "line 2: longer than"),
        (gzip.compress(text().encode(), mtime=0)[:-9], "is cut off"),
        (gzip.compress(text().encode(), mtime=0)[:60], "is cut off"),
    ],
)  # fmt: skip
def test_faulty_tables_are_refused(tmp_path, read, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(content)
    assert str(tmp_path / "a.csv") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_fault_in_a_later_chunk_is_located(read):
    rows = ["7,0,0,0,0\n"] * 100_000
    rows[98_764] = "7,0,0,x,0\n"
    with pytest.raises(DataError, match="line 98765, column 4: 'x' is not"):
        read("".join(rows))


def test_an_empty_line_is_found_across_chunks(read):
    with pytest.raises(DataError, match="line 3: it is empty"):
        read("7,0,0,0,0\n7,0,0,0,0\n\n" + "\n" * 600_000 + "7,0,0,0,0\n")


def test_the_limit_stops_a_gzip_bomb(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0,0,0,0,0\n" * 1_000_000, 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="more than 20000 images"):
        read_table(path, limit_bytes=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 4), st.text(alphabet='0123456789,\n\r".-+eE \0äx', max_size=5)),
        max_size=4,
    ),
)
def test_mutated_text_is_read_as_by_a_plain_parser(tmp_path_factory, packed, steps):
    content = text()
    for place, removed, inserted in steps:
        at = int(place * len(content))
        content = content[:at] + inserted + content[at + removed :]
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(gzip.compress(content.encode(), 1) if packed else content.encode())
    try:
        split = read_table(path)
    except HandspunError as fault:
        result = str(fault)
    else:
        result = ""
        if split.labels is not None and content.startswith("label,"):
            lines = [line for line in content.split("\n")[1:] if line.strip()]  # without the header
            rows = [[float(cell.strip().strip('"')) for cell in line.split(",")] for line in lines]
            assert split.images.reshape(len(split), -1).tolist() == [row[1:] for row in rows]
    assert not result or str(path) in result


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    try:
        result = len(read_table(path))
    except HandspunError as fault:
        result = str(fault)
    assert result
