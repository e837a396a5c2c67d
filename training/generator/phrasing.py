"""The wordings of a question, and the ways people type them."""

import re

# {np} is a noun phrase: "the capital of France".
NOUN_FRAMES = [
    "what is {np}", "what's {np}", "tell me {np}", "can you tell me {np}", "could you tell me {np}", "do you know {np}",
    "i want to know {np}", "i would like to know {np}", "i need {np}", "i need to know {np}", "give me {np}", "name {np}",
    "{np}", "{np} is what", "what would be {np}", "say {np}", "let me know {np}", "i am looking for {np}", "i forgot {np}",
    "remind me of {np}", "remind me what {np} is", "do you know what {np} is", "can you say what {np} is", "tell me what {np} is",
    "i wonder what {np} is", "any idea what {np} is", "question: {np}", "{np} =", "help me with {np}", "what do you know about {np}",
    "what was {np} again", "may i ask {np}", "would you know {np}", "could you give me {np}", "can i have {np}", "please write down {np}",
    "what do we call {np}", "how about {np}", "i am after {np}", "i have to find out {np}", "let us talk about {np}", "think of {np}", "what might be {np}",
    "try to recall {np}", "{np}, what is it", "{np}? i forgot it", "{np}, which one is it", "which is {np}", "so what is {np}", "{np} please", "i must know {np}",
    "what should i write for {np}", "what do i answer for {np}", "what is called {np}", "tell us {np}", "would you say {np}", "who knows {np}", "{np}, do you know it", "show me {np}", "find {np}", "answer me: what is {np}", "what exactly is {np}",
]

# Polite openings and verbs in all combinations.
NOUN_FRAMES += [f"{opening} {verb} {{np}}" for opening in ("can you", "could you", "can somebody", "would anybody", "are you able to", "i want you to", "try to", "i ask you to")
                for verb in ("name", "give me", "look up", "recall", "write down", "find", "explain", "report", "send me", "say", "show us", "work out", "note down")]
NOUN_FRAMES += [f"{verb} {{np}}{tail}" for verb in ("i need", "i want", "i am interested in", "my question is about", "i have forgotten", "i am asking for", "we need", "we are looking for", "tell us")
                for tail in (" now", " today", ", if you can", " for my notes", " in this case", ", do you have it", ", thank you", " once more")]

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
    "{t} explained", "meaning of {t}", "could you describe {t}", "how do you define {t}", "somebody mentioned {t}, what is it", "i read about {t}, explain it",
    "what should i know about {t}", "what does one call {t}", "give me the idea of {t}", "please tell me what {t} means", "what is {t}, in a few words",
    "a few words about {t}, please", "i keep hearing about {t}", "can you say what {t} is", "what do you understand by {t}", "summarise {t}", "{t}? please explain",
    "what is behind {t}", "i am learning about {t}", "introduce me to {t}", "what does {t} do", "tell a beginner about {t}", "let us talk about {t}",
    "would you explain {t}", "is {t} important, and what is it", "what can you tell me about {t}", "explain the term {t}", "describe {t} briefly", "{t}: what is it", "please define the term {t}", "what does the term {t} mean", "who can explain {t}",
]

TERM_FRAMES += [f"{opening} {verb} {{t}}" for opening in ("can you", "could you", "can somebody", "i want you to", "try to", "are you able to", "let us")
                for verb in ("explain", "define", "describe", "talk about", "clarify", "sum up", "introduce", "outline", "say a word about", "look at")]
TERM_FRAMES += [f"{who} {verb} {{t}}{tail}" for who in ("my boss", "a friend", "the article", "the manual", "somebody", "the team") for verb in ("talks about", "mentions", "asks about", "uses")
                for tail in (", what is it", ", what does that mean", ", please explain")]

# {q} is a whole question.
QUESTION_FRAMES = [
    "{q}", "{q}", "{q}", "{q}", "{q}", "{q}", "tell me, {q}", "please tell me: {q}", "quick question: {q}", "i have a question: {q}",
    "can you tell me {q}", "could you tell me {q}", "do you know {q}", "i want to know {q}", "i would like to know {q}", "hey, {q}",
    "so, {q}", "and {q}", "now, {q}", "well, {q}", "hello, {q}", "next question: {q}", "answer this: {q}", "i wonder {q}",
    "my question is: {q}", "one more question: {q}", "excuse me, {q}", "sorry, {q}", "a question: {q}", "help me: {q}",
    "i am curious: {q}", "any idea {q}", "let me ask: {q}", "for my notes: {q}",
]

