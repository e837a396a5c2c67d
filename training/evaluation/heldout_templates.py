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

# Rows that ask for a flag, an error or a command by name get one of these.
FLAG = ["What is the meaning of the flag {x}?", "What can I do with {x}?", "Please describe the option {x}.", "In which case would I pass {x}?"]
ERROR = ["My log shows {x}. What went wrong?", "Which mistake leads to {x}?", "The server answered with {x}. Please help me understand it."]
UNKNOWN_FLAGS = ["--turbo-cache", "--gpu-layers", "--beam-width", "--lora-path", "--max-users", "--warm-start", "--trust-remote-code", "--swap-space", "--num-scheduler-steps", "--draft-model"]
UNKNOWN_ERRORS = ["ERR_TURBO_FAILED", "ERR_NO_LICENSE", "ERR_TOO_MANY_USERS", "ERR_COLD_CACHE", "ERR_BAD_COLOR"]

USAGE |= {
    "which policies are there": ["Which names can I give to --policy?"],
    "what does the adaptive policy do": ["What is taken into account by the adaptive policy?"],
    "what does the fcfs policy do": ["In what order does fcfs serve requests?"],
    "what does the sjf policy do": ["Which request does sjf serve first?"],
    "what does the network policy do": ["Which clients profit from the network policy?"],
    "what does millrace simulate do": ["What happens if I type millrace simulate?"],
    "what does millrace replay do": ["What happens if I type millrace replay?"],
    "which endpoint shows metrics": ["What is the path of the Prometheus metrics?"],
    "are prompts logged": ["Will my prompts end up in the log?"],
    "what is the default of --max-num-seqs": ["Unless I change it, how many sequences can run at once?"],
    "what is the default of --max-batch-tokens": ["Unless I change it, how many tokens may a step have?"],
    "what is the default policy": ["Which scheduling policy do I get if I do not choose one?"],
    "what is the default log level": ["How verbose is the log unless I change it?"],
    "which cuda cards work": ["Is my NVIDIA card new enough for Millrace?"],
    "how do i build for cuda": ["What must I type to build the CUDA plugin?"],
    "how do i run on a gpu": ["How can I make Millrace run on my GPU?"],
    "was millrace tested on a gpu": ["Did anybody run Millrace on a real GPU yet?"],
    "which cpus does millrace support": ["Which CPU instruction sets can Millrace use?"],
    "how do i stop the server": ["What is the right way to stop the Millrace server?"],
    "what does health say while loading": ["What does /health answer as long as the model loads?"],
    "what happens with unknown fields of a request": ["What does Millrace do with unknown fields in a request?"],
    "what is session_id for": ["What should I put into session_id?"],
    "what is the field slo for": ["What should I put into the field slo?"],
    "what is the field priority for": ["What should I put into the field priority?"],
    "what is cache_salt for": ["What should I put into cache_salt?"],
    "how do i register a tool": ["How can I make one of my functions a tool of the engine?"],
    "what happens when a tool fails": ["What becomes of a request when its tool fails?"],
    "how many tool rounds are there": ["What is the maximum of tool rounds in a request?"],
    "how does millrace predict answer lengths": ["What does the profiler of Millrace learn?"],
    "how do i abort a generation": ["What must I call to abort a generation?"],
    "how do i close the engine": ["What must I call to close the engine?"],
    "how do i get several answers": ["How can I receive several answers to one prompt?"],
    "what does finish_reason stop mean": ["My result has the finish reason stop. What is that?"],
    "what does finish_reason length mean": ["My result has the finish reason length. What is that?"],
    "how do i use the openai client": ["What base URL does the openai client need?"],
    "how do i send an api key": ["How must a client send its API key?"],
    "which variable holds the api key": ["What should MILLRACE_API_KEY contain?"],
    "can millrace run offline": ["What should HF_HUB_OFFLINE contain?"],
    "where are downloaded models kept": ["In which folder do downloaded models end up?"],
    "what happens when a download is interrupted": ["My download was interrupted. Must I begin anew?"],
    "what does int8 cost": ["How much worse are answers with int8?"],
    "what does int4 cost": ["How much worse are answers with int4?"],
    "does millrace support mixtures of experts": ["Will a mixture of experts load in Millrace?"],
    "does millrace support images": ["Will Millrace accept an image in a message?"],
    "what does /reset do in chat": ["What happens if I type /reset in the chat?"],
    "what does /system do in chat": ["What happens if I type /system in the chat?"],
    "how do i leave the chat": ["What must I type to leave the chat?"],
    "what does exit code 2 mean": ["The command ended with exit code 2. Why?"],
    "what is the embedded model": ["Could you describe the embedded model of Millrace?"],
}
SCIENCE |= {
    "what is the unit of length": ["Which unit is used for length?"],
    "what is the unit of mass": ["Which unit is used for mass?"],
    "what is the unit of pressure": ["Which unit is used for pressure?"],
    "what is the coldest temperature": ["How low can a temperature be?"],
    "what is the hottest planet": ["Of all the planets, which one is the hottest?"],
    "what is the nearest star": ["Of all the stars, which one is nearest to the Earth?"],
    "what causes the tides": ["What is responsible for the tides?"],
    "what causes day and night": ["What is responsible for day and night?"],
    "what causes the seasons": ["What is responsible for the seasons?"],
    "how long does light take from the sun": ["How many minutes does light travel from the Sun to us?"],
    "what is a cell": ["Could you explain what a cell is?"],
    "what is dna": ["Could you explain what DNA is?"],
    "what is evolution": ["Could you explain what evolution is?"],
    "what is a mammal": ["Could you explain what a mammal is?"],
    "what is a reptile": ["Could you explain what a reptile is?"],
    "what does the brain do": ["What is the task of the brain?"],
    "what does the stomach do": ["What is the task of the stomach?"],
    "what do kidneys do": ["What is the task of the kidneys?"],
    "how many teeth does an adult have": ["How many teeth are in the mouth of an adult?"],
    "how many hearts does an octopus have": ["How many hearts beat in an octopus?"],
    "how many strings does a violin have": ["A violin has how many strings?"],
    "how many strings does a guitar have": ["A guitar has how many strings?"],
    "how many keys does a piano have": ["A piano has how many keys?"],
    "how many players are in a football team": ["A football team has how many players?"],
    "how many squares does a chessboard have": ["A chessboard has how many squares?"],
    "how many colours does a rainbow have": ["A rainbow has how many colours?"],
    "how many cards are in a deck": ["A deck has how many cards?"],
    "how many sides does an octagon have": ["An octagon has how many sides?"],
    "what is a prime number": ["Could you explain what a prime number is?"],
    "what is the smallest prime": ["Of all prime numbers, which one is the smallest?"],
    "what is the longest river of africa": ["Of all the rivers of Africa, which one is the longest?"],
    "what is the largest hot desert": ["Of all the hot deserts, which one is the largest?"],
    "what is the largest country": ["Of all the countries, which one is the largest?"],
    "what is the smallest country": ["Of all the countries, which one is the smallest?"],
    "how many continents are there": ["How many continents make up the land of the Earth?"],
    "what is rust": ["Could you explain what rust is?"],
    "what is steel made of": ["What goes into steel?"],
    "what is bronze made of": ["What goes into bronze?"],
    "what is brass made of": ["What goes into brass?"],
    "what is glass made of": ["What goes into glass?"],
    "what is cheese made of": ["What goes into cheese?"],
    "what is bread made of": ["What goes into bread?"],
    "what do cows eat": ["What is on the menu of cows?"],
    "what do pandas eat": ["What is on the menu of pandas?"],
    "where do penguins live": ["In which part of the Earth are penguins at home?"],
    "where do polar bears live": ["In which part of the Earth are polar bears at home?"],
    "which bird cannot fly but runs fast": ["Of all the birds, which one is the largest?"],
    "which mammal can fly": ["Of all the mammals, which ones can fly?"],
    "what does a caterpillar become": ["Into which animal does a caterpillar change?"],
    "what does a thermometer measure": ["What can I measure with a thermometer?"],
    "what does a barometer measure": ["What can I measure with a barometer?"],
    "what does a compass show": ["To which side does the needle of a compass point?"],
}
CALENDAR |= {
    "how many days are in a year": ["How many days does a year have?"],
    "how many months are in a year": ["How many months does a year have?"],
    "how many days are in a week": ["How many days does a week have?"],
    "which months have 30 days": ["Which of the months last 30 days?"],
    "which months are summer": ["Which of the months belong to summer in the north?"],
    "when is halloween": ["On what date is Halloween?"],
    "when is valentine's day": ["On what date is Valentine's Day?"],
    "when is the longest day": ["On what date is the longest day in the north?"],
    "how many minutes are in a day": ["How many minutes does a day have?"],
    "how many seconds are in a day": ["How many seconds does a day have?"],
    "when is noon": ["At which hour is noon?"],
    "when is midnight": ["At which hour is midnight?"],
}
DIVIDE = ["What is the result of {a} / {b}?", "Could you work out {a} divided by {b} for me?", "{a} / {b} equals what?"]

