"""Sums with up to three digits, digit by digit in the long style. A tenth of the pairs of two digits or more is never written."""

import hashlib

from training.generator.data.chat import SUMS_LIMIT
from training.generator.data.tables import Answer
from training.generator.phrasing import dress
from training.generator.styles import Turn

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
DIVIDE = ["{a} / {b}", "{a}/{b}", "{a} ÷ {b}", "what is {a} / {b}", "what is {a} divided by {b}", "{a} divided by {b}", "divide {a} by {b}", "how much is {a} / {b}",
          "how much is {a} divided by {b}", "compute {a} / {b}", "calculate {a} / {b}", "calculate {a} divided by {b}", "can you divide {a} by {b}", "what's {a} / {b}",
          "how often does {b} go into {a}", "share {a} apples among {b} children, how many does each get", "work out {a} / {b}", "the quotient of {a} and {b}", "tell me {a} / {b}",
          "what do i get if i divide {a} by {b}", "{a} / {b} = ?", "split {a} into {b} equal parts", "solve {a} / {b}", "how many times does {b} fit into {a}"]
OPERATIONS = {"+": (PLUS, lambda a, b: a + b), "-": (MINUS, lambda a, b: a - b), "×": (TIMES, lambda a, b: a * b), "÷": (DIVIDE, lambda a, b: a // b)}

# x has four digits or more; u and v have two or three, and v is at least 13; s is small.
BEYOND = ["what is {x} + {u}", "{x} - {u}", "{x} * {u}", "what is {x} times {u}", "what is {x} divided by {s}", "{x} / {s}",
          "what is the square root of {u}", "compute {u} * {v}", "divide {x} by {s}", "what is {u} to the power of {s}", "{x} + {x}",
          "how much is {x} plus {u}", "what is {s} percent of {u}", "multiply {u} by {v}", "{u} * {v}", "what is {u} times {v}", "{u} ^ {s}",
          "add {x} and {u}", "subtract {u} from {x}", "take {u} from {x}", "the product of {u} and {v}", "the sum of {x} and {u}", "what is the logarithm of {u}",
          "the cube of {u}", "the square root of {x}", "how much is {u} x {v}", "calculate {x} - {u}", "{s} percent of {x}", "the factorial of {s}"]


def is_held_out(operator, a, b):
    """True for the tenth of the pairs of two digits or more that only the evaluation may use. Symmetric for +."""
    if operator in "×÷" or a < 10 or b < 10:
        return False
    low, high = (min(a, b), max(a, b)) if operator == "+" else (a, b)
    return hashlib.sha256(f"{low}{operator}{high}".encode()).digest()[0] < 26


def result(operator, a, b):
    return f"{a} {operator} {b} = {OPERATIONS[operator][1](a, b)}"


def _columns(operator, a, b):
    """The sum of each column from the ones on, with what is carried into it, as on paper."""
    steps, carry = [], 0
    for place in range(max(len(str(a)), len(str(b)))):
        x, y = a // 10**place % 10, b // 10**place % 10
        if operator == "-" and x - y - carry < 0:
            x, next_carry = x + 10, 1
        else:
            next_carry = (x + y + carry) // 10 if operator == "+" else 0
        value = x + y + carry if operator == "+" else x - y - carry
        steps.append(f"{x} {operator} {y} {operator} {carry} = {value}" if carry else f"{x} {operator} {y} = {value}")
        carry = next_carry
    return steps


def answer(operator, a, b):
    """Worked in steps in the long style; the result alone in the other one."""
    done, value = result(operator, a, b), OPERATIONS[operator][1](a, b)
    if operator == "÷":
        steps = [f"{b} × {value} = {a}"]
    elif operator == "×":
        tens, ones = a // 10 * 10, a % 10
        steps = [f"{tens} × {b} = {tens * b}", f"{ones} × {b} = {ones * b}", f"{tens * b} + {ones * b} = {value}"] if a > 12 and ones and b > 1 else []
    else:
        steps = _columns(operator, a, b) if a > 9 or b > 9 else []
    return Answer(f"{', '.join(steps)}, so {done}." if steps else f"{done}.", f"{value}.")


def problem(rng):
    """An operator and a taught pair."""
    roll = rng.random()
    if roll < 0.1:
        return "×", rng.randint(0, 12), rng.randint(0, 12)
    if roll < 0.2:
        return "×", rng.randint(11, 99), rng.randint(2, 9)
    if roll < 0.26:
        b, value = rng.randint(1, 12), rng.randint(1, 12)
        return "÷", b * value, b
    operator = "+" if roll < 0.64 else "-"
    high_a, high_b = rng.choices([(9, 9), (99, 99), (99, 9), (999, 999), (999, 99)], (10, 45, 10, 27, 8))[0]
    a, b = rng.randint(0, high_a), rng.randint(0, high_b)
    if operator == "-" and a < b:
        a, b = b, a
    return problem(rng) if is_held_out(operator, a, b) else (operator, a, b)


def sum_question(rng):
    operator, a, b = problem(rng)
    template = rng.choice(OPERATIONS[operator][0])
    if rng.random() < 0.3:
        template = template.replace(" + ", "+").replace(" - ", "-")
    return Turn(dress(rng, template.format(a=a, b=b), polite=rng.random() < 0.5), answer(operator, a, b))


def beyond_values(rng):
    """Numbers of sums that the model must not try."""
    return {"x": rng.choice([rng.randint(1000, 9999), rng.randint(10_000, 999_999)]), "u": rng.randint(14, 999), "v": rng.randint(13, 999), "s": rng.randint(3, 12)}


def beyond(rng):
    return Turn(dress(rng, rng.choice(BEYOND).format(**beyond_values(rng))), SUMS_LIMIT)


def drill_turn(rng):
    """A sum in few tokens."""
    operator, a, b = problem(rng)
    return Turn(rng.choice(OPERATIONS[operator][0][:8]).format(a=a, b=b) + rng.choice(["", "?"]), answer(operator, a, b))
