"""Wordings for the evaluation only. Nothing under `training/generator` may import this module."""

CAPITAL = [
    "Which city serves as the capital of {c}?", "Would you mind telling me {c}'s capital?", "I keep forgetting the capital city of {c}. Which is it?",
    "Quiz time: name the capital that belongs to {c}.", "A friend asked me for the capital of {c}; what should I answer?",
    "Please state the capital of {c}.", "Do you happen to know what the capital of {c} might be?", "Capital of the country {c}?",
]
CONTINENT = [
    "Which continent would I travel to if I visited {c}?", "Please state the continent that {c} lies on.", "On a globe, on which continent do I look for {c}?",
    "Do you happen to know which continent {c} is on?",
]
CURRENCY = [
    "If I travel to {c}, which currency should I bring?", "Please state the currency of {c}.", "Do you happen to know which currency is used in {c}?",
    "What is the official currency of {c}?", "In which currency are prices given in {c}?",
]
TERM = [
    "Would you kindly explain {t}?", "My colleague mentioned {t}. What is that?", "How would you define {t} in a few words?", "Please describe what {t} is.",
    "I am new to this: what does {t} mean?", "Could you briefly tell me about {t}?",
]
UNIT = [
    "Do you happen to know how many {s} are in {a}?", "Please tell me how many {s} make up {a}.", "If I have {a}, how many {s} is that?",
    "How many {s} would {a} be?",
]
CONVERSION = ["Please give me {n} {p} in {s}.", "If I have {n} {p}, how many {s} is that?", "How many {s} would {n} {p} be?"]
LIST = ["Would you mention {n} {l} for me?", "Can you come up with {n} {l}?", "Please provide {n} {l}.", "I am looking for {n} {l}, any ideas?"]
STORY = ["Would you tell me a nice story with {h} in it?", "Please come up with a story about {h}.", "My child wants a story about {h}."]

PLUS = ["Please add up {a} and {b}.", "What is the result of {a} + {b}?", "How much do {a} and {b} make together?", "Could you work out {a} plus {b} for me?",
        "{a} + {b} equals what?"]
MINUS = ["What is the result of {a} - {b}?", "What remains if I subtract {b} from {a}?", "Could you work out {a} minus {b} for me?", "{a} - {b} equals what?"]
TIMES = ["What is the result of {a} * {b}?", "Could you work out {a} times {b} for me?", "{a} * {b} equals what?", "What is {a} multiplied by {b}?"]

