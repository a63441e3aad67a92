"""See what the model sees: a clip or an event, explained with figures that are computed from it.

    from vidsense_daemon.explain import explain_clip
    explained = explain_clip("porch.mp4", queries=["a person at the door"])
    explained.attention.untrained.shape      # (L, H, T, T)
    explained.save(Path("report"))           # in a notebook, the object shows itself

The room stands above the stages, since it shows what each of them makes of a clip: capture's gate, perception's encoder
and windows, the describer's prompts. It decides nothing that the daemon runs on.
"""

from vidsense_daemon.explain.explaining import explain_clip, explain_event
from vidsense_daemon.explain.explanation import Explanation
from vidsense_daemon.explain.instruments import Instruments, builtin_instruments

__all__ = ["Explanation", "Instruments", "builtin_instruments", "explain_clip", "explain_event"]
