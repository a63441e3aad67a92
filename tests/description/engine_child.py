"""Run a real llama.cpp server in a process of its own: `python engine_child.py TEXT_GGUF EYE_GGUF NUM_CTX`.

It prints its address once it listens, and ends when its standard input closes, so that it never outlives the test.
"""

from __future__ import annotations

import sys

import xllamacpp  # type: ignore[import-untyped]


def main() -> None:
    text, eye, num_ctx = sys.argv[1:4]
    params = xllamacpp.CommonParams()
    params.model.path = text
    params.mmproj.path = eye
    params.model_alias = ["tiny-llava"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = int(num_ctx)
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.ui = False
    params.warmup = False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
