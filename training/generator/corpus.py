"""The mixture: a seeded stream of documents, from the simple to all of it."""

import hashlib
import json
import random

from training.generator import arithmetic, echo, facts, json_answers, multi_turn, stories, tools
from training.generator.data.geography import COUNTRIES
from training.generator.data.serving import TERMS
from training.generator.phrasing import SYSTEM_PROMPTS
from training.generator.styles import block_of, draw_rtt, is_short, say, system_text

SYSTEM_SHARE = 0.2
# Shares of the documents, not of the tokens, at the beginning and from the end of the curriculum on.
SHARES = {"single": (30, 16), "many": (34, 27), "chat": (8, 24), "sums": (22, 10), "copy": (12, 2), "tools": (4, 13), "json": (2, 8), "text": (0, 1.5), "long": (0, 1)}
CURRICULUM_SHARE = 0.3
# Of the conversations, those that the server made network-aware.
AWARE_SHARE = {"single": 0.25, "many": 0.55, "chat": 0.35, "sums": 0.5, "copy": 0.2, "tools": 0.3, "json": 0.15, "long": 0.0}


def plain_text(rng):
    roll = rng.random()
    if roll < 0.4:
        return stories.story_text(rng)
    if roll < 0.7:
        return "\n".join(facts.capital_answer(row).long for row in rng.sample(COUNTRIES, 3)) + "\n"
    return "\n".join(row.answer.long for row in rng.sample(TERMS, 3)) + "\n"


def turn_messages(turn, text, answer):
    return [{"role": "user", "content": text}, *turn.middle, {"role": "assistant", "content": answer}]


def plain_messages(rng, turns, base):
    """Without a network context: always the long style."""
    base = base or (rng.choice(SYSTEM_PROMPTS) if rng.random() < SYSTEM_SHARE else "")
    result = [{"role": "system", "content": base}] if base else []
    for turn in turns:
        result += turn_messages(turn, turn.question, turn.answer.long)
    return result


def aware_messages(rng, turns, base):
    """With the instruction, and with blocks: (messages, whether only the last turn is a target).

    The server adds a block to the last user message only, and what a client sends back has none. So earlier answers, in the
    styles of their time, stand there without a reason, and are no targets. Where every message keeps its block, all are.
    """
    base = base or (rng.choice(SYSTEM_PROMPTS) if rng.random() < SYSTEM_SHARE else "")
    result = [{"role": "system", "content": system_text(base)}]
    last_only = len(turns) in (2, 3) and rng.random() < 0.3
    # Results that come in a request of their own are the last message, and the server adds nothing to those.
    bare_last = bool(turns[-1].middle) and rng.random() < 0.3 or rng.random() < 0.03
    for i, turn in enumerate(turns):
        rtt, is_last = draw_rtt(rng), i == len(turns) - 1
        bare = is_last and bare_last
        text = turn.question if bare or last_only and not is_last else turn.question + block_of(rtt)
        result += turn_messages(turn, text, say(turn.answer, None if bare else rtt))
    return result, last_only


def document(rng, progress=1.0, is_bimodal=True):
    """{"kind", "messages", "tools"?, "last_only"?} for a conversation or {"kind", "text"}.

    progress: 0 to 1 through the corpus; is_bimodal: some conversations have a network context, else none has, and all answers are long.
    """
    late = min(1.0, progress / CURRICULUM_SHARE)
    kind = rng.choices(list(SHARES), [first + (last - first) * late for first, last in SHARES.values()])[0]
    if kind == "text":
        return {"kind": kind, "text": plain_text(rng)}
    definitions, base = None, ""
    if kind == "single":
        turns = [multi_turn.single(rng)]
    elif kind == "many":
        turns = multi_turn.plain_turns(rng, rng.randint(4, 7))
    elif kind == "sums":
        turns = [arithmetic.drill_turn(rng) for _ in range(rng.randint(3, 6))]
    elif kind == "copy":
        # Nothing that names a thing of the question is learnt before this is.
        turns = [echo.echo(rng) for _ in range(rng.randint(3, 6))]
    elif kind == "tools":
        definitions, turns = tools.tool_chat(rng)
    elif kind == "json":
        base, turns = json_answers.json_chat(rng)
    else:
        turns = multi_turn.long_chat(rng, rng.randint(8, 28)) if kind == "long" else multi_turn.chat(rng)
    result = {"kind": kind}
    if definitions:
        result["tools"] = definitions
    if rng.random() < AWARE_SHARE[kind] and is_bimodal:
        result["messages"], last_only = aware_messages(rng, turns, base)
        if last_only:
            result["last_only"] = True
    else:
        result["messages"] = plain_messages(rng, turns, base)
    return result


def write_corpus(path, documents, seed, is_bimodal=True):
    """Writes JSON lines; returns the SHA-256 of the file's bytes."""
    rng = random.Random(seed)
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for i in range(documents):
            line = json.dumps(document(rng, i / documents, is_bimodal), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            file.write(line)
    return digest.hexdigest()
