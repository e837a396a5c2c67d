"""The held-out questions, by category, with what counts as right."""

import random
from dataclasses import dataclass

from training.evaluation import heldout_templates as held
from training.generator import arithmetic, facts, multi_turn, stories
from training.generator.data import chat, general, geography, millrace, serving
from training.generator.data.chat import NAMES


@dataclass(frozen=True)
class Case:
    """One conversation whose last message the model answers."""

    category: str
    kind: str
    messages: tuple  # of (role, content)
    accepted: tuple  # right when the answer contains every one of these, without regard to case
    only: tuple = ()  # and, for lists: when it holds as many different of these as `count`
    count: int = 0

    def is_right(self, answer):
        text = answer.lower()
        if self.only:
            items = [item.strip(" .") for item in text.replace(" and ", ",").split(",")]
            members = {member.lower() for member in self.only}
            return len(items) == len(set(items)) == self.count and set(items) <= members
        return all(part.lower() in text for part in self.accepted)


def _case(category, kind, question, *accepted):
    return Case(category, kind, (("user", question),), accepted)


def _rows(category, kind, rows, wordings):
    answers = {questions[0]: answer for questions, answer in rows}
    return [_case(category, kind, question, answers[key]) for key, questions in wordings.items() for question in questions]


def capitals(rng):
    return [_case("capitals", "capital", rng.choice(held.CAPITAL).format(c=row[0]), row[1], "capital of") for row in geography.COUNTRIES]


def geography_facts(rng):
    cases = []
    for row in rng.sample(geography.COUNTRIES, 60):
        cases.append(_case("facts", "continent", rng.choice(held.CONTINENT).format(c=row[0]), facts.continent_answer(row)))
    for row in rng.sample(geography.COUNTRIES, 80):
        cases.append(_case("facts", "currency", rng.choice(held.CURRENCY).format(c=row[0]), facts.currency_answer(row)))
    return cases


def term_facts(rng):
    return [_case("facts", "serving term", rng.choice(held.TERM).format(t=rng.choice(row[0])), row[1]) for row in serving.TERMS]


def table_facts(rng):
    cases = _rows("facts", "millrace", millrace.FACTS, held.USAGE) + _rows("facts", "science", general.SCIENCE, held.SCIENCE)
    cases += _rows("facts", "calendar", general.CALENDAR, held.CALENDAR)
    for i, month in enumerate(general.MONTHS):
        cases.append(_case("facts", "calendar", rng.choice(held.MONTH_DAYS).format(m=month), f"{month} has {general.MONTH_DAYS[i]} days"))
        following = general.MONTHS[(i + 1) % 12]
        cases.append(_case("facts", "calendar", rng.choice(held.NEXT_MONTH).format(m=month), f"{following} comes after {month}"))
    for a, b in rng.sample(general.OPPOSITES, 20):
        cases.append(_case("facts", "word", rng.choice(held.OPPOSITE).format(a=a), f"The opposite of {a} is {b}."))
    for name, symbol in rng.sample(list(general.ELEMENTS.items()), 15):
        cases.append(_case("facts", "word", rng.choice(held.SYMBOL).format(a=name), f"symbol of {name} is {symbol}."))
    return cases


def sums(rng):
    templates = {"+": held.PLUS, "-": held.MINUS, "×": held.TIMES}
    cases = []
    for operator, count in (("+", 80), ("-", 80)):
        pairs = [(a, b) for a in range(100) for b in range(100) if arithmetic.is_held_out(operator, a, b) and (operator == "+" or a >= b)]
        for a, b in rng.sample(pairs, count):
            question = rng.choice(templates[operator]).format(a=a, b=b)
            cases.append(_case("arithmetic", f"two digits {operator}, held-out pair", question, arithmetic.result(operator, a, b) + "."))
    for operator, count in (("+", 15), ("-", 15), ("×", 30)):
        for _ in range(count):
            a, b = sorted((rng.randint(0, 9), rng.randint(0, 9)), reverse=True)
            question = rng.choice(templates[operator]).format(a=a, b=b)
            cases.append(_case("arithmetic", f"one digit {operator}", question, arithmetic.result(operator, a, b) + "."))
    return cases


def units(rng):
    cases = []
    for row in general.UNITS:
        question = rng.choice(held.UNIT).format(s=row[3], a=facts.with_article(row[0]))
        cases.append(_case("units", "unit", question, f" {row[2]} {row[3]}"))
    for _ in range(40):
        row, count = rng.choice(general.MULTIPLES), rng.randint(2, 20)
        question = rng.choice(held.CONVERSION).format(n=count, p=row[1], s=row[3])
        cases.append(_case("units", "conversion", question, f" {count * row[2]} {row[3]}"))
    return cases


