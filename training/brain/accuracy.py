"""Whether an answer is right: by texts that it must contain, or by a judge."""

import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from training.brain.teacher import judged


def plain(text):
    """Without case, punctuation and the commas of large numbers."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(c if c.isalnum() or c in "+-" else " " for c in text).split())


def contains(answer, reference):
    """As whole words, where words have spaces between them: 4 is not in 14, 京 is in 東京."""
    wanted = plain(reference)
    return bool(wanted) and re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])", plain(answer)) is not None


def by_references(rows):
    """True, False, or None where there is no reference."""
    return [any(contains(row["answer"], reference) for reference in row["references"]) if row.get("references") else None for row in rows]


def by_judge(endpoint, rows, concurrency):
    """True or False; None where the judge said neither yes nor no."""
    def verdict(row):
        said = endpoint.complete(judged(row["question"], row["comprehensive"], row["answer"]), 16, temperature=0).text.casefold()
        return {"yes": True, "no": False}.get(re.sub(r"\W.*", "", said.strip(), flags=re.S))

    with ThreadPoolExecutor(concurrency) as threads:
        return list(threads.map(verdict, rows))
