"""Conversations whose later turns need the earlier ones. Each function returns a list of turns."""

from training.generator import arithmetic, echo, facts, refusals, stories
from training.generator.data import general, geography
from training.generator.data.chat import NAMES
from training.generator.data.tables import Answer
from training.generator.phrasing import dress
from training.generator.styles import Turn

ITS = {
    "capital": ["and its capital", "what is its capital", "and the capital", "its capital", "what about its capital", "and what is the capital",
                "which city is its capital", "and the capital city", "what is the capital there", "do you know its capital", "tell me its capital",
                "the capital too", "and what is its capital city", "now its capital"],
    "currency": ["and its currency", "what is its currency", "and the currency", "its currency", "what about its currency", "what money do they use there",
                 "which currency do they use", "and what is the currency", "and the money", "what do people pay with there", "tell me its currency",
                 "do you know its currency", "the currency too", "now its currency", "what money is used there"],
    "continent": ["and its continent", "on which continent is it", "and the continent", "where is it", "which continent is it on", "what about its continent",
                  "and where is it", "in which part of the world is it", "what continent is it in", "and on which continent is that", "tell me its continent",
                  "where does it lie", "which continent is that", "now its continent"],
}
ANOTHER = ["what about {c}", "and {c}", "and of {c}", "and for {c}", "how about {c}", "the same for {c}", "now {c}", "and what about {c}", "{c} too",
           "what is it for {c}", "and how about {c}", "tell me for {c}", "then {c}", "okay, and {c}"]
RELATIONS = {
    "capital": (facts.capital_question, facts.capital_answer),
    "currency": (facts.currency_question, facts.currency_answer),
    "continent": (facts.continent_question, facts.continent_answer),
}
FIRST = ["what did i ask first", "what was my first question", "what did i ask you first", "my first question was what", "which question did i ask first",
         "repeat my first question", "what was the first thing i asked", "tell me my first question", "do you remember my first question",
         "what did i want to know first", "can you recall my first question", "what was my very first question", "which was my first question",
         "what did i say first", "remind me of my first question"]
BEFORE = ["what did i just ask", "what was my last question", "what did i ask before", "repeat my last question", "my last question was what",
          "which question did i just ask", "tell me my last question", "what did i ask a moment ago", "do you remember my last question",
          "what was my previous question", "what did i ask you just now", "remind me of my last question"]
AGAIN = ["say that again", "repeat that", "again", "can you repeat that", "repeat your answer", "what did you say", "once more", "please repeat", "pardon",
         "could you say that again", "sorry, what", "tell me again", "say it once more", "repeat the last answer", "i did not hear that"]
MY_NAME = ["my name is {n}", "i am {n}", "i'm {n}", "call me {n}", "you can call me {n}", "hello, my name is {n}", "hi, i am {n}", "hi, i'm {n}", "people call me {n}",
           "hello, i am {n}", "the name is {n}", "my name is {n}, nice to meet you", "hey, my name is {n}", "this is {n}", "i am called {n}", "remember that my name is {n}"]
WHOSE_NAME = ["what is my name", "what's my name", "do you know my name", "who am i", "tell me my name", "do you remember my name", "what am i called", "say my name",
              "what was my name again", "can you tell me my name", "what did i say my name was", "how am i called", "remember my name", "my name is what", "which name did i tell you"]
LIKES = {"colour": ["red", "blue", "green", "yellow", "orange", "purple", "black", "white", "pink", "brown", "grey", "gold"],
         "animal": ["dog", "cat", "horse", "fox", "owl", "bear", "tiger", "rabbit", "dolphin", "penguin", "wolf", "turtle"],
         "food": ["pizza", "soup", "bread", "rice", "cheese", "salad", "cake", "pasta", "fish", "curry"],
         "city": ["Paris", "Rome", "London", "Tokyo", "Lima", "Oslo", "Cairo", "Vienna", "Boston", "Milan"],
         "number": [str(n) for n in range(1, 100)]}
MY_LIKE = ["my favourite {k} is {v}", "my favorite {k} is {v}", "the {k} i like most is {v}", "{v} is my favourite {k}", "i like the {k} {v} best",
           "remember that my favourite {k} is {v}", "my best-loved {k} is {v}", "note: my favourite {k} is {v}"]
