"""Which pairs of answers are good enough to learn from."""

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# The telegraph answer's tokens over the comprehensive one's.
MAX_TOKEN_RATIO = 0.4
# So many characters at the beginning of an answer are where a refusal stands.
REFUSAL_CHARS = 160
REFUSAL = re.compile(
    r"\bI(?:'m| am) sorry\b|\bI (?:cannot|can't|can not|won't|am unable to|'m unable to|am not able to|'m not able to) (?:help|assist|comply|answer|provide|fulfil|do that|discuss|create|write)"
    r"|\bas an AI\b|\bI must (?:decline|refuse)\b|\b(?:against|violates) (?:my|our|the) (?:policy|policies|guidelines)"
    r"|^(?:cannot|can't|unable to) (?:help|assist|comply|answer|provide|fulfil)"
    r"|\bEs tut mir leid\b|\bich kann (?:dir|Ihnen) dabei nicht\b|\bje suis désolé|\bje ne peux pas\b|\blo siento\b|\bno puedo ayudar|\bmi dispiace\b|对不起|抱歉|我无法|申し訳",
    re.I,
)
# A language is another one only when it is this likely, and that of the comprehensive answer at most this part of it: telegrams are short.
SURE, UNLIKELY_PART = 0.5, 0.1


def is_refusal(answer):
    return REFUSAL.search(answer[:REFUSAL_CHARS].replace("’", "'")) is not None


@cache
def _identifier():
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _prose(text):
    """Without code, which has no language."""
    return re.sub(r"```.*?(```|$)|`[^`]*`", " ", text, flags=re.S)


def is_other_language(comprehensive, telegraph):
    expected, _ = _identifier().classify(_prose(comprehensive))
    ranked = _identifier().rank(_prose(telegraph))
    found, likelihood = ranked[0]
    return found != expected and likelihood >= SURE and dict(ranked)[expected] < UNLIKELY_PART * likelihood


def reason_to_drop(comprehensive, telegraph, num_tokens):
    """Completions of both styles -> why not to learn from them, or None. num_tokens: of a text, for the model that learns."""
    if not comprehensive.text or not telegraph.text:
        return "empty"
    if comprehensive.is_cut or telegraph.is_cut:
        return "cut off"
    if is_refusal(comprehensive.text) or is_refusal(telegraph.text):
        return "refusal"
    if num_tokens(telegraph.text) > MAX_TOKEN_RATIO * num_tokens(comprehensive.text):
        return "telegraph too long"
    if is_other_language(comprehensive.text, telegraph.text):
        return "other language"
    return None
