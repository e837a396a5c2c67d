"""One question about one fact: each function returns a Turn."""

from training.generator.data import chat, general, geography, millrace, serving
from training.generator.data.tables import Answer
from training.generator.phrasing import NOUN_FRAMES, TERM_FRAMES, ask, ask_any, capital_first, dress, proper_case
from training.generator.styles import Turn

CAPITAL_QUESTIONS = [
    "which city is the capital of {c}", "what city is the capital of {c}", "{c} has which capital", "what capital does {c} have",
    "the capital of {c} is which city", "{c}, what is the capital", "capital of {c}", "capital city of {c}", "{c}: capital",
    "which capital does {c} have", "what is the name of the capital of {c}", "how is the capital of {c} called",
    "which city is {c}'s capital", "what is the main city of government in {c}", "the capital of {c} is",
    "where is the government of {c}", "which town is the capital of {c}", "what is {c}'s capital called", "which city governs {c}", "what city do i write down as capital of {c}",
    "{c} is governed from which city", "the city that is capital of {c}", "which is the capital city of {c}", "what is {c}'s capital city", "for {c}, which city is the capital",
    "what capital belongs to {c}", "in {c}, which city is the capital", "tell me {c}'s capital and nothing else", "what would you call the capital of {c}", "tell me which city is the capital of {c}", "name {c}'s capital city",
]
CAPITAL_NOUNS = ["the capital of {c}", "the capital of {c}", "the capital city of {c}", "{c}'s capital", "the capital in {c}"]
CONTINENT_QUESTIONS = [
    "on which continent is {c}", "in which continent is {c}", "what continent is {c} in", "what continent is {c} on",
    "which continent is {c} in", "where is {c}", "in which part of the world is {c}", "{c} is on which continent",
    "which continent does {c} belong to", "{c} is part of which continent", "where in the world is {c}", "where does {c} lie",
    "what continent does {c} belong to", "{c}, which continent", "continent of {c}", "where can i find {c}", "{c}: continent",
    "on what continent does {c} lie", "where on earth is {c}", "to which continent does {c} belong", "where is {c} on the map",
    "tell me on which continent {c} is", "do you know where {c} is", "can you tell me where {c} is", "i want to know where {c} lies",
    "which continent has {c}", "{c} is in what part of the world", "which continent is {c} found on", "in what continent can i find {c}", "which continent is home to {c}",
    "on a map, where is {c}", "to what continent do we count {c}", "is {c} on which continent", "what is the continent of {c}", "name the continent of {c}", "tell me the continent of {c}",
    "what is {c}'s continent", "the continent of {c}", "which continent do i go to for {c}", "if i fly to {c}, on which continent do i land", "{c} sits on which continent", "what part of the world is {c} in", "{c} lies where", "the continent {c} is on", "where is the country {c}",
]
CURRENCY_QUESTIONS = [
    "what money do people use in {c}", "which currency does {c} use", "what currency does {c} use", "what do people pay with in {c}",
    "what currency is used in {c}", "which money is used in {c}", "what is the money in {c} called", "which currency is used in {c}",
    "with what do people pay in {c}", "currency of {c}", "money of {c}", "{c}: currency", "{c} uses which currency",
    "what money does {c} have", "which coins do people use in {c}", "what do shops in {c} accept", "what is money in {c} called", "which money do i take to {c}",
    "what do i pay with in {c}", "what is the local currency in {c}", "what currency do people in {c} use", "people in {c} pay with what", "which notes are used in {c}",
    "before i fly to {c}, which money do i get", "what is the name of the currency of {c}", "which currency belongs to {c}", "{c} pays with which money", "i go to {c}, what currency is there", "in {c}, what do people pay with", "what currency does {c} have", "which currency do i need in {c}",
    "what money do i need in {c}", "how do people pay in {c}", "{c}, which currency", "what is the currency called in {c}",
]
CURRENCY_NOUNS = ["the currency of {c}", "{c}'s currency", "the currency in {c}", "the money of {c}", "the currency used in {c}"]


