"""Every key of the configuration: its type, bounds, default and what it is for.

The text under a key is its documentation: the JSON schema, the reference in docs/configuration.md and the editor's
hints are made from it. A number's unit is the end of its name. Hooks stand in hooks.py, cameras in cameras.py, the
kinds of values in blocks.py. To add a key: write it here with its text, show it in config/vidsense.example.yaml, run
`python -m vidsense_daemon.settings.reference`; the docs' tests find what is missing. Only cli, daemon and this room
see these classes; stages get plain arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vidsense_daemon.domain.events import Severity
from vidsense_daemon.settings.alarms import Novelty, Tamper
from vidsense_daemon.settings.blocks import (
    Block,
    FilePath,
    HttpUrl,
    Name,
    Number,
    Schedule,
    Secret,
    WholeNumber,
    Words,
)
from vidsense_daemon.settings.cameras import Camera, Clips, Motion, Sampling, Stream, empty_if_none
from vidsense_daemon.settings.feedback import FeedbackBlock
from vidsense_daemon.settings.hooks import Hook
from vidsense_daemon.settings.hours import time_of_day
from vidsense_daemon.settings.learning import LearningBlock
from vidsense_daemon.settings.resolved import ResolvedCamera, merged, resolve

DEFAULT_QUERIES = (
    "What happens in this video?",
    "What actions are taking place?",
    "Which objects and people are visible?",
    "Is anything unusual or threatening?",
)
DEFAULT_LABELS = (
    *("a person", "a child", "a dog", "a cat", "a bird"),
    *("a car", "a van", "a truck", "a bicycle", "a motorcycle"),
)


class Trigger(Block):
    """What makes an event."""

    prompt: Words
    """What to look for, as a plain English sentence about one picture. With `action`, only what people are told."""
    action: Name | None = None
    """A deed to look for in place of the prompt, which may then be left out; `actions` says who sees it."""
    contrast: tuple[Words, ...] = Field(default=(), max_length=50)
    """What the scene shows otherwise, or what the prompt could be mistaken for."""
    severity: Severity = Severity.ALERT
    """How much an event matters."""
    cooldown_s: Number = Field(default=5, ge=0, le=86_400)
    """After an event ended, the same trigger of the same camera rests this long."""
    zones: tuple[Name, ...] = ()
    """Only motion in one of these zones counts. Without any, the whole picture does."""
    active: Schedule = ()
    """Parts of the week in which it makes events, by the machine's clock. Without any, always."""
    threshold: Number = Field(default=1.5, gt=0, le=100)
    """How much more of it than usual there must be to see, in spreads of the encoder's space.

    What a camera scores while nothing happens may raise it there; `vidsense triggers list` shows by how much, and
    `vidsense triggers backtest` finds a value for so many events a day."""
    queries: tuple[Words, ...] = Field(default=(), max_length=20)
    """Questions about its events, instead of those of the camera and of the `describer` block."""
    feedback: FeedbackBlock = FeedbackBlock()
    """What is learned from `vidsense events feedback`."""
    enabled: bool = True
    """Whether it makes events."""

    @model_validator(mode="before")
    @classmethod
    def _prompt_of_action(cls, block: Any) -> Any:
        """An action says enough of itself."""
        if isinstance(block, dict) and isinstance(action := block.get("action"), str) and "prompt" not in block:
            return {**block, "prompt": action.replace("_", " ")}
        return block


class WindowBlock(Block):
    """How many frames are judged together."""

    frames: WholeNumber = Field(default=8, ge=2, le=64)
    """Sampled frames of one window."""


class EncoderBlock(Block):
    """What turns pictures and sentences into numbers that can be compared."""

    backend: Literal["auto", "clip", "builtin"] = "auto"
    """`clip` needs its weights on this machine, `builtin` no download; `auto` takes CLIP when it is there and whole."""
    model: Words = "openai/clip-vit-base-patch16"
    """Which CLIP: its name on the Hugging Face hub, or the path of a folder that holds it."""
    threads: WholeNumber = Field(default=0, ge=0, le=256)
    """Processor threads that it may use; 0 takes half of the machine's."""
    runtime: Literal["auto", "torch", "openvino", "openvino-gpu", "cuda", "xpu"] = "auto"
    """What computes the pictures; `auto` measures once what is here and takes the fastest that says the same.

    `openvino` needs `pip install 'vidsense-daemon[openvino]'`. What is asked for and is not there is said in the log,
    and PyTorch takes its place."""
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    """How exactly; `int8` needs `vidsense models quantize`. None may move the embeddings, or it is refused."""


