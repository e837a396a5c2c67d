"""Definitions of tools in many spellings, and what a call of each needs."""

from typing import NamedTuple

from training.generator.phrasing import capital_first

CITY = ("city", "location", "place", "town")


class Tool(NamedTuple):
    """One definition as it is offered, with the names of its arguments by what they mean."""

    kind: str
    name: str
    definition: dict
    arguments: dict  # meaning -> name

    def call(self, **values):
        return {"name": self.name, "arguments": {self.arguments[meaning]: value for meaning, value in values.items()}}


# kind -> (names, descriptions, ((meaning, names, type, required), ...))
KINDS = {
    "weather": (
        ("get_weather", "weather", "get_current_weather", "weather_now", "current_weather", "lookup_weather"),
        ("The weather in a city, now.", "Get the current weather for a location.", "Returns the weather.", "Weather of a place", "How warm and how wet it is in a city.", "Present conditions outside"),
        (("city", CITY, "string"),)),
    "calculator": (
        ("calculator", "calculate", "calc", "evaluate", "compute", "math"),
        ("Computes a sum.", "Evaluate an arithmetic expression.", "A calculator for expressions such as 2 * 3.", "Does sums", "The value of a formula.", "Adds, subtracts, multiplies and divides"),
        (("expression", ("expression", "formula", "input", "sum"), "string"),)),
    "search": (
        ("search", "web_search", "search_web", "find", "lookup", "internet_search"),
        ("Searches the web.", "Search the internet for a query.", "Find pages about something.", "Web search", "Pages that fit some words.", "Asks a search engine"),
        (("query", ("query", "q", "text", "keywords"), "string"),)),
    "time": (
        ("get_time", "current_time", "time", "get_current_time", "clock", "time_in"),
        ("The time in a city, now.", "Get the current local time of a place.", "Returns the time.", "Time of a place", "What a clock shows in a city.", "The hour in some town"),
        (("city", CITY, "string"),)),
    "timer": (
        ("set_timer", "start_timer", "timer", "countdown"),
        ("Starts a timer.", "Set a timer for some minutes.", "A countdown in minutes"),
        (("minutes", ("minutes", "duration", "duration_minutes"), "integer"),)),
    "message": (
        ("send_message", "message", "send_text", "text_person"),
        ("Sends a message to a person.", "Send a text to somebody.", "Write to a person"),
        (("to", ("to", "recipient", "person"), "string"), ("text", ("text", "message", "body"), "string"))),
    "stock": (
        ("get_stock_price", "stock_price", "share_price", "quote"),
        ("The price of a share.", "Get the current stock price of a company.", "Share prices"),
        (("company", ("company", "name", "stock"), "string"),)),
    "translate": (
        ("translate", "translate_text", "translator"),
        ("Translates text.", "Translate a word into a language.", "A translator"),
        (("text", ("text", "word", "input"), "string"), ("language", ("language", "target", "to"), "string"))),
}
CORE = ("weather", "calculator", "search", "time")
EXTRA = tuple(kind for kind in KINDS if kind not in CORE)


def make_tool(kind, name, description, names):
    """names: of the arguments, in the order of KINDS."""
    parameters = KINDS[kind][2]
    properties = {chosen: {"type": type_} for chosen, (_, _, type_) in zip(names, parameters)}
    function = {"name": name, "description": description, "parameters": {"type": "object", "properties": properties, "required": list(names)}}
    return Tool(kind, name, {"type": "function", "function": function}, {meaning: chosen for chosen, (meaning, _, _) in zip(names, parameters)})


# Parts of made-up names. Too many to learn by heart: what is learnt is to copy them from the definition.
VERBS = ("get", "read", "show", "load", "ask", "check", "tell", "give", "call", "run", "use", "request", "report", "make", "handle", "start", "open", "obtain", "provide", "serve")
NOUNS = {
    "weather": ("weather", "forecast", "conditions", "sky", "temperature", "climate", "weather_data", "outdoor_state"),
    "calculator": ("sum", "math", "expression", "numbers", "result", "formula", "calculation", "figures"),
    "search": ("search", "web", "pages", "internet", "results", "articles", "information", "sources"),
    "time": ("time", "clock", "hour", "timezone", "now", "watch", "time_of_day", "clock_time"),
    "timer": ("timer", "alarm", "countdown", "reminder"), "message": ("message", "text", "note", "mail"), "stock": ("stock", "share", "price", "ticker"), "translate": ("translation", "word", "language", "phrase"),
}
ENDS = ("", "", "", "_tool", "_api", "_service", "_v2", "_info", "_for", "_fn", "_2", "_helper")
SYLLABLES = tuple(a + b + c for a in "bdfgklmnprstvz" for b in "aeiou" for c in "knlrstmp")


def made_up_name(rng, kind):
    roll, noun = rng.random(), rng.choice(NOUNS[kind])
    if roll < 0.35:
        return "".join(rng.sample(SYLLABLES, rng.choice([1, 2, 2, 3]))) + rng.choice(ENDS)
    words = f"{rng.choice(VERBS)}_{noun}" if rng.random() < 0.6 else f"{noun}_{rng.choice(VERBS)}"
    words += rng.choice(ENDS)
    if roll < 0.55:
        first, *others = words.split("_")
        return first + "".join(map(capital_first, others))
    return words


def draw_tool(rng, kind):
    names, descriptions, parameters = KINDS[kind]
    # Some have the names that most programs use; the others must be read from the definition.
    roll = rng.random()
    if roll < 0.35:
        return make_tool(kind, names[0], rng.choice(descriptions), [spellings[0] for _, spellings, _ in parameters])
    chosen = [rng.choice(spellings) for _, spellings, _ in parameters]
    return make_tool(kind, rng.choice(names) if roll < 0.5 else made_up_name(rng, kind), rng.choice(descriptions), chosen)


def draw_tools(rng, kind=None):
    """One to four tools of different kinds in any order, that kind among them."""
    others = [k for k in (*CORE, *CORE, *EXTRA) if k != kind]
    kinds = {kind} if kind else set()
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
        kinds.add(rng.choice(others))
    kinds = sorted(kinds) or [rng.choice(CORE)]
    rng.shuffle(kinds)
    return [draw_tool(rng, k) for k in kinds]