# Tools: other names, descriptions and questions than the generator's.
TOOL_NAMES = {"weather": ["fetch_weather", "meteo"], "calculator": ["do_math", "arithmetic"], "search": ["query_web", "look_up"], "time": ["local_time", "time_at"]}
TOOL_DESCRIPTIONS = {"weather": "Tells how the weather is somewhere.", "calculator": "Works out arithmetic.", "search": "Looks something up on the web.", "time": "Tells how late it is somewhere."}
TOOL_ARGUMENTS = {"weather": ["city", "location"], "calculator": ["expression", "formula"], "search": ["query", "q"], "time": ["city", "location"]}
TOOL_QUESTIONS = {
    "weather": ["Could you check how the weather is in {x} today?", "What kind of weather do they have in {x}?", "Would I get wet in {x} right now?", "Please tell me if it is warm in {x}."],
    "time": ["Could you check what time it is in {x} at the moment?", "What would a clock in {x} show now?", "Please tell me how late it is in {x}."],
    "search": ["Could you search the internet for {x}, please?", "Please look up {x} on the web.", "I would like you to find something on {x}."],
}
TOOL_SUMS = {"+": ["Could you work out {a} plus {b} for me?", "Please add up {a} and {b}."], "-": ["Could you work out {a} minus {b} for me?", "{a} - {b} equals what?"],
             "*": ["Could you work out {a} times {b} for me?", "What is {a} multiplied by {b}?"], "/": ["Could you divide {a} by {b}?", "{a} / {b} equals what?"]}