WHICH_LIKE = ["what is my favourite {k}", "what's my favourite {k}", "which {k} do i like most", "do you remember my favourite {k}", "tell me my favourite {k}",
              "what is my favorite {k}", "which {k} is my favourite", "do you know my favourite {k}", "what {k} do i like best", "my favourite {k} is what"]

SINGLE = [(facts.capital, 13), (facts.continent, 6), (facts.currency, 13), (facts.country_of_capital, 5), (facts.capital_check, 4), (facts.term, 26),
          (facts.usage, 44), (facts.science, 26), (facts.calendar, 13), (facts.unit, 7), (facts.conversion, 6), (facts.word, 9), (facts.listing, 7),
          (facts.talk, 14), (arithmetic.sum_question, 34), (arithmetic.beyond, 4), (refusals.refusal, 52), (stories.story_question, 4), (echo.echo, 10)]


def single(rng):
    """One question of any kind."""
    return rng.choices([kind for kind, _ in SINGLE], [weight for _, weight in SINGLE])[0](rng)


def plain_turns(rng, count):
    turns = [single(rng) for _ in range(count)]
    # A story in the middle would make a conversation long: keep them for the single questions.
    return [turn if len(turn.answer.long) < 160 else facts.capital(rng) for turn in turns]


def country_chat(rng):
    relations = list(RELATIONS)
    rng.shuffle(relations)
    row = rng.choice(geography.COUNTRIES)
    relation = relations[0]
    ask, answer = RELATIONS[relation]
    turns = [Turn(ask(rng, facts.country_name(rng, row[0])), answer(row))]
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.5:
            relation = rng.choice([r for r in RELATIONS if r != relation])
            question = rng.choice(ITS[relation])
        else:
            row = rng.choice(geography.COUNTRIES)
            question = rng.choice(ANOTHER).format(c=row[0])
        turns.append(Turn(dress(rng, question, polite=rng.random() < 0.3), RELATIONS[relation][1](row)))
    return turns


def quoted(kind, told):
    return Answer(f'You {kind}: "{told}"', f'"{told}"')


def recall_chat(rng):
    turns = plain_turns(rng, rng.randint(1, 4))
    if rng.random() < 0.35:
        turns[rng.choice([0, -1])] = echo.echo(rng)
    if rng.random() < 0.6:
        question, answer = rng.choice(FIRST), quoted("first asked", turns[0].question)
    else:
        question, answer = rng.choice(BEFORE), quoted("just asked", turns[-1].question)
    return [*turns, Turn(dress(rng, question, polite=rng.random() < 0.4), answer)]


def again_chat(rng):
    turns = plain_turns(rng, rng.randint(1, 3))
    return [*turns, Turn(dress(rng, rng.choice(AGAIN), polite=rng.random() < 0.3), turns[-1].answer)]


def greeting_of(name):
    return Answer(f"Nice to meet you, {name}! What would you like to know?", f"Hello, {name}.")


def name_answer(name):
    return Answer(f"Your name is {name}, as you told me.", f"{name}.")


def name_chat(rng):
    name = rng.choice(NAMES) if rng.random() < 0.5 else refusals.invented_place(rng)
    between = plain_turns(rng, rng.choice([0, 0, 1, 1, 2, 3]))
    asking = dress(rng, rng.choice(WHOSE_NAME), polite=rng.random() < 0.4)
    if rng.random() < 0.12:
        return [*between, Turn(asking, Answer("You have not told me your name.", "Not told."))]
    told = rng.choice(MY_NAME).format(n=name)
    told = told if rng.random() < 0.4 else told[:1].upper() + told[1:]
    told += rng.choice([".", ".", "!", ""])
    turns = [Turn(told, greeting_of(name)), *between, Turn(asking, name_answer(name))]
    return plain_turns(rng, 1) + turns if rng.random() < 0.2 else turns


def like_answer(kind, value):
    return Answer(f"Your favourite {kind} is {value}.", f"{value[:1].upper()}{value[1:]}.")


