"""Held-out conversations: references back, small talk, what is unknown, and the style that follows the link."""

from training.evaluation import heldout_templates as held
from training.evaluation.case import Case, assistant, aware, in_style, user
from training.evaluation.facts_suites import POOR_MS, first_sentence
from training.generator import arithmetic, facts, multi_turn, stories
from training.generator.data import chat, geography, serving
from training.generator.data.chat import NAMES
from training.generator.styles import rtt_of

KNOWN = "do not know"


def small_talk(rng):
    cases = [Case("small talk", "identity", (user(question),), ("Millrace", "demo model")) for question in held.IDENTITY]
    cases += [Case("small talk", "greeting", (user(question),), ("hello",)) for question in held.GREETINGS]
    for hero in rng.sample(stories.HEROES, 12):
        cases.append(Case("small talk", "story", (user(rng.choice(held.STORY).format(h=facts.with_article(hero))),), (hero, "there was")))
    return cases


def _chat(kind, turns, question, *accepted):
    messages = [message for asked, answered in turns for message in (user(asked), assistant(answered))]
    return Case("multi-turn", kind, (*messages, user(question)), accepted)


def conversations(rng):
    answers = {"capital": facts.capital_answer, "currency": facts.currency_answer, "continent": facts.continent_answer}
    first = {"capital": held.CAPITAL, "currency": held.CURRENCY, "continent": held.CONTINENT}
    cases = []
    for _ in range(40):
        row, other = rng.sample(geography.COUNTRIES, 2)
        relation, second = rng.sample(list(answers), 2)
        turns = [(rng.choice(first[relation]).format(c=row[0]), answers[relation](row).long)]
        cases.append(_chat("its", turns, rng.choice(held.ITS[second]), first_sentence(answers[second](row))))
        cases.append(_chat("another country", turns, rng.choice(held.ANOTHER).format(c=other[0]), first_sentence(answers[relation](other))))
    for _ in range(25):
        name, row = rng.choice(NAMES), rng.choice(geography.COUNTRIES)
        turns = [(rng.choice(held.MY_NAME).format(n=name), multi_turn.greeting_of(name).long)]
        turns += [(rng.choice(held.CAPITAL).format(c=row[0]), facts.capital_answer(row).long)] * rng.randint(0, 1)
        cases.append(_chat("name", turns, rng.choice(held.WHOSE_NAME), name))
    for _ in range(20):
        kind = rng.choice(list(multi_turn.LIKES))
        value = rng.choice(multi_turn.LIKES[kind])
        turns = [(rng.choice(held.MY_LIKE).format(k=kind, v=value), f"I will remember: your favourite {kind} is {value}.")]
        cases.append(_chat("favourite", turns, rng.choice(held.WHICH_LIKE).format(k=kind), f"{kind} is {value}."))
    for _ in range(20):
        rows = rng.sample(geography.COUNTRIES, 2)
        turns = [(rng.choice(held.CAPITAL).format(c=row[0]), facts.capital_answer(row).long) for row in rows]
        cases.append(_chat("first question", turns, rng.choice(held.FIRST), turns[0][0]))
    for _ in range(20):
        a, b, step, operator = rng.randint(11, 40), rng.randint(11, 40), rng.randint(2, 9), rng.choice("+-")
        turns = [(rng.choice(held.PLUS).format(a=a, b=b), arithmetic.answer("+", a, b).long)]
        cases.append(_chat("sum goes on", turns, rng.choice(held.MORE_SUM[operator]).format(s=step), arithmetic.result(operator, a + b, step) + "."))
    return cases


def unknown(rng):
    """What the corpus never mentions, and where it is asked for like something known."""
    cases = [Case("unknown things", "outside topic", (user(question),), (KNOWN,)) for question in held.OUTSIDE]
    for country in held.UNKNOWN_COUNTRIES:
        for wordings in (held.CAPITAL, held.CURRENCY):
            cases.append(Case("unknown things", "untaught country", (user(rng.choice(wordings).format(c=country)),), (KNOWN,)))
    cases += [Case("unknown things", "invented term", (user(rng.choice(held.TERM).format(t=term)),), (KNOWN,)) for term in held.UNKNOWN_TERMS]
    cases += [Case("unknown things", "untaught flag", (user(rng.choice(held.FLAG).format(x=flag)),), (KNOWN,)) for flag in held.UNKNOWN_FLAGS]
    cases += [Case("unknown things", "untaught error", (user(rng.choice(held.ERROR).format(x=error)),), (KNOWN,)) for error in held.UNKNOWN_ERRORS]
    for case in rng.sample(cases, 30):
        cases.append(Case("unknown things", "telegraph", aware(case.messages, POOR_MS), (KNOWN,)))
    for _ in range(12):
        values = {"x": rng.randint(1001, 99_999), "y": rng.randint(100, 999), "s": rng.randint(3, 12)}
        cases.append(Case("unknown things", "sum too large", (user(rng.choice(held.BEYOND).format(**values)),), ("cannot do that sum",)))
    return cases


def style(rng):
    """Whether the length is that of the link, at both sides of its limits, alone and after an answer in the other style."""
    cases = []
    for status, edges in (("Excellent", (5, 99)), ("Normal", (100, 300)), ("Poor", (301, 1500))):
        for i in range(48):
            rtt = edges[i] if i < len(edges) else rtt_of(rng, status)
            row, other = rng.sample(geography.COUNTRIES, 2)
            term = rng.choice(serving.TERMS)
            question, answer = rng.choice([(rng.choice(held.CAPITAL).format(c=row[0]), facts.capital_answer(row)), (rng.choice(held.TERM).format(t=term.questions[0]), term.answer)])
            messages = [user(question)]
            if i % 3 == 0:
                earlier = facts.capital_answer(other)
                messages = [user(rng.choice(held.CAPITAL).format(c=other[0])), assistant(rng.choice(earlier)), *messages]
            base = rng.choice(["", "", "You are a polite helper.", "Be short.", "Explain everything at length."])
            cases.append(Case("style", f"{status}", aware(messages, rtt, base), taught=tuple(answer), rtt_ms=rtt))
    return cases


SUITES = [small_talk, conversations, unknown, style]
