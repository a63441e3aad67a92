"""What an error says that the machine, or the limits of the service, have run out of.

Memory, descriptors and threads run out wherever something happens to ask for the next one: a traceback would name that
place, and not what is missing. Called where defects are caught, in any thread.
"""

from __future__ import annotations

import errno

_OF_MEMORY = (
    "memory ran out: give the service more (MemoryMax=, docs/performance.md tells what it takes), watch fewer cameras, "
    "or choose encoder.backend: builtin"
)
_OF_DESCRIPTORS = (
    "no file can be opened any more: raise the limit of open files (LimitNOFILE= of the service, ulimit -n)"
)
_OF_THREADS = (
    "no further thread or process can be started: raise the limit (TasksMax= of the service, ulimit -u), "
    "or give the service more memory"
)
_BY_NUMBER = {
    errno.ENOMEM: _OF_MEMORY,
    errno.EMFILE: _OF_DESCRIPTORS,
    errno.ENFILE: _OF_DESCRIPTORS,
    errno.EAGAIN: _OF_THREADS,
}
# what Python, PyTorch, oneDNN and OpenVINO say instead of MemoryError
_BY_WORDS = {
    "can't start new thread": _OF_THREADS,
    "can't allocate memory": _OF_MEMORY,
    "could not create a primitive": _OF_MEMORY,
    "bad_alloc": _OF_MEMORY,
    "out of memory": _OF_MEMORY,
}


def shortage_of(error: BaseException) -> str | None:
    """What is missing and what to do about it; none when the error is about something else."""
    if isinstance(error, MemoryError):
        return _OF_MEMORY
    if isinstance(error, OSError):
        return _BY_NUMBER.get(error.errno or 0)
    if isinstance(error, RuntimeError):
        return next((missing for words, missing in _BY_WORDS.items() if words in str(error)), None)
    return None