def like_chat(rng):
    kind = rng.choice(list(LIKES))
    value = rng.choice(LIKES[kind])
    between = plain_turns(rng, rng.choice([0, 0, 1, 2]))
    told = rng.choice(MY_LIKE).format(k=kind, v=value)
    told = told[:1].upper() + told[1:] + rng.choice([".", ".", "!", ""])
    asking = dress(rng, rng.choice(WHICH_LIKE).format(k=kind), polite=rng.random() < 0.4)
    if rng.random() < 0.1:
        return [*between, Turn(asking, Answer(f"You have not told me your favourite {kind}.", "Not told."))]
    noted = Answer(f"I will remember: your favourite {kind} is {value}.", "Noted.")
    return [Turn(told, noted), *between, Turn(asking, like_answer(kind, value))]


def note_chat(rng):
    return echo.note_chat(rng, plain_turns(rng, rng.choice([0, 0, 1, 1, 2])))


MORE = ["and plus {s}", "now add {s}", "add {s} to that", "plus {s}", "and {s} more", "add another {s}", "now plus {s}", "what if i add {s}", "increase it by {s}", "{s} more", "{s} on top",
        "and another {s}", "with {s} more", "put {s} on top", "then add {s}", "go on and add {s}", "what is that plus {s}", "that plus {s}", "add {s} again"]
LESS = ["and minus {s}", "now subtract {s}", "subtract {s} from that", "minus {s}", "take {s} away", "and {s} less", "now minus {s}", "take {s} from that", "reduce it by {s}", "{s} less",
        "remove {s}", "without {s}", "with {s} less", "then subtract {s}", "go on and take {s} away", "what is that minus {s}", "that minus {s}", "drop {s}"]


def sum_chat(rng):
    operator = rng.choice("+-")
    a, b = sorted((rng.randint(2, 60), rng.randint(2, 60)), reverse=True)
    while arithmetic.is_held_out(operator, a, b):
        a -= 1
    a, b = max(a, b), min(a, b)
    turns = [Turn(dress(rng, rng.choice(arithmetic.OPERATIONS[operator][0]).format(a=a, b=b), polite=False), arithmetic.answer(operator, a, b))]
    value = a + b if operator == "+" else a - b
    for _ in range(rng.randint(1, 3)):
        step, plus = rng.randint(1, 9), rng.random() < 0.5 or value < 9
        turns.append(Turn(dress(rng, rng.choice(MORE if plus else LESS).format(s=step), polite=False), arithmetic.answer("+" if plus else "-", value, step)))
        value = value + step if plus else value - step
    return turns


def list_chat(rng):
    name, _, members = rng.choice(general.LISTS)
    first, more = rng.randint(2, 4), rng.randint(1, 2)
    question = rng.choice(facts.LIST_QUESTIONS).format(n=general.NUMBER_WORDS[first], l=name)
    word = general.NUMBER_WORDS[more]
    follow = rng.choice(["{w} more", "and {w} more", "name {w} more", "give me {w} more", "can you name {w} more", "tell me {w} more", "{w} others", "another {w}"]).format(w=word)
    return [Turn(dress(rng, question), facts.list_answer(name, members[:first])),
            Turn(dress(rng, follow, polite=rng.random() < 0.3), facts.list_answer(name, members[first:first + more]))]


def mixed_chat(rng):
    return plain_turns(rng, rng.randint(2, 5))


def long_chat(rng, turns):
    """Many turns, with references back over a long distance."""
    name = rng.choice(NAMES) if rng.random() < 0.5 else refusals.invented_place(rng)
    result = [Turn(f"My name is {name}.", greeting_of(name))] if rng.random() < 0.5 else []
    named = bool(result)
    while len(result) < turns:
        roll = rng.random()
        if named and roll < 0.08:
            result.append(Turn(dress(rng, rng.choice(WHOSE_NAME), polite=False), name_answer(name)))
        elif result and roll < 0.13:
            result.append(Turn(dress(rng, rng.choice(FIRST), polite=False), quoted("first asked", result[0].question)))
        elif roll < 0.25:
            result += country_chat(rng)
        elif roll < 0.3:
            result += sum_chat(rng)
        else:
            result += plain_turns(rng, 1)
    return result


KINDS = [(country_chat, 30), (recall_chat, 20), (again_chat, 5), (name_chat, 15), (like_chat, 10), (sum_chat, 16), (note_chat, 9), (list_chat, 5), (mixed_chat, 6)]


def chat(rng):
    return rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0](rng)
