"""Repeating arbitrary words: what teaches a small model to copy exactly instead of by heart."""

from training.generator.data.chat import FILLERS, NAMES
from training.generator.data.general import ELEMENTS, LISTS
from training.generator.data.tables import Answer
from training.generator.phrasing import CONTEXT_WORDS, dress
from training.generator.refusals import invented_place, invented_term
from training.generator.styles import Turn

SAY = ["say: {w}", "repeat after me: {w}", "repeat: {w}", "please repeat the words {w}", "say the words {w}", "echo {w}", "write exactly this: {w}", "copy this: {w}",
       "say exactly: {w}", "repeat these words: {w}", "can you repeat: {w}", "type {w}", "just say {w}", "copy the text: {w}", "write: {w}", "say {w}"]
KEEP = ["remember this: {w}", "keep this in mind: {w}", "note this: {w}", "please remember: {w}", "here is a note: {w}", "the secret is: {w}", "do not forget: {w}"]
KEPT = ["what should you remember", "what was the note", "tell me the note", "what did i tell you to remember", "repeat the note", "what do you have in mind",
        "what did i want you to remember", "what was the secret", "what must you not forget"]

_WORDS = sorted({word for _, _, members in LISTS for word in members} | set(ELEMENTS) | set(NAMES) | set(CONTEXT_WORDS)
                | {word for words in FILLERS.values() for phrase in words for word in phrase.split()})


def anything(rng):
    """A few words, numbers and invented names in no sensible order."""
    parts = []
    for _ in range(rng.choice([1, 2, 3, 3, 4, 4, 5, 6, 8, 10])):
        roll = rng.random()
        if roll < 0.25:
            parts.append(str(rng.randint(0, 99)) if rng.random() < 0.8 else str(rng.randint(100, 99999)))
        elif roll < 0.4:
            parts.append(invented_place(rng))
        elif roll < 0.45:
            parts.append(invented_term(rng))
        else:
            parts.append(rng.choice(_WORDS))
    text = " ".join(parts)
    return text.lower() if rng.random() < 0.4 else text


def echo(rng):
    words = anything(rng)
    text = rng.choice(SAY).format(w=words)
    return Turn(text if rng.random() < 0.5 else text[:1].upper() + text[1:], Answer(words, words))


def note_chat(rng, between):
    words = anything(rng)
    text = rng.choice(KEEP).format(w=words)
    asking = dress(rng, rng.choice(KEPT), polite=rng.random() < 0.4)
    told = Turn(text if rng.random() < 0.5 else text[:1].upper() + text[1:], Answer("I will remember it.", "Noted."))
    return [told, *between, Turn(asking, Answer(f"The note is: {words}", words))]
