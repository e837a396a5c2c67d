"""Short stories from a small grammar: who, where, what is lost, who helps."""

from training.generator.data.chat import NAMES
from training.generator.data.tables import Answer
from training.generator.facts import with_article
from training.generator.phrasing import dress
from training.generator.styles import Turn

HEROES = ["fox", "rabbit", "bear", "mouse", "owl", "cat", "dog", "robot", "dragon", "princess", "knight", "boy", "girl", "sailor",
          "wizard", "frog", "hedgehog", "penguin", "elephant", "baker", "squirrel", "turtle", "king", "farmer", "astronaut"]
QUALITIES = ["small", "brave", "curious", "shy", "clever", "lazy", "kind", "lonely", "cheerful", "old"]
PLACES = ["a green forest", "a quiet village", "a tall tower", "a house by the sea", "a deep valley", "an old mill by a river",
          "a snowy mountain", "a busy town", "a little island", "a garden full of flowers"]
THINGS = ["a golden key", "a red hat", "a shiny stone", "an old map", "a silver bell", "a blue lamp", "a letter", "a small boat",
          "a warm coat", "a bag of seeds"]
WHERE = ["under a bridge", "behind a big rock", "in the tall grass", "at the bottom of a well", "in a hollow tree", "near the river",
         "on top of a hill", "beside an old wall"]
HELPERS = ["bird", "neighbour", "butterfly", "wise owl", "little ant", "friendly horse", "old woman", "young deer"]
ENDINGS = ["From that day on they were friends.", "And they lived happily ever after.", "That night everyone slept well.",
           "They danced until the moon came up.", "And that was the best day of the year.", "The end."]

STORY_QUESTIONS = [
    "tell me a story about {h}", "tell me a short story about {h}", "write a story about {h}", "write a short story about {h}",
    "can you tell a story about {h}", "a story about {h}", "a short story about {h}", "i want a story about {h}", "make up a story about {h}",
    "please tell a story about {h}", "give me a story about {h}", "could you write a little story about {h}", "story about {h}",
    "tell us a tale about {h}", "tell a tale of {h}", "a tale about {h}", "i would like to hear a story about {h}", "read me a story about {h}",
    "invent a story about {h}", "do you know a story about {h}", "tell the children a story about {h}", "a bedtime story about {h}",
    "tell me a bedtime story about {h}", "write me a tiny story about {h}", "let me hear a story about {h}", "can i have a story about {h}",
    "i need a story about {h}", "think of a story about {h}", "start a story about {h}", "say a story about {h}",
]
ANY_STORY = ["tell me a story", "tell a story", "write a story", "a story", "tell me a short story", "i want to hear a story", "once upon a time",
             "can you tell stories", "make up a story", "a bedtime story", "write something short", "tell me a tale"]


def story(rng, hero):
    name, quality, place = rng.choice(NAMES), rng.choice(QUALITIES), rng.choice(PLACES)
    thing, where, helper = rng.choice(THINGS), rng.choice(WHERE), rng.choice(HELPERS)
    noun = thing.split(" ", 1)[1]
    opening = rng.choice(["Once upon a time", "Long ago", "One day", "Once"])
    lines = [f"{opening} there was {with_article(f'{quality} {hero}')} named {name}, who lived in {place}."]
    lines.append(rng.choice([
        f"{name} had {thing} and loved it very much, but one morning it was gone.",
        f"One morning {name} lost {thing} and was very sad.",
        f"{name} dreamed of finding {thing}.",
    ]))
    lines.append(rng.choice([
        f"A {helper} came by and helped to look for it.",
        f"{name} asked a {helper} for help.",
        f"On the way {name} met a {helper}, and they searched together.",
    ]).replace("A old", "An old").replace(" a old", " an old"))
    lines.append(f"At last they found the {noun} {where}.")
    lines.append(rng.choice(ENDINGS))
    short = f"{with_article(f'{quality} {hero}')} lost {thing} and found it {where}."
    return Answer(" ".join(lines), short[:1].upper() + short[1:])


def story_question(rng):
    if rng.random() < 0.2:
        return Turn(dress(rng, rng.choice(ANY_STORY)), story(rng, rng.choice(HEROES)))
    hero = rng.choice(HEROES)
    described = f"{rng.choice(QUALITIES)} {hero}" if rng.random() < 0.15 else hero
    return Turn(dress(rng, rng.choice(STORY_QUESTIONS).format(h=with_article(described))), story(rng, hero))


def story_text(rng):
    return story(rng, rng.choice(HEROES)).long + "\n"
