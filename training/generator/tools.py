"""Conversations with tools: which one to call, with what, what to say of its result, and when to call none."""

import json

from training.generator import arithmetic, facts, multi_turn, refusals
from training.generator.data import chat, geography, outside
from training.generator.data.tables import Answer
from training.generator.phrasing import LEAD_SENTENCES, capital_first
from training.generator.styles import Turn
from training.generator.tool_kit import CORE, EXTRA, draw_tools

WEATHER = ["what is the weather in {x}", "what is the weather like in {x}", "how is the weather in {x}", "weather in {x}", "is it raining in {x}", "how warm is it in {x}", "how cold is it in {x}",
           "tell me the weather in {x}", "what's the weather in {x} today", "do i need an umbrella in {x}", "i need the weather for {x}", "check the weather in {x}", "give me the weather of {x}",
           "is it sunny in {x}", "current weather {x}", "what temperature is it in {x}", "how hot is it in {x} now", "the weather in {x} please", "will i need a coat in {x}", "show me the weather for {x}",
           "what about the weather in {x}", "look up the weather in {x}", "i travel to {x}, how is the weather", "how is the sky over {x}", "i am in {x}, is it cold outside", "weather report for {x}",
           "can you say how the weather is in {x}", "i wonder what the weather is like in {x}", "let me know whether it rains in {x}", "find out how warm it is in {x}", "tell me whether {x} has snow",
           "i would like to know how cold it gets in {x} today", "is there wind in {x}", "people in {x}, do they have sun", "should i dress warmly in {x}", "what do they say of the weather in {x}"]
TIME = ["what time is it in {x}", "what is the time in {x}", "time in {x}", "how late is it in {x}", "tell me the time in {x}", "what's the time in {x} now", "current time in {x}", "local time {x}",
        "i need the time in {x}", "do you know what time it is in {x}", "give me the time in {x}", "which time is it in {x}", "what does the clock say in {x}", "how late is it now in {x}",
        "check the time in {x}", "is it night in {x}", "i want to call {x}, what time is it there", "is it morning in {x}", "the local time of {x} please", "show me the clock of {x}",
        "can you say what time it is in {x}", "i wonder how late it is in {x}", "find out what time it is in {x}", "let me know the hour in {x}", "is it still early in {x}", "what hour is it in {x}",
        "tell me whether it is night in {x}", "i would like to know what time they have in {x}"]
SEARCH = ["search for {x}", "search the web for {x}", "find something about {x}", "look up {x}", "find out about {x}", "can you search for {x}", "please search {x}", "i need information about {x}",
          "google {x}", "what does the web say about {x}", "search: {x}", "find {x} on the internet", "look for {x} online", "do a search on {x}", "find pages about {x}", "find news about {x}",
          "who is {x}", "tell me about {x}", "what do you know about {x}", "research {x} for me", "can you find anything on {x}", "what is new with {x}", "use the web to find {x}",
          "i want you to search for {x}", "could you find me something about {x}", "have a look on the web for {x}", "what can be read about {x}", "try to find {x}", "i am looking for {x}"]
TIMER = ["set a timer for {x} minutes", "start a timer of {x} minutes", "wake me in {x} minutes", "timer {x} minutes", "remind me in {x} minutes", "count down {x} minutes", "tell me when {x} minutes are over",
         "please set a {x} minute timer", "i need a timer for {x} minutes", "give me {x} minutes on the timer", "ring in {x} minutes"]
MESSAGE = ["send {x} a message: {y}", "tell {x}: {y}", "write to {x}: {y}", "text {x}: {y}", "send the message {y} to {x}", "let {x} know: {y}", "message {x}: {y}", "please write {x}: {y}", "send a text to {x}: {y}"]
STOCK = ["what is the share price of {x}", "how much is a share of {x}", "stock price of {x}", "what does {x} cost at the stock exchange", "price of {x} shares", "how is the stock of {x} doing",
         "check the stock of {x}", "give me the share price of {x}", "what are {x} shares worth", "what is {x} trading at"]
TRANSLATE = ["translate {x} into {y}", "what is {x} in {y}", "how do you say {x} in {y}", "{x} in {y}", "translate the word {x} to {y}", "say {x} in {y}", "i need {x} in {y}", "what does {x} mean in {y}"]
OPERATORS = {"+": ["what is {a} + {b}", "{a} + {b}", "{a} plus {b}", "add {a} and {b}", "what is {a} plus {b}", "compute {a} + {b}", "the sum of {a} and {b}", "how much is {a} + {b}"],
             "-": ["what is {a} - {b}", "{a} - {b}", "{a} minus {b}", "subtract {b} from {a}", "what is {a} minus {b}", "compute {a} - {b}", "how much is {a} minus {b}", "take {b} from {a}"],
             "*": ["what is {a} * {b}", "{a} * {b}", "{a} times {b}", "multiply {a} by {b}", "what is {a} times {b}", "compute {a} * {b}", "the product of {a} and {b}", "how much is {a} times {b}"],
             "/": ["what is {a} / {b}", "{a} / {b}", "{a} divided by {b}", "divide {a} by {b}", "what is {a} divided by {b}", "compute {a} / {b}", "how much is {a} divided by {b}"]}
