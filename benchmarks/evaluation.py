"""What are triggers, novelty and actions worth on labelled public footage? The tables of docs/evaluation.md.

    python benchmarks/evaluation.py [--data DIR] [--quick] [--write docs/evaluation.md]

DIR holds ped2/, fights/ and clips/asl (default: the footage beside the checkout); what is not there is left out. The
features take some minutes and are kept in --cache (default: a folder below the system's temporary one), training the
transformers some ten on two idle cores; --quick trains the tile transformer for 20 steps only, to show that it runs.
--write puts the tables into a document between its two marks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from vidsense_daemon.evaluation import acting, novelty, sets
from vidsense_daemon.evaluation.report import Table
from vidsense_daemon.learning.clips import ClipReader
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder

BEGIN, END = "<!-- tables: benchmarks/evaluation.py -->", "<!-- end of the tables -->"
QUICK_STEPS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "vidsense-evaluation")
    parser.add_argument("--steps", type=int, default=novelty.TRANSFORMER_STEPS, help="of the tile transformer")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tables = []
    for table in tables_of(args.data, args.cache, steps=QUICK_STEPS if args.quick else args.steps):
        tables.append(table.markdown())
        print(tables[-1], flush=True)
    if not tables:
        print(f"no footage in {args.data}: nothing was measured")
    elif args.write:
        text = args.write.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        args.write.write_text(f"{before}{BEGIN}\n\n{chr(10).join(tables)}\n{END}{after}", encoding="utf-8")


def tables_of(data: Path, cache: Path, *, steps: int) -> Iterator[Table]:
    encoder = BuiltinEncoder(cache_dir=cache, threads=1)
    if (data / "ped2").is_dir():
        reader = ClipReader(encoder, cache_dir=cache, fps=sets.PED2_FPS, with_tiles=True)
        yield novelty.evaluate(
            sets.ped2(data / "ped2"), reader, encoder=encoder.name, steps=steps, on_progress=progress
        )
    reader = ClipReader(encoder, cache_dir=cache)
    if (data / "fights").is_dir():
        yield acting.evaluate(sets.fights(data / "fights"), reader, on_progress=progress)
    if gestures := sorted((data / "clips" / "asl").glob("*.mkv")):
        clips = tuple(sets.ClassedClip(clip, 0, clip.stem) for clip in gestures)
        yield acting.order_table(sets.ClassedClips("gestures (ASL)", ("sign",), clips), reader, on_progress=progress)


_told_mono_s = [0.0]


def progress(what: str, done: int, total: int) -> None:
    """A line every twenty seconds."""
    if time.monotonic() - _told_mono_s[0] > 20:
        _told_mono_s[0] = time.monotonic()
        print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
