"""Held-out questions about facts, each in both styles."""

from training.evaluation import heldout_templates as held
from training.evaluation.case import Case, in_style, user
from training.generator import arithmetic, facts
from training.generator.data import general, geography, millrace, serving

POOR_MS = 420


def both(kind, question, answer, key=""):
    """The question without a network context, and on a poor link."""
    messages = [user(question)]
    key = key or answer.long
    return [in_style("facts", kind, messages, answer, key, None), in_style("telegraph facts", kind, messages, answer, key, POOR_MS)]


def first_sentence(answer):
    return answer.long.split(". ")[0]


def of_countries(rng):
    cases = []
    for place, kind, wordings, answer_of, rows in (
        (1, "capital", held.CAPITAL, facts.capital_answer, geography.COUNTRIES),
        (2, "continent", held.CONTINENT, facts.continent_answer, rng.sample(geography.COUNTRIES, 60)),
        (3, "currency", held.CURRENCY, facts.currency_answer, rng.sample(geography.COUNTRIES, 100)),
    ):
        for row in rows:
            # Whichever way the answer puts it.
            cases += both(kind, rng.choice(wordings).format(c=row[0]), answer_of(row), (row[0], row[place]))
    return cases


def of_terms(rng):
    return [case for row in serving.TERMS for case in both("serving term", rng.choice(held.TERM).format(t=rng.choice(row.questions)), row.answer)]


def by_name(question):
    """Held-out wordings for a row that asks for a flag or an error by its name."""
    for begin, wordings in (("what does --", held.FLAG), ("what is ERR_", held.ERROR)):
        if question.startswith(begin):
            name = question.split()[2]
            return [wording.format(x=name) for wording in wordings]
    return []


def of_tables(rng):
    cases = []
    for kind, rows, wordings in (("millrace", millrace.FACTS, held.USAGE), ("science", general.SCIENCE, held.SCIENCE), ("calendar", general.CALENDAR, held.CALENDAR)):
        for row in rows:
            questions = wordings.get(row.questions[0]) or by_name(row.questions[0])
            if questions:
                cases += both(kind, rng.choice(questions), row.answer)
    for i, month in enumerate(general.MONTHS):
        answer = facts.month_answer(i)
        cases += both("calendar", rng.choice(held.MONTH_DAYS).format(m=month), answer, first_sentence(answer))
        cases += both("calendar", rng.choice(held.NEXT_MONTH).format(m=month), facts.neighbour_answer(general.MONTHS, i, True))
    for a, b in rng.sample(general.OPPOSITES, 20):
        cases += both("word", rng.choice(held.OPPOSITE).format(a=a), facts.opposite_answer(a, b))
    for name in rng.sample(list(general.ELEMENTS), 15):
        cases += both("word", rng.choice(held.SYMBOL).format(a=name), facts.symbol_answer(name))
    return cases


def of_units(rng):
    cases = []
    for row in general.UNITS:
        answer = facts.unit_answer(row)
        cases += both("unit", rng.choice(held.UNIT).format(s=row[3], a=facts.with_article(row[0])), answer, answer.long.split(", ")[0])
    for _ in range(30):
        row, count = rng.choice(general.MULTIPLES), rng.randint(2, 20)
        answer = facts.conversion_answer(row, count)
        cases += both("conversion", rng.choice(held.CONVERSION).format(n=count, p=row[1], s=row[3]), answer, answer.short)
    return cases


def sums(rng):
    """Pairs of two digits and more are those that the corpus leaves out."""
    templates = {"+": held.PLUS, "-": held.MINUS, "×": held.TIMES, "÷": held.DIVIDE}
    problems = []
    for operator in "+-":
        problems += [(f"two digits {operator}", operator, a, b) for a, b in held_out_pairs(rng, operator, 99, 60)]
        problems += [(f"three digits {operator}", operator, a, b) for a, b in held_out_pairs(rng, operator, 999, 40)]
        problems += [(f"one digit {operator}", operator, *sorted((rng.randint(0, 9), rng.randint(0, 9)), reverse=True)) for _ in range(10)]
    problems += [("table ×", "×", rng.randint(0, 12), rng.randint(0, 12)) for _ in range(20)]
    problems += [("two digits × one digit", "×", rng.randint(13, 99), rng.randint(2, 9)) for _ in range(30)]
    problems += [("table ÷", "÷", b * value, b) for b, value in ((rng.randint(1, 12), rng.randint(1, 12)) for _ in range(20))]
    cases = []
    for kind, operator, a, b in problems:
        category = "three digits" if kind.startswith("three") else "arithmetic"
        question, answer = rng.choice(templates[operator]).format(a=a, b=b), arithmetic.answer(operator, a, b)
        cases.append(in_style(category, kind, [user(question)], answer, arithmetic.result(operator, a, b) + ".", None))
        cases.append(in_style(category, f"{kind}, telegraph", [user(question)], answer, "", POOR_MS))
    return cases


def held_out_pairs(rng, operator, highest, count):
    low = 10 if highest < 100 else 100
    pairs = set()
    while len(pairs) < count:
        a, b = rng.randint(low, highest), rng.randint(10, highest)
        if arithmetic.is_held_out(operator, a, b) and (operator == "+" or a >= b):
            pairs.add((a, b))
    return sorted(pairs)


def lists(rng):
    cases = []
    for name, _, members in general.LISTS:
        count = rng.randint(2, 5)
        question = rng.choice(held.LIST).format(n=general.NUMBER_WORDS[count], l=name)
        cases.append(Case("lists", "list", (user(question),), only=tuple(members), count=count))
    return cases


SUITES = [of_countries, of_terms, of_tables, of_units, sums, lists]
