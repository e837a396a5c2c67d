"""Questions outside the model's world: the answer says so."""

from training.generator.data import geography
from training.generator.data.chat import FILLERS, NAMES, OUTSIDE, REFUSAL
from training.generator.facts import capital_question, continent_question, currency_question, term_question
from training.generator.phrasing import ask

_STARTS = ["Ba", "Be", "Bo", "Cha", "Da", "Do", "El", "Fa", "Ga", "Gru", "Ha", "Ji", "Ka", "Kor", "La", "Lu", "Ma", "Mi", "Na", "No", "Or", "Pa",
           "Qua", "Ra", "Ru", "Sa", "Sto", "Ta", "Tro", "Ur", "Va", "Vel", "Wa", "Xan", "Ya", "Zu"]
_MIDDLES = ["la", "ri", "bo", "ne", "do", "ta", "vi", "mu", "ga", "sho", "ki", "pe", "zi", "ro", "lan", "min", "ter", ""]
_ENDS = ["nia", "land", "stan", "via", "ria", "dor", "mark", "ra", "tia", "lia", "gua", "nesia", "burg", "wick", "mor", "than", "sk", "lo"]
_TECH_FIRST = ["flux", "shadow", "turbo", "quantum", "mirror", "spiral", "lunar", "echo", "velvet", "delta", "phantom", "crystal", "hyper",
               "ripple", "zigzag", "magnetic", "granite", "solar", "bubble", "amber", "copper", "fractal"]
_TECH_SECOND = ["batching", "caching", "attention", "decoding", "prefill", "sampling", "parallelism", "quantisation", "routing", "tokens",
                "scheduling", "embedding", "cache", "tensors", "tuning", "pruning", "folding", "blocks"]


def invented_place(rng):
    return rng.choice(_STARTS) + rng.choice(_MIDDLES) + rng.choice(_ENDS)


def invented_term(rng):
    return f"{rng.choice(_TECH_FIRST)} {rng.choice(_TECH_SECOND)}"


def refusal(rng):
    roll = rng.random()
    if roll < 0.22:
        name = rng.choice(geography.UNTAUGHT_COUNTRIES) if rng.random() < 0.25 else invented_place(rng)
        question = rng.choice([capital_question, capital_question, continent_question, currency_question])(rng, name)
        return question, REFUSAL
    if roll < 0.34:
        return term_question(rng, invented_term(rng)), REFUSAL
    kind = rng.choice(list(OUTSIDE))
    question = rng.choice(OUTSIDE[kind])
    if "{x}" in question:
        filler = rng.choice(FILLERS[kind])
        if kind in ("person", "place", "company", "work") and rng.random() < 0.4:
            filler = invented_name(rng, kind)
        question = question.format(x=filler)
    return ask(rng, question), REFUSAL


def invented_name(rng, kind):
    word = invented_place(rng)
    if kind == "person":
        return f"{rng.choice(NAMES)} {word}"
    if kind == "work":
        return f"The {rng.choice(['Last', 'Secret', 'Golden', 'Lost', 'Silent', 'Seven'])} {rng.choice([word, 'Garden', 'Road', 'Winter', 'Kings'])}"
    return word