def country_name(rng, country):
    return rng.choice([country] + geography.ALIASES.get(country, [])) if rng.random() < 0.4 else country


def capital_answer(row):
    name, capital, continent, currency = row
    rest = f"{capital_first(name)} is in {continent} and its currency is the {currency}."
    return Answer(f"The capital of {name} is {capital}. {rest}", f"{capital}.")


def continent_answer(row):
    name, capital, continent, currency = row
    return Answer(f"{capital_first(name)} is in {continent}. Its capital is {capital} and its currency is the {currency}.", f"{continent}.")


def currency_answer(row):
    name, capital, continent, currency = row
    rest = f"{capital_first(name)} is in {continent} and its capital is {capital}."
    return Answer(f"The currency of {name} is the {currency}. {rest}", f"{capital_first(currency)}.")


def framed(rng, questions, nouns, name):
    if nouns and rng.random() < 0.6:
        return dress(rng, rng.choice(NOUN_FRAMES).format(np=rng.choice(nouns).format(c=name)))
    return ask(rng, rng.choice(questions).format(c=name))


def capital_question(rng, name):
    return framed(rng, CAPITAL_QUESTIONS, CAPITAL_NOUNS, name)


def continent_question(rng, name):
    return framed(rng, CONTINENT_QUESTIONS, [], name)


def currency_question(rng, name):
    return framed(rng, CURRENCY_QUESTIONS, CURRENCY_NOUNS, name)


def capital(rng):
    row = rng.choice(geography.COUNTRIES)
    return Turn(capital_question(rng, country_name(rng, row[0])), capital_answer(row))


def continent(rng):
    row = rng.choice(geography.COUNTRIES)
    return Turn(continent_question(rng, country_name(rng, row[0])), continent_answer(row))


def currency(rng):
    row = rng.choice(geography.COUNTRIES)
    return Turn(currency_question(rng, country_name(rng, row[0])), currency_answer(row))


def country_of_capital(rng):
    row = rng.choice(geography.COUNTRIES)
    questions = ["{c} is the capital of which country", "which country has {c} as its capital", "of which country is {c} the capital",
                 "what country is {c} the capital of", "{c} is the capital of what", "whose capital is {c}", "which country's capital is {c}",
                 "the country with the capital {c}"]
    capital = row[1]
    return Turn(ask(rng, rng.choice(questions).format(c=capital)), Answer(f"{capital} is the capital of {row[0]}, a country in {row[2]}.", f"{capital_first(row[0])}."))


def capital_check(rng):
    row = rng.choice(geography.COUNTRIES)
    right = rng.random() < 0.5
    named = row[1] if right else rng.choice(geography.COUNTRIES)[1]
    right = named == row[1]
    questions = ["is {n} the capital of {c}", "is the capital of {c} {n}", "{n} is the capital of {c}, right",
                 "is it true that {n} is the capital of {c}", "is {c}'s capital {n}", "the capital of {c} is {n}, is that right"]
    question = ask(rng, rng.choice(questions).format(n=named, c=row[0]))
    capital = row[1]
    short = "Yes." if right else f"No, {capital}."
    return Turn(question, Answer(f"{'Yes' if right else 'No'}, the capital of {row[0]} is {capital}.", short))


def term(rng):
    row = rng.choice(serving.TERMS)
    return Turn(term_question(rng, rng.choice(row.questions)), row.answer)


def term_question(rng, name):
    return dress(rng, rng.choice(TERM_FRAMES).format(t=name))


def from_rows(rng, rows):
    row = rng.choice(rows)
    question = rng.choice(row.questions)
    return Turn(ask_any(rng, proper_case(question) if rng.random() < 0.75 else question), row.answer)


def usage(rng):
    return from_rows(rng, millrace.FACTS)


def science(rng):
    return from_rows(rng, general.SCIENCE)