TOOL_TWICE = {"weather": ["Could you check the weather for both {x} and {y}?", "Please tell me how the weather is in {x} as well as {y}."],
              "time": ["Could you check the time for both {x} and {y}?", "Please tell me how late it is in {x} as well as {y}."]}
TOOL_BOTH = ["Could you check both the weather and the time in {x}?", "For {x}, please tell me the weather and also how late it is."]
TOOL_CITIES = ["Bristol", "Toulouse", "Gdansk", "Varna", "Houston", "Zurich", "Adelaide", "Cork", "Lagos", "Porto", "Kyoto", "Dallas"]
TOOL_SUBJECTS = ["Marie Curie", "the Great Barrier Reef", "electric bikes", "Mount Fuji", "jazz festivals", "The Great Gatsby", "solar panels", "Taylor Swift", "old maps", "garden birds"]

JSON_BY_SCHEMA = ["Please answer in JSON according to this schema: {s}", "The answer has to be JSON for {s}"]
JSON_BY_KEYS = ["Please write JSON that has the keys {k}.", "I want JSON holding {k}."]
JSON_COUNTRY = ["Please describe {c} for my database.", "What should I store about {c}?"]
JSON_PERSON = ["A new member is {n}, {a} years old, of {c}.", "{n} from {c} has turned {a}."]
JSON_ORDER = ["The customer wants {q} {i} and offers {p} euros.", "Put {q} {i} for {p} euros on the list."]
JSON_MEETING = ["The lecture is on {d} and starts at {t}.", "Come to my office at {t} on {d}."]
JSON_NAMES = ["Nadia", "Gregor", "Philippa", "Tobias", "Mirela", "Jonas", "Esther", "Malik"]
