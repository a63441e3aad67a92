"""Low-rank adapters (LoRA, Hu et al. 2021) as the daemon runs them: merged into the weights they were trained beside.

    W ← W + (α/r) · B A        of every adapted linear layer, once, at the start

So an adapted model costs what the plain one costs, and the daemon needs no training library. An adapter names the
encoder it was trained with and the weights it stands on, by checksum; one that does not fit is left out, with one line
in the log, and the plain model runs. `learning/lora.py` makes them; the tensors have the names that PEFT gives them.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor, nn

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.base.files import replace_file
from vidsense_daemon.perception.temporal import TemporalTransformer
from vidsense_daemon.perception.tensor_file import read_tensors

_PREFIX = "base_model.model."  # PEFT's, before the layer's own name
_A, _B = ".lora_A.weight", ".lora_B.weight"
_SEED = 0  # of the temporal transformer's untrained blocks: an adapter stands on exactly these
_GATE = "gate"


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """What an adapter fits; it stands in the file's own header."""

    part: str  # temporal | clip
    encoder: str  # with which it was trained
    base: str  # checksum of the weights it stands on
    scale: str  # α/r


def fresh_temporal(dimension: int) -> TemporalTransformer:
    """The temporal transformer before any training: mean pooling, and the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return TemporalTransformer(dimension=dimension).eval()


def live_temporal(path: Path, *, encoder: str, dimension: int) -> TemporalTransformer:
    """What the triggers' windows pass through: with the adapter at ``path`` when there is one and it fits."""
    temporal = fresh_temporal(dimension)
    if path.exists():
        try:
            merge(temporal, path, part="temporal", encoder=encoder)
        except PermanentError as error:
            structlog.get_logger().warning("adapter_left_out", file=str(path), reason=str(error))
    return temporal


def merge(network: nn.Module, path: Path, *, part: str, encoder: str) -> None:
    """Add the adapter at ``path`` to the weights of ``network``.

    Raises:
        PermanentError: it can't be read, or was made for something else; the network is as it was.
    """
    card, tensors = read_adapter(path)
    if (card.part, card.encoder) != (part, encoder):
        raise PermanentError(f"it was trained for {card.part} with {card.encoder}, and {part} with {encoder} runs here")
    if card.base != checksum(network):
        raise PermanentError("the weights that it stands on have changed since: train it again (`vidsense train lora`)")
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise PermanentError("it holds numbers that are none (NaN)")
    try:
        _add(network, tensors, scale=float(card.scale))
    except (AttributeError, KeyError, RuntimeError, ValueError) as error:
        raise PermanentError(f"it does not fit: {error}") from error


def save_adapter(path: Path, card: AdapterCard, tensors: dict[str, Tensor]) -> int:
    """Write it in one step; its size in bytes."""
    content = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, metadata=asdict(card))
    replace_file(path, content)
    return len(content)


def read_adapter(path: Path) -> tuple[AdapterCard, dict[str, Tensor]]:
    """The adapter's card and tensors.

    Raises:
        PermanentError: the file is damaged, or no adapter.
    """
    try:
        about, tensors = read_tensors(path)
        return AdapterCard(**about), tensors
    except (OSError, SafetensorError, TypeError) as error:
        raise PermanentError(f"{path} is no adapter that can be read: {error}") from error


def checksum(network: nn.Module) -> str:
    """Of all weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def _add(network: nn.Module, tensors: dict[str, Tensor], *, scale: float) -> None:
    changed: list[tuple[Tensor, Tensor]] = []  # each weight, and what it becomes
    for name, tensor in tensors.items():
        if name == _GATE:
            changed.append((network.get_parameter(_GATE), tensor))
        elif name.endswith(_A):
            weight = network.get_parameter(name.removeprefix(_PREFIX).removesuffix(_A) + ".weight")
            changed.append((weight, weight + scale * tensors[name.removesuffix(_A) + _B] @ tensor))  # (out, r) (r, in)
    for old, new in changed:  # only once all of them fit
        old.copy_(new)