SUMS = {"+": arithmetic.PLUS, "-": arithmetic.MINUS, "*": arithmetic.TIMES, "/": arithmetic.DIVIDE}
PREFIXES = ["", "", "", "", "please ", "hey, ", "hi, ", "ok, ", "so ", "now ", "quick question: ", "can you tell me: ", "and ", "tell me, ", "i want to know: "]
SUFFIXES = ["", "", "", "", "", " please", ", thanks", " right now", ", can you check", ", i need it", " for me"]
SKIES = ["sunny", "cloudy", "rainy", "snowy", "windy", "foggy", "clear", "stormy"]
LANGUAGES = ["German", "French", "Spanish", "Italian", "Dutch", "Polish", "Turkish", "Japanese"]
SNIPPETS = ["a short history with pictures", "ten things that few people know", "the official page", "news of this week", "questions and answers", "a guide for beginners", "a list of the best books",
            "what visitors say", "an exhibition opens in May", "photos from last summer", "where to buy it", "how it began", "a film for the whole family", "the most common mistakes", "prices compared"]
NOTES = ["i will be late", "see you at six", "the meeting is over", "please bring bread", "happy birthday", "i am at home", "call me back", "dinner is ready", "the train was cancelled", "thank you for the book",
         "we meet on Monday", "the keys are on the table", "good luck", "i have found it", "the car is ready"]


def typed(rng, template, **slots):
    """(question, slots as they stand in it): nothing may change what a call has to copy."""
    lead = f"{rng.choice(LEAD_SENTENCES)}. " if rng.random() < 0.1 else ""
    text = lead + rng.choice(PREFIXES) + template + (rng.choice(SUFFIXES) if ":" not in template else "")
    if rng.random() < 0.15:
        slots = {key: str(value).lower() for key, value in slots.items()}
    else:
        text = capital_first(text) if rng.random() < 0.7 else text
    return text.format(**slots) + rng.choice(["?", "?", "", "."] if ":" not in template else [""]), slots


def called(*calls):
    """The assistant's message with those calls."""
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": call} for call in calls]}


def result(value):
    return {"role": "tool", "content": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}


def city(rng):
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(geography.COUNTRIES)[1]
    return rng.choice(chat.FILLERS["place"]) if roll < 0.7 else refusals.invented_place(rng)


def failed(rng, tool):
    """A result that is an error, in the engine's own words or as an object, and what to say of it."""
    reason = rng.choice(["no answer within 60000 ms", "city not found", "the service is down", "bad request", "no network", "not found", "too many requests", "invalid input", "access denied"])
    content = f"The tool {tool.name} failed: {reason}" if rng.random() < 0.6 else json.dumps({"error": reason})
    return result(content), Answer(f"I could not find out, because the tool failed: {reason}.", f"Failed: {reason}.")


def weather_report(rng, place):
    degrees, sky = rng.randint(-15, 40), rng.choice(SKIES)
    unit = rng.choice(["temperature", "temp", "degrees", "temperature_c"])
    values = {unit: degrees, rng.choice(["condition", "sky", "conditions", "description", "weather"]): sky}
    if rng.random() < 0.3:
        values = {"city": place, **values}
    content = rng.choice([values, values, values, f"{degrees} degrees, {sky}"])
    return result(content), Answer(f"In {place} it is {sky} at {degrees} degrees.", f"{capital_first(sky)}, {degrees} degrees.")


def time_report(rng, place):
    clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    content = rng.choice([{"time": clock}, {"local_time": clock}, {"city": place, "time": clock}, clock])
    return result(content), Answer(f"In {place} it is {clock} now.", f"{clock}.")


def sum_of(rng):
    """(operator, a, b, value): of any size, large ones too."""
    operator = rng.choice("+-*/")
    digits = rng.choice([2, 2, 3, 3, 4, 5])
    a, b = rng.randint(10 ** (digits - 1), 10**digits), rng.randint(2, 10 ** rng.choice([1, 2, 3, digits]))
    value = {"+": a + b, "-": a - b, "*": a * b, "/": round(a / b, 3)}[operator]
    return operator, a, b, f"{value:g}" if operator == "/" and value == int(value) else str(value)


