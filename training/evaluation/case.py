"""A held-out question, and what counts as a right answer to it."""

import json
import re
from dataclasses import dataclass, field

from training.generator.styles import block_of, is_short, system_text


def normalised(text):
    """A text without case and punctuation, to compare wordings."""
    kept = "".join(c if c.isalnum() or c in "+-*×/÷" else " " for c in text.lower())
    return " ".join(kept.split())


@dataclass(frozen=True)
class Case:
    """One conversation whose last message the model answers."""

    category: str
    kind: str
    messages: tuple  # of {"role", "content", "tool_calls"?}
    accepted: tuple = ()  # right when the answer contains every one of these, without regard to case and punctuation
    whole: str = ""  # or when it is this, without regard to them
    only: tuple = ()  # and, for lists: when it holds as many different of these as `count`
    count: int = 0
    tools: tuple = ()  # definitions
    calls: tuple | None = None  # what it must call, in any order; () = nothing
    schema: dict | None = None  # of the JSON that it must be
    value: dict | None = None  # and its right value
    taught: tuple = ()  # the answer in both styles, for the length
    rtt_ms: int | None = field(default=None, compare=False)

    def is_right(self, answer):
        if self.calls is not None and not self._calls_right(answer):
            return False
        if self.schema is not None:
            return fits_schema(answer, self.schema)
        if self.only:
            return self._is_list(answer)
        text = normalised(answer)
        if self.whole:
            return text == normalised(self.whole)
        return all(normalised(part) in text for part in self.accepted)

    def _calls_right(self, answer):
        got = calls_of(answer)
        return got is not None and len(got) == len(self.calls) and all(call in got for call in self.calls)

    def _is_list(self, answer):
        text = answer.lower().rsplit(": ", 1)[-1]
        items = [item.strip(" .") for item in text.replace(" and ", ",").split(",")]
        return len(items) == len(set(items)) == self.count and set(items) <= {member.lower() for member in self.only}


def calls_of(answer):
    """The calls in an answer; None when one of them is no JSON."""
    try:
        return [json.loads(text) for text in re.findall(r"<tool_call>(.*?)</tool_call>", answer, re.S)]
    except ValueError:
        return None


_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list}


def fits_schema(answer, schema):
    try:
        value = json.loads(answer)
    except ValueError:
        return False
    if not isinstance(value, dict) or set(value) != set(schema["required"]):
        return False
    for name, wanted in schema["properties"].items():
        if "enum" in wanted:
            if value[name] not in wanted["enum"]:
                return False
        elif type(value[name]) is not _TYPES[wanted["type"]]:
            return False
        elif wanted["type"] == "array" and not all(isinstance(item, str) for item in value[name]):
            return False
    return True


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def aware(messages, rtt_ms, base=""):
    """The messages as the server makes them network-aware."""
    *history, last = messages
    return ({"role": "system", "content": system_text(base)}, *history, {**last, "content": last["content"] + block_of(rtt_ms)})


def in_style(category, kind, messages, answer, key, rtt_ms):
    """A case about a fact: in the long style its key, or all of them, must be in the answer, in the telegraph style the answer must be the taught one."""
    keys = (key,) if isinstance(key, str) else tuple(key)
    if rtt_ms is None:
        return Case(category, kind, tuple(messages), accepted=keys, taught=tuple(answer))
    how = {"whole": answer.short} if is_short(rtt_ms) else {"accepted": keys}
    return Case(category, kind, aware(messages, rtt_ms), taught=tuple(answer), rtt_ms=rtt_ms, **how)
