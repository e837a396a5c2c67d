"""Documents -> rows of token ids with a loss weight and a document number per token."""

import json
from dataclasses import dataclass

import numpy as np

from training.tokenizer import END_OF_TEXT, IM_END, IM_START, TOOLS_HEAD, TOOLS_TAIL

SHORT_ROW_TOKENS = 512
LONG_ROW_TOKENS = 1024
_OPEN_ROWS = 48


@dataclass
class Rows:
    """Rows of one length, in the order of the corpus. One token more than the model sees: the last is only a target."""

    tokens: np.ndarray  # (rows, length + 1) int16
    weights: np.ndarray  # the same, uint8: 1 where the token is a target of the loss
    documents: np.ndarray  # the same, int16: number of the document in its row, -1 past the end


def _answer_text(message):
    """What the model writes: text, or calls."""
    calls = [f"<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>" for call in message.get("tool_calls", ())]
    return "\n".join([message["content"]] * bool(message["content"]) + calls)


def segments(document):
    """(text, is_target) pieces of a document, in the chat template's form."""
    if "text" in document:
        return [(document["text"] + END_OF_TEXT, True)]
    pieces, messages = [], document["messages"]
    if "tools" in document:
        base = messages[0]["content"] + "\n\n" if messages[0]["role"] == "system" else ""
        signatures = "".join("\n" + json.dumps(tool, ensure_ascii=False) for tool in document["tools"])
        pieces.append((f"{IM_START}system\n{base}{TOOLS_HEAD}{signatures}{TOOLS_TAIL}{IM_END}\n", False))
        messages = messages[bool(base):]
    last_question = max(i for i, message in enumerate(messages) if message["role"] == "user")
    for i, message in enumerate(messages):
        role = message["role"]
        if role == "assistant":
            is_target = not document.get("last_only") or i > last_question
            pieces += [(f"{IM_START}assistant\n", False), (_answer_text(message) + IM_END, is_target), ("\n", False)]
        elif role == "tool":
            is_first, is_last = messages[i - 1]["role"] != "tool", messages[i + 1]["role"] != "tool"
            head, tail = f"{IM_START}user" * is_first, f"{IM_END}\n" * is_last
            pieces.append((f"{head}\n<tool_response>\n{message['content']}\n</tool_response>{tail}", False))
        else:
            pieces.append((f"{IM_START}{role}\n{message['content']}{IM_END}\n", False))
    return pieces


def encode_corpus(path, tokenizer, chunk_documents=20_000):
    """Yields (ids, weights) lists, one pair per document."""
    with open(path, encoding="utf-8") as file:
        while lines := [line for _, line in zip(range(chunk_documents), file)]:
            documents = [segments(json.loads(line)) for line in lines]
            flat = [text for document in documents for text, _ in document]
            encoded = iter(tokenizer.encode_batch(flat, add_special_tokens=False))
            for document in documents:
                ids, weights = [], []
                for _, is_target in document:
                    piece = next(encoded).ids
                    ids += piece
                    weights += [int(is_target)] * len(piece)
                yield ids, weights


class _Packer:
    """First fit into a few open rows."""

    def __init__(self, length):
        self.length = length + 1
        self.open, self.closed = [], []

    def add(self, ids, weights, may_open=True):
        """Whether it found a place: in an open row, or in a new one."""
        for row in self.open:
            if len(row[0]) + len(ids) <= self.length:
                break
        else:
            if not may_open:
                return False
            row = ([], [], [])
            self.open.append(row)
            if len(self.open) > _OPEN_ROWS:
                self.closed.append(self._close(self.open.pop(0)))
        number = row[2][-1] + 1 if row[2] else 0
        row[0].extend(ids)
        row[1].extend([0] + weights[1:])
        row[2].extend([number] * len(ids))
        return True

    def _close(self, row):
        missing = self.length - len(row[0])
        return (np.array(row[0] + [0] * missing, np.int16), np.array(row[1] + [0] * missing, np.uint8),
                np.array(row[2] + [-1] * missing, np.int16))

    def rows(self):
        closed = self.closed + [self._close(row) for row in self.open]
        return Rows(*(np.stack(column) for column in zip(*closed)))


def pack_corpus(path, tokenizer):
    """(short rows, long rows). A document that fits no long row is cut; short ones fill what long ones leave."""
    short, long = _Packer(SHORT_ROW_TOKENS), _Packer(LONG_ROW_TOKENS)
    for ids, weights in encode_corpus(path, tokenizer):
        if len(ids) > short.length:
            long.add(ids[: long.length], weights[: long.length])
        elif not long.add(ids, weights, may_open=False):
            short.add(ids, weights)
    return short.rows(), long.rows()
