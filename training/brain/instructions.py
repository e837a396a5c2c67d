"""Instruction sets from disk: JSON, JSON lines, plain lines, or what Hugging Face's datasets library reads."""

import hashlib
import json
import unicodedata
from pathlib import Path
from typing import NamedTuple

CONVERSATION_FIELDS = ("messages", "conversations", "conversation")
TEXT_FIELDS = ("prompt", "instruction", "question", "query", "text")
ADDITION_FIELDS = ("input", "context")
ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}


class Instruction(NamedTuple):
    id: str  # of the messages without regard to case, spaces and punctuation
    messages: list  # of {"role", "content"}, up to the user message that is to be answered
    references: list  # texts of which a right answer contains one; may be empty


def read_rows(path):
    """The rows of a file or folder, one after the other."""
    path = Path(path)
    if path.suffix == ".jsonl":
        with open(path, encoding="utf-8") as file:
            yield from (json.loads(line) for line in file if line.strip())
    elif path.suffix == ".json":
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise SystemExit(f"{path} is no list of instructions; write it as JSON lines")
        yield from rows
    elif path.suffix == ".txt":
        yield from (line for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    else:
        yield from _read_dataset(path)


def _read_dataset(path):
    try:
        from datasets import Dataset, DatasetDict, load_dataset, load_from_disk
    except ImportError:
        raise SystemExit(f"{path} needs Hugging Face's datasets library: pip install -r training/brain/requirements.txt") from None
    if not path.exists():
        raise SystemExit(f"{path} does not exist")
    if path.is_dir() and ((path / "state.json").exists() or (path / "dataset_dict.json").exists()):
        loaded = load_from_disk(str(path))
    elif path.is_dir():
        loaded = load_dataset(str(path))
    elif path.suffix == ".arrow":
        loaded = Dataset.from_file(str(path))
    else:
        loaded = load_dataset(path.suffix.lstrip("."), data_files=str(path))
    if isinstance(loaded, DatasetDict):
        loaded = loaded["train"] if "train" in loaded else next(iter(loaded.values()))
    yield from loaded


def field_of(row, name):
    """A field of a row by its name; a.b is the field b of the field a."""
    for part in name.split("."):
        if not isinstance(row, dict) or part not in row:
            raise SystemExit(f"A row has no field {name}: {json.dumps(row, ensure_ascii=False, default=str)[:200]}")
        row = row[part]
    return row


def _conversation(turns):
    """Messages up to the last one of the user; None when there is no such conversation of texts."""
    messages = []
    for turn in turns:
        role, content = ROLES.get(turn.get("role", turn.get("from"))), turn.get("content", turn.get("value"))
        if role is None or not isinstance(content, str):
            return None
        messages.append({"role": role, "content": content.strip()})
    while messages and messages[-1]["role"] != "user":
        messages.pop()
    return messages or None


def messages_of(row, field=None):
    """What a row asks, as messages; None when it asks nothing."""
    value = field_of(row, field) if field else row
    if isinstance(value, dict):
        names = [name for name in (*CONVERSATION_FIELDS, *TEXT_FIELDS) if value.get(name)]
        if not names:
            return None
        # Alpaca and Dolly keep the text that an instruction speaks of beside it.
        additions = [value[name].strip() for name in ADDITION_FIELDS if names[0] == "instruction" and value.get(name)]
        value = value[names[0]] if not additions else "\n\n".join([value[names[0]].strip(), *additions])
    if isinstance(value, list):
        return _conversation(value)
    return [{"role": "user", "content": value.strip()}] if isinstance(value, str) and value.strip() else None


def id_of(messages):
    """Equal for messages that differ in case, spaces and punctuation alone."""
    text = "\n".join(f"{m['role']}: {m['content']}" for m in messages)
    text = unicodedata.normalize("NFKC", text).casefold()
    # Signs stay: 1 + 2 and 1 - 2 are two questions.
    words = "".join(c if c.isalnum() or unicodedata.category(c) in ("Sm", "Mn", "Mc") or c in "-/*%#&@^" else " " for c in text).split()
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def texts_of(value):
    """All texts in a reference, which may be a text, or lists of them."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [str(value)]
    return [text for part in value for text in texts_of(part)] if isinstance(value, (list, tuple)) else []


def read_instructions(path, field=None, reference_field=None, limit=None):
    """(instructions, how many rows asked nothing, how many asked what one before them asked)."""
    found, empty, again = {}, 0, 0
    for row in read_rows(path):
        messages = messages_of(row, field)
        if messages is None:
            empty += 1
            continue
        key = id_of(messages)
        if key in found:
            again += 1
            continue
        references = texts_of(field_of(row, reference_field)) if reference_field else []
        found[key] = Instruction(key, messages, references)
        if limit and len(found) == limit:
            break
    return list(found.values()), empty, again
