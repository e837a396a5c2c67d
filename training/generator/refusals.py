"""Questions outside the model's world: the answer says so."""

from training.generator.data import general, geography, outside, serving
from training.generator.data.chat import FILLERS, NAMES, OUTSIDE, REFUSAL
from training.generator.facts import UNIT_QUESTIONS, capital_question, continent_question, country_name, currency_question, term_question, with_article
from training.generator.phrasing import TERM_FRAMES, ask, ask_any, dress
from training.generator.styles import Turn

_STARTS = ["Ba", "Be", "Bo", "Cha", "Da", "Do", "El", "Fa", "Ga", "Gru", "Ha", "Ji", "Ka", "Kor", "La", "Lu", "Ma", "Mi", "Na", "No", "Or", "Pa",
           "Qua", "Ra", "Ru", "Sa", "Sto", "Ta", "Tro", "Ur", "Va", "Vel", "Wa", "Xan", "Ya", "Zu"]
_MIDDLES = ["la", "ri", "bo", "ne", "do", "ta", "vi", "mu", "ga", "sho", "ki", "pe", "zi", "ro", "lan", "min", "ter", ""]
_ENDS = ["nia", "land", "stan", "via", "ria", "dor", "mark", "ra", "tia", "lia", "gua", "nesia", "burg", "wick", "mor", "than", "sk", "lo"]
_TECH_FIRST = ["flux", "shadow", "turbo", "quantum", "mirror", "spiral", "lunar", "echo", "velvet", "delta", "phantom", "crystal", "hyper",
               "ripple", "zigzag", "magnetic", "granite", "solar", "bubble", "amber", "copper", "fractal"]
_TECH_SECOND = ["batching", "caching", "attention", "decoding", "prefill", "sampling", "parallelism", "quantisation", "routing", "tokens",
                "scheduling", "embedding", "cache", "tensors", "tuning", "pruning", "folding", "blocks"]


_TAUGHT_PLACES = {name for row in geography.COUNTRIES for name in row[:2]}