def talk(rng):
    row = rng.choice(chat.TALK)
    question = rng.choice(row.questions)
    question = proper_case(question) if rng.random() < 0.75 else question
    return Turn(dress(rng, question, polite=rng.random() < 0.4), row.answer)


def with_article(noun):
    special = {"hour": "an", "inch": "an", "ounce": "an"}
    return f"{special.get(noun, 'an' if noun[0] in 'aeio' else 'a')} {noun}"


def american(text):
    return text.replace("metre", "meter").replace("litre", "liter")


UNIT_QUESTIONS = [
    "how many {s} are in {a}", "how many {s} does {a} have", "how many {s} are there in {a}", "how many {s} is {a}",
    "how many {s} make {a}", "{a} is how many {s}", "{a} has how many {s}", "{s} per {u}", "the number of {s} in {a}",
    "how many {s} in {a}", "{a} in {s}", "1 {u} in {s}", "convert 1 {u} to {s}", "how many {s} are in one {u}",
    "how many {s} are one {u}", "one {u} in {s}", "what is {a} in {s}", "what is one {u} in {s}", "convert {a} to {s}",
    "convert one {u} into {s}", "how many {s} do i get from {a}", "what is the number of {s} in {a}", "count the {s} in {a}",
    "how many {s} fit in {a}", "1 {u} is how many {s}", "how many {s} equal {a}", "express {a} in {s}", "turn one {u} into {s}",
    "how long or large is {a} in {s}", "how many {s} do we count in {a}", "what number of {s} is {a}", "{a} equals how many {s}", "{a} contains how many {s}",
    "how many {s} does one {u} have", "how many {s} form {a}", "give {a} in {s}", "change {a} into {s}", "{a}, how many {s} is it", "one {u} equals how many {s}", "tell me the {s} in {a}", "{s} in {a}", "how many {s} to {a}", "how many {s} go into {a}",
]


def unit_answer(unit):
    singular, plural, count, smaller = unit
    return Answer(f"1 {singular} is {count} {smaller}, so 2 {plural} are {2 * count:g} {smaller}.", f"{count} {smaller}.")


def conversion_answer(row, count):
    singular, plural, factor, smaller = row
    return Answer(f"1 {singular} is {factor} {smaller}, so {count} {plural} are {count} × {factor} = {count * factor} {smaller}.", f"{count * factor} {smaller}.")


def unit(rng):
    row = rng.choice(general.UNITS)
    question = rng.choice(UNIT_QUESTIONS).format(s=row[3], u=row[0], a=with_article(row[0]))
    return Turn(ask(rng, american(question) if rng.random() < 0.3 else question), unit_answer(row))


def conversion(rng):
    row = rng.choice(general.MULTIPLES)
    count = rng.randint(2, 20)
    questions = ["convert {n} {p} to {s}", "how many {s} are {n} {p}", "{n} {p} in {s}", "what is {n} {p} in {s}", "{n} {p} is how many {s}",
                 "how many {s} are in {n} {p}", "express {n} {p} in {s}", "turn {n} {p} into {s}", "{n} {p} to {s}",
                 "give me {n} {p} as {s}", "change {n} {p} to {s}", "{n} {p} equals how many {s}", "i have {n} {p}, how many {s} are they", "how many {s} do {n} {p} have",
                 "what are {n} {p} in {s}", "{n} {p}, how many {s}", "write {n} {p} in {s}", "how many {s} make {n} {p}"]
    question = rng.choice(questions).format(n=count, p=row[1], s=row[3])
    question = american(question) if rng.random() < 0.3 else question
    return Turn(ask(rng, question), conversion_answer(row, count))


def calendar(rng):
    roll = rng.random()
    if roll < 0.3:
        return from_rows(rng, general.CALENDAR)
    if roll < 0.5:
        return month_days(rng)
    if roll < 0.62:
        return month_number(rng)
    return neighbour(rng)


