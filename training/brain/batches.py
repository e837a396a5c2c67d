"""Samples -> token ids by the tokenizer's own chat template, and batches that depend on the step alone."""

import random
from typing import NamedTuple

import torch

NO_TARGET = -100
# Batches whose samples are put together by length, so that little is padded.
WINDOW_BATCHES = 32


class Encoded(NamedTuple):
    prompt: list  # token ids as the server makes them, the head of the answer included
    answer: list  # token ids that the model is to write, its end included


def prompt_ids(tokenizer, messages, template):
    """template: variables of the chat template, such as enable_thinking."""
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **template)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def encode(tokenizer, messages, template, end_ids):
    """Of a conversation that ends with an answer."""
    answer = messages[-1]["content"]
    whole = tokenizer.apply_chat_template(messages, tokenize=False, **template)
    if answer not in whole:
        raise SystemExit(f"The chat template changes answers, so they cannot be learnt as they are: {answer[:80]!r}")
    # What the template puts behind an answer, up to its first end token.
    tail = tokenizer(whole[whole.rindex(answer) + len(answer) :], add_special_tokens=False)["input_ids"]
    end = next((i for i, token in enumerate(tail) if token in end_ids), None)
    tail = [tokenizer.eos_token_id] if end is None else tail[: end + 1]
    return Encoded(prompt_ids(tokenizer, messages[:-1], template), tokenizer(answer, add_special_tokens=False)["input_ids"] + tail)


def encode_all(tokenizer, samples, template, end_ids, max_tokens):
    """(those that fit, number of those that do not)"""
    encoded = [encode(tokenizer, sample["messages"], template, end_ids) for sample in samples]
    fitting = [e for e in encoded if len(e.prompt) + len(e.answer) <= max_tokens]
    return fitting, len(encoded) - len(fitting)


def epoch_batches(samples, batch_size, seed, epoch):
    """Lists of indices: every sample once, like lengths together, in an order that the seed and the epoch decide."""
    rng = random.Random(f"{seed}:{epoch}")
    order = list(range(len(samples)))
    rng.shuffle(order)
    batches = []
    for start in range(0, len(order), batch_size * WINDOW_BATCHES):
        window = sorted(order[start : start + batch_size * WINDOW_BATCHES], key=lambda i: len(samples[i].prompt) + len(samples[i].answer))
        batches += [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
    rng.shuffle(batches)
    return batches


def collate(samples, pad_id):
    """(tokens, mask, targets) padded on the left, so that the last targets.shape[1] + 1 positions are all that the loss needs logits of.

    tokens, mask: (samples, longest); targets: (samples, longest answer)
    """
    longest, longest_answer = max(len(s.prompt) + len(s.answer) for s in samples), max(len(s.answer) for s in samples)
    tokens = torch.full((len(samples), longest), pad_id)
    mask = torch.zeros(len(samples), longest, dtype=torch.long)
    targets = torch.full((len(samples), longest_answer), NO_TARGET)
    for i, sample in enumerate(samples):
        ids = sample.prompt + sample.answer
        tokens[i, longest - len(ids) :] = torch.tensor(ids)
        mask[i, longest - len(ids) :] = 1
        targets[i, longest_answer - len(sample.answer) :] = torch.tensor(sample.answer)
    return tokens, mask, targets
