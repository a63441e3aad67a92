"""A faithful stand-in for Ollama: its routes, statuses, streams, scheduler and ways to fail, on a real socket.

Made from measurements of Ollama 0.33 and its Python client, not from the describer's needs: the describer is what is
tested. Answers are scripted, or come from a real llama.cpp server (``upstream``).
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .fake_tokens import PromptCache, evaluated_tokens, picture_size_px
from .fake_wire import STEP_S, FakeServer, Fault, GoneError, WireHandler

MODEL = "llava:7b-v1.6-mistral-q2_K"
LLAVA_TEMPLATE = "[INST] {{ if .System }}{{ .System }} {{ end }}{{ .Prompt }} [/INST]"
_GET_ROUTES = {"/", "/api/version", "/api/tags", "/api/ps"}
_POST_ROUTES = {"/api/show", "/api/pull", "/api/chat"}
_DIGEST = "170370233dd5c5415250a2ecd5c71586352850729062ccef1496385647293868"

STRUCTURED = json.dumps(
    {
        "observations": [{"frame": 1, "what": "an empty path"}, {"frame": 2, "what": "a person at the door"}],
        "first": "the path is empty",
        "then": ["a person comes to the door"],
        "summary": "A person walks to the door.",
        "actions": ["a person walks"],
        "objects": ["person", "door"],
        "visible_text": "",
        "people_count": 1,
        "threat": "none",
        "confidence_pct": 80,
    }
)


@dataclass
class FakeModel:
    """What the server knows of one model."""

    capabilities: list[str] = field(default_factory=lambda: ["completion", "vision"])
    template: str = LLAVA_TEMPLATE
    architecture: str = "llama"
    families: list[str] = field(default_factory=lambda: ["llama", "clip"])
    size_bytes: int = 3_300_000_000
    on_gpu_ratio: float = 1.0


def scripted(body: dict[str, Any]) -> str:
    """A good answer to whatever is asked."""
    return STRUCTURED if body.get("format") else "A person walks to the door."


class _RefusedError(Exception):
    """A request that ends with a status and a JSON error."""

    def __init__(self, status: int, error: str) -> None:
        self.status = status
        self.error = error


class FakeOllama(FakeServer):
    """The server, with the scheduler and the prompt cache of a real one."""

    chat_path = "/api/chat"

    def __init__(
        self,
        *,
        models: dict[str, FakeModel] | None = None,
        answer: Callable[[dict[str, Any]], str] = scripted,
        num_parallel: int = 1,
        max_queue: int = 512,
        load_s: float = 0.0,
        prompt_tps: float = 0.0,
        eval_tps: float = 0.0,
        context_tokens: int | None = None,
    ) -> None:
        super().__init__(_Handler)
        self.models = {MODEL: FakeModel()} if models is None else models
        self.answer = answer
        self.max_queue = max_queue
        self.load_s = load_s
        self.prompt_tps = prompt_tps
        self.eval_tps = eval_tps
        self.context_tokens = context_tokens  # none: the request's num_ctx
        self.loads: list[tuple[str, int]] = []  # (model, num_ctx) in the order of loading
        self.prompt_evaluations: list[int] = []  # tokens of each request that were not in the cache
        self._slots = threading.Semaphore(num_parallel)
        self._waiting = 0
        self._loaded: dict[str, tuple[int, datetime | None]] = {}
        self._cache = PromptCache()
        self.up()

    def down(self) -> None:
        super().down()
        self._loaded.clear()

    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the real chat requests: those with a message."""
        return [body for path, body in self.requests if path == "/api/chat" and body.get("messages")]

    def probes(self) -> int:
        return sum(path == "/api/chat" and not body.get("messages") for path, body in self.requests)

    @contextmanager
    def scheduled(self, model: str, num_ctx: int, keep_alive_s: float | None, pause: Callable[[float], None]) -> Any:
        """Load if needed, through the bounded queue; then wait for a slot, without bound."""
        loaded = self._loaded.get(model)
        if loaded is None or loaded[0] != num_ctx:
            with self._lock:
                if self._waiting >= self.max_queue:
                    raise _RefusedError(503, "server busy, please try again.  maximum pending requests exceeded")
                self._waiting += 1
            try:
                pause(self.load_s)
            finally:
                with self._lock:
                    self._waiting -= 1
            self.loads.append((model, num_ctx))
        expires_at = None if keep_alive_s is None or keep_alive_s < 0 else datetime.now(UTC) + _span(keep_alive_s)
        self._loaded[model] = (num_ctx, expires_at)
        while not self._slots.acquire(timeout=STEP_S):
            pause(0)
        try:
            yield
        finally:
            self._slots.release()
            if keep_alive_s == 0:
                self._loaded.pop(model, None)

    def running(self) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        rows = []
        for name, (num_ctx, expires_at) in list(self._loaded.items()):
            if expires_at is not None and expires_at < now:
                del self._loaded[name]
                continue
            model = self.models[name]
            rows.append(
                {
                    "name": name,
                    "model": name,
                    "size": model.size_bytes,
                    "size_vram": int(model.size_bytes * model.on_gpu_ratio),
                    "digest": _DIGEST,
                    "details": {"families": model.families},
                    "expires_at": (expires_at or now).isoformat(),
                    "context_length": num_ctx,
                }
            )
        return rows

    def evaluated(self, model: str, body: dict[str, Any], num_ctx: int) -> tuple[int, int]:
        """(all tokens of the prompt, those not in the cache); refuses what the model cannot take."""
        pictures = [base64.b64decode(packed) for message in body["messages"] for packed in message.get("images") or []]
        if pictures and "vision" not in self.models[model].capabilities:
            raise _nested(400, "Multimodal data provided, but model does not support multimodal requests.")
        if any(picture_size_px(jpeg) is None for jpeg in pictures):
            raise _nested(400, "Failed to load image or audio file")
        total, fresh = evaluated_tokens(self._cache, body, pictures)
        if pictures and total > num_ctx:
            message = (
                f"request ({total} tokens) exceeds the available context size ({num_ctx} tokens), try increasing it"
            )
            raise _nested(400, message, type="exceed_context_size_error", n_prompt_tokens=total, n_ctx=num_ctx)
        self.prompt_evaluations.append(fresh)
        return total, fresh


