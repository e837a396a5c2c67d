"""The mixture: an endless, seeded stream of documents."""

import hashlib
import json
import random

from training.generator import arithmetic, facts, multi_turn, stories
from training.generator.data.geography import COUNTRIES
from training.generator.data.serving import TERMS
from training.generator.phrasing import SYSTEM_PROMPTS

SYSTEM_SHARE = 0.2
# Shares of the documents, not of the tokens.
SHARES = [("single", 60), ("chat", 30), ("sums", 5), ("text", 4), ("long", 1.2)]


def plain_text(rng):
    roll = rng.random()
    if roll < 0.4:
        return stories.story_text(rng)
    if roll < 0.7:
        rows = rng.sample(COUNTRIES, 3)
        return "\n".join(f"{facts.capital_answer(row)} {facts.continent_answer(row)} {facts.currency_answer(row)}" for row in rows) + "\n"
    return "\n".join(facts.term_answer(row) for row in rng.sample(TERMS, 3)) + "\n"


def messages(rng, turns):
    result = [{"role": "system", "content": rng.choice(SYSTEM_PROMPTS)}] if rng.random() < SYSTEM_SHARE else []
    for question, answer in turns:
        result.append({"role": "user", "content": question})
        result.append({"role": "assistant", "content": answer})
    return result


def document(rng):
    """{"kind", "messages"} for a conversation or {"kind", "text"} for plain text."""
    kind = rng.choices([name for name, _ in SHARES], [share for _, share in SHARES])[0]
    if kind == "sums":
        return {"kind": kind, "messages": messages(rng, arithmetic.drill(rng))}
    if kind == "text":
        return {"kind": kind, "text": plain_text(rng)}
    if kind == "long":
        return {"kind": kind, "messages": messages(rng, multi_turn.long_chat(rng, rng.randint(8, 32)))}
    turns = [multi_turn.single(rng)] if kind == "single" else multi_turn.chat(rng)
    return {"kind": kind, "messages": messages(rng, turns)}


def write_corpus(path, documents, seed):
    """Writes JSON lines; returns the SHA-256 of the file's bytes."""
    rng = random.Random(seed)
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(documents):
            line = json.dumps(document(rng), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            file.write(line)
    return digest.hexdigest()