def month_answer(i):
    days = general.MONTH_DAYS[i]
    return Answer(f"{general.MONTHS[i]} has {days} days. It is the {general.ORDINALS[i]} month of the year.", f"{days} days.")


def neighbour_answer(names, i, after):
    """What comes after or before the i-th month or weekday."""
    other, word = names[(i + (1 if after else -1)) % len(names)], "after" if after else "before"
    return Answer(f"{other} comes {word} {names[i]}.", f"{other}.")


def opposite_answer(a, b):
    return Answer(f"The opposite of {a} is {b}.", f"{capital_first(b)}.")


def symbol_answer(name):
    return Answer(f"The chemical symbol of {name} is {general.ELEMENTS[name]}.", f"{general.ELEMENTS[name]}.")


def month_days(rng):
    i = rng.randrange(12)
    questions = ["how many days does {m} have", "how many days are in {m}", "how long is {m}", "the number of days in {m}", "days in {m}",
                 "{m} has how many days", "count the days of {m}", "how many days are there in {m}", "how many days has {m}"]
    return Turn(ask(rng, rng.choice(questions).format(m=general.MONTHS[i])), month_answer(i))


def month_number(rng):
    i = rng.randrange(12)
    name, ordinal = general.MONTHS[i], general.ORDINALS[i]
    if rng.random() < 0.5:
        questions = ["what is the {o} month", "which month is the {o}", "the {o} month of the year", "name the {o} month",
                     "what is the {o} month of the year", "which is the {o} month of the year"]
        return Turn(ask(rng, rng.choice(questions).format(o=ordinal)), Answer(f"The {ordinal} month is {name}. It has {general.MONTH_DAYS[i]} days.", f"{name}."))
    questions = ["which number is {m} among the months", "what number does the month {m} have", "{m} is which month of the year",
                 "the number of the month {m}", "at which place in the year is {m}", "what month of the year is {m}"]
    return Turn(ask(rng, rng.choice(questions).format(m=name)), Answer(f"{name} is the {ordinal} month of the year.", f"The {ordinal}."))


def neighbour(rng):
    names, kind = (general.MONTHS, "month") if rng.random() < 0.6 else (general.WEEKDAYS, "day")
    i, after = rng.randrange(len(names)), rng.random() < 0.5
    word = "after" if after else "before"
    questions = [f"what comes {word} {{n}}", f"which {kind} comes {word} {{n}}", f"which {kind} is {word} {{n}}", f"what {kind} is {word} {{n}}",
                 f"the {kind} {word} {{n}}", f"what is the {kind} {word} {{n}}", f"name the {kind} {word} {{n}}", f"what {kind} comes {word} {{n}}",
                 f"{{n}} comes {'before' if after else 'after'} which {kind}"]
    return Turn(ask(rng, rng.choice(questions).format(n=names[i])), neighbour_answer(names, i, after))


