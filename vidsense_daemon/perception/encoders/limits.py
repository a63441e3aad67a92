"""What the builtin encoder cannot see, so that such a prompt is refused instead of watched for in vain.

It sees what stands there, frame by frame. On footage of fights it was right 59 times of 100, where guessing gives 50;
falls and deeds of the hand were no better. And its words come from English captions of one sentence. A list of words is
a blunt tool: it stops the prompts that people are most likely to rely on, and cannot stop all. Pure.
"""

from __future__ import annotations

import re

_VIOLENCE = re.compile(
    r"\b(fight\w*|brawl\w*|punch\w*|kick\w*|hit(?:s|ting)?|beat(?:s|ing)|attack\w*|assault\w*|violen\w+|stab\w*|shoot\w*"
    r"|robb\w*|mugg(?:er|ers|ing)|weapon\w*|guns?|kni(?:fe|ves)|threaten\w*|vandal\w*)\b",
    re.IGNORECASE,
)
_DEED = re.compile(
    r"\b(fall(?:s|ing|en)?|fell|collaps\w+|faint\w*|tripp?(?:s|ing|ed)?|steal\w*|stole\w*|theft\w*|thie(?:f|ves)\w*"
    r"|burgl\w*|break(?:s|ing)? in\w*|tak(?:es|ing)|grab\w*|pick(?:s|ing)? up|put(?:s|ting)? down"
    r"|drop(?:s|ping|ped)|throw(?:s|ing|n)?|wav(?:es|ing)|push(?:es|ing)?|climb\w*|sneak\w*|loiter\w*|suspicious\w*)\b",
    re.IGNORECASE,
)
_TRAIN = "train an action on clips of your own (`vidsense train actions`), "
_LONGEST_WORDS = 60  # captions have a dozen; beyond some sixty the sentence is a blur, long before it is cut off

_LETTERS = re.compile(r"[^\W\d_]+")
# little words that only one side uses; "die", "an" and the like stand in no list because both do
_ENGLISH = frozenset((
    "a", "the", "and", "or", "of", "at", "on", "with", "without", "near", "by", "from", "front", "into", "is",
    "are", "not", "to",
))  # fmt: skip
_FOREIGN = frozenset((
    "ein", "eine", "einen", "einem", "einer", "der", "das", "dem", "den", "und", "mit", "ohne",
    "vor", "auf", "im", "vom", "zur", "zum", "keine", "kein",  # German
    "un", "une", "le", "la", "les", "des", "du", "au", "aux", "et", "avec", "sur", "devant",
    "dans", "sans",  # French
    "una", "el", "los", "las", "del", "con", "en", "por", "delante", "unos", "unas",  # Spanish
    "uno", "il", "lo", "gli", "nel", "nella", "nello", "sulla", "davanti", "della",  # Italian
    "um", "uma", "os", "na", "da",  # Portuguese
    "een", "het", "voor", "zonder", "bij",  # Dutch
))  # fmt: skip


def unsupported_prompt(prompt: str) -> str | None:
    """Why this encoder cannot see what ``prompt`` asks for; none when it may."""
    if found := _VIOLENCE.search(prompt):
        return _refusal(prompt, f'cannot recognise violence and weapons ("{found.group()}")', _TRAIN)
    if found := _DEED.search(prompt):
        return _refusal(prompt, f'cannot recognise what somebody is doing ("{found.group()}")', _TRAIN)
    words = _LETTERS.findall(prompt.lower())
    if not words:
        return _refusal(prompt, "needs words")
    if len(words) > _LONGEST_WORDS:
        return _refusal(prompt, f"reads one short sentence, and this one has {len(words)} words")
    if not _may_be_english(words):
        return _refusal(prompt, "reads English only")
    return None


def reads_as_english(prompt: str) -> bool:
    """Whether it may be English; a single word without an accent always may."""
    return _may_be_english(_LETTERS.findall(prompt.lower()))


def has_words(prompt: str) -> bool:
    """Whether there is a letter in it, of any script."""
    return bool(_LETTERS.search(prompt))


def _may_be_english(words: list[str]) -> bool:
    """Whether most letters are Latin, and no foreign little words stand there without English ones."""
    letters = "".join(words)
    if sum(letter.isascii() for letter in letters) < len(letters) / 2:
        return False
    return not _FOREIGN.intersection(words) or bool(_ENGLISH.intersection(words))


def _refusal(prompt: str, why: str, instead: str = "") -> str:
    shown = prompt if len(prompt) <= 80 else prompt[:79] + "…"  # it goes into one line of a terminal
    return (
        f'the builtin encoder {why}: "{shown}"; ask for what is there, such as "a person" or "a car", '
        f"{instead}or use encoder.backend: clip"
    )