class ActionsBlock(Block):
    """What looks for the actions that triggers name."""

    backend: Literal["auto", "trained", "xclip"] = "auto"
    """`trained` knows what `vidsense train actions` has learnt; `xclip` is a pretrained video model that reads prompts.

    `auto` takes the trained one where it knows the action, else X-CLIP when its weights are there."""
    model: Words = "microsoft/xclip-base-patch16"
    """Which X-CLIP: its name on the Hugging Face hub, or the path of a folder that holds it."""


class DescriberBlock(Block):
    """What writes an event down in words."""

    backend: Literal["auto", "ollama", "openai", "builtin"] = "auto"
    """Who writes: a vision model in Ollama or in any server with OpenAI's chat API, or the builtin plain sentence.

    `auto` takes Ollama when it answers and has the model, else the builtin sentence, and says which."""
    url: HttpUrl = Field(default="http://127.0.0.1:11434", repr=False)
    """Where Ollama, or the server with OpenAI's API, answers."""
    model: Words = "llava:7b-v1.6-mistral-q2_K"
    """Which model it runs; `vidsense describer pull` fetches it into Ollama."""
    api_key: Secret | None = Field(default=None, repr=False)
    """For a server with OpenAI's API that wants one."""
    num_ctx: WholeNumber | None = Field(default=None, ge=2048, le=1_048_576)
    """Tokens of context that the model is loaded with; without one, what its family needs."""
    keep_alive: Words = "30m"
    """How long Ollama keeps the model in memory after an answer; `-1` for ever, on a machine of its own."""
    layout: Literal["storyboard", "frames", "slowfast"] | None = None
    """How an event's frames are shown; without one, as the model's family likes it.

    All in one picture, one picture each, or few large and many small ones."""
    queries: tuple[Words, ...] = Field(default=DEFAULT_QUERIES, max_length=20)
    """What is asked about every event."""
    first_token_timeout_s: Number = Field(default=600, gt=0, le=7200)
    """How long Ollama may take to load the model and look at the pictures before it writes the first word."""
    idle_timeout_s: Number = Field(default=60, gt=0, le=7200)
    """How long it may pause between two words."""
    timeout_s: Number = Field(default=900, gt=0, le=86_400)
    """How long one event may take as a whole. Without a graphics card it takes minutes."""


def _named(hooks: Any) -> Any:
    """Every hook without a name gets one from its kind and position."""
    if not isinstance(hooks, list):
        return () if hooks is None else hooks
    return [
        {**hook, "name": f"{hook.get('kind')}_{position}"} if isinstance(hook, dict) and "name" not in hook else hook
        for position, hook in enumerate(hooks, start=1)
    ]


class RetentionRule(Block):
    """How long some events are kept. Of the rules that fit an event, the one that names most counts."""

    keep_days: Number = Field(gt=0, le=36_500)
    """Days that such an event is kept after its end."""
    camera: Name | None = None
    """Only events of this camera."""
    trigger: Name | None = None
    """Only events of this trigger."""
    severity: Severity | None = None
    """Only events of this severity."""


class RetentionBlock(Block):
    """What is deleted, and when. Pinned events never are."""

    keep_days: Number = Field(default=30, gt=0, le=36_500)
    """Days that an event is kept after its end, with its stills, clip and words."""
    rules: tuple[RetentionRule, ...] = Field(default=(), max_length=100)
    """Longer or shorter for some events."""
    keep_windows_days: Number = Field(default=14, gt=0, le=3650)
    """Days that the embeddings of what the cameras saw are kept; search and novelty live on them."""
    max_media_gb: Number | None = Field(default=None, gt=0)
    """All stills and clips together take no more than this; the least severe go first, of those the oldest."""
    min_free_gb: Number = Field(default=1, ge=0)
    """With less room on the disk than this, events go before their time, the least severe and oldest first."""


class BackupBlock(Block):
    """The nightly copy of the database."""

    keep: WholeNumber = Field(default=7, ge=0, le=1000)
    """Copies that are kept; 0 makes none."""
    folder: FilePath | None = None
    """Where they lie; without one, `backups` in the state folder. Another disk is better."""


class DigestBlock(Block):
    """The day in a few lines, sent to hooks once a day."""

    at: Annotated[str, AfterValidator(lambda text: f"{time_of_day(text):%H:%M}")] | None = None
    """The local time at which it is sent, such as "07:30"; without one it is not.

    Before noon it is about the day before, from noon on about the day."""
    hooks: tuple[Name, ...] = ()
    """Names of the hooks that get it; without any, all but MQTT do."""