def lists(rng):
    cases = []
    for name, others, members in general.LISTS:
        for _ in range(2):
            count = rng.randint(2, 5)
            question = rng.choice(held.LIST).format(n=general.NUMBER_WORDS[count], l=name)
            cases.append(Case("lists", "list", (("user", question),), (), tuple(members), count))
    return cases


def small_talk(rng):
    cases = [_case("small talk", "identity", question, "Millrace", "demo model") for question in held.IDENTITY]
    cases += [_case("small talk", "greeting", question, "hello") for question in held.GREETINGS]
    for hero in rng.sample(stories.HEROES, 12):
        question = rng.choice(held.STORY).format(h=facts.with_article(hero))
        cases.append(_case("small talk", "story", question, hero, "there was"))
    return cases


def _chat(kind, turns, question, *accepted):
    messages = []
    for user, assistant in turns:
        messages += [("user", user), ("assistant", assistant)]
    return Case("multi-turn", kind, (*messages, ("user", question)), accepted)


def conversations(rng):
    answers = {"capital": facts.capital_answer, "currency": facts.currency_answer, "continent": facts.continent_answer}
    first = {"capital": held.CAPITAL, "currency": held.CURRENCY, "continent": held.CONTINENT}
    cases = []
    for _ in range(40):
        row, other = rng.sample(geography.COUNTRIES, 2)
        relation, second = rng.sample(list(answers), 2)
        turns = [(rng.choice(first[relation]).format(c=row[0]), answers[relation](row))]
        cases.append(_chat("its", turns, rng.choice(held.ITS[second]), answers[second](row)))
        cases.append(_chat("another country", turns, rng.choice(held.ANOTHER).format(c=other[0]), answers[relation](other)))
    for _ in range(25):
        name, row = rng.choice(NAMES), rng.choice(geography.COUNTRIES)
        turns = [(rng.choice(held.MY_NAME).format(n=name), f"Nice to meet you, {name}!")]
        turns += [(rng.choice(held.CAPITAL).format(c=row[0]), facts.capital_answer(row))] * rng.randint(0, 1)
        cases.append(_chat("name", turns, rng.choice(held.WHOSE_NAME), name))
    for _ in range(20):
        kind = rng.choice(list(multi_turn.LIKES))
        value = rng.choice(multi_turn.LIKES[kind])
        turns = [(rng.choice(held.MY_LIKE).format(k=kind, v=value), f"I will remember: your favourite {kind} is {value}.")]
        cases.append(_chat("favourite", turns, rng.choice(held.WHICH_LIKE).format(k=kind), f"{kind} is {value}."))
    for _ in range(20):
        rows = rng.sample(geography.COUNTRIES, 2)
        turns = [(rng.choice(held.CAPITAL).format(c=row[0]), facts.capital_answer(row)) for row in rows]
        cases.append(_chat("first question", turns, rng.choice(held.FIRST), turns[0][0]))
    for _ in range(20):
        a, b, step, operator = rng.randint(11, 40), rng.randint(11, 40), rng.randint(2, 9), rng.choice("+-")
        turns = [(rng.choice(held.PLUS).format(a=a, b=b), arithmetic.answer("+", a, b))]
        question = rng.choice(held.MORE_SUM[operator]).format(s=step)
        cases.append(_chat("sum goes on", turns, question, arithmetic.result(operator, a + b, step) + "."))
    return cases


def refusals(rng):
    known = "do not know"
    cases = [_case("refusals", "outside topic", question, known) for question in held.OUTSIDE]
    for country in held.UNKNOWN_COUNTRIES:
        cases.append(_case("refusals", "untaught country", rng.choice(held.CAPITAL).format(c=country), known))
        cases.append(_case("refusals", "untaught country", rng.choice(held.CURRENCY).format(c=country), known))
    cases += [_case("refusals", "invented term", rng.choice(held.TERM).format(t=term), known) for term in held.UNKNOWN_TERMS]
    for _ in range(12):
        values = {"x": rng.randint(101, 9999), "y": rng.randint(100, 999), "s": rng.randint(2, 12)}
        cases.append(_case("refusals", "sum too large", rng.choice(held.BEYOND).format(**values), chat.SUMS_LIMIT))
    return cases


SUITES = [capitals, geography_facts, term_facts, table_facts, sums, units, lists, small_talk, conversations, refusals]


def all_cases(seed=7):
    """Every held-out case, always the same for a seed."""
    cases = []
    for suite in SUITES:
        cases += suite(random.Random(f"{seed} {suite.__name__}"))
    return cases


def user_questions(cases):
    """All user messages of the cases, as asked."""
    return [content for case in cases for role, content in case.messages if role == "user"]


def normalised(text):
    """A question without case and punctuation, to compare wordings."""
    kept = "".join(c if c.isalnum() or c in "+-*×/" else " " for c in text.lower())
    return " ".join(kept.split())