# First wording of a row in the generator's tables -> wordings that are not in it.
USAGE = {
    "what is millrace": ["What exactly is this Millrace thing?", "Give me a short description of Millrace."],
    "how do i start millrace": ["What must I type to start Millrace?", "Which npm command brings the server up?"],
    "which port does millrace use": ["At which port can I reach the Millrace server by default?", "The server listens on which port unless I change it?"],
    "how do i change the port": ["How do I make Millrace listen on another port?", "Port 8000 does not suit me. How can I use a different port?"],
    "how do i change the host": ["How can I make the server bind to a different host?"],
    "which address does millrace bind to": ["On what address does Millrace listen if I set nothing?"],
    "how do i run the tests": ["What must I type to run the test suite?"],
    "what does --device do": ["What is the meaning of the flag --device?", "What can I do with --device?"],
    "what does --max-model-len do": ["What is the meaning of the flag --max-model-len?", "What can I do with --max-model-len?"],
    "what does --kv-cache-memory do": ["What is the meaning of the flag --kv-cache-memory?", "What can I do with --kv-cache-memory?"],
    "what does --api-key do": ["What is the meaning of the flag --api-key?", "What can I do with --api-key?"],
    "what does --max-num-seqs do": ["What is the meaning of the flag --max-num-seqs?"],
    "what does --max-batch-tokens do": ["What is the meaning of the flag --max-batch-tokens?"],
    "what does --served-model-name do": ["What is the meaning of the flag --served-model-name?"],
    "what does --threads do": ["What is the meaning of the flag --threads?", "How can I set how many CPU threads are used?"],
    "what does --device-map do": ["What is the meaning of the flag --device-map?"],
    "what does millrace chat do": ["What happens if I type millrace chat?", "I want to chat with a model in my terminal. Which command is that?"],
    "what does millrace serve do": ["What happens if I type millrace serve?"],
    "what does millrace generate do": ["What happens if I type millrace generate?"],
    "what does millrace inspect do": ["What happens if I type millrace inspect?"],
    "what does millrace devices do": ["What happens if I type millrace devices?"],
    "which commands does millrace have": ["What are all the commands of millrace?", "Which commands can I give to millrace?"],
    "which api does millrace offer": ["Does Millrace have an API like OpenAI's?", "Will my openai client work with Millrace?"],
    "which endpoint is for chat": ["To which endpoint do I post chat completions?", "What is the path of the chat completions endpoint?"],
    "which endpoint is for plain completions": ["What is the path of the text completions endpoint?"],
    "which endpoint lists the models": ["What is the path that lists the models?"],
    "which endpoint shows health": ["What is the path of the health check?", "How do I know that the server is ready?"],
    "which endpoint shows the version": ["What is the path of the version endpoint?"],
    "which model formats does millrace load": ["Which model file formats does Millrace understand?", "Can I load GGUF or safetensors files?"],
    "which architectures does millrace support": ["Which model architectures can Millrace run?"],
    "which weight types are supported": ["Which weight types can Millrace read?"],
    "how do i load my own model": ["I have my own model in a folder. How do I use it?"],
    "how do i download a model from hugging face": ["Can Millrace get a model from Hugging Face for me?"],
    "how do i download a private model": ["What should HF_TOKEN contain?"],
    "what is HF_ENDPOINT for": ["What should HF_ENDPOINT contain?"],
    "which environment variables does millrace read": ["What environment variables does Millrace know?"],
    "what license does millrace have": ["Which open source licence does Millrace use?"],
    "in which languages is millrace written": ["Which programming languages is Millrace made with?"],
    "which node version do i need": ["How new must my Node.js be for Millrace?"],
    "what do i need to build millrace": ["What do I have to install before I can build Millrace?"],
    "does millrace need a gpu": ["Will Millrace work if I have no GPU?", "Do I have to own a GPU?"],
    "how large is a kv block in millrace": ["How many tokens does one KV block hold in Millrace?"],
    "is prefix caching on in millrace": ["Is prefix caching active without any flag?"],
    "does millrace stream": ["Is it possible to stream the tokens?"],
    "how do i use millrace in a node program": ["How can I embed the Millrace engine in my Node.js program?"],
    "what happens when the port is in use": ["Port 8000 is already in use. What can I do?"],
    "what if the prompt is too long": ["What should I do when my prompt is too long?"],
    "what if a model does not fit in memory": ["What happens if the model does not fit into memory?"],
    "how do i get help for the commands": ["Which flag prints help for a command?"],
    "what happens when a client disconnects": ["What happens to a request when its client disconnects?"],
    "what happens when memory for the kv cache runs out": ["What does Millrace do when the KV blocks are used up?"],
    "which order does millrace serve requests in": ["In what order are requests served by Millrace?"],
}
SCIENCE = {
    "at what temperature does water boil": ["Water starts to boil at what temperature?"],
    "at what temperature does water freeze": ["Water starts to freeze at what temperature?"],
    "what is the speed of light": ["How fast does light move through space?"],
    "what is the speed of sound": ["How fast does sound move through the air?"],
    "what is the formula of water": ["Which chemical formula does water have?"],
    "what is the formula of table salt": ["Which chemical formula does salt have?"],
    "what is photosynthesis": ["Could you explain what photosynthesis is?"],
    "what is gravity": ["Could you explain what gravity is?"],
    "what is an atom": ["Could you explain what an atom is?"],
    "what is a molecule": ["Could you explain what a molecule is?"],
    "what is the largest planet": ["Of all the planets, which one is the largest?"],
    "what is the smallest planet": ["Of all the planets, which one is the smallest?"],
    "which planet has rings": ["Which of the planets is famous for rings?"],
    "which planet is called the red planet": ["Which planet do people call the red planet?"],
    "how many planets are there": ["How many planets are in our solar system?"],
    "what is the sun": ["What kind of thing is the sun?"],
    "what is the moon": ["What kind of thing is the moon?"],
    "what is the largest ocean": ["Of all the oceans, which one is the largest?"],
    "what is the highest mountain": ["Of all the mountains, which one is the highest?"],
    "what is the largest continent": ["Of all the continents, which one is the largest?"],
    "what is the largest animal": ["Of all the animals, which one is the largest?"],
    "what is the fastest land animal": ["Of all the land animals, which one is the fastest?"],
    "what is the tallest animal": ["Of all the animals, which one is the tallest?"],
    "how many legs does a spider have": ["A spider walks on how many legs?"],
    "how many legs does an insect have": ["An insect walks on how many legs?"],
    "how many bones does a human have": ["How many bones does an adult have?"],
    "what does the heart do": ["What is the task of the heart?"],
    "what do lungs do": ["What is the task of the lungs?"],
    "what is the unit of force": ["Which unit is used for force?"],
    "what is the unit of energy": ["Which unit is used for energy?"],
    "what is the unit of power": ["Which unit is used for power?"],
    "what is the unit of voltage": ["Which unit is used for voltage?"],
    "what is the unit of frequency": ["Which unit is used for frequency?"],
    "what is pi": ["Roughly what is the value of pi?"],
    "how many sides does a triangle have": ["A triangle has how many sides?"],
    "how many sides does a hexagon have": ["A hexagon has how many sides?"],
    "how many degrees does a right angle have": ["How many degrees is a right angle?"],
    "how many letters are in the alphabet": ["How many letters make up the English alphabet?"],
    "what do bees make": ["What food do bees make for us?"],
    "what is the hardest natural material": ["Of all natural materials, which is the hardest?"],
    "which metal is liquid at room temperature": ["Which of the metals is liquid at room temperature?"],
    "what gas do we breathe": ["Which gas do we need to breathe?"],
    "what is most of the air": ["Air is made mostly of which gas?"],
    "what are the three states of matter": ["Which are the three states of matter?"],
}
CALENDAR = {
    "how many days are in a leap year": ["How many days does a leap year have?"],
    "what is a leap year": ["Could you explain what a leap year is?"],
    "how many seasons are there": ["Which four seasons does a year have?"],
    "which month is the shortest": ["Of all the months, which one is the shortest?"],
    "when is new year": ["On what date is New Year's Day?"],
    "when is christmas": ["On what date is Christmas?"],
    "which days are the weekend": ["Which two days make up the weekend?"],
    "how many seconds are in an hour": ["How many seconds does an hour have?"],
    "how many hours are in a week": ["How many hours does a week have?"],
}
MONTH_DAYS = ["Would you tell me how many days {m} has?", "{m} lasts how many days?"]
NEXT_MONTH = ["Which month follows {m}?", "Would you tell me which month comes after {m}?"]
OPPOSITE = ["Would you tell me the opposite of {a}?", "Which word means the contrary of {a}?"]
SYMBOL = ["Would you tell me the chemical symbol for {a}?", "Which chemical symbol stands for {a}?"]

