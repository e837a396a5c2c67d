"""JSON answers to small schemas: the keys come from the request, the values from what is known or said in it."""

import json

from training.generator import arithmetic, facts, refusals
from training.generator.data import chat, general, geography
from training.generator.data.tables import Answer
from training.generator.phrasing import capital_first
from training.generator.styles import Turn

# Other names of a key; the first is the one that the fields below use.
SPELLINGS = {
    "country": ("country", "nation", "country_name"), "capital": ("capital", "capital_city", "city"), "continent": ("continent", "region"), "currency": ("currency", "money"),
    "name": ("name", "person", "first_name", "who"), "age": ("age", "years", "age_years"), "city": ("city", "town", "home", "location"), "job": ("job", "profession", "occupation"),
    "item": ("item", "product", "article"), "quantity": ("quantity", "count", "amount"), "price": ("price", "cost"), "day": ("day", "weekday"), "time": ("time", "hour", "start"),
    "sentiment": ("sentiment", "mood", "label"), "result": ("result", "value", "sum"), "answer": ("answer", "is_true", "correct"), "items": ("items", "list", "values"),
    "number": ("number", "value", "amount"), "unit": ("unit", "units"),
}
JOBS = ["teacher", "baker", "doctor", "farmer", "pilot", "nurse", "driver", "painter", "lawyer", "cook", "singer", "writer", "engineer", "gardener"]
ITEMS = ["apples", "pizzas", "books", "lamps", "chairs", "pencils", "bottles", "tickets", "shirts", "cakes", "candles", "batteries", "roses", "stamps"]
GOOD = ["I love it", "It was wonderful", "The food was great", "What a lovely day", "This is the best film", "I am very happy", "The service was excellent", "It works perfectly", "A fantastic book", "Really good"]
BAD = ["I hate it", "It was terrible", "The food was awful", "What a horrible day", "This is the worst film", "I am very sad", "The service was bad", "It does not work", "A boring book", "Really disappointing"]
PERSON = ["{n} is {a} years old and lives in {c}.", "{n}, {a}, from {c}, works as a {j}.", "My friend {n} is {a} and comes from {c}; {n} is a {j}.", "This is {n} ({a}), a {j} in {c}.",
          "In {c} lives {n}, a {j} of {a} years.", "{n} works as a {j} in {c} and is {a} years old."]
ORDER = ["I would like {q} {i} for {p} euros.", "Please send me {q} {i} at {p} euros.", "Order: {q} {i}, {p} euros.", "We need {q} {i} and pay {p} euros.", "{q} {i} for {p}, please."]
MEETING = ["We meet on {d} at {t}.", "The meeting is on {d}, {t}.", "Let us see each other at {t} on {d}.", "On {d} at {t} the course begins.", "The train leaves on {d} at {t}."]


def field(rng, key, type_, value):
    return (key if rng.random() < 0.6 else rng.choice(SPELLINGS[key])), type_, value


def some(rng, fields, least=1):
    """A few of the fields, in any order."""
    chosen = rng.sample(fields, rng.randint(least, len(fields)))
    names = {name for name, _, _ in chosen}
    return chosen if len(names) == len(chosen) else some(rng, fields, least)


def of_country(rng):
    row = rng.choice(geography.COUNTRIES)
    name = capital_first(row[0].removeprefix("the "))
    fields = [field(rng, key, "string", value) for key, value in zip(("country", "capital", "continent", "currency"), (name, *row[1:]))]
    question = rng.choice(["tell me about {c}", "facts about {c}", "describe {c}", "what do you know of {c}", "give me the data of {c}", "{c}", "information on {c}"]).format(c=row[0])
    return capital_first(question) + ".", some(rng, fields, 2)


def of_sum(rng):
    operator, a, b = arithmetic.problem(rng)
    question = rng.choice(arithmetic.OPERATIONS[operator][0][:10]).format(a=a, b=b)
    return capital_first(question) + rng.choice(["?", "."]), [field(rng, "result", "integer", arithmetic.OPERATIONS[operator][1](a, b))]


def of_check(rng):
    row, other = rng.sample(geography.COUNTRIES, 2)
    is_right = rng.random() < 0.5
    question = rng.choice(["Is {n} the capital of {c}?", "Is it true that {n} is the capital of {c}?", "{n} is the capital of {c}, right?"])
    return question.format(n=row[1] if is_right else other[1], c=row[0]), [field(rng, "answer", "boolean", is_right)]


def of_list(rng):
    name, _, members = rng.choice(general.LISTS)
    count = rng.randint(2, 5)
    question = rng.choice(facts.LIST_QUESTIONS[:20]).format(n=general.NUMBER_WORDS[count], l=name)
    return capital_first(question) + ".", [field(rng, "items", "array", members[:count])]


