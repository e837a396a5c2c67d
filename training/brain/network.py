"""A request as a network-aware server changes it; the texts are those of the server, in generator/styles.py."""

from training.generator.styles import INSTRUCTION, block_of, status_of

MARK = "System Instruction: You are network-aware"
NO_CONTEXT = "none"


def with_network_context(messages, rtt_ms):
    """A copy of the messages with the instruction and the client's round-trip time; without one, or without messages, as they are."""
    if rtt_ms is None or not messages:
        return list(messages)
    first, *rest = messages
    if first["role"] != "system":
        changed = [{"role": "system", "content": INSTRUCTION.strip()}, first, *rest]
    elif MARK in first["content"]:
        changed = [first, *rest]
    else:
        changed = [{**first, "content": first["content"] + INSTRUCTION}, *rest]
    if changed[-1]["role"] == "user":
        changed[-1] = {**changed[-1], "content": changed[-1]["content"] + block_of(rtt_ms)}
    return changed


def class_of(rtt_ms):
    return NO_CONTEXT if rtt_ms is None else status_of(rtt_ms)
