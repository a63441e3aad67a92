"""What a description costs: tokens, seconds, events an hour, and the daemon's own part of it.

    python benchmarks/description.py            needs the extra `engine`

First table: prompt tokens that a real engine (llama.cpp, a tiny model of LLaVA 1.6's shape) evaluated for one event of
eight 720p stills and four queries, each layout against the naive way: all frames at full size, the question first, one
request a query. The tiny model's words are letters, which makes about 700 tokens more of the words than a real
vocabulary does. Seconds and events an hour follow from the tokens at the speeds below (SPEEDS); they are computed.
Second table: CPU time of the describing thread and growth of the process over many descriptions, against a server that
answers at once; 720p and 1080p stills take turns, medians.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.description.engine import engine
from tests.description.fake_ollama import FakeOllama
from tests.description.fakes import QUERIES, event, stored_stills
from tests.description.tiny_llava import build
from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.description import prompts
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.description.describers.openai_compatible import OpenAiCompatible
from vidsense_daemon.description.describers.server import Question
from vidsense_daemon.description.families import Layout
from vidsense_daemon.domain.events import EventRecord

ROLES = ("first", "middle", "middle", "peak", "middle", "middle", "middle", "last")
NUM_CTX = 32_768
# prompt and answer tokens a second: a home graphics card of 12 GB, and a small processor without one (estimates)
SPEEDS = {"card": (1200.0, 45.0), "CPU": (8.0, 1.5)}
STRUCTURED_TOKENS, FREE_TOKENS = 196, 40  # LLaVA's mean answer, and one or two sentences
ROUNDS = 40


def event_of(folder: Path, *, width_px: int, height_px: int) -> EventRecord:
    folder.mkdir()
    stills = stored_stills(folder, ROLES, width_px=width_px, height_px=height_px)
    for number, still in enumerate(stills):  # plain pictures would pack and decode faster than a street does
        noise = np.random.default_rng(number).integers(0, 60, (height_px, width_px, 3), dtype=np.uint8)
        picture = cv2.imread(still.path)
        assert picture is not None
        cv2.imwrite(still.path, cv2.GaussianBlur(cv2.add(picture, noise), (5, 5), 0), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return EventRecord(event=event(), stills=stills, description=None)


def by_layout(record: EventRecord, server: OpenAiCompatible, layout: Layout) -> tuple[int, int, int]:
    """(frames, requests, prompt tokens evaluated)."""
    described = ModelDescriber(server, zone=UTC, queries=QUERIES, layout=layout).describe(record)
    details = described.details
    return details["frames"], len(details["request_seconds"]), details["prompt_tokens"]


def naive(record: EventRecord, server: OpenAiCompatible) -> tuple[int, int, int]:
    served, evaluated = server.look(), 0
    jpegs = [Path(still.path).read_bytes() for still in record.stills]
    for query in QUERIES:
        text = f"{query}\n" + "[img]" * len(jpegs)
        question = Question(prompts.SYSTEM, text, jpegs, None, temperature=0.0, most_tokens=FREE_TOKENS)
        evaluated += server.ask(served, question, timeout_s=600).prompt_tokens or 0
    return len(jpegs), len(QUERIES), evaluated


def row(name: str, frames: int, requests: int, tokens: int, answer_tokens: int) -> str:
    seconds = {speed: tokens / prompt + answer_tokens / answer for speed, (prompt, answer) in SPEEDS.items()}
    speeds = "".join(f"{spent_s:>10.0f}{3600 / spent_s:>8.1f}" for spent_s in seconds.values())
    return f"{name:<28}{frames:>7}{requests:>10}{tokens:>9}{speeds}"


def layouts(record: EventRecord, folder: Path) -> None:
    text, eye = build(folder)
    print(f"{'':<28}{'frames':>7}{'requests':>10}{'tokens':>9}", end="")
    print("".join(f"{f's {name}':>10}{'a hour':>8}" for name in SPEEDS))
    answered = STRUCTURED_TOKENS + FREE_TOKENS * len(QUERIES)
    with engine(text, eye, num_ctx=NUM_CTX) as address:
        server = OpenAiCompatible(url=f"{address}/v1", model="tiny-llava", num_ctx=NUM_CTX)
        for layout in Layout:
            print(row(layout.value, *by_layout(record, server, layout), answered), flush=True)
        one = replace(record, stills=record.stills[3:4])
        print(row("storyboard, one still", *by_layout(one, server, Layout.STORYBOARD), answered), flush=True)
        try:
            print(row("naive", *naive(record, server), FREE_TOKENS * len(QUERIES)), flush=True)
        except PermanentError as error:
            print(f"naive: {error}")


def overhead(records: dict[str, EventRecord]) -> None:
    with FakeOllama() as fake:
        describer = ModelDescriber(Ollama(url=fake.url), zone=UTC, queries=QUERIES)
        spent_ms: dict[str, list[float]] = {name: [] for name in records}
        grown_from_kb = 0
        for number in range(ROUNDS):
            for name, record in records.items():
                started_s = time.thread_time()
                describer.describe(record)
                spent_ms[name].append((time.thread_time() - started_s) * 1000)
                fake.requests.clear()  # it keeps the pictures that it was sent
            if number == ROUNDS // 4:  # the first rounds fill caches and pools
                grown_from_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown_from_kb) / 1024
    for name, values in spent_ms.items():
        print(f"{name}: {statistics.median(values):.1f} ms of CPU a description with {len(QUERIES)} queries")
    print(f"peak memory grew by {grown_mb:.1f} MB over the last {ROUNDS * 3 // 4 * len(records)} descriptions")


def main(_arguments: Sequence[str]) -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = event_of(folder / "720p", width_px=1280, height_px=720)
        large = event_of(folder / "1080p", width_px=1920, height_px=1080)
        layouts(small, folder)
        print()
        overhead({"8 stills of 720p": small, "8 stills of 1080p": large})


if __name__ == "__main__":
    main(sys.argv[1:])
