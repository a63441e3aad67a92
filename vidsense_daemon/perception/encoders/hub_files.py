"""The files of a model as the hub lays them out: where they are on this machine, and what they say of themselves.

A model is named by a folder or by its name on the hub; a name is looked up in the daemon's own folder of models and in
the hub's local cache. Nothing here opens a connection or reads weights into memory. `clip.py` is the reader.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from torch import Tensor

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.files import sha256_of
from vidsense_daemon.domain.frames import Picture

SUMS = "SHA256SUMS"  # in the form of `sha256sum -c`
_PREPROCESSING = "preprocessor_config.json"
_PROCESSING = "processor_config.json"  # transformers 5 writes the preprocessing into it, under image_processor


@dataclass(frozen=True, slots=True, eq=False)
class PixelScale:
    """Pixels 0..255 to what a model was trained on: x · factor + offset, for each colour."""

    factor: Tensor  # (3, 1, 1)
    offset: Tensor  # (3, 1, 1)

    def apply(self, pictures: Sequence[Picture]) -> Tensor:
        """Uint8 pictures, each (S, S, 3), as what the network takes: (B, 3, S, S)."""
        return self.scaled(torch.from_numpy(np.stack(pictures)))

    def scaled(self, pictures: Tensor) -> Tensor:
        """The same of pictures that are one tensor already: uint8 (B, S, S, 3)."""
        return torch.addcmul(self.offset, pictures.permute(0, 3, 1, 2).float().contiguous(), self.factor)

    @property
    def digest(self) -> str:
        """Eight hex digits of both."""
        numbers = torch.cat([self.factor, self.offset]).numpy().tobytes()
        return hashlib.sha256(numbers).hexdigest()[:8]


def model_folder(model: str, *, models_dir: Path | None) -> Path | None:
    """Where the files of ``model`` lie, all that are needed; none when they are not on this machine.

    Raises:
        ConfigError: a folder of this name may not be read.
    """
    return next((folder for folder in _places(model, models_dir) if not _lacking(folder)), None)


def why_not_here(model: str, *, models_dir: Path | None) -> str:
    """What is missing of ``model``, which is not on this machine, and what to do."""
    begun = next((folder for folder in _places(model, models_dir) if folder.is_dir()), None)
    if is_folder(model):
        lost = f"lacks {', '.join(_lacking(begun))}: copy it again" if begun else "is not there: correct encoder.model"
        return f"the folder {model} {lost}, or use encoder.backend: builtin"
    if begun:
        here = f"is not complete in {begun}, it lacks {', '.join(_lacking(begun))}"
        return f"{model} {here}: run `vidsense models pull {model}`, which goes on where it stopped"
    return (
        f"the weights of {model} are not on this machine: run `vidsense models pull {model}`, "
        "or use encoder.backend: builtin"
    )


def is_folder(model: str) -> bool:
    """Whether ``model`` names a folder of this machine, whether it exists or not, and not a model of the hub."""
    return model.startswith(("/", "~", ".")) or (model != "" and Path(model).is_dir())


def _places(model: str, models_dir: Path | None) -> list[Path]:
    """Where ``model`` may lie, the first one that is complete counts."""
    places = [Path(model).expanduser()] if model else []
    if models_dir is not None:
        places.append(models_dir / folder_name(model))
    if (cached := _cached_config(model)) is not None:
        places.append(cached.parent)
    return places


def folder_name(model: str) -> str:
    """The name of the folder that holds a model of the hub: its own, without the slash."""
    return model.replace("/", "--")


def is_complete(folder: Path) -> bool:
    """Whether the folder has a model's description, its preprocessing and weights in safetensors.

    Raises:
        ConfigError: it may not be read.
    """
    return not _lacking(folder)


def _lacking(folder: Path) -> list[str]:
    try:
        there = {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()
    except PermissionError as error:
        raise ConfigError(f"the folder {folder} may not be read by this user; check its owner and mode") from error
    wanted = {
        "config.json": "config.json" in there,
        _PREPROCESSING: bool({_PREPROCESSING, _PROCESSING} & there),
        "weights in safetensors": any(name.endswith(".safetensors") for name in there),
    }
    return [name for name, is_there in wanted.items() if not is_there]


def weights_digest(folder: Path) -> str:
    """Eight hex digits of the weights' content: embeddings of a retrained model must never mix with the old ones.

    Raises:
        ValueError: a file is not the one whose checksum was kept when it was fetched.
    """
    digest, kept = hashlib.sha256(), kept_sums(folder)
    for path in _weight_files(folder):
        found = sha256_of(path)
        if kept.get(path.name, found) != found:
            raise ValueError(f"{path.name} is not what was fetched: its checksum differs from the one in {SUMS}")
        digest.update(bytes.fromhex(found))
    return digest.hexdigest()[:8]


def kept_sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file when it was fetched; none of a folder that was copied by hand without them."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines if " " in line.strip())}


def read_pixel_scale(folder: Path) -> PixelScale:
    """How the model wants its pixels.

    Raises:
        ValueError, KeyError, TypeError, RuntimeError: the file says something else than three colours' scales.
    """
    found = _preprocessing(folder)
    rescale = float(found.get("rescale_factor", 1 / 255)) if found.get("do_rescale", True) else 1.0
    if not found.get("do_normalize", True):
        return PixelScale(factor=torch.full((3, 1, 1), rescale), offset=torch.zeros(3, 1, 1))
    mean = torch.tensor([float(value) for value in found["image_mean"]]).reshape(3, 1, 1)
    deviation = torch.tensor([float(value) for value in found["image_std"]]).reshape(3, 1, 1)
    return PixelScale(factor=rescale / deviation, offset=-mean / deviation)


def _cached_config(model: str) -> Path | None:
    try:
        found = try_to_load_from_cache(model, "config.json")
    except HFValidationError:  # a path that does not exist, for one: no name that a hub could know
        return None
    return Path(found) if isinstance(found, str) else None


def _weight_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.safetensors") if path.is_file())


def _preprocessing(folder: Path) -> dict[str, Any]:
    if (folder / _PREPROCESSING).is_file():
        return dict(json.loads((folder / _PREPROCESSING).read_text(encoding="utf-8")))
    return dict(json.loads((folder / _PROCESSING).read_text(encoding="utf-8"))["image_processor"])
