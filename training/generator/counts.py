"""How much is taught, and in how many wordings."""

from training.generator import arithmetic, echo, facts, json_answers, multi_turn, stories, tools
from training.generator.data import chat, general, geography, millrace, outside, serving
from training.generator.phrasing import NOUN_FRAMES, QUESTION_FRAMES, TERM_FRAMES
from training.generator.tool_kit import KINDS


def num_facts():
    """Things that the model must know by heart, by kind."""
    return {
        "capitals": len(geography.COUNTRIES), "continents": len(geography.COUNTRIES), "currencies": len(geography.COUNTRIES),
        "terms of serving": len(serving.TERMS), "using Millrace": len(millrace.FACTS), "science": len(general.SCIENCE),
        "calendar": len(general.CALENDAR) + 2 * len(general.MONTHS), "units": len(general.UNITS), "elements": len(general.ELEMENTS),
        "opposites, sounds, young": len(general.OPPOSITES) + len(general.SOUNDS) + len(general.YOUNG), "planets": len(general.PLANETS), "lists": len(general.LISTS),
    }


def num_templates():
    """Questions with slots or without, in their frames and before they are dressed (prefixes, typing, words around them), by kind."""
    frames = len(set(QUESTION_FRAMES))
    rows = [*millrace.FACTS, *general.SCIENCE, *general.CALENDAR]
    outside_frames = [outside.OF_COUNTRY, outside.OF_ANIMAL, outside.OF_ELEMENT, outside.OF_PLANET, outside.OF_MONTH, outside.OF_TERM, outside.OF_THING, outside.OF_TOPIC, outside.OF_SKILL,
                      *chat.OUTSIDE.values()]
    tool_questions = [tools.WEATHER, tools.TIME, tools.SEARCH, tools.TIMER, tools.MESSAGE, tools.STOCK, tools.TRANSLATE, tools.BOTH, *tools.OPERATORS.values(), *tools.TWO_PLACES.values()]
    return {
        "countries": len(NOUN_FRAMES) * (len(set(facts.CAPITAL_NOUNS)) + len(facts.CURRENCY_NOUNS))
        + frames * (len(facts.CAPITAL_QUESTIONS) + len(facts.CONTINENT_QUESTIONS) + len(facts.CURRENCY_QUESTIONS)),
        "terms": len(TERM_FRAMES),
        "tables": frames * sum(len(row.questions) for row in rows),
        "units": frames * len(facts.UNIT_QUESTIONS),
        "lists": len(facts.LIST_QUESTIONS),
        "sums": sum(len(questions) for questions, _ in arithmetic.OPERATIONS.values()) + len(arithmetic.BEYOND),
        "talk": sum(len(row.questions) for row in chat.TALK),
        "stories": len(stories.STORY_QUESTIONS) + len(stories.ANY_STORY),
        "unknown things": frames * sum(len(questions) for questions in outside_frames),
        "references back": sum(len(questions) for questions in (*multi_turn.ITS.values(), multi_turn.ANOTHER, multi_turn.FIRST, multi_turn.BEFORE, multi_turn.AGAIN, multi_turn.MY_NAME,
                                                                multi_turn.WHOSE_NAME, multi_turn.MY_LIKE, multi_turn.WHICH_LIKE, multi_turn.MORE, multi_turn.LESS)),
        "copying": len(echo.SAY) + len(echo.KEEP) + len(echo.KEPT),
        "tools": sum(len(questions) for questions in tool_questions),
        "definitions of tools": sum(len(names) * len(descriptions) for names, descriptions, _ in KINDS.values()),
        "JSON": len(json_answers.BY_SCHEMA) + len(json_answers.BY_KEYS),
    }