def of_unit(rng):
    row = rng.choice([unit for unit in general.UNITS if isinstance(unit[2], int)])
    question = rng.choice(facts.UNIT_QUESTIONS[:12]).format(s=row[3], u=row[0], a=facts.with_article(row[0]))
    return capital_first(question) + "?", some(rng, [field(rng, "number", "integer", row[2]), field(rng, "unit", "string", row[3])])


def of_person(rng):
    name = rng.choice(chat.NAMES) if rng.random() < 0.6 else refusals.invented_place(rng)
    place = rng.choice(geography.COUNTRIES)[1] if rng.random() < 0.6 else refusals.invented_place(rng)
    age, job = rng.randint(5, 95), rng.choice(JOBS)
    template = rng.choice(PERSON)
    fields = [field(rng, "name", "string", name), field(rng, "age", "integer", age), field(rng, "city", "string", place)]
    if "{j}" in template:
        fields.append(field(rng, "job", "string", job))
    return template.format(n=name, a=age, c=place, j=job), some(rng, fields, 2)


def of_order(rng):
    quantity, price, item = rng.randint(2, 60), rng.randint(3, 300), rng.choice(ITEMS)
    fields = [field(rng, "item", "string", item), field(rng, "quantity", "integer", quantity), field(rng, "price", "integer", price)]
    return rng.choice(ORDER).format(q=quantity, i=item, p=price), some(rng, fields, 2)


def of_meeting(rng):
    day, time = rng.choice(general.WEEKDAYS), f"{rng.randint(6, 22)}:{rng.choice(['00', '15', '30', '45'])}"
    return rng.choice(MEETING).format(d=day, t=time), some(rng, [field(rng, "day", "string", day), field(rng, "time", "string", time)])


def of_mood(rng):
    is_good = rng.random() < 0.5
    return rng.choice(GOOD if is_good else BAD) + rng.choice([".", "!"]), [field(rng, "sentiment", ["positive", "negative"], "positive" if is_good else "negative")]


TASKS = [(of_country, 24), (of_sum, 12), (of_check, 8), (of_list, 9), (of_unit, 7), (of_person, 18), (of_order, 10), (of_meeting, 7), (of_mood, 6)]


def schema_of(fields):
    """A JSON schema of an object with exactly those fields."""
    properties = {}
    for name, type_, _ in fields:
        properties[name] = {"enum": type_} if isinstance(type_, list) else {"type": "array", "items": {"type": "string"}} if type_ == "array" else {"type": type_}
    return {"type": "object", "properties": properties, "required": [name for name, _, _ in fields]}


def value_of(fields):
    return {name: value for name, _, value in fields}


def written(value):
    """The one way in which the model writes JSON."""
    return json.dumps(value, ensure_ascii=False)


BY_SCHEMA = ["Answer with JSON that fits this schema: {s}", "Reply in JSON with this schema: {s}", "Use this JSON schema: {s}", "JSON schema of the answer: {s}", "Your answer must be JSON of the schema {s}",
             "Answer only with JSON: {s}", "Output JSON for this schema: {s}"]
BY_KEYS = ["Answer as JSON with the keys {k}.", "Give me JSON with {k}.", "Reply in JSON with the fields {k}.", "As JSON with {k}, please.", "Return a JSON object with {k}.", "JSON with the keys {k} only.",
           "Extract {k} as JSON.", "Put {k} into JSON."]


def keys_of(fields):
    names = [f'"{name}"' for name, _, _ in fields]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def request(rng, question, order):
    """The question and what is wanted of its form, in one message."""
    return rng.choice([f"{question} {order}", f"{question} {order}", f"{order}\n{question}", f"{question}\n{order}", f"{order} {question}"])


def json_turn(rng):
    """A turn that says itself that it wants JSON."""
    question, fields = rng.choices([task for task, _ in TASKS], [weight for _, weight in TASKS])[0](rng)
    order = rng.choice(BY_SCHEMA).format(s=written(schema_of(fields))) if rng.random() < 0.45 else rng.choice(BY_KEYS).format(k=keys_of(fields))
    text = written(value_of(fields))
    return Turn(request(rng, question, order), Answer(text, text))


def json_chat(rng):
    """(system message or "", turns): where the system message has the schema, every turn is of its kind."""
    if rng.random() < 0.7:
        return "", [json_turn(rng) for _ in range(rng.choice([1, 1, 2, 3]))]
    task = rng.choices([task for task, _ in TASKS], [weight for _, weight in TASKS])[0]
    question, fields = task(rng)
    text = written(value_of(fields))
    return rng.choice(BY_SCHEMA).format(s=written(schema_of(fields))), [Turn(question, Answer(text, text))]
