"""Settings become words: the model server, the describer in front of it, and what else it is asked.

The builtin describer needs no server; `auto` takes the server when it answers and has the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.clock import LocalZone
from vidsense_daemon.daemon.searching import search_of
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.description.asking import Questions
from vidsense_daemon.description.describers.auto import AutoDescriber
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.description.describers.openai_compatible import OpenAiCompatible
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.description.digest import Digests
from vidsense_daemon.description.families import Layout
from vidsense_daemon.description.grounding import Evidence, WindowEvidence
from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.domain.ports import Describer, Encoder
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import DescriberBlock, Settings


def build_server(settings: DescriberBlock) -> ModelServer | None:
    """The server that runs the model; none for the builtin describer. Opens no connection yet."""
    builders: dict[str, Callable[[], ModelServer | None]] = {
        "builtin": lambda: None,
        "ollama": lambda: _ollama(settings),
        "openai": lambda: _openai_compatible(settings),
        "auto": lambda: _ollama(settings),
    }
    return builders[settings.backend]()


def build_describer(
    settings: DescriberBlock,
    *,
    server: ModelServer | None,
    cameras: Sequence[ResolvedCamera],
    zone: tzinfo,
    evidence: Evidence | None = None,
) -> Describer:
    """The describer that the settings name, in front of `build_server`'s server; opens no connection yet.

    A process has one server object, which everybody shares: it holds one request at a time.
    """
    if server is None:
        return BuiltinDescriber(zone=zone)
    describer = ModelDescriber(
        server,
        zone=zone,
        queries=settings.queries,
        queries_by_camera={camera.name: camera.queries for camera in cameras if camera.queries},
        queries_by_trigger={
            name: trigger.queries for camera in cameras for name, trigger in camera.triggers.items() if trigger.queries
        },
        layout=Layout(settings.layout) if settings.layout else None,
        timeout_s=settings.timeout_s,
        evidence=evidence,
    )
    return AutoDescriber(describer, BuiltinDescriber(zone=zone)) if settings.backend == "auto" else describer


def evidence_of(storage: Storage, encoder: Callable[[], Encoder]) -> Evidence:
    """What the cameras' own embeddings say of a model's claims; ``encoder`` is asked for when it is needed."""

    def changes(record: EventRecord) -> list[NDArray[np.float32]]:
        event = record.event
        windows = storage.windows.between(event.started_at, event.ended_at, encoder=encoder().name, camera=event.camera)
        return [window.crop_change for window in windows if window.crop_change is not None]

    def embed_texts(texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = encoder().embed_texts(texts)  # (N, D)
        return vectors / encoder().text_spread(vectors)[:, None]

    return WindowEvidence(changes=changes, embed_texts=embed_texts)


def build_questions(
    settings: Settings, *, storage: Storage, encoder: Encoder | None, server: ModelServer | None
) -> Questions:
    """Answers about stored events; without an encoder they are found by words and time alone."""
    return Questions(
        search=search_of(storage, encoder=encoder),
        find=storage.archive.find,
        cameras=list(settings.cameras),
        zone=LocalZone(),
        server=server,
    )


def build_digests(*, storage: Storage, server: ModelServer | None) -> Digests:
    """Days in a few lines; plain ones without a server."""
    return Digests(find=storage.archive.find, zone=LocalZone(), server=server)


def _ollama(settings: DescriberBlock) -> Ollama:
    return Ollama(
        url=settings.url,
        model=settings.model,
        num_ctx=settings.num_ctx,
        keep_alive=settings.keep_alive,
        first_token_timeout_s=settings.first_token_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
    )


def _openai_compatible(settings: DescriberBlock) -> OpenAiCompatible:
    return OpenAiCompatible(
        url=settings.url,
        model=settings.model,
        api_key=settings.api_key or "",
        num_ctx=settings.num_ctx,
        first_token_timeout_s=settings.first_token_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
    )
