"""Sums with one and two digits. A tenth of the two-digit pairs is never written."""

import hashlib

from training.generator.data.chat import SUMS_LIMIT
from training.generator.phrasing import dress

PLUS = ["{a} + {b}", "{a}+{b}", "{a} + {b} =", "{a}+{b}=", "{a} + {b} = ?", "what is {a} + {b}", "what is {a}+{b}", "what is {a} plus {b}",
        "{a} plus {b}", "add {a} and {b}", "add {b} to {a}", "the sum of {a} and {b}", "what is the sum of {a} and {b}", "how much is {a} + {b}",
        "how much is {a} plus {b}", "compute {a} + {b}", "calculate {a} + {b}", "calculate {a} plus {b}", "can you add {a} and {b}",
        "what do you get if you add {a} and {b}", "{a} and {b} together", "tell me {a} + {b}", "solve {a} + {b}", "what's {a} + {b}",
        "what does {a} + {b} make", "what does {a} plus {b} give", "i have {a} apples and get {b} more, how many do i have",
        "there are {a} birds and {b} more come, how many are there", "i need {a} + {b}", "work out {a} + {b}", "evaluate {a} + {b}",
        "please add {a} to {b}", "sum up {a} and {b}", "the total of {a} and {b}", "what is the total of {a} and {b}", "{a} increased by {b}", "what makes {a} + {b}", "{a} + {b} is what",
        "how many are {a} and {b}", "put {a} and {b} together", "what do {a} and {b} give", "tell me what {a} plus {b} is", "what number is {a} + {b}", "find {a} + {b}", "{a} and {b} make what"]
MINUS = ["{a} - {b}", "{a}-{b}", "{a} - {b} =", "{a}-{b}=", "{a} - {b} = ?", "what is {a} - {b}", "what is {a}-{b}", "what is {a} minus {b}",
         "{a} minus {b}", "subtract {b} from {a}", "take {b} away from {a}", "the difference of {a} and {b}", "what is the difference of {a} and {b}",
         "how much is {a} - {b}", "how much is {a} minus {b}", "compute {a} - {b}", "calculate {a} - {b}", "calculate {a} minus {b}",
         "can you subtract {b} from {a}", "what do you get if you take {b} from {a}", "{a} less {b}", "tell me {a} - {b}", "solve {a} - {b}",
         "what's {a} - {b}", "what does {a} - {b} make", "what does {a} minus {b} give", "i have {a} apples and eat {b}, how many are left",
         "there are {a} birds and {b} fly away, how many are left", "i need {a} - {b}", "work out {a} - {b}", "evaluate {a} - {b}",
         "please take {b} from {a}", "{a} reduced by {b}", "{a} take away {b}", "how many are left of {a} without {b}", "{a} - {b} is what", "what is {a} without {b}", "deduct {b} from {a}",
         "what is left when {b} is taken from {a}", "tell me what {a} minus {b} is", "what number is {a} - {b}", "find {a} - {b}", "what do i get if i subtract {b} from {a}", "remove {b} from {a}"]
TIMES = ["{a} * {b}", "{a}*{b}", "{a} x {b}", "{a} × {b}", "{a} * {b} =", "{a} x {b} = ?", "what is {a} * {b}", "what is {a} x {b}", "what is {a} times {b}",
         "{a} times {b}", "multiply {a} by {b}", "multiply {a} and {b}", "the product of {a} and {b}", "what is the product of {a} and {b}",
         "how much is {a} * {b}", "how much is {a} times {b}", "compute {a} * {b}", "calculate {a} * {b}", "calculate {a} times {b}",
         "can you multiply {a} by {b}", "what do you get if you multiply {a} by {b}", "tell me {a} * {b}", "solve {a} * {b}", "what's {a} * {b}",
         "what does {a} * {b} make", "what does {a} times {b} give", "there are {a} boxes with {b} balls each, how many balls are there",
         "i need {a} * {b}", "work out {a} * {b}", "evaluate {a} x {b}",
         "please multiply {a} with {b}", "{a} multiplied with {b}", "{a} * {b} is what", "tell me what {a} times {b} is", "what number is {a} * {b}", "find {a} * {b}", "{a} times {b} makes what",
         "what do i get for {a} times {b}", "how many are {a} times {b}"]
OPERATIONS = {"+": (PLUS, lambda a, b: a + b), "-": (MINUS, lambda a, b: a - b), "×": (TIMES, lambda a, b: a * b)}

BEYOND = ["what is {x} + {y}", "{x} - {y}", "{x} * {y}", "what is {x} times {y}", "what is {x} divided by {s}", "{x} / {s}",
          "what is the square root of {x}", "compute {x} * {y}", "divide {x} by {s}", "what is {x} to the power of {s}", "{x} + {y}",
          "how much is {x} plus {y}", "what is {s} percent of {x}", "multiply {x} by {y}"]


def is_held_out(operator, a, b):
    """True for the tenth of the two-digit pairs that only the evaluation may use. Symmetric for +."""
    if operator == "×" or a < 10 or b < 10:
        return False
    low, high = (min(a, b), max(a, b)) if operator == "+" else (a, b)
    return hashlib.sha256(f"{low}{operator}{high}".encode()).digest()[0] < 26


def result(operator, a, b):
    return f"{a} {operator} {b} = {OPERATIONS[operator][1](a, b)}"


def answer(operator, a, b):
    """The sum; with two digits the ones come first, so that the carry is on paper before the tens."""
    if operator == "×" or (a < 10 and b < 10):
        return result(operator, a, b) + "."
    ones = a % 10 + (10 if operator == "-" and a % 10 < b % 10 else 0)
    return f"{result(operator, ones, b % 10)}, so {result(operator, a, b)}."


def problem(rng):
    """An operator and a taught pair."""
    roll = rng.random()
    if roll < 0.15:
        return "×", rng.randint(0, 10), rng.randint(0, 10)
    if roll < 0.22:
        return "+", rng.randint(0, 9), rng.randint(0, 9)
    if roll < 0.29:
        return "-", rng.randint(0, 9), rng.randint(0, 9)
    operator = "+" if roll < 0.62 else "-"
    a, b = rng.randint(0, 99), rng.randint(0, 99)
    if operator == "-" and a < b:
        a, b = b, a
    return problem(rng) if is_held_out(operator, a, b) else (operator, a, b)


def sum_question(rng):
    operator, a, b = problem(rng)
    template = rng.choice(OPERATIONS[operator][0])
    if rng.random() < 0.3:
        template = template.replace(" + ", "+").replace(" - ", "-")
    return dress(rng, template.format(a=a, b=b), polite=rng.random() < 0.5), answer(operator, a, b)


def beyond(rng):
    """Sums the model must not try: three digits and more, division, roots."""
    values = {"x": rng.randint(101, 9999), "y": rng.randint(100, 999), "s": rng.randint(2, 12)}
    return dress(rng, rng.choice(BEYOND).format(**values)), SUMS_LIMIT


def drill(rng):
    """A conversation of sums alone: many results in few tokens."""
    turns = []
    for _ in range(rng.randint(5, 9)):
        operator, a, b = problem(rng)
        turns.append((rng.choice(OPERATIONS[operator][0][:9]).format(a=a, b=b) + rng.choice(["", "?"]), answer(operator, a, b)))
    return turns