def invented_place(rng):
    """A word of random syllables with a capital."""
    if rng.random() < 0.3:
        letters = "".join(rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") for _ in range(rng.randint(1, 3)))
        return (letters + rng.choice(["", "n", "r", "s", "x", "th", "m"])).capitalize()
    return rng.choice(_STARTS) + rng.choice(_MIDDLES) + rng.choice(_ENDS)


def invented_term(rng):
    return f"{rng.choice(_TECH_FIRST)} {rng.choice(_TECH_SECOND)}"


def invented_country(rng):
    """A name that is no country's, or a real one that is not taught, sometimes with the words that names of countries have."""
    roll = rng.random()
    if roll < 0.2:
        return rng.choice(geography.UNTAUGHT_COUNTRIES)
    if roll < 0.35:
        return rng.choice([name for name in FILLERS["place"] if name not in _TAUGHT_PLACES])
    name = invented_place(rng)
    if roll < 0.45:
        return f"{rng.choice(['the Republic of', 'the Kingdom of', 'New', 'North', 'South', 'East', 'Saint', 'Upper'])} {name}"
    return f"{name} {rng.choice(['Islands', 'Island', 'Coast', 'Republic'])}" if roll < 0.5 else name


def unknown_country(rng):
    ask_for = rng.choice([capital_question, capital_question, continent_question, currency_question])
    return ask_for(rng, invented_country(rng))


def unknown_term(rng):
    """What is asked of a term of serving, asked of something else."""
    roll = rng.random()
    if roll < 0.4:
        return term_question(rng, invented_term(rng))
    if roll < 0.7:
        return term_question(rng, rng.choice(outside.TOPICS))
    if roll < 0.85:
        return term_question(rng, with_article(rng.choice(outside.THINGS)))
    return term_question(rng, invented_word(rng))


def invented_word(rng):
    return (invented_place(rng) + rng.choice(["", "", "ism", "ing", "or", "ology"])).lower()


def unknown_usage(rng):
    """Flags, commands, errors and variables that Millrace does not have."""
    words = rng.sample(outside.FLAG_WORDS, rng.choice([1, 2, 2, 3]))
    roll = rng.random()
    if roll < 0.5:
        name = "--" + "-".join(words)
        questions = ["what does {x} do", "the {x} flag", "what is {x} for", "explain the {x} option", "how do i use {x}", "the default of {x}", "what is the flag {x}"]
    elif roll < 0.7:
        name = "millrace " + rng.choice(outside.COMMANDS)
        questions = ["what does {x} do", "the {x} command", "what is {x} for", "explain {x}", "how do i use {x}"]
    else:
        name = ("ERR_" if roll < 0.85 else "") + "_".join(words).upper()
        questions = ["what is {x}", "what does {x} mean", "explain {x}", "the error {x}", "why do i get {x}", "what is {x} for", "how do i fix {x}"]
    return ask_any(rng, rng.choice(questions).format(x=name))


def unknown_of_known(rng):
    """A question that is not taught, about something that is."""
    kind = rng.randrange(7)
    if kind <= 1:
        return ask(rng, rng.choice(outside.OF_COUNTRY).format(x=country_name(rng, rng.choice(geography.COUNTRIES)[0])))
    if kind == 2:
        names = {animal for pairs in (general.SOUNDS, general.YOUNG) for animal, _ in pairs}
        return ask(rng, rng.choice(outside.OF_ANIMAL).format(x=rng.choice(sorted(names))))
    if kind == 3:
        return ask(rng, rng.choice(outside.OF_ELEMENT).format(x=rng.choice(list(general.ELEMENTS))))
    if kind == 4:
        return ask(rng, rng.choice(outside.OF_PLANET).format(x=rng.choice(general.PLANETS)))
    if kind == 5:
        return ask(rng, rng.choice(outside.OF_MONTH).format(x=rng.choice(general.MONTHS)))
    return ask(rng, rng.choice(outside.OF_TERM).format(x=rng.choice(rng.choice(serving.TERMS).questions)))


def unknown_word(rng):
    """Opposites, symbols and units of what has none here."""
    kind = rng.randrange(3)
    if kind == 0:
        return ask(rng, rng.choice(["what is the opposite of {x}", "the opposite of {x}", "name the opposite of {x}", "which word is the opposite of {x}"])
                   .format(x=rng.choice(outside.NOT_OPPOSITES) if rng.random() < 0.5 else invented_word(rng)))
    if kind == 1:
        name = invented_place(rng).lower() + rng.choice(["ium", "ine", "on", ""])
        return ask(rng, rng.choice(["what is the chemical symbol of {x}", "the symbol for {x}", "chemical symbol of {x}", "what symbol does the element {x} have"]).format(x=name))
    unit = rng.choice(outside.PSEUDO_UNITS)
    other = rng.choice(general.UNITS)
    row = (unit, with_article(other[0]), other[0]) if rng.random() < 0.5 else (other[3], with_article(unit[:-1]), unit[:-1])
    return ask(rng, rng.choice(UNIT_QUESTIONS).format(s=row[0], a=row[1], u=row[2]))


def outside_world(rng):
    """Topics, things, people and works that have nothing to do with what is taught."""
    roll = rng.random()
    if roll < 0.2:
        return ask(rng, rng.choice(outside.OF_THING).format(x=rng.choice(outside.THINGS)))
    if roll < 0.35:
        return ask(rng, rng.choice(outside.OF_TOPIC).format(x=rng.choice(outside.TOPICS)))
    if roll < 0.5:
        return ask(rng, rng.choice(outside.OF_SKILL).format(x=rng.choice(outside.SKILLS)))
    kind = rng.choice(list(OUTSIDE))
    question = rng.choice(OUTSIDE[kind])
    if "{x}" in question:
        filler = rng.choice(FILLERS[kind])
        if kind in ("person", "place", "company", "work") and rng.random() < 0.5:
            filler = invented_name(rng, kind)
        question = question.format(x=filler)
    return ask(rng, question)


def nonsense(rng):
    """A frame of a question around words without sense."""
    words = " ".join(invented_word(rng) for _ in range(rng.randint(1, 3)))
    return dress(rng, rng.choice(TERM_FRAMES).format(t=words))


KINDS = [(outside_world, 40), (unknown_country, 18), (unknown_of_known, 16), (unknown_term, 12), (unknown_usage, 7), (unknown_word, 5), (nonsense, 2)]


def refusal(rng):
    return Turn(rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0](rng), REFUSAL)


def invented_name(rng, kind):
    word = invented_place(rng)
    if kind == "person":
        return f"{rng.choice(NAMES)} {word}"
    if kind == "work":
        return f"The {rng.choice(['Last', 'Secret', 'Golden', 'Lost', 'Silent', 'Seven'])} {rng.choice([word, 'Garden', 'Road', 'Winter', 'Kings'])}"
    return word