class _Handler(WireHandler):
    @property
    def fake(self) -> FakeOllama:
        assert isinstance(self.server.fake, FakeOllama)
        return self.server.fake

    def route(self, path: str, payload: bytes) -> None:
        if path not in _GET_ROUTES | _POST_ROUTES:
            return self.plain(404, "404 page not found")
        if (self.command == "POST") is (path in _GET_ROUTES):
            return self.plain(405, "405 method not allowed")
        try:
            body = json.loads(payload) if payload else {}
        except ValueError as error:
            return self.json(400, {"error": str(error)})
        if path in _POST_ROUTES and not payload:
            return self.json(400, {"error": "missing request body"})
        with self.fake.counted(path, body):
            try:
                self._respond(path, body)
            except _RefusedError as refused:
                self.json(refused.status, {"error": refused.error})
            except GoneError:
                self.gone()
        return None

    def _respond(self, path: str, body: dict[str, Any]) -> None:
        fault = self.fake.fault_for(path)
        if fault and self.failed_before(fault):
            return
        match path:
            case "/":
                self.plain(200, "Ollama is running")
            case "/api/version":
                self.json(200, {"version": "0.33.0"})
            case "/api/tags":
                self.json(200, {"models": [{"name": name, "model": name} for name in self.fake.models]})
            case "/api/ps":
                self.json(200, {"models": self.fake.running()})
            case "/api/show":
                self._show(body)
            case "/api/pull":
                self._pull(body, fault)
            case _:
                self._chat(body, fault)

    def _show(self, body: dict[str, Any]) -> None:
        model = self.fake.models.get(body.get("model", ""))
        if model is None:
            raise _RefusedError(404, f"model '{body.get('model')}' not found")
        self.json(
            200,
            {
                "modelfile": "",
                "template": model.template,
                "details": {"family": model.families[0] if model.families else "", "families": model.families},
                "model_info": {"general.architecture": model.architecture},
                "projector_info": {"general.architecture": "clip"},
                "capabilities": model.capabilities,
                "modified_at": _now(),
            },
        )

    def _pull(self, body: dict[str, Any], fault: Fault | None) -> None:
        name = body.get("model") or body.get("name") or ""
        self.start_stream("application/x-ndjson")
        self._line({"status": "pulling manifest"})
        if name.startswith("unknown"):
            self._line({"error": "pull model manifest: file does not exist"})
            return self.end_stream()
        for completed in (None, 1_000_000, 3_300_000_000):
            step = {"status": f"pulling {_DIGEST[:12]}", "digest": f"sha256:{_DIGEST}", "total": 3_300_000_000}
            self._line(step | ({"completed": completed} if completed else {}))
        if fault and fault.kind == "cut":
            return self.end_stream()
        for status in ("verifying sha256 digest", "writing manifest", "success"):
            self._line({"status": status})
        self.fake.models.setdefault(name, FakeModel())
        return self.end_stream()

    def _chat(self, body: dict[str, Any], fault: Fault | None) -> None:
        messages = body.get("messages") or []
        for message in messages:
            for packed in message.get("images") or []:
                _check_base64(packed)
        keep_alive_s = _keep_alive_s(body.get("keep_alive"))
        name = body.get("model", "")
        model = self.fake.models.get(name)
        if model is None:
            raise _RefusedError(404, f"model '{name}' not found")
        if body.get("think") and "thinking" not in model.capabilities:
            raise _RefusedError(400, f'"{name}" does not support thinking')
        num_ctx = max(2048, int((body.get("options") or {}).get("num_ctx") or 4096))
        with self.fake.scheduled(name, num_ctx, keep_alive_s, self.pause):
            if not messages:
                reason = "unload" if keep_alive_s == 0 else "load"
                return self.json(200, _chunk(name, "", done=True) | {"done_reason": reason})
            _total, fresh = self.fake.evaluated(name, body, self.fake.context_tokens or num_ctx)
            self.pause(fresh / self.fake.prompt_tps if self.fake.prompt_tps else 0)
            text = self.fake.answer(body)
            pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
            asked = int((body.get("options") or {}).get("num_predict") or 10_000)
            cap = len(pieces) if self.fake.ignores_limits else asked
            final = _chunk(name, "", done=True) | {
                "done_reason": "length" if len(pieces) > cap else "stop",
                "total_duration": 1_000_000,
                "prompt_eval_count": fresh,
                "eval_count": min(len(pieces), cap),
            }
            pieces = pieces[:cap]
            if body.get("stream", True):
                return self._stream(name, pieces, final, fault)
            return self.json(200, final | {"message": {"role": "assistant", "content": "".join(pieces)}})

    def _stream(self, name: str, pieces: list[str], final: dict[str, Any], fault: Fault | None) -> None:
        self.start_stream("application/x-ndjson")
        breaks_at = len(pieces) // 2 if fault else None
        drip_s = fault.seconds if fault and fault.kind == "drip" else 0.0
        for index, piece in enumerate(pieces):
            if fault and index == breaks_at and self.failed_amid(fault):
                return
            self._line(_chunk(name, piece))
            self.pause(drip_s or (1 / self.fake.eval_tps if self.fake.eval_tps else 0))
        if not (fault and fault.kind == "no_done"):
            self._line(final)
        self.end_stream()

    def _line(self, answer: dict[str, Any]) -> None:
        self.raw_line(json.dumps(answer))


def _chunk(model: str, content: str, *, done: bool = False) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"model": model, "created_at": _now(), "message": message, "done": done}


def _nested(status: int, message: str, **more: Any) -> _RefusedError:
    """llama-server's error, handed on as a string inside Ollama's own."""
    return _RefusedError(status, json.dumps({"error": {"code": status, "message": message, **more}}))


def _check_base64(packed: str) -> None:
    try:
        base64.b64decode(packed, validate=True)
    except binascii.Error:
        raise _RefusedError(400, "illegal base64 data at input byte 0") from None


def _keep_alive_s(value: Any) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    units = {"s": 1, "m": 60, "h": 3600}
    if value == "-1" or (value and value[-1] not in units):
        raise _RefusedError(400, f'time: missing unit in duration "{value}"')
    return float(value[:-1]) * units[value[-1]]


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