def ask_weather(rng, tool):
    question, slots = typed(rng, rng.choice(WEATHER), x=city(rng))
    return question, tool.call(city=slots["x"]), lambda: weather_report(rng, slots["x"])


def ask_time(rng, tool):
    question, slots = typed(rng, rng.choice(TIME), x=city(rng))
    return question, tool.call(city=slots["x"]), lambda: time_report(rng, slots["x"])


def ask_sum(rng, tool):
    operator, a, b, value = sum_of(rng)
    question, _ = typed(rng, rng.choice(OPERATORS[operator] if rng.random() < 0.5 else SUMS[operator]), a=a, b=b)
    expression = f"{a} {operator} {b}"
    content = rng.choice([{"result": value}, {"value": value}, value])
    return question, tool.call(expression=expression), lambda: (result(content), Answer(f"The result of {expression} is {value}.", f"{value}."))


def search_subject(rng):
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(chat.FILLERS[rng.choice(["person", "work", "event", "company", "dish"])])
    if roll < 0.6:
        return refusals.invented_name(rng, rng.choice(["person", "work", "place"]))
    return rng.choice(outside.TOPICS) if roll < 0.85 else f"{rng.choice(outside.THINGS)} {rng.choice(['prices', 'repair', 'history', 'tests', 'shops'])}"


def ask_search(rng, tool):
    if rng.random() < 0.3:
        kind = rng.choice(["person", "work", "event", "company"])
        question, slots = typed(rng, rng.choice(chat.OUTSIDE[kind]), x=rng.choice(chat.FILLERS[kind]))
    else:
        question, slots = typed(rng, rng.choice(SEARCH), x=search_subject(rng))
    subject, snippet = slots["x"], rng.choice(SNIPPETS)
    text = f"{capital_first(subject)}: {snippet}."
    content = rng.choice([{"results": [text]}, {"results": [{"title": subject, "text": text}]}, text, {"snippet": text}])
    return question, tool.call(query=subject), lambda: (result(content), Answer(f"I searched for it and found this: {text}", text))


def ask_timer(rng, tool):
    minutes = rng.randint(1, 90)
    question, _ = typed(rng, rng.choice(TIMER), x=minutes)
    content = rng.choice([{"status": "ok"}, "ok", {"started": True}])
    return question, tool.call(minutes=minutes), lambda: (result(content), Answer(f"The timer is set to {minutes} minutes.", f"Set: {minutes} minutes."))


def ask_message(rng, tool):
    name = rng.choice(chat.NAMES)
    question, slots = typed(rng, rng.choice(MESSAGE), x=name, y=rng.choice(NOTES))
    content = rng.choice([{"status": "sent"}, "sent", {"ok": True}])
    return question, tool.call(to=slots["x"], text=slots["y"]), lambda: (result(content), Answer(f"I have sent the message to {slots['x']}.", "Sent."))


def ask_stock(rng, tool):
    question, slots = typed(rng, rng.choice(STOCK), x=rng.choice(chat.FILLERS["company"]) if rng.random() < 0.6 else refusals.invented_place(rng))
    price = f"{rng.randint(1, 900)}.{rng.randint(0, 99):02d}"
    content = rng.choice([{"price": float(price)}, {"price": price}, price]) if not price.endswith("0") else {"price": price}
    return question, tool.call(company=slots["x"]), lambda: (result(content), Answer(f"A share of {slots['x']} costs {price} now.", f"{price}."))


def ask_translation(rng, tool):
    word = rng.choice(chat.FILLERS["foreign"])
    question, slots = typed(rng, rng.choice(TRANSLATE), x=word, y=rng.choice(LANGUAGES))
    foreign = refusals.invented_place(rng).lower()
    content = rng.choice([{"translation": foreign}, foreign, {"text": foreign}])
    return question, tool.call(text=slots["x"], language=slots["y"]), lambda: (result(content), Answer(f"In {slots['y']} it is {foreign}.", f"{capital_first(foreign)}."))


TASKS = {"weather": ask_weather, "time": ask_time, "calculator": ask_sum, "search": ask_search, "timer": ask_timer, "message": ask_message, "stock": ask_stock, "translate": ask_translation}

TWO_PLACES = {"weather": ["what is the weather in {x} and {y}", "weather in {x} and in {y}", "compare the weather in {x} and {y}", "is it warmer in {x} or in {y}", "how is the weather in {x} and {y}",
                          "tell me the weather for {x} and {y}", "i need the weather in {x} and also in {y}"],
              "time": ["what time is it in {x} and {y}", "time in {x} and in {y}", "compare the time in {x} and {y}", "is it later in {x} or in {y}", "tell me the time in {x} and {y}", "how late is it in {x} and in {y}"]}
