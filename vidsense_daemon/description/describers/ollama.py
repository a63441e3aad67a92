"""Ollama, through its own Python client: the only file that imports it, where its errors are translated.

What shaped it, all measured against real servers: the client's default is no timeout at all; refused connections,
broken streams and answers that are no answers come as six unrelated kinds of exception; a string among the pictures
is taken for a path and read, so only bytes are passed; `HTTP_PROXY` would carry pictures off the machine, and so
would a redirect. Options that make Ollama load the model anew (`num_ctx`) are the same in every request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast

import httpx
import ollama

from vidsense_daemon.base.errors import (
    DescriberError,
    DescriberUnavailableError,
    PermanentError,
    VidsenseError,
)
from vidsense_daemon.base.redact import url_credentials
from vidsense_daemon.description.cleaning import plain
from vidsense_daemon.description.describers.bounded import BoundedTransport
from vidsense_daemon.description.describers.private_loop import PrivateLoop
from vidsense_daemon.description.describers.server import (
    CONNECT_TIMEOUT_S,
    LONGEST_REASON,
    LOOK_TIMEOUT_S,
    WRITE_TIMEOUT_S,
    InstalledModel,
    LoadedModel,
    Question,
    Reply,
    ServedModel,
)
from vidsense_daemon.description.families import family_of, is_dead

BACKEND = "ollama"
DEFAULT_URL = "http://127.0.0.1:11434"
DEFAULT_MODEL = "llava:7b-v1.6-mistral-q2_K"

# what the client raises at an answer that is no JSON, or JSON of another kind; pydantic's and json's are ValueErrors
_UNREADABLE = (ValueError, TypeError, AttributeError, RecursionError)
# everything that it raises when the server is not as it should be
_FAILURES = (ollama.ResponseError, ConnectionError, httpx.HTTPError, *_UNREADABLE)
# checking the digest of a large model on a slow disk takes minutes, in which Ollama sends nothing
_PULL_SILENCE_S = 600.0
_PULLED = "success"
_ABSENT = (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One step of a download."""

    status: str
    total_bytes: int | None
    completed_bytes: int