# Sentences that come before a question, as in "I am preparing a test. What is ...?"
LEAD_SENTENCES = [
    "I am preparing a test", "I have a small question", "I am writing a report", "I am doing a crossword", "I need this for school", "I read about this today",
    "I was thinking about something", "I could not find this", "We are playing a game", "This has been on my mind", "My sister wants to know this",
    "My boss asked me this", "A student asked me", "Somebody asked me this yesterday", "I always mix this up", "Here comes an easy one", "Here is another one",
    "Let us try something", "I hope you can help", "You may know this", "I am a beginner", "Sorry to bother you", "I would like to learn something",
    "Let me test you", "I am curious", "This is for a friend", "There is one thing i never learned", "I want to check something", "It is a short question",
    "I am not sure about this", "Help me out here", "Time for a question", "Thanks for your help so far", "I have been told that you know things",
    "My daughter has homework", "We had an argument about this at home", "I am making a poster", "In class we talked about this", "I lost my notes",
    "Do not laugh", "One question before lunch", "I will ask you something", "I saw this in a book", "Please be honest", "Give me a straight answer",
]
# Clauses in which a whole question is embedded.
LEAD_CLAUSES = [
    "for a test i need to know", "my teacher asked me", "my brother wants to know", "our team wonders", "somebody wants to know", "they asked me",
    "i was asked", "i am wondering", "i have always wondered", "i am not certain", "i cannot remember", "i never know", "it would help to know",
    "the question is", "the next thing i want to know is", "what i need is this:", "first things first:", "here is my question:", "a riddle for you:",
    "from the quiz:", "question number three:", "what would you answer to this:", "let me know", "explain to me", "could i ask", "may i ask",
    "would you know", "can somebody tell me", "i must find out", "i am trying to find out", "i hope you know", "i bet you know", "surely you know",
    "if i asked you", "suppose somebody asks", "the exam says:", "my notes do not say", "on my list is this:", "the customer asks:",
]
TRAILING = [
    "i need it for a test", "my friend asked me", "i cannot remember", "i always forget it", "that is my question", "it is for school", "i would be glad to know",
    "just the short answer", "one sentence is enough", "i hope you can tell me", "tell me if you know", "i am curious", "we are playing a game",
    "that would help me", "i never learned it", "no hurry", "a short answer will do", "i have no idea", "it is for a crossword", "what would you say",
    "what do you think", "what is the answer", "what do i write", "what should i say", "which is it", "do you have the answer", "can you help", "that is all i need",
]

# The words of all of these, for texts without sense.
CONTEXT_WORDS = sorted({word.strip(",.:") for line in LEAD_SENTENCES + LEAD_CLAUSES + TRAILING for word in line.split()})

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


# The tables of questions are in small letters; people write these so, unless they write everything small.
PROPER = {word.lower(): word for word in """Millrace KV GPU CPU API URL HTTP CLI GGUF OpenAI Node Qwen3 Qwen Llama Mistral C++ C++20 TypeScript JavaScript
BF16 RAM IP Earth Sun Moon Mars English Christmas Celsius H2O CO2 NaCl ChatGPT GPT-4 Claude Gemini German French Spanish Italian I""".split()}
PROPER_PHRASES = {"hugging face": "Hugging Face", "node.js": "Node.js", "new year": "New Year"}


def proper_case(question):
    """A question from a table with its names in capitals, but for commands such as `millrace chat`."""
    for small, proper in PROPER_PHRASES.items():
        question = question.replace(small, proper)
    words = question.split(" ")
    for i, word in enumerate(words):
        bare = word.rstrip(",.:?'s") if word.endswith("'s") else word.rstrip(",.:?")
        following = words[i + 1].rstrip(",.:?") if i + 1 < len(words) else ""
        if bare == "millrace" and following in ("chat", "serve", "generate", "inspect", "devices"):
            continue
        if bare in PROPER:
            words[i] = PROPER[bare] + word[len(bare):]
    return " ".join(words)


