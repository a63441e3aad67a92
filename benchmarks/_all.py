"""`make bench`: every benchmark once, shortly, one after the other; what each says is printed as it comes.

    python benchmarks/_all.py            about half an hour
    python benchmarks/_all.py soak store some of them

This shows that they all run and roughly what they say. The figures in docs/ come from the longer commands that stand
in each benchmark's own text. A benchmark that is not named here has a short way of its own, `--quick`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
SHORT: dict[str, tuple[str, ...]] = {
    "alerts": ("--events 30 --queued 300",),
    "camera_day": ("--busy-hours 0.5 --events 5",),
    "capture": ("--only cost --rounds 1 --seconds 4",),
    "description": ("",),
    "durability": ("kills --runs 3",),  # power cuts need root
    "faults": ("reset 401",),
    "footprint": ("--seconds 20",),
    "grounding": ("",),  # needs footage, as some others do; without any they say so and end
    "latency": ("--events 4",),
    "novelty": ("--quick",),
    "pipeline": ("--rounds 1 --seconds 5",),
    "review": ("--events 20000 --rounds 10",),
    "shortcuts": ("--rounds 1",),
    "soak": ("--hours 0.05 --cameras 2 --warm-up-s 60",),
    "store": ("commits", "search --windows 20000"),
    "triggers": ("",),
    "where_to_look": ("--most 5",),
}


def main() -> int:
    known = sorted(file.stem for file in HERE.glob("[!_]*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all without any: {', '.join(known)}")
    wanted = parser.parse_args().names or known
    if unknown := set(wanted) - set(known):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = []
    for name in wanted:
        for arguments in SHORT.get(name, ("--quick",)):
            command = [sys.executable, str(HERE / f"{name}.py"), *arguments.split()]
            print(f"\n== benchmarks/{name}.py {arguments}", flush=True)
            began_mono_s = time.monotonic()
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
            print(f"   ({time.monotonic() - began_mono_s:.0f} s)", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
