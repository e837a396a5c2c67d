"""Words for questions outside the model's world: things it must say that it does not know."""

_W = str.split

THINGS = _W("""bicycle guitar piano camera lamp chair table window door roof kitchen oven fridge kettle toaster sofa carpet mirror clock watch ring necklace
umbrella suitcase backpack wallet phone laptop printer keyboard television radio speaker headphone drone robot tractor truck motorcycle scooter skateboard sled boat canoe
sailboat submarine helicopter balloon rocket satellite bridge tunnel tower castle lighthouse windmill factory farm barn greenhouse garden fence gate well fountain statue
painting poster photo book novel poem diary newspaper magazine comic map globe pencil brush notebook envelope stamp coin banknote sword shield bow cannon drum trumpet
violin flute harp accordion puppet doll kite marble puzzle chessboard dice card tent lantern rope ladder bucket broom needle button zipper pillow blanket towel soap candle
match stove chimney radiator battery magnet spring gear pulley lever valve pump turbine generator antenna lens prism thermostat escalator elevator crane bulldozer""")
TOPICS = _W("""philosophy democracy inflation socialism capitalism feudalism stoicism buddhism hinduism islam christianity judaism mythology astrology psychology sociology
economics accounting marketing insurance taxation banking trade logistics agriculture forestry fishing mining tourism architecture sculpture ballet opera jazz blues
reggae karate judo yoga meditation boxing fencing archery cricket rugby baseball volleyball badminton surfing skiing skating climbing sailing origami knitting
weaving pottery calligraphy photography cinematography journalism linguistics poetry rhetoric logic ethics aesthetics law justice freedom love friendship courage
happiness anger jealousy grief boredom loneliness ambition wisdom intelligence consciousness sleep dreaming nutrition fitness medicine surgery dentistry nursing
pharmacy genetics virology botany zoology ecology geology volcanology meteorology oceanography palaeontology archaeology anthropology genealogy heraldry cryptography
blockchain bitcoin robotics relativity thermodynamics optics acoustics topology calculus algebra geometry statistics probability databases spreadsheets recycling
pollution deforestation overfishing migration urbanisation globalisation colonialism slavery nationalism imperialism pacifism""") + """rock music|folk music|quantum physics|string theory|game theory|chaos theory|set theory|web design|video games
social media|online shopping|electric cars|solar power|wind power|nuclear power|climate change|virtual reality|hip hop|operating systems""".replace("\n", "|").split("|")
SKILLS = """swim|dance|sing|cook|bake bread|draw a face|paint a wall|drive a car|ride a horse|ski|surf|juggle|whistle|knit a scarf|sew a button|play chess|play the guitar
play poker|write a novel|write a letter|write a will|buy a house|sell a car|rent a flat|find a job|ask for a raise|quit smoking|sleep better|wake up early|save money
invest money|pay taxes|open a shop|start a company|train a dog|feed a cat|grow tomatoes|plant a tree|mow the lawn|build a fence|build a house|fix a tap|fix a bicycle
change a bulb|clean a carpet|iron a shirt|remove a stain|wash wool|pack a bag|travel cheaply|book a hotel|catch a train|read a map|light a fire|catch a fish
climb a mountain|run faster|lose weight|build muscle|learn french|learn maths|make friends|give a speech|make coffee|brew beer|make cheese|cook rice|fry an egg
grill fish|cut onions|decorate a cake|make jam|open a bottle|tie a knot|fold a paper plane|take a photo|edit a film|make a website""".replace("\n", "|").split("|")
# What is asked of a known country, animal, element, month, planet, term or of Millrace, and is not known of it.
OF_COUNTRY = ["what is the population of {x}", "how many people live in {x}", "who is the president of {x}", "who is the king of {x}", "what language do people speak in {x}",
              "what is the national anthem of {x}", "what is the highest mountain of {x}", "what is the longest river of {x}", "how large is {x}", "what is the flag of {x}",
              "what do people eat in {x}", "what is the climate of {x}", "when did {x} become independent", "which countries border {x}", "what religion is common in {x}",
              "what is the weather in {x}", "what is the time in {x}", "how do i get to {x}", "do i need a visa for {x}", "what is the history of {x}", "what is {x} famous for",
              "who won the last election in {x}", "what is the area of {x}", "who is the prime minister of {x}", "what is the gdp of {x}", "how old is {x}", "what is the largest city of {x}",
              "what is the phone code of {x}", "on which side do people drive in {x}", "what are typical dishes of {x}", "who discovered {x}", "what is the national bird of {x}",
              "which sports are popular in {x}", "is {x} safe", "what does a beer cost in {x}", "who founded {x}", "what are the seasons in {x}", "how many islands has {x}"]
