"""Weights for the clip encoder: fetch, list, verify, remove. For `vidsense models`; the daemon never calls `pull`.

A model lies in a folder of its own below ``models_dir``, as plain files, so that one can as well be copied there by
hand. Only what `ClipEncoder` reads is fetched, and of weights only safetensors, since other formats can run code. A
broken download goes on where it stopped. A file must have the hash that the hub says it has; the hashes are kept in
SHA256SUMS, in the format of `sha256sum -c`, so that a disk that rots is found later.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from vidsense_daemon.base.errors import ConfigError, TransientError
from vidsense_daemon.base.files import make_private, sha256_of
from vidsense_daemon.perception.encoders.hub_files import SUMS, folder_name, is_complete, kept_sums

HUB_URL = "https://huggingface.co"

_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", re.ASCII)
# the files that ClipEncoder reads; nothing in a folder below, where other runtimes' weights lie
_WANTED = re.compile(
    r"(config|preprocessor_config|processor_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json"
    r"|merges\.txt|vocab\.txt|spiece\.model|tokenizer\.model"
    r"|model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json"
)
_TIMEOUT = httpx.Timeout(30, connect=10)

Progress = Callable[[str, int, int], None]  # file, bytes that are here, bytes of the whole file


@dataclass(frozen=True, slots=True)
class Model:
    """A model's folder below ``models_dir``."""

    name: str
    folder: Path
    size_bytes: int
    complete: bool  # whether all the files are there that the encoder needs


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file as the hub describes it."""

    name: str
    size_bytes: int
    sha256: str | None  # of weights; small files have git's hash instead
    git_sha1: str | None


def installed(models_dir: Path) -> list[Model]:
    """The models below ``models_dir``, by name."""
    if not models_dir.is_dir():
        return []
    return [_model(folder) for folder in sorted(models_dir.iterdir()) if folder.is_dir()]


def pull(
    name: str, *, models_dir: Path, on_progress: Progress, hub_url: str = HUB_URL, token: str | None = None
) -> Model:
    """Fetch what is not here yet of a model on the hub; may take many minutes.

    Raises:
        ConfigError: there is no such model, it needs a token, it has no safetensors, or the disk takes no more.
        TransientError: the hub cannot be reached, or what came is damaged; the next call goes on from there.
    """
    folder = models_dir / folder_name(_checked(name))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.Client(base_url=hub_url, follow_redirects=True, timeout=_TIMEOUT, headers=headers) as hub:
            revision, files = _remote_files(hub, name)
            make_private(folder)
            (folder / SUMS).unlink(missing_ok=True)  # of an older revision, perhaps
            sums = {file.name: _fetch(hub, f"/{name}/resolve/{revision}/", file, folder, on_progress) for file in files}
        lines = [f"{digest}  {file}\n" for file, digest in sums.items()]
        (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    except httpx.HTTPError as error:
        raise TransientError(f"cannot fetch {name} from {hub_url} ({error}): run the command again later") from error
    except OSError as error:
        raise ConfigError(f"cannot keep {name} in {folder}: {error.strerror or error}") from error
    return _model(folder)


def verify(name: str, *, models_dir: Path) -> list[str]:
    """The model's files that are lost or are not what was fetched; none when all is well.

    Raises:
        ConfigError: the model is not here, or was copied here by hand without its SHA256SUMS.
    """
    folder = _existing(name, models_dir)
    expected = kept_sums(folder)
    if not expected:
        raise ConfigError(
            f"{folder} has no {SUMS} to compare with: copy that file too, or run `vidsense models pull {name}`"
        )
    return [file for file, digest in expected.items() if not _is_intact(folder / file, digest)]


def remove(name: str, *, models_dir: Path) -> Model:
    """Delete a model's folder; returns what it was.

    Raises:
        ConfigError: the model is not here.
    """
    model = _model(_existing(name, models_dir))
    shutil.rmtree(model.folder)
    return model


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(f'"{name}" is no name of a model: names look like openai/clip-vit-base-patch16')
    return name


def _existing(name: str, models_dir: Path) -> Path:
    folder = models_dir / folder_name(_checked(name))
    if not folder.is_dir():
        raise ConfigError(f"{name} is not in {models_dir}: `vidsense models list` shows what is")
    return folder


def _model(folder: Path) -> Model:
    size_bytes = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return Model(folder.name.replace("--", "/", 1), folder, size_bytes, is_complete(folder))


def _remote_files(hub: httpx.Client, name: str) -> tuple[str, list[_Remote]]:
    """The revision that is current now, and its files that are wanted, small ones first."""
    answer = hub.get(f"/api/models/{name}", params={"blobs": "true"})
    if answer.status_code in (401, 403, 404):
        raise ConfigError(
            f"the hub has no model {name} for you (status {answer.status_code}): check the name; a model whose licence "
            "must be accepted needs a token in HF_TOKEN"
        )
    answer.raise_for_status()
    try:
        found = answer.json()
        revision = str(found["sha"])
        files = [_remote(entry) for entry in found["siblings"] if _WANTED.fullmatch(entry["rfilename"])]
    except (KeyError, TypeError, ValueError) as error:
        raise TransientError(f"the hub's answer about {name} cannot be read ({error!r}): try again later") from error
    if not any(file.name.endswith(".safetensors") for file in files):
        raise ConfigError(f"{name} has no weights in safetensors on the hub, and no other format is read")
    return revision, sorted(files, key=lambda file: file.size_bytes)


def _remote(entry: dict[str, Any]) -> _Remote:
    large = entry.get("lfs") or {}
    return _Remote(entry["rfilename"], int(entry["size"]), large.get("sha256"), entry.get("blobId"))


def _fetch(hub: httpx.Client, prefix: str, file: _Remote, folder: Path, on_progress: Progress) -> str:
    """The sha256 of the file, which is then there in full; goes on with what an earlier try has left."""
    path = folder / file.name
    if not (path.is_file() and _is_as_published(path, file)):
        partial = folder / f"{file.name}.{(file.sha256 or file.git_sha1 or 'unknown')[:12]}.partial"
        for here_bytes in _download(hub, prefix + file.name, partial, file.size_bytes):
            on_progress(file.name, here_bytes, file.size_bytes)
        if not _is_as_published(partial, file):
            partial.unlink()
            raise TransientError(f"{file.name} came damaged from the hub: run the command again")
        partial.replace(path)
    on_progress(file.name, file.size_bytes, file.size_bytes)
    return sha256_of(path)


def _download(hub: httpx.Client, url: str, partial: Path, size_bytes: int) -> Iterator[int]:
    """Append the missing bytes; yields how many are here."""
    here_bytes = partial.stat().st_size if partial.exists() else 0
    if here_bytes >= size_bytes:
        return
    headers = {"accept-encoding": "identity"} | ({"range": f"bytes={here_bytes}-"} if here_bytes else {})
    with hub.stream("GET", url, headers=headers) as answer:
        answer.raise_for_status()
        goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT  # a hub that cannot, sends all again
        with partial.open("ab" if goes_on else "wb") as out:
            for chunk in answer.iter_raw():  # as it arrives: what is here when the line breaks is kept
                out.write(chunk)
                yield out.tell()


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def _is_as_published(path: Path, file: _Remote) -> bool:
    if path.stat().st_size != file.size_bytes:
        return False
    if file.sha256 is not None:
        return sha256_of(path) == file.sha256
    if file.git_sha1 is None:
        return True
    content = path.read_bytes()  # small: the hub keeps what is large by its sha256
    # git's name for a content; it finds a torn file, and whoever serves the file serves the name too
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == file.git_sha1
