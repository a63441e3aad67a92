"""What the blocks of the configuration are made of: their common form, and the kinds of values that many keys share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from vidsense_daemon.domain.hours import Hours
from vidsense_daemon.settings.addresses import absolute_path, http_address
from vidsense_daemon.settings.hours import week_hours, week_hours_text

NAME_PATTERN = r"^[a-z0-9_]{1,64}$"
HEADER_PATTERN = r"^[A-Za-z0-9-]{1,100}$"
CONTENT_TYPE_PATTERN = r"^[a-z0-9.+-]{1,50}/[a-z0-9.+-]{1,50}(; ?charset=[A-Za-z0-9-]{1,20})?$"
_HOURS_SCHEMA = {"type": "string", "format": "hours"}
TOPIC_PATTERN = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"


def _not_a_switch(value: Any) -> Any:
    """Python counts true as 1; an operator does not."""
    if isinstance(value, bool):
        raise ValueError("found true or false where a number is wanted")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _hours_of_text(value: Any) -> Hours:
    if not isinstance(value, str):
        raise ValueError('found no text; write the hours as "22:00-07:00"')  # noqa: TRY004 - pydantic collects them
    return week_hours(value)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Number = Annotated[float, BeforeValidator(_not_a_switch), Field(allow_inf_nan=False)]
WholeNumber = Annotated[int, BeforeValidator(_not_a_switch)]
Words = Annotated[str, Field(min_length=1, max_length=1000)]
HttpUrl = Annotated[str, AfterValidator(http_address), Field(max_length=2000, json_schema_extra={"format": "http-url"})]
FilePath = Annotated[str, AfterValidator(absolute_path), Field(json_schema_extra={"format": "path"})]
HoursOfWeek = Annotated[
    Hours,
    BeforeValidator(_hours_of_text),
    PlainSerializer(week_hours_text, return_type=str),
    WithJsonSchema(_HOURS_SCHEMA),
]
Schedule = Annotated[  # one part of the week may stand without a list
    tuple[HoursOfWeek, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _HOURS_SCHEMA}, _HOURS_SCHEMA]}),
]
Secret = Annotated[str, Field(min_length=1, json_schema_extra={"writeOnly": True})]  # "never shown again"


class Block(BaseModel):
    """Keys that belong together. `name:` with nothing after it is an empty block, not a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value
