"""A real llama.cpp server with the tiny model, and the shim that lets it answer behind the fake Ollama."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

CHILD = Path(__file__).with_name("engine_child.py")


@contextmanager
def engine(text: Path, eye: Path, *, num_ctx: int = 4096) -> Iterator[str]:
    """Its address, as long as the context lasts."""
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(text), str(eye), str(num_ctx)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        address = child.stdout.readline().strip()
        try:
            assert address.startswith("http://127.0.0.1:"), "the engine did not start"
            yield address
        finally:
            child.terminate()


def answered_by(address: str) -> Callable[[dict[str, Any]], str]:
    """An answer for the fake Ollama that a real engine writes from the same pictures and words."""

    def answer(body: dict[str, Any]) -> str:
        *_, message = body["messages"]
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{packed}"}}
            for packed in message.get("images") or []
        ]
        content.append({"type": "text", "text": message["content"]})
        options = body.get("options") or {}
        asked: dict[str, Any] = {
            "messages": [*body["messages"][:-1], {"role": "user", "content": content}],
            "max_tokens": options.get("num_predict", 100),
            "temperature": options.get("temperature", 0.0),
        }
        if body.get("format"):
            schema = {"name": "event", "schema": body["format"]}
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        reply = httpx.post(f"{address}/v1/chat/completions", json=asked, timeout=60, trust_env=False)
        reply.raise_for_status()
        return str(reply.json()["choices"][0]["message"]["content"])

    return answer