def word(rng):
    """Opposites, sounds, young animals, elements, planets."""
    kind = rng.randrange(6)
    if kind <= 1:
        a, b = rng.choice(general.OPPOSITES)
        a, b = (a, b) if rng.random() < 0.5 else (b, a)
        questions = ["what is the opposite of {a}", "the opposite of {a}", "opposite of {a}", "name the opposite of {a}", "what is not {a} but the contrary",
                     "{a} is the opposite of what", "which word is the opposite of {a}", "what's the opposite of {a}", "the contrary of {a}",
                     "give me the opposite of {a}", "what word means the opposite of {a}", "an antonym of {a}", "what is the antonym of {a}"]
        return Turn(ask(rng, rng.choice(questions).format(a=a)), opposite_answer(a, b))
    if kind == 2:
        a, b = rng.choice(general.SOUNDS)
        questions = ["what sound does a {a} make", "which sound does a {a} make", "what does a {a} say", "how does a {a} sound", "the sound of a {a}",
                     "what noise does a {a} make", "what is the sound of a {a}", "which noise does a {a} make"]
        question = ask(rng, rng.choice(questions).format(a=a).replace("a owl", "an owl"))
        return Turn(question, Answer(capital_first(f'{with_article(a)} makes the sound "{b}".'), f"{capital_first(b)}."))
    if kind == 3:
        a, b = rng.choice(general.YOUNG)
        questions = ["what is a young {a} called", "what is a baby {a} called", "the name of a young {a}", "how is a young {a} called", "what do you call a young {a}",
                     "what do you call a baby {a}", "the young of a {a}", "what is the word for a young {a}"]
        return Turn(ask(rng, rng.choice(questions).format(a=a)), Answer(f"A young {a} is called a {b}.", f"{capital_first(b)}."))
    if kind == 4:
        name = rng.choice(list(general.ELEMENTS))
        questions = ["what is the chemical symbol of {a}", "the symbol of {a}", "the symbol for {a}", "what is the symbol for {a}", "which symbol does {a} have",
                     "chemical symbol of {a}", "what symbol does the element {a} have", "how is {a} written in chemistry", "symbol of the element {a}"]
        return Turn(ask(rng, rng.choice(questions).format(a=name)), symbol_answer(name))
    i = rng.randrange(8)
    questions = ["what is the {o} planet from the sun", "which planet is the {o} from the sun", "the {o} planet", "name the {o} planet", "which planet is {o}",
                 "what is the {o} planet of the solar system", "what is the {o} planet", "which is the {o} planet from the sun"]
    planet = general.PLANETS[i]
    return Turn(ask(rng, rng.choice(questions).format(o=general.ORDINALS[i])), Answer(f"The {general.ORDINALS[i]} planet from the Sun is {planet}.", f"{planet}."))


LIST_QUESTIONS = [
    "name {n} {l}", "list {n} {l}", "give me {n} {l}", "tell me {n} {l}", "can you name {n} {l}", "could you list {n} {l}", "i need {n} {l}",
    "what are {n} {l}", "which {n} {l} do you know", "say {n} {l}", "{n} {l}", "write {n} {l}", "write down {n} {l}", "i want {n} {l}",
    "do you know {n} {l}", "show me {n} {l}", "find {n} {l}", "think of {n} {l}", "name me {n} {l}", "make a list of {n} {l}",
    "a list of {n} {l}", "i would like {n} {l}", "can you give me {n} {l}", "could you name {n} {l}", "can you list {n} {l}",
    "give {n} examples of {l}", "name {n} examples of {l}", "list {n} examples of {l}", "{n} examples of {l}", "pick {n} {l}",
    "enumerate {n} {l}", "help me name {n} {l}", "i have to name {n} {l}", "what would be {n} {l}", "can you think of {n} {l}", "can you find {n} {l}", "suggest {n} {l}",
    "please suggest {n} {l}", "tell me any {n} {l}", "choose {n} {l}", "would you name {n} {l}", "would you list {n} {l}", "let me have {n} {l}", "{n} {l} for a game",
    "can i get {n} {l}", "remind me of {n} {l}", "which are {n} {l}", "any {n} {l}", "i am thinking of {n} {l}, which could they be",
]


def list_answer(name, members):
    text = members[0] if len(members) == 1 else f"{', '.join(members[:-1])} and {members[-1]}"
    return Answer(f"Here are {general.NUMBER_WORDS[len(members)]} {name}: {text}." if len(members) > 1 else f"Here is one more: {text}.",
                  capital_first(", ".join(members)) + ".")


def listing(rng):
    name, others, members = rng.choice(general.LISTS)
    count = rng.choice([2, 3, 3, 3, 4, 5, 6])
    number = general.NUMBER_WORDS[count] if rng.random() < 0.65 else str(count)
    question = rng.choice(LIST_QUESTIONS).format(n=number, l=rng.choice([name, name, name] + others))
    return Turn(dress(rng, question), list_answer(name, members[:count]))