# A question for one place becomes one for two.
PAIRS = ["{x} and {y}", "{x} and in {y}", "{x} and also {y}", "{x} and {y}", "{x}, and {y} too", "{x} & {y}", "both {x} and {y}", "{x} together with {y}", "{x}, also in {y}", "the cities {x} and {y}"]
BOTH = ["what is the weather and the time in {x}", "weather and time in {x}", "tell me the weather in {x} and what time it is there", "how is the weather in {x}, and how late is it there",
        "i need the weather and the local time in {x}", "for {x}: the weather and the time", "what time is it in {x}, and is it raining", "tell me of {x} how warm it is and how late",
        "time and temperature in {x}", "is it cold in {x}, and what does the clock say there", "i call {x} soon: how is the weather and what time is it there"]


def single_call(rng, tool):
    question, call, report = TASKS[tool.kind](rng, tool)
    content, answer = failed(rng, tool) if rng.random() < 0.08 else report()
    return Turn(question, answer, (called(call), content))


def joined(answers):
    return Answer(" ".join(answer.long for answer in answers), " ".join(answer.short for answer in answers))


def two_places(rng, tool):
    """The same tool twice in one answer."""
    first, second = city(rng), city(rng)
    if rng.random() < 0.5:
        template = rng.choice(TWO_PLACES[tool.kind])
    else:
        template = rng.choice(WEATHER if tool.kind == "weather" else TIME).replace("{x}", rng.choice(PAIRS))
    question, slots = typed(rng, template, x=first, y=second)
    report = weather_report if tool.kind == "weather" else time_report
    places = [slots["x"], slots["y"]]
    (a, first_answer), (b, second_answer) = (report(rng, place) for place in places)
    short = Answer("", f"{places[0]}: {first_answer.short} {places[1]}: {second_answer.short}").short
    return Turn(question, Answer(joined([first_answer, second_answer]).long, short), (called(*(tool.call(city=place) for place in places)), a, b))


def both_of_one_place(rng, weather, time):
    """Two tools in one answer."""
    question, slots = typed(rng, rng.choice(BOTH), x=city(rng))
    place = slots["x"]
    (a, first), (b, second) = weather_report(rng, place), time_report(rng, place)
    return Turn(question, joined([first, second]), (called(weather.call(city=place), time.call(city=place)), a, b))


def without_call(rng, tools):
    """What the model knows itself, or what none of the tools is for."""
    kinds = {tool.kind for tool in tools}
    while True:
        turn = multi_turn.single(rng)
        text = turn.question.lower()
        # A sum belongs to the calculator, and what is unknown to the search, where there is one.
        has_sum = turn.answer == chat.SUMS_LIMIT or any(f" {operator} " in turn.answer.long for operator in arithmetic.OPERATIONS)
        if has_sum and "calculator" in kinds or turn.answer == chat.REFUSAL and kinds & {"search", "translate", "stock"}:
            continue
        if any(word in text for word in ("weather", "time", "clock", "translate", "in german", "in french", "in spanish")) and kinds & {"weather", "time", "translate"}:
            continue
        return turn


def missing_tool(rng, tools):
    """A task for a tool that is not offered: as unknown as without any."""
    kinds = {tool.kind for tool in tools}
    wanted = [kind for kind in ("weather", "time", "stock") if kind not in kinds and "search" not in kinds]
    if not wanted:
        return without_call(rng, tools)
    templates, slot = {"weather": (WEATHER, city(rng)), "time": (TIME, city(rng)), "stock": (STOCK, rng.choice(chat.FILLERS["company"]))}[rng.choice(wanted)]
    return Turn(typed(rng, rng.choice(templates), x=slot)[0], chat.REFUSAL)


def tool_turn(rng, tools):
    roll, by_kind = rng.random(), {tool.kind: tool for tool in tools}
    if roll < 0.16:
        return without_call(rng, tools)
    if roll < 0.2:
        return missing_tool(rng, tools)
    if roll < 0.38 and (twice := [tool for tool in tools if tool.kind in TWO_PLACES]):
        return two_places(rng, rng.choice(twice))
    if roll < 0.5 and {"weather", "time"} <= set(by_kind):
        return both_of_one_place(rng, by_kind["weather"], by_kind["time"])
    return single_call(rng, rng.choice(tools))


def tool_chat(rng):
    """(definitions, turns)"""
    kind = rng.choice(CORE) if rng.random() < 0.8 else rng.choice(EXTRA)
    tools = draw_tools(rng, kind)
    turns = [tool_turn(rng, tools) for _ in range(rng.choice([1, 1, 2, 2, 3, 3]))]
    return [tool.definition for tool in tools], [turn if len(turn.answer.long) < 250 else facts.capital(rng) for turn in turns]