OF_ANIMAL = ["how long does a {x} live", "how fast is a {x}", "how much does a {x} weigh", "what do i feed a {x}", "how many eggs does a {x} lay", "where does a {x} sleep",
             "how intelligent is a {x}", "what colour is a {x}", "can a {x} swim", "how do i catch a {x}", "what is the latin name of the {x}", "how big is a {x}", "is a {x} dangerous"]
OF_ELEMENT = ["what is the melting point of {x}", "how dense is {x}", "how much does {x} cost", "who discovered {x}", "what is {x} used for", "how many protons has {x}", "is {x} poisonous",
              "what colour is {x}", "where is {x} found", "what is the boiling point of {x}", "what is the atomic mass of {x}"]
OF_PLANET = ["how far away is {x}", "how many moons has {x}", "how hot is {x}", "how large is {x}", "is there life on {x}", "who discovered {x}", "how long is a day on {x}", "what is the mass of {x}"]
OF_MONTH = ["who was born in {x}", "what flowers bloom in {x}", "what is the weather like in {x}", "where should i travel in {x}", "why is {x} called so", "what happened in {x}"]
OF_TERM = ["who invented {x}", "when was {x} invented", "which company sells {x}", "how much does {x} cost", "who uses {x}", "is {x} patented", "where can i buy {x}", "which book explains {x}"]
OF_THING = ["how do i repair a {x}", "who invented the {x}", "how much does a {x} cost", "where can i buy a {x}", "how does a {x} work", "what is the history of the {x}", "draw a {x}",
            "which {x} is the best", "how do i clean a {x}", "how heavy is a {x}", "what is a {x} made of", "what is a {x}", "how do i build a {x}", "how do i use a {x}", "what can i do with an old {x}",
            "write a poem about a {x}", "how do i sell a {x}", "is a {x} dangerous", "what size of {x} do i need", "how many {x}s are there in the world", "how long does a {x} last",
            "design a {x} for me", "what is the {x} in this picture", "who owns the largest {x}", "compare a {x} with another one"]
OF_TOPIC = ["who invented {x}", "write an essay about {x}", "why is {x} important", "what is the history of {x}", "which book about {x} is good", "who is the best in {x}",
            "what are the rules of {x}", "is {x} good for me", "how do i start with {x}", "what do you think of {x}", "where can i study {x}", "what are the dangers of {x}"]
OF_SKILL = ["how do i {x}", "how can i {x}", "teach me to {x}", "what do i need to {x}", "how do people {x}", "what is the best way to {x}", "can you help me to {x}", "how long does it take to {x}",
            "where can i learn to {x}", "why is it hard to {x}", "give me tips to {x}", "should i {x}", "what does it cost to {x}", "is it legal to {x}"]
FLAG_WORDS = _W("""max min fast slow cache model token batch gpu mode level size count path file host user data log trace debug safe retry limit queue group layer head
rank shard merge split drop keep warm cold page disk net proxy cert color theme lang time zone date mail push pull sync lock auto""")
COMMANDS = _W("bench train deploy merge convert upgrade update login logout share export tune search list stop pause install config plugin cluster migrate backup cache watch debug lint profile")
NOT_OPPOSITES = _W("table window music river paper seven Monday pencil tiger bread history number garden bottle planet coffee mountain engine")
PSEUDO_UNITS = _W("blorps zings florins cubits furlongs parsecs fathoms leagues drams carats knots bushels barrels grains scruples spans")