class Ollama:
    """One model on one Ollama; see `ModelServer`."""

    backend = BACKEND

    def __init__(
        self,
        *,
        url: str = DEFAULT_URL,
        model: str = DEFAULT_MODEL,
        num_ctx: int | None = None,
        keep_alive: str = "30m",
        first_token_timeout_s: float = 600.0,
        idle_timeout_s: float = 60.0,
    ) -> None:
        self.model = model
        self.num_ctx = num_ctx
        self._url = url
        self._keep_alive = _keep_alive(keep_alive)
        self._first_token_timeout_s = first_token_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._loop = PrivateLoop()

    def look(self) -> ServedModel:
        if is_dead(self.model):
            raise DescriberUnavailableError(
                f"{self.model} can no longer be loaded by Ollama 0.30 and newer; choose another model"
            )
        shown = self._run(lambda client: client.show(self.model), timeout_s=LOOK_TIMEOUT_S)
        capabilities = shown.capabilities or []
        if capabilities and "vision" not in capabilities:
            raise DescriberUnavailableError(
                f"{self.model} cannot see pictures; choose a model with vision, such as {DEFAULT_MODEL}"
            )
        family = family_of(
            model=self.model,
            architecture=str((shown.modelinfo or {}).get("general.architecture", "")),
            families=list((shown.details and shown.details.families) or []),
        )
        # with a template Ollama puts the pictures where the marks stand; without one it would send the marks as text
        return ServedModel(family=family, marks=bool(shown.template), thinks="thinking" in capabilities)

    def load(self, served: ServedModel, *, timeout_s: float) -> None:
        async def load(client: ollama.AsyncClient) -> None:
            answer = await client.chat(
                model=self.model, messages=[], options=self._runner_options(served), keep_alive=self._keep_alive
            )
            if not answer.done:
                raise ValueError("it did not load the model")

        self._run(load, timeout_s=timeout_s)

    def ask(self, served: ServedModel, question: Question, *, timeout_s: float) -> Reply:
        return self._run(lambda client: self._chat(client, served, question), timeout_s=timeout_s)

    def loaded(self) -> list[LoadedModel]:
        answer = self._run(lambda client: client.ps(), timeout_s=LOOK_TIMEOUT_S)
        return [
            LoadedModel(
                name=model.model or model.name or "",
                size_bytes=int(model.size or 0),
                on_gpu_bytes=int(model.size_vram or 0),
                context_tokens=model.context_length,
            )
            for model in answer.models
        ]

    def installed(self) -> list[InstalledModel]:
        """What lies on the server's disk, whatever the operator has chosen; largest first."""
        answer = self._run(lambda client: client.list(), timeout_s=LOOK_TIMEOUT_S)
        models = [
            InstalledModel(
                name=model.model or "",
                size_bytes=int(model.size or 0),
                parameters=(model.details and model.details.parameter_size) or "",
                quantization=(model.details and model.details.quantization_level) or "",
            )
            for model in answer.models
        ]
        return sorted(models, key=lambda model: -model.size_bytes)

    def pull(self) -> Iterator[PullProgress]:
        """Download the model, step by step; the caller shows the progress and may stop at any step.

        Raises:
            DescriberUnavailableError: no Ollama is there.
            DescriberError: it did not arrive; started again, Ollama goes on where it was.
        """
        timeout = httpx.Timeout(_PULL_SILENCE_S, connect=CONNECT_TIMEOUT_S)
        status = ""
        with ollama.Client(self._url, timeout=timeout, trust_env=False, follow_redirects=False) as client:
            try:
                for step in client.pull(self.model, stream=True):
                    status = plain(step.status or "", LONGEST_REASON)
                    yield PullProgress(status, total_bytes=step.total, completed_bytes=step.completed or 0)
            except _ABSENT as error:
                self._raise_translated(error)
            except _FAILURES as error:
                raise DescriberError(f"could not pull {self.model} from {self._where}: {_reason(error)}") from None
        if status != _PULLED:
            raise DescriberError(f"the pull of {self.model} ended before it was complete; start it again")

    def close(self) -> None:
        self._loop.close()

    async def _chat(self, client: ollama.AsyncClient, served: ServedModel, question: Question) -> Reply:
        stream = await client.chat(
            model=self.model,
            messages=[
                {"role": "system", "content": question.system},
                {"role": "user", "content": question.text, "images": list(question.jpegs)},
            ],
            stream=True,
            think=False if served.thinks else None,
            format=dict(question.schema) if question.schema else None,
            # a plain mapping: the client's own type drops what it does not know without a word
            options=self._runner_options(served)
            | {"temperature": question.temperature, "num_predict": question.most_tokens, "seed": 1},
            keep_alive=self._keep_alive,
        )
        text = ""
        limit_s = self._first_token_timeout_s
        # closing the stream is what tells the server to stop writing
        async with aclosing(cast("AsyncGenerator[ollama.ChatResponse]", stream)) as parts:
            while True:
                async with asyncio.timeout(limit_s):
                    part = await anext(parts, None)
                if part is None:
                    raise ValueError("the answer broke off")
                text += part.message.content or ""
                if part.done or len(text) > question.longest_text:
                    break
                limit_s = self._idle_timeout_s
        return Reply(
            text=text,
            complete=bool(part.done) and part.done_reason != "length",
            prompt_tokens=part.prompt_eval_count,
            answer_tokens=part.eval_count,
        )

    def _runner_options(self, served: ServedModel) -> dict[str, Any]:
        return {"num_ctx": self.num_ctx or served.family.num_ctx}

    def _run(self, request: Callable[[ollama.AsyncClient], Coroutine[Any, Any, T]], *, timeout_s: float) -> T:
        async def with_client() -> T:
            # no read timeout: the first token, the silence after it and the whole are bounded by asyncio
            timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S)
            async with ollama.AsyncClient(
                self._url,
                timeout=timeout,
                trust_env=False,
                follow_redirects=False,
                # reading the certificates of the world takes longer than everything else here together
                transport=BoundedTransport(verify=self._url.startswith("https:")),
            ) as client:
                return await request(client)

        try:
            return self._loop.run(with_client, timeout_s=timeout_s)
        except TimeoutError:
            raise DescriberError(
                f"Ollama at {self._where} did not answer in time; a slower machine needs a longer describer timeout"
            ) from None
        except _FAILURES as error:
            self._raise_translated(error)

    def _raise_translated(self, error: Exception) -> NoReturn:
        if isinstance(error, _ABSENT):
            raise DescriberUnavailableError(
                f"no Ollama at {self._where}; start it (`systemctl start ollama`) or correct describer.url"
            ) from None
        if isinstance(error, ollama.ResponseError):
            raise self._of_status(error) from None
        if isinstance(error, _UNREADABLE):
            raise DescriberError(
                f"what listens at {self._where} does not answer as Ollama does; is describer.url right? "
                f"({_reason(error)})"
            ) from None
        raise DescriberError(f"Ollama at {self._where} failed: {_reason(error)}") from None

    def _of_status(self, error: ollama.ResponseError) -> VidsenseError:
        reason = _reason(error)
        match error.status_code:
            case 404 if "model" in reason:
                return DescriberUnavailableError(
                    f"Ollama at {self._where} does not have {self.model}; run `ollama pull {self.model}` "
                    "or `vidsense describer pull`"
                )
            case 403:
                return DescriberUnavailableError(
                    f"Ollama at {self._where} refuses this host name; use its IP address in describer.url"
                )
            case 400 if "multimodal" in reason:
                return DescriberUnavailableError(f"{self.model} cannot see pictures; choose a model with vision")
            case 400:
                return PermanentError(f"Ollama at {self._where} cannot take this event: {reason}")
            case 499:  # "request canceled": the runner gave it up
                return DescriberError(f"Ollama at {self._where} gave the request up: {reason}")
            case 503:
                return DescriberUnavailableError(f"Ollama at {self._where} is busy: {reason}")
            case status if 300 <= status < 500:
                return DescriberUnavailableError(f"{self._where} is no Ollama: HTTP {status}, {reason}")
            case _:
                return DescriberError(f"Ollama at {self._where} failed: {reason}")

    @property
    def _where(self) -> str:
        return url_credentials(self._url)


def _keep_alive(text: str) -> float | str:
    """Ollama takes `"30m"` as text, but seconds and -1 (for ever) as numbers only."""
    try:
        return float(text)
    except ValueError:
        return text


def _reason(error: Exception) -> str:
    """The error in one short line; Ollama hands on its runner's JSON as a string inside its own."""
    text = error.error if isinstance(error, ollama.ResponseError) else str(error)
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        inner = None
    if isinstance(inner, Mapping):
        found = inner.get("error", inner)
        text = str(found.get("message", found) if isinstance(found, Mapping) else found)
    return plain(url_credentials(text), LONGEST_REASON) or type(error).__name__
