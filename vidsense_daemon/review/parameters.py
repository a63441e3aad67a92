"""Query parameters that the API does not know are refused: a misspelt filter that is passed over returns everything.

The pages pass them by: links get some appended on their way (`utm_…`), and a page shows which filters it has taken.
"""

from __future__ import annotations

from collections import Counter

from fastapi import Request

from vidsense_daemon.review.problems import Mistake, Problem


def only_known_parameters(request: Request) -> None:
    """A dependency of every API route; what is allowed is what the OpenAPI schema says.

    Raises:
        Problem: 422, a parameter is unknown or stands twice; the sentence names it and those that there are.
    """
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    allowed = [found["name"] for found in operation.get("parameters", ()) if found["in"] == "query"]
    given = Counter(name for name, _ in request.query_params.multi_items())
    mistakes = [Mistake(where=f"query.{name}", says=_unknown(allowed)) for name in given if name not in allowed]
    mistakes += [
        Mistake(where=f"query.{name}", says=f"stands {times} times, and one is taken")
        for name, times in given.items()
        if name in allowed and times > 1
    ]
    if mistakes:
        raise Problem(422, "; ".join(f"{one.where}: {one.says}" for one in mistakes), mistakes=mistakes)


def _unknown(allowed: list[str]) -> str:
    return f"no such parameter here; there are {', '.join(allowed)}" if allowed else "this address takes no parameters"
