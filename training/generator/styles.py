"""The two styles of an answer, and what chooses between them: the network context that the server adds to a request.

The texts are those of the server, byte for byte: the instruction goes to the end of the first system message, or is one,
and the block to the end of the last user message.
"""

from typing import NamedTuple

from training.generator.data.tables import Answer

INSTRUCTION = (
    "\n[System Instruction: You are network-aware. The user will provide their current Network RTT at the end of their message. "
    "If RTT > 300ms, answer concisely and strictly. If RTT < 100ms, answer comprehensively.]"
)
SHORT_ABOVE_MS, LONG_BELOW_MS = 300, 100
CLASSES = ("Excellent", "Normal", "Poor")


class Turn(NamedTuple):
    """A question, its answer, and the calls and results of tools between them."""

    question: str
    answer: Answer
    middle: tuple = ()  # messages


def status_of(rtt_ms):
    return "Poor" if rtt_ms > SHORT_ABOVE_MS else "Excellent" if rtt_ms < LONG_BELOW_MS else "Normal"


def block_of(rtt_ms):
    return f"\n\n<network_context>\n  <rtt>{rtt_ms}ms</rtt>\n  <status>{status_of(rtt_ms)}</status>\n</network_context>"


def is_short(rtt_ms):
    return rtt_ms > SHORT_ABOVE_MS


def rtt_of(rng, status):
    """A round-trip time of that class in ms, often near its ends."""
    if status == "Excellent":
        return rng.choice([rng.randint(0, 99), rng.randint(0, 30), rng.randint(90, 99)])
    if status == "Normal":
        return rng.choice([rng.randint(100, 300), rng.randint(100, 110), rng.randint(290, 300)])
    return rng.choice([rng.randint(301, 999), rng.randint(301, 330), rng.randint(400, 600), rng.randint(1000, 4000)])


def draw_rtt(rng):
    """Most links are poor: the long style is learnt without a network context, too, and in fewer tokens."""
    return rtt_of(rng, rng.choices(CLASSES, (18, 14, 68))[0])


def system_text(base=""):
    """The system message of a request that the server made network-aware."""
    return base + INSTRUCTION if base else INSTRUCTION.strip()


def say(answer, rtt_ms=None):
    """The answer in the style for a link; without one, the long style."""
    return answer.short if rtt_ms is not None and is_short(rtt_ms) else answer.long
