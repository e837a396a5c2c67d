"""Held-out tasks for tools and for JSON, with names and wordings that the corpus does not have."""

from training.evaluation import heldout_templates as held
from training.evaluation.case import Case, user
from training.generator import facts, json_answers, tool_kit, tools
from training.generator.data import general, geography


def held_tool(rng, kind):
    return tool_kit.make_tool(kind, rng.choice(held.TOOL_NAMES[kind]), held.TOOL_DESCRIPTIONS[kind], [rng.choice(held.TOOL_ARGUMENTS[kind])])


def usual_tool(kind):
    names, descriptions, parameters = tool_kit.KINDS[kind]
    return tool_kit.make_tool(kind, names[0], descriptions[0], [spellings[0] for _, spellings, _ in parameters])


def offered(rng, *kinds):
    """Those tools and sometimes others, half with names that the corpus has and half without: (by kind, definitions)."""
    others = [kind for kind in tool_kit.CORE if kind not in kinds]
    chosen = [*kinds, *rng.sample(others, rng.randint(0, len(others)))]
    rng.shuffle(chosen)
    is_usual = rng.random() < 0.5
    by_kind = {kind: usual_tool(kind) if is_usual else held_tool(rng, kind) for kind in chosen}
    return by_kind, tuple(tool.definition for tool in by_kind.values()), "usual names" if is_usual else "new names"


def city(rng):
    return rng.choice(held.TOOL_CITIES) if rng.random() < 0.6 else rng.choice(geography.COUNTRIES)[1]


def tool_case(kind, question, definitions, *calls):
    return Case("tools", kind, (user(question),), tools=definitions, calls=tuple(calls))


def choices(rng):
    cases = []
    for kind in ("weather", "time", "search"):
        for _ in range(22):
            by_kind, definitions, names = offered(rng, kind)
            slot = rng.choice(held.TOOL_SUBJECTS) if kind == "search" else city(rng)
            call = by_kind[kind].call(**{"query" if kind == "search" else "city": slot})
            cases.append(tool_case(f"{kind}, {names}", rng.choice(held.TOOL_QUESTIONS[kind]).format(x=slot), definitions, call))
    for _ in range(24):
        by_kind, definitions, names = offered(rng, "calculator")
        operator, a, b, _ = tools.sum_of(rng)
        question = rng.choice(held.TOOL_SUMS[operator]).format(a=a, b=b)
        cases.append(tool_case(f"calculator, {names}", question, definitions, by_kind["calculator"].call(expression=f"{a} {operator} {b}")))
    for _ in range(14):
        kind = rng.choice(["weather", "time"])
        by_kind, definitions, names = offered(rng, kind)
        x, y = city(rng), city(rng)
        calls = [by_kind[kind].call(city=place) for place in (x, y)]
        cases.append(tool_case(f"parallel, {names}", rng.choice(held.TOOL_TWICE[kind]).format(x=x, y=y), definitions, *calls))
    for _ in range(10):
        by_kind, definitions, names = offered(rng, "weather", "time")
        x = city(rng)
        calls = [by_kind[kind].call(city=x) for kind in ("weather", "time")]
        cases.append(tool_case(f"parallel, {names}", rng.choice(held.TOOL_BOTH).format(x=x), definitions, *calls))
    return cases


def without(rng):
    """What needs no tool: facts and talk, answered at once."""
    cases = []
    for row in rng.sample(geography.COUNTRIES, 20):
        _, definitions, _ = offered(rng, rng.choice(tool_kit.CORE))
        answer = facts.capital_answer(row)
        cases.append(Case("tools", "no call", (user(rng.choice(held.CAPITAL).format(c=row[0])),), (answer.long.split(". ")[0],), tools=definitions, calls=()))
    for question in held.IDENTITY + held.GREETINGS:
        _, definitions, _ = offered(rng, rng.choice(tool_kit.CORE))
        cases.append(Case("tools", "no call", (user(question),), tools=definitions, calls=()))
    return cases


def results(rng):
    """Whether the answer has what the tool returned."""
    cases = []
    for _ in range(30):
        kind = rng.choice(["weather", "time", "calculator"])
        by_kind, definitions, _ = offered(rng, kind)
        tool = by_kind[kind]
        if kind == "calculator":
            operator, a, b, value = tools.sum_of(rng)
            question, call = rng.choice(held.TOOL_SUMS[operator]).format(a=a, b=b), tool.call(expression=f"{a} {operator} {b}")
            content, parts = {"result": value}, (value,)
        else:
            x = city(rng)
            question, call = rng.choice(held.TOOL_QUESTIONS[kind]).format(x=x), tool.call(city=x)
            degrees, sky, clock = rng.randint(-9, 39), rng.choice(tools.SKIES), f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
            content, parts = ({"temperature": degrees, "condition": sky}, (str(degrees), sky)) if kind == "weather" else ({"time": clock}, (clock,))
        messages = (user(question), tools.called(call), tools.result(content))
        cases.append(Case("tools", "result used", messages, parts, tools=definitions, calls=()))
    return cases


def json_case(rng, question, fields, kind):
    schema = json_answers.schema_of(fields)
    template, slot = (rng.choice(held.JSON_BY_SCHEMA), {"s": json_answers.written(schema)}) if rng.random() < 0.5 else (rng.choice(held.JSON_BY_KEYS), {"k": json_answers.keys_of(fields)})
    messages = (user(f"{question} {template.format(**slot)}"),)
    return Case("JSON", kind, messages, schema=schema, value=json_answers.value_of(fields))


def field(name, type_, value):
    return name, type_, value


def json_schemas(rng):
    cases = []
    for _ in range(30):
        name, capital, continent, currency = rng.choice(geography.COUNTRIES)
        fields = [field("country", "string", name.removeprefix("the ")), field("capital", "string", capital), field("continent", "string", continent), field("currency", "string", currency)]
        cases.append(json_case(rng, rng.choice(held.JSON_COUNTRY).format(c=name), rng.sample(fields, rng.randint(2, 4)), "country"))
    for _ in range(30):
        name, age, place = rng.choice(held.JSON_NAMES), rng.randint(5, 95), city(rng)
        fields = [field("name", "string", name), field("age", "integer", age), field("city", "string", place)]
        cases.append(json_case(rng, rng.choice(held.JSON_PERSON).format(n=name, a=age, c=place), rng.sample(fields, rng.randint(2, 3)), "person"))
    for _ in range(20):
        quantity, price, item = rng.randint(2, 60), rng.randint(3, 300), rng.choice(json_answers.ITEMS)
        fields = [field("item", "string", item), field("quantity", "integer", quantity), field("price", "integer", price)]
        cases.append(json_case(rng, rng.choice(held.JSON_ORDER).format(q=quantity, i=item, p=price), rng.sample(fields, rng.randint(2, 3)), "order"))
    for _ in range(10):
        day, time = rng.choice(general.WEEKDAYS), f"{rng.randint(6, 22)}:{rng.choice(['00', '15', '30'])}"
        cases.append(json_case(rng, rng.choice(held.JSON_MEETING).format(d=day, t=time), [field("day", "string", day), field("time", "string", time)], "meeting"))
    for name, _, members in rng.sample(general.LISTS, 10):
        count = rng.randint(2, 5)
        question = rng.choice(held.LIST).format(n=general.NUMBER_WORDS[count], l=name)
        cases.append(json_case(rng, question, [field("items", "array", members[:count])], "list"))
    return cases


SUITES = [choices, without, results, json_schemas]
