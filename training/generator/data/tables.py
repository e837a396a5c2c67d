"""Reads the tables of facts: one row a line."""

from typing import NamedTuple


class Answer(NamedTuple):
    """What the model says in its two styles."""

    long: str
    short: str


class Row(NamedTuple):
    questions: tuple
    answer: Answer


def rows_of(table):
    """`question|question = long = short` -> Row. Questions are in small letters and without their mark."""
    rows = []
    for line in table.strip().splitlines():
        questions, long, short = line.split(" = ")
        rows.append(Row(tuple(questions.split("|")), Answer(long, short)))
    return rows
