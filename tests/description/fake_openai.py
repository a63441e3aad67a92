"""A stand-in for servers that speak OpenAI's chat API: llama-server's statuses and error bodies, on a real socket.

What was asked is kept in the form of the fake Ollama, so that the same tests read both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .fake_ollama import MODEL, scripted
from .fake_wire import FakeServer, Fault, GoneError, WireHandler

_MODELS, _CHAT = "/v1/models", "/v1/chat/completions"
_PICTURE_PREFIX = "data:image/jpeg;base64,"


class FakeOpenAi(FakeServer):
    """One model behind `/v1`."""

    chat_path = _CHAT

    def __init__(
        self,
        *,
        answer: Callable[[dict[str, Any]], str] = scripted,
        api_key: str = "",
        models: tuple[str, ...] = (MODEL,),
    ) -> None:
        super().__init__(_Handler)
        self.answer = answer
        self.api_key = api_key
        self.models = models
        self.context_tokens: int | None = None
        self.up()

    @property
    def api_url(self) -> str:
        return f"{self.url}/v1"

    def chats(self) -> list[dict[str, Any]]:
        """What was asked, without the probes: those want one token."""
        return [_as_ollama(body) for path, body in self.requests if path == _CHAT and body["max_tokens"] > 1]


class _Handler(WireHandler):
    @property
    def fake(self) -> FakeOpenAi:
        assert isinstance(self.server.fake, FakeOpenAi)
        return self.server.fake

    def route(self, path: str, payload: bytes) -> None:
        if path not in (_MODELS, _CHAT):
            return self._error(404, "File Not Found", "not_found_error")
        if self.fake.api_key and self.headers.get("Authorization") != f"Bearer {self.fake.api_key}":
            return self._error(401, "Invalid API Key", "authentication_error")
        body = json.loads(payload) if payload else {}
        with self.fake.counted(path, body):
            try:
                fault = self.fake.fault_for(path)
                if fault and self.failed_before(fault):
                    return None
                if path == _MODELS:
                    return self.json(200, {"object": "list", "data": [{"id": name} for name in self.fake.models]})
                self._chat(_as_ollama(body), fault)
            except GoneError:
                self.gone()
        return None

    def _chat(self, body: dict[str, Any], fault: Fault | None) -> None:
        limit = self.fake.context_tokens
        if limit is not None and body["messages"][-1]["images"]:
            message = f"request (2900 tokens) exceeds the available context size ({limit} tokens), try increasing it"
            return self._error(400, message, "exceed_context_size_error")
        text = self.fake.answer(body)
        pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
        cap = len(pieces) if self.fake.ignores_limits else body["options"]["num_predict"]
        self.start_stream("text/event-stream")
        kept = pieces[:cap]
        for index, piece in enumerate(kept):
            if fault and index == len(kept) // 2 and self.failed_amid(fault, prefix="data: "):
                return None
            self._part({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            self.pause(fault.seconds if fault and fault.kind == "drip" else 0)
        if not (fault and fault.kind == "no_done"):
            reason = "length" if len(pieces) > cap else "stop"
            self._part({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
            self._part({"choices": [], "usage": {"prompt_tokens": 3000, "completion_tokens": len(kept)}})
            self.raw_line("data: [DONE]\n")
        self.end_stream()
        return None

    def _part(self, part: dict[str, Any]) -> None:
        self.raw_line(f"data: {json.dumps({'object': 'chat.completion.chunk', **part})}\n")

    def _error(self, status: int, message: str, kind: str) -> None:
        self.json(status, {"error": {"code": status, "message": message, "type": kind}})


def _as_ollama(body: dict[str, Any]) -> dict[str, Any]:
    """The request as Ollama would have got it: pictures beside the text, the schema as `format`."""
    *before, message = body["messages"]
    text, images = "", []
    for part in message["content"]:
        if part["type"] == "text":
            text += part["text"]
        else:
            images.append(part["image_url"]["url"].removeprefix(_PICTURE_PREFIX))
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    return {
        "model": body["model"],
        "messages": [*before, {"role": "user", "content": text, "images": images}],
        "format": schema,
        "options": {"num_predict": body["max_tokens"], "temperature": body["temperature"]},
        "parts": [part["type"] for part in message["content"]],
    }