class ReviewBlock(Block):
    """The review pages, the API and the metrics, over HTTP."""

    enabled: bool = True
    """Whether they are served."""
    host: Words = "127.0.0.1"
    """The address that they listen on. Any other than this machine's own wants `users` or `tokens`."""
    port: WholeNumber = Field(default=8811, ge=1, le=65535)
    """The TCP port."""
    users: dict[Name, Secret] = Field(default={}, repr=False)
    """Who may log in: names, and their passwords as `vidsense review password` prints them (argon2)."""
    tokens: dict[Name, Secret] = Field(default={}, repr=False)
    """Programs that may ask the API: names, and the tokens that they send as `Authorization: Bearer …`."""
    allowed_hosts: tuple[Words, ...] = Field(default=(), max_length=50)
    """Further names under which people open the pages, such as `nas.local`."""
    public_url: HttpUrl | None = None
    """The address that people use, when a proxy stands before the daemon."""


class LogBlock(Block):
    """What the daemon writes about itself, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""


class Settings(Stream, BaseSettings):
    """Configuration of vidsense."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True, title="vidsense"
    )

    cameras: dict[Name, Camera] = Field(min_length=1)
    """The cameras, each under its name: lower-case letters, digits and `_`."""
    triggers: Annotated[dict[Name, Trigger], BeforeValidator(empty_if_none)] = {}
    """What makes an event, each under its name."""
    labels: tuple[Words, ...] = Field(default=DEFAULT_LABELS, max_length=200)
    """What events are tagged with, beside their trigger: short English phrases. An empty list tags none."""
    sampling: Sampling = Sampling()
    """How many frames are looked at; a camera may override single keys."""
    motion: Motion = Motion()
    """What counts as motion; a camera may override single keys."""
    clips: Clips = Clips()
    """Short films of events; a camera may override single keys."""
    novelty: Novelty = Novelty()
    """Events of what is unusual for a camera; a camera may override single keys."""
    tamper: Tamper = Tamper()
    """Events of a camera that somebody has tampered with; a camera may override single keys."""
    max_frames_per_s: Number = Field(default=40, gt=0, le=10_000)
    """The whole house's budget: all cameras together are not looked at more often."""
    window: WindowBlock = WindowBlock()
    """How many frames are judged together."""
    encoder: EncoderBlock = EncoderBlock()
    """What turns pictures and sentences into numbers that can be compared."""
    actions: ActionsBlock = ActionsBlock()
    """What looks for the actions that triggers name."""
    describer: DescriberBlock = DescriberBlock()
    """What writes an event down in words."""
    hooks: Annotated[tuple[Hook, ...], BeforeValidator(_named)] = ()
    """Who is told about events."""
    retention: RetentionBlock = RetentionBlock()
    """What is deleted, and when."""
    backup: BackupBlock = BackupBlock()
    """The nightly copy of the database."""
    digest: DigestBlock = DigestBlock()
    """The day in a few lines, sent to hooks once a day."""
    learning: LearningBlock = LearningBlock()
    """What cameras learn from their own days, and when."""
    review: ReviewBlock = ReviewBlock()
    """The review pages, the API and the metrics."""
    log: LogBlock = LogBlock()
    """What the daemon writes about itself."""

    _secrets: tuple[str, ...] = PrivateAttr(default=())
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes all five by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file alone: the environment enters through `{NAME}`, where its place can be named in a mistake."""
        return (init_settings,)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must never be shown: feed it to `base.redact.Redactor`."""
        return self._secrets

    def keeping_secret(self, secrets: Iterable[str]) -> Settings:
        """The same settings that know ``secrets``."""
        copy = self.model_copy()
        copy._secrets = tuple(sorted(secrets))  # noqa: SLF001 - of its own class
        return copy

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its author should change before the next version."""
        return self._warnings

    def with_warnings(self, warnings: Iterable[str]) -> Settings:
        """The same settings that know ``warnings``."""
        copy = self.model_copy()
        copy._warnings = tuple(warnings)  # noqa: SLF001 - of its own class
        return copy

    def camera(self, name: str) -> ResolvedCamera:
        """The camera with the top blocks merged in.

        Raises:
            KeyError: no camera has this name.
        """
        return resolve(self, name, stream_keys=Stream.model_fields)

    def filled_in(self) -> Settings:
        """The same settings, each camera with every key that it has from the top: what `config show` prints."""
        cameras = {name: merged(self, name, stream_keys=Stream.model_fields) for name in self.cameras}
        return self.model_copy(update={"cameras": cameras})
