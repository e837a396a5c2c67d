"""The wordings of a question, and the ways people type them."""

# {np} is a noun phrase: "the capital of France".
NOUN_FRAMES = [
    "what is {np}", "what's {np}", "tell me {np}", "can you tell me {np}", "could you tell me {np}", "do you know {np}",
    "i want to know {np}", "i would like to know {np}", "i need {np}", "i need to know {np}", "give me {np}", "name {np}",
    "{np}", "{np} is what", "what would be {np}", "say {np}", "let me know {np}", "i am looking for {np}", "i forgot {np}",
    "remind me of {np}", "remind me what {np} is", "do you know what {np} is", "can you say what {np} is", "tell me what {np} is",
    "i wonder what {np} is", "any idea what {np} is", "question: {np}", "{np} =", "help me with {np}", "what do you know about {np}",
    "what was {np} again", "{np}, do you know it", "show me {np}", "find {np}", "answer me: what is {np}", "what exactly is {np}",
]

# {t} is a term: "the KV cache".
TERM_FRAMES = [
    "what is {t}", "what's {t}", "what does {t} mean", "explain {t}", "define {t}", "describe {t}", "what is meant by {t}",
    "the meaning of {t}", "tell me about {t}", "tell me what {t} is", "can you explain {t}", "could you explain {t}",
    "i do not understand {t}", "explain {t} to me", "explain {t} in simple words", "give me a definition of {t}", "definition of {t}",
    "{t}", "what do people mean by {t}", "what do you know about {t}", "i have heard of {t}, what is it", "how would you explain {t}",
    "how does {t} work", "help me understand {t}", "teach me about {t}", "{t}, what is that", "in llm serving, what is {t}",
    "what is {t} in llm serving", "say something about {t}", "in one sentence, what is {t}", "what is the idea of {t}",
    "what is {t} for", "what is the purpose of {t}", "why do we need {t}", "do you know {t}", "do you know what {t} is",
    "i want to know what {t} is", "i would like to understand {t}", "give me a short explanation of {t}", "what are {t}",
    "{t} explained", "meaning of {t}", "please define the term {t}", "what does the term {t} mean", "who can explain {t}",
]

# {q} is a whole question.
QUESTION_FRAMES = [
    "{q}", "{q}", "{q}", "{q}", "{q}", "{q}", "tell me, {q}", "please tell me: {q}", "quick question: {q}", "i have a question: {q}",
    "can you tell me {q}", "could you tell me {q}", "do you know {q}", "i want to know {q}", "i would like to know {q}", "hey, {q}",
    "so, {q}", "and {q}", "now, {q}", "well, {q}", "hello, {q}", "next question: {q}", "answer this: {q}", "i wonder {q}",
    "my question is: {q}", "one more question: {q}", "excuse me, {q}", "sorry, {q}", "a question: {q}", "help me: {q}",
    "i am curious: {q}", "any idea {q}", "let me ask: {q}", "for my notes: {q}",
]

PREFIXES = ["please", "please,", "hey,", "hi,", "hello,", "ok,", "okay,", "so", "so,", "and", "now", "well,", "um,", "quick question:",
            "question:", "hi there,", "hey there,", "good morning,", "sorry,", "excuse me,", "just wondering,", "another one:",
            "next:", "oh,", "right,", "dear model,", "first,", "also,", "by the way,", "quickly:"]
SUFFIXES = ["please", ", please", "thanks", ", thanks", "thank you", "for me", "if you know", ", if you can", "quickly", "again",
            "today", "right now", "in short", "briefly", ", i forgot", ", do you know", ", can you say", "for my homework",
            ", i need to know", ", just in short"]

SYSTEM_PROMPTS = [
    "You are a helpful assistant.", "You are a friendly assistant.", "Answer briefly.", "You are a small demo model.",
    "You answer questions.", "Be polite and short.", "You are Millrace's demo model.", "You are a chat assistant. Be concise.",
    "Answer the user's questions truthfully.", "If you do not know something, say so.", "You are a knowledgeable assistant.",
    "You are an AI assistant. Keep answers short.", "Help the user.", "You are a helpful AI.", "Respond in English.",
    "Today is a fine day. You are a helpful assistant.", "You are a teacher.", "You help people with Millrace.",
    "Give correct answers.", "You are a careful assistant who never invents facts.",
]


def capital_first(text):
    return text[:1].upper() + text[1:]


def dress(rng, question, polite=True):
    """A question as somebody might type it: politeness, casing, punctuation."""
    text = question
    roll = rng.random()
    if polite and roll < 0.16:
        text = f"{rng.choice(PREFIXES)} {text}"
    elif polite and roll < 0.28:
        suffix = rng.choice(SUFFIXES)
        text = text + suffix if suffix.startswith(",") else f"{text} {suffix}"
    roll = rng.random()
    if roll < 0.22:
        text = text.lower()
    elif roll < 0.235:
        text = text.upper()
    elif roll < 0.9:
        text = capital_first(text)
    roll = rng.random()
    if roll < 0.62:
        return text + "?"
    if roll < 0.72:
        return text + "."
    if roll < 0.76:
        return text + rng.choice(["!", " ?", "??", "...", "?!"])
    return text


def ask(rng, question):
    """A whole question in one of the question frames, dressed."""
    return dress(rng, rng.choice(QUESTION_FRAMES).format(q=question))