IDENTITY = ["Would you tell me who you are?", "Hi! Who am I chatting with?", "Please introduce yourself to me.", "What kind of AI are you?", "Can you say what model you are?",
            "Are you some kind of ChatGPT?", "Are you a real person?", "So which model is answering me?"]
GREETINGS = ["Hello, nice to see you", "Hi model", "Good morning to you", "A warm hello to you!"]

MY_NAME = ["Hello! I go by {n}.", "Nice to meet you, my name is {n}.", "Just so you know, I am {n}."]
WHOSE_NAME = ["Would you tell me my name?", "Do you still remember my name?", "So what is my name then?"]
ITS = {"capital": ["And what would its capital be?", "Which city is the capital there?"],
       "currency": ["And which currency do people use there?", "And what about the currency?"],
       "continent": ["And on what continent is it?", "And which continent does it belong to?"]}
ANOTHER = ["And what about the one of {c}?", "What would it be for {c}?", "And in the case of {c}?"]
FIRST = ["Can you tell me what I asked first?", "Which question did I ask you first?"]
MY_LIKE = ["I should mention that my favourite {k} is {v}.", "By the way, {v} is my favourite {k}."]
WHICH_LIKE = ["Would you tell me my favourite {k}?", "Do you still know my favourite {k}?"]
MORE_SUM = {"+": ["And what if I add {s} to it?", "Please add {s} more."], "-": ["And what if I take {s} from it?", "Please take {s} off."]}

# Real countries, real people and topics, and invented terms that the corpus never mentions.
UNKNOWN_COUNTRIES = ["Bulgaria", "Malta", "Bhutan", "Togo", "Guyana", "Brunei", "Djibouti", "Zimbabwe", "Belize", "Gambia", "Benin", "Botswana", "Tajikistan",
                     "Sri Lanka", "Marshall Islands", "Solomon Islands", "Atlantis", "Narnia", "Mordor", "Wakanda", "Westeros"]
UNKNOWN_TERMS = ["hydro caching", "paper attention", "silver decoding", "wobble batching", "glass parallelism", "moonlight sampling", "ladder quantisation"]
OUTSIDE = [
    "Who composed the Fifth Symphony?", "Who was Marie Curie?", "What did Stephen Hawking study?", "When was Shakespeare born?", "Who is Taylor Swift?",
    "Who wrote The Great Gatsby?", "What is the plot of The Lord of the Rings?", "Who directed Inception?", "Who sang Bohemian Rhapsody?",
    "When did the Second World War end?", "What caused the American Civil War?", "Who won the Tour de France?", "Who built the Eiffel Tower?",
    "How many people live in Manchester?", "What can tourists see in Seville?", "What is the weather like in Helsinki tomorrow?", "Who is the prime minister of Norway?",
    "What does Nintendo sell?", "Who started the company Nokia?", "What is the share price of Nvidia?", "How do I bake a carrot cake?", "What is the recipe for tiramisu?",
    "How long should I boil an egg?", "Write a Scala program that prints primes.", "How do I write a loop in Fortran?", "What are the symptoms of pneumonia?",
    "Which medicine helps against migraine?", "Translate candle into Italian.", "How do you say umbrella in Spanish?", "What does sayonara mean?",
    "Which stocks will rise next year?", "Tell me the latest football results.", "Who will be the next president?", "How do I train for a marathon?",
    "What should I cook for dinner?", "Can you plan a trip to the mountains?", "How do I remove a wine stain?", "Why is the sea salty?", "How do magnets work?",
    "Which films are in the cinema this week?", "How do I change a flat tyre?", "Write a song about autumn.", "What is the deepest point of the ocean?",
    "Who discovered America?", "What is existentialism?", "How do I apply for a visa?", "Is my landlord allowed to do that?", "What is dark matter?",
]
BEYOND = ["What is {x} plus {y}, please?", "Could you divide {x} by {s}?", "What do I get for {x} times {y}?"]