def capital_first(text):
    return text[:1].upper() + text[1:]


# Small words that people put in or leave out: without such noise, any unusual word makes the model refuse.
FILLERS = ["actually", "exactly", "really", "again", "usually", "basically", "perhaps", "maybe", "simply", "just", "in fact", "of course", "then", "here",
           "possibly", "truly", "precisely", "commonly", "normally", "generally", "indeed", "now", "well", "once more", "in general", "honestly", "these days",
           "nowadays", "at present", "overall", "in reality", "by chance", "in your opinion", "as far as you know", "more or less", "for sure"]
ADJECTIVES = ["present", "actual", "real", "correct", "right", "usual", "proper", "current", "true", "known", "common", "exact", "famous", "full", "own", "simple",
              "good", "today's", "best", "lovely", "small", "important", "interesting", "typical", "ordinary", "basic", "clear", "brief", "quick", "plain", "valid"]
DROPPABLE = {"the", "a", "an", "is", "are", "do", "does", "me", "what", "which", "of", "please", "can", "you", "i", "in", "it"}


def disturb(rng, question):
    """The question with a small word more or less, or with a slip of the keyboard."""
    words = question.split(" ")
    roll = rng.random()
    if roll < 0.4:
        words.insert(rng.randint(0, len(words)), rng.choice(FILLERS))
    elif roll < 0.65:
        places = [i + 1 for i, word in enumerate(words) if word.lower() in ("the", "a")]
        if places:
            words.insert(rng.choice(places), rng.choice(ADJECTIVES))
    elif roll < 0.85:
        places = [i for i, word in enumerate(words) if word.lower() in DROPPABLE]
        if places and len(words) > 3:
            del words[rng.choice(places)]
    else:
        places = [i for i, word in enumerate(words) if word.isalpha() and word.islower() and 3 < len(word)]
        if places:
            i = rng.choice(places)
            at = rng.randint(1, len(words[i]) - 2)
            words[i] = words[i][:at] + words[i][at + 1] + words[i][at] + words[i][at + 2 :]
    return " ".join(words)


def surround(rng, question):
    """The question with a sentence or clause around it."""
    roll = rng.random()
    if roll < 0.35:
        return f"{rng.choice(LEAD_SENTENCES)}{rng.choice(['.', '.', ':', ','])} {capital_first(question) if rng.random() < 0.6 else question}"
    if roll < 0.65:
        return f"{rng.choice(LEAD_CLAUSES)} {question}"
    return f"{question}{rng.choice(['? ', '. ', ', ', '; ', ' - '])}{rng.choice(TRAILING)}"


def dress(rng, question, polite=True):
    """A question as somebody might type it: politeness, casing, punctuation."""
    text = disturb(rng, question) if polite and rng.random() < 0.25 else question
    if polite and rng.random() < 0.22:
        text, polite = surround(rng, text), False
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


_ASKED_NOUNS = re.compile(r"(?:what is|what are|which is|what was|tell me|name) (the .+)|(the .+)")
_ASKED_TERMS = re.compile(r"(?:what is|explain|what are|describe|define|tell me about) ((?:an? |--|ERR_)?[\w ./-]+)")
_NOT_NOUNS = re.compile(r".*( is | are |, )")
_NOT_TERMS = re.compile(r" (for|made|in|measured|written|called|used|needed|frozen|from)\b| (is|are) .* (is|are) ")


def ask_any(rng, question):
    """A question from a table: where it asks for a thing by name, often in the frames for such things."""
    roll = rng.random()
    if roll < 0.45 and (found := _ASKED_NOUNS.fullmatch(question)) and not _NOT_NOUNS.match(noun := found[1] or found[2]):
        return dress(rng, rng.choice(NOUN_FRAMES).format(np=noun))
    if roll < 0.45 and question.count(" ") < 5 and (found := _ASKED_TERMS.fullmatch(question)) and not _NOT_TERMS.search(question):
        return dress(rng, rng.choice(TERM_FRAMES).format(t=found[1]))
    return ask(rng, question)


def ask(rng, question):
    """A whole question in one of the question frames, dressed."""
    return dress(rng, rng.choice(QUESTION_FRAMES).format(q=question))
