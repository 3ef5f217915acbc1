"""``handspun serve`` under load: many clients at once, and a quarter of an hour of valid and invalid requests.

The clients run in this process, on the same processors as the server; on a separate machine the figures would be better.
"""

from __future__ import annotations

import asyncio
import io
import re
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import WorkerError, running_app, spread
from benchmarks.settings import Settings

CLIENTS = (1, 16, 64)
SECONDS = 5.0
MODEL = "mnist-cnn"

#: The long run: its duration, its clients, and the share of it after which memory counts as settled.
SOAK_SECONDS, SOAK_CLIENTS, SETTLED = 15 * 60, 8, 0.2

#: The HTTP status of an answer.
Status = int


def measure(settings: Settings) -> dict[str, Any]:
    """Rounds with each number of clients, then the long run.

    Raises:
        WorkerError: the server did not start, or answered a valid request wrongly.
    """
    seconds = 0.5 if settings.quick else SECONDS
    with running_app("serve") as (process, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        asyncio.run(_round(port, 4, 0.5))  # to warm up
        rounds = {clients: [] for clients in CLIENTS}
        for _ in range(settings.repeats):
            for clients in CLIENTS:
                rounds[clients].append(asyncio.run(_round(port, clients, seconds)))
        rows = [
            {
                "clients": clients,
                "per_second": spread([len(waits) / seconds for waits in each]),
                "median_ms": spread([1000 * statistics.median(waits) for waits in each]),
                "p99_ms": spread([1000 * float(np.quantile(waits, 0.99)) for waits in each]),
            }
            for clients, each in rounds.items()
        ]
        settings.say("server: rounds done; now the long run")
        soak = asyncio.run(_soak(process.pid, port, 5.0 if settings.quick else SOAK_SECONDS))
    return {"model": MODEL, "seconds": seconds, "rows": rows, "soak": soak}


def drawing(digit_column: int = 140) -> bytes:
    """A drawing as a PNG file, 280 x 280: an upright stroke."""
    from PIL import Image

    ink = np.full((280, 280), 255, np.uint8)
    ink[60:220, digit_column : digit_column + 18] = 0
    stream = io.BytesIO()
    Image.fromarray(ink).save(stream, "PNG")
    return stream.getvalue()


def request(body: bytes, kind: str = "image/png", *, length: int | None = None, path: str = "/api/predict") -> bytes:
    """The bytes of a POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[Status, bytes, bool]:
    """Status and body of the next answer, and whether the server closes the connection after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    return int(head.split(" ", 2)[1]), body, "connection: close" in head


async def _round(port: int, clients: int, seconds: float) -> list[float]:
    """The latency of each request in seconds, with this many clients that send one picture after the other."""
    message, end, waits = request(drawing()), time.perf_counter() + seconds, []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            writer.write(message)
            status, body, _ = await _answer(reader)
            if status != 200 or b'"class":"1"' not in body:
                raise WorkerError(f"The server answered {status}: {body[:200]!r}")
            waits.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(clients)))
    return waits


def _mixture() -> list[tuple[bytes, Status | None]]:
    """Requests with their right status; None for one that is cut off and never answered."""
    good = drawing()
    return [
        (request(good), 200),
        (request(drawing(30), path="/api/predict?model=mnist-mlp"), 200),
        (request(b'{"pixels": [[0, 0, 0], [0, 255, 0], [0, 0, 0]]}', "application/json"), 200),
        (request(good[: len(good) // 2]), 400),
        (request(b"no picture"), 400),
        (request(b"{", "application/json"), 400),
        (request(good, path="/api/predict?model=nobody"), 404),
        (request(good, "text/plain"), 415),
        (request(b"", length=2**40), 413),
        (request(good[:20], length=len(good)), None),
        (b"GET /api/models HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    ]


async def _soak(process: int, port: int, seconds: float) -> dict[str, Any]:
    """Send the mixture for ``seconds``, and watch the server's memory."""
    mixture, answers, wrong = _mixture(), Counter(), Counter()
    end, samples = time.perf_counter() + seconds, []

    async def client(seed: int) -> None:
        rng = np.random.default_rng(seed)
        connection = None
        while time.perf_counter() < end:
            message, expected = mixture[rng.integers(len(mixture))]
            connection = connection or await asyncio.open_connection("127.0.0.1", port)
            reader, writer = connection
            writer.write(message)
            if expected is None:
                await writer.drain()
                closes = True
            else:
                status, _, closes = await _answer(reader)
                answers[status] += 1
                wrong[f"{status} instead of {expected}"] += status != expected
            if closes:
                writer.close()
                connection = None
            await asyncio.sleep(0)

    async def watch() -> None:
        while time.perf_counter() < end:
            samples.append(_memory_mb(process))
            await asyncio.sleep(min(5.0, seconds / 20))

    await asyncio.gather(watch(), *(client(seed) for seed in range(SOAK_CLIENTS)))
    settled = samples[int(SETTLED * len(samples))]
    return {
        "seconds": seconds,
        "clients": SOAK_CLIENTS,
        "answers": {str(status): count for status, count in sorted(answers.items())},
        "wrong": {text: count for text, count in wrong.items() if count},
        "settled_mb": settled,
        "end_mb": samples[-1],
        "peak_mb": max(samples),
    }


def _memory_mb(process: int) -> float:
    """The resident memory of the process in MB (Linux only)."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024 / 1e6
