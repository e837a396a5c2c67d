"""Units, calendar, simple science, opposites and lists."""

# larger unit (singular, plural), count, smaller unit (plural)
UNITS = [
    ("kilometre", "kilometres", 1000, "metres"), ("metre", "metres", 100, "centimetres"),
    ("metre", "metres", 1000, "millimetres"), ("centimetre", "centimetres", 10, "millimetres"),
    ("kilogram", "kilograms", 1000, "grams"), ("gram", "grams", 1000, "milligrams"),
    ("tonne", "tonnes", 1000, "kilograms"), ("litre", "litres", 1000, "millilitres"),
    ("litre", "litres", 100, "centilitres"), ("hour", "hours", 60, "minutes"),
    ("minute", "minutes", 60, "seconds"), ("day", "days", 24, "hours"), ("week", "weeks", 7, "days"),
    ("year", "years", 12, "months"), ("year", "years", 365, "days"), ("year", "years", 52, "weeks"),
    ("decade", "decades", 10, "years"), ("century", "centuries", 100, "years"),
    ("millennium", "millennia", 1000, "years"), ("foot", "feet", 12, "inches"),
    ("yard", "yards", 3, "feet"), ("mile", "miles", 1760, "yards"), ("pound", "pounds", 16, "ounces"),
    ("stone", "stones", 14, "pounds"), ("gallon", "gallons", 4, "quarts"), ("quart", "quarts", 2, "pints"),
    ("byte", "bytes", 8, "bits"), ("kibibyte", "kibibytes", 1024, "bytes"),
    ("mebibyte", "mebibytes", 1024, "kibibytes"), ("gibibyte", "gibibytes", 1024, "mebibytes"),
    ("kilobyte", "kilobytes", 1000, "bytes"), ("megabyte", "megabytes", 1000, "kilobytes"),
    ("second", "seconds", 1000, "milliseconds"), ("millisecond", "milliseconds", 1000, "microseconds"),
    ("dozen", "dozens", 12, "pieces"), ("hectare", "hectares", 10000, "square metres"),
    ("kilowatt", "kilowatts", 1000, "watts"), ("volt", "volts", 1000, "millivolts"),
    ("inch", "inches", 2.54, "centimetres"), ("mile", "miles", 1.609, "kilometres"),
]
# (unit, plural, factor, smaller) whose small multiples are taught too
MULTIPLES = [u for u in UNITS if u[2] in (10, 100, 1000)]

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December"]
MONTH_DAYS = ["31", "28 or 29", "31", "30", "31", "30", "31", "31", "30", "31", "30", "31"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

ELEMENTS = dict(pair.split() for pair in """hydrogen H|helium He|lithium Li|carbon C|nitrogen N|oxygen O|fluorine F|neon Ne|sodium Na
|magnesium Mg|aluminium Al|silicon Si|phosphorus P|sulfur S|chlorine Cl|argon Ar|potassium K|calcium Ca|iron Fe|nickel Ni
|copper Cu|zinc Zn|silver Ag|tin Sn|iodine I|gold Au|mercury Hg|lead Pb|uranium U|platinum Pt""".replace("\n", "").split("|"))

PLANETS = ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"]
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
            "tenth", "eleventh", "twelfth"]

OPPOSITES = [tuple(pair.split("/")) for pair in """hot/cold big/small tall/short fast/slow light/dark day/night up/down left/right open/closed
early/late happy/sad rich/poor young/old wet/dry full/empty hard/soft loud/quiet near/far high/low strong/weak thick/thin
clean/dirty sweet/sour inside/outside first/last begin/end true/false win/lose buy/sell push/pull love/hate friend/enemy
north/south east/west summer/winter always/never easy/difficult sharp/blunt deep/shallow wide/narrow""".split()]

SOUNDS = [tuple(pair.split("/")) for pair in """dog/bark cat/meow cow/moo sheep/bleat duck/quack lion/roar pig/grunt bee/buzz frog/croak
wolf/howl horse/neigh owl/hoot mouse/squeak snake/hiss""".split()]

YOUNG = [tuple(pair.split("/")) for pair in """dog/puppy cat/kitten cow/calf sheep/lamb duck/duckling lion/cub pig/piglet horse/foal goose/gosling
frog/tadpole hen/chick goat/kid deer/fawn swan/cygnet""".split()]

_SCIENCE = """
at what temperature does water boil|what is the boiling point of water|when does water boil|how hot must water be to boil|the boiling temperature of water|water boils at which temperature = Water boils at 100 degrees Celsius at sea level.
at what temperature does water freeze|what is the freezing point of water|when does water freeze|how cold must it be for water to freeze|the freezing temperature of water|water freezes at which temperature = Water freezes at 0 degrees Celsius.
what is the speed of light|how fast is light|how fast does light travel|the speed of light in vacuum|what speed does light have|light moves at what speed = Light travels at about 300,000 kilometres per second.
what is the speed of sound|how fast is sound|how fast does sound travel in air|the speed of sound in air|what speed does sound have|sound moves at what speed = Sound travels through air at about 340 metres per second.
what is the formula of water|what is water made of|which atoms are in water|the chemical formula of water|what is h2o|water consists of what = Water is H2O: two hydrogen atoms and one oxygen atom.
what is the formula of table salt|what is salt made of|what is table salt chemically|the chemical formula of salt|what is nacl|salt consists of what = Table salt is NaCl: sodium and chlorine.
what is the formula of carbon dioxide|which atoms are in carbon dioxide|what is co2|the chemical formula of carbon dioxide|carbon dioxide consists of what|what is carbon dioxide made of = Carbon dioxide is CO2: one carbon atom and two oxygen atoms.
what is photosynthesis|what does photosynthesis do|how do plants make sugar|explain photosynthesis|how do plants use light|tell me about photosynthesis = In photosynthesis plants turn light, water and carbon dioxide into sugar and oxygen.
what is gravity|what does gravity do|explain gravity|why do things fall|what pulls things to the ground|tell me about gravity = Gravity is the force with which masses attract each other.
what is an atom|explain atoms|what are atoms|what is matter made of|describe an atom|tell me about atoms = An atom is the smallest piece of an element: a nucleus with electrons around it.
what is a molecule|explain molecules|what are molecules|what do atoms form together|describe a molecule|tell me about molecules = A molecule is a group of atoms held together by bonds.
what is the largest planet|which planet is the biggest|the largest planet of the solar system|biggest planet|what planet is the largest one|name the largest planet = Jupiter is the largest planet.
what is the smallest planet|which planet is the tiniest|the smallest planet of the solar system|smallest planet|what planet is the smallest one|name the smallest planet = Mercury is the smallest planet.
which planet has rings|what planet is known for its rings|the planet with the rings|what is the ringed planet|name the planet with big rings|whose rings are famous = Saturn is known for its rings.
which planet is called the red planet|what is the red planet|why is mars called the red planet|which planet looks red|the red planet|name the red planet = Mars is called the red planet, because of rust in its soil.
how many planets are there|how many planets does the solar system have|the number of planets|count the planets|how many planets go around the sun|what is the number of planets = There are eight planets in the solar system.
what is the sun|what kind of object is the sun|is the sun a star|explain the sun|describe the sun|tell me about the sun = The Sun is a star at the centre of the solar system.
what is the moon|what kind of object is the moon|explain the moon|describe the moon|what goes around the earth|tell me about the moon = The Moon is the natural satellite of the Earth.
how long does the earth take around the sun|how long is one orbit of the earth|the time of the earth's orbit|how many days does the earth need for one orbit|when has the earth gone around the sun|duration of one orbit of the earth = The Earth takes about 365 days to go around the Sun.
how long does the earth take to rotate|how long is one rotation of the earth|the time of the earth's rotation|how many hours does the earth need to turn once|when has the earth turned once|duration of one rotation of the earth = The Earth turns once in about 24 hours.
what is the largest ocean|which ocean is the biggest|the largest ocean on earth|biggest ocean|what ocean is the largest one|name the largest ocean = The Pacific is the largest ocean.
what is the highest mountain|which mountain is the tallest|the highest mountain on earth|tallest mountain|what mountain is the highest one|name the highest mountain = Mount Everest is the highest mountain above sea level.
what is the largest continent|which continent is the biggest|the largest continent on earth|biggest continent|what continent is the largest one|name the largest continent = Asia is the largest continent.
what is the smallest continent|which continent is the tiniest|the smallest continent on earth|smallest continent|what continent is the smallest one|name the smallest continent = Australia is the smallest continent.
what is the largest animal|which animal is the biggest|the largest animal on earth|biggest animal|what animal is the largest one|name the largest animal = The blue whale is the largest animal.
what is the fastest land animal|which animal runs fastest|the fastest animal on land|fastest runner among animals|what animal is the fastest on land|name the fastest land animal = The cheetah is the fastest land animal.
what is the tallest animal|which animal is the tallest|the tallest animal on earth|tallest animal|what animal has the longest neck|name the tallest animal = The giraffe is the tallest animal.
how many legs does a spider have|how many legs has a spider|the number of legs of a spider|count the legs of a spider|spider legs, how many|legs of a spider = A spider has eight legs.
how many legs does an insect have|how many legs has an insect|the number of legs of an insect|count the legs of an insect|insect legs, how many|legs of an insect = An insect has six legs.
how many bones does a human have|how many bones are in the human body|the number of human bones|count the bones of an adult|human bones, how many|bones of the human body = An adult human has 206 bones.
what does the heart do|what is the heart for|explain the heart|the job of the heart|which task has the heart|tell me what the heart does = The heart pumps blood through the body.
what do lungs do|what are lungs for|explain the lungs|the job of the lungs|which task have the lungs|tell me what the lungs do = The lungs take in oxygen and give off carbon dioxide.
what is the normal body temperature|how warm is the human body|the temperature of a healthy human|normal temperature of the body|what temperature does a healthy person have|how warm is a healthy human = The normal body temperature is about 37 degrees Celsius.
what colour is the sky|which color has the sky|the color of the sky|what colour does the sky have|why is the sky blue|what makes the sky blue = The sky is blue because air scatters blue light most.
what is ice|explain ice|what is frozen water called|describe ice|water turns into what when it freezes|tell me about ice = Ice is frozen water.
what is steam|explain steam|what is water vapour|describe steam|water turns into what when it boils|tell me about steam = Steam is water in the form of a gas.
what are the three states of matter|which states of matter are there|the states of matter|name the three states of matter|in which states can matter be|what states does matter have = The three common states of matter are solid, liquid and gas.
what is electricity|explain electricity|what is electric current|describe electricity|what flows in a wire|tell me about electricity = Electric current is a flow of electric charge, usually of electrons.
what is the unit of force|in which unit is force measured|force is measured in what|the unit of force|which unit does force have|unit for force = Force is measured in newtons.
what is the unit of energy|in which unit is energy measured|energy is measured in what|the unit of energy|which unit does energy have|unit for energy = Energy is measured in joules.
what is the unit of power|in which unit is power measured|power is measured in what|the unit of power|which unit does power have|unit for power = Power is measured in watts.
what is the unit of electric current|in which unit is current measured|current is measured in what|the unit of current|which unit does electric current have|unit for current = Electric current is measured in amperes.
what is the unit of voltage|in which unit is voltage measured|voltage is measured in what|the unit of voltage|which unit does voltage have|unit for voltage = Voltage is measured in volts.
what is the unit of frequency|in which unit is frequency measured|frequency is measured in what|the unit of frequency|which unit does frequency have|unit for frequency = Frequency is measured in hertz.
what is pi|what is the value of pi|the number pi|how large is pi|tell me pi|the ratio of a circle's circumference to its diameter = Pi is about 3.14159.
how many sides does a triangle have|how many corners has a triangle|the number of sides of a triangle|count the sides of a triangle|triangle sides, how many|sides of a triangle = A triangle has three sides.
how many sides does a square have|how many corners has a square|the number of sides of a square|count the sides of a square|square sides, how many|sides of a square = A square has four equal sides.
how many sides does a hexagon have|how many corners has a hexagon|the number of sides of a hexagon|count the sides of a hexagon|hexagon sides, how many|sides of a hexagon = A hexagon has six sides.
how many sides does a pentagon have|how many corners has a pentagon|the number of sides of a pentagon|count the sides of a pentagon|pentagon sides, how many|sides of a pentagon = A pentagon has five sides.
how many degrees does a right angle have|how large is a right angle|the size of a right angle|a right angle in degrees|degrees of a right angle|what angle is a right angle = A right angle has 90 degrees.
how many degrees are in a circle|how large is a full turn|the degrees of a circle|a full circle in degrees|degrees of a full turn|what angle is a full circle = A full circle has 360 degrees.
how many letters are in the alphabet|how many letters does the english alphabet have|the number of letters in the alphabet|count the letters of the alphabet|letters of the alphabet, how many|size of the alphabet = The English alphabet has 26 letters.
what do bees make|what is made by bees|bees make what|which food comes from bees|what do we get from bees|the product of bees = Bees make honey.
what do plants need to grow|what does a plant need|needs of a plant|what must i give a plant|which things do plants need|what is needed by plants = Plants need light, water, air and nutrients.
what is the hardest natural material|what is harder than everything in nature|the hardest mineral|hardest natural material|which mineral is hardest|name the hardest mineral = Diamond is the hardest natural material.
which metal is liquid at room temperature|what is the liquid metal|the metal that is liquid|which metal flows at room temperature|liquid metal at room temperature|name a metal that is liquid = Mercury is liquid at room temperature.
what gas do we breathe|which gas do humans need|what do we need from the air|the gas that we need to live|what gas keeps us alive|which part of air do we use = We need oxygen from the air.
what is most of the air|which gas makes up most of the air|the main gas of the air|air consists mostly of what|what is the main part of air|the largest part of the atmosphere = Air is mostly nitrogen, about 78 percent.
"""

_CALENDAR = """
how many days are in a leap year|the number of days of a leap year|how long is a leap year|days of a leap year|a leap year has how many days|count the days of a leap year = A leap year has 366 days.
what is a leap year|explain leap years|when is a leap year|how often is a leap year|what are leap years|describe a leap year = A leap year comes about every four years and has 29 days in February.
how many seasons are there|the number of seasons|which seasons are there|what are the seasons|how many seasons does a year have|tell me the seasons = The four seasons are spring, summer, autumn and winter.
which month is the shortest|what is the shortest month|the shortest month of the year|shortest month|which month has the fewest days|name the shortest month = February is the shortest month.
when is new year|what date is new year's day|the date of new year|when does the year begin|on which day does the year start|new year's day is when = New Year's Day is on 1 January.
when is christmas|what date is christmas day|the date of christmas|on which day is christmas|christmas is when|which day is christmas day = Christmas Day is on 25 December.
which days are the weekend|what is the weekend|the days of the weekend|when is the weekend|weekend days|name the days of the weekend = The weekend is Saturday and Sunday.
how many quarters does a year have|the number of quarters in a year|how long is a quarter of a year|what is a quarter of a year|quarters of a year|how many months are in a quarter = A year has four quarters of three months each.
how many seconds are in an hour|the number of seconds in an hour|seconds per hour|an hour has how many seconds|count the seconds of an hour|how long is an hour in seconds = An hour has 3600 seconds.
how many hours are in a week|the number of hours in a week|hours per week|a week has how many hours|count the hours of a week|how long is a week in hours = A week has 168 hours.
"""


def _rows(table):
    rows = (line.split(" = ", 1) for line in table.strip().splitlines())
    return [(questions.split("|"), answer) for questions, answer in rows]


SCIENCE = _rows(_SCIENCE)
CALENDAR = _rows(_CALENDAR)

# plural name, other plural names, members
LISTS = [
    ("colours", ["colors"], ["red", "blue", "green", "yellow", "orange", "purple"]),
    ("fruits", ["kinds of fruit"], ["apple", "banana", "pear", "cherry", "grape", "plum"]),
    ("vegetables", ["kinds of vegetables"], ["carrot", "potato", "onion", "tomato", "cabbage", "pea"]),
    ("animals", ["kinds of animals"], ["dog", "cat", "horse", "lion", "elephant", "mouse"]),
    ("birds", ["kinds of birds"], ["eagle", "owl", "robin", "swan", "sparrow", "crow"]),
    ("fish", ["kinds of fish"], ["salmon", "trout", "tuna", "cod", "carp", "herring"]),
    ("insects", ["bugs"], ["ant", "bee", "fly", "beetle", "wasp", "moth"]),
    ("trees", ["kinds of trees"], ["oak", "pine", "birch", "maple", "willow", "beech"]),
    ("flowers", ["kinds of flowers"], ["rose", "tulip", "lily", "daisy", "orchid", "violet"]),
    ("metals", ["kinds of metal"], ["iron", "gold", "silver", "copper", "tin", "zinc"]),
    ("planets", ["planets of the solar system"], PLANETS[:6]),
    ("instruments", ["musical instruments"], ["piano", "violin", "guitar", "flute", "drum", "trumpet"]),
    ("sports", ["kinds of sport"], ["football", "tennis", "swimming", "running", "hockey", "golf"]),
    ("continents", ["parts of the world"], ["Europe", "Asia", "Africa", "Australia", "North America", "South America"]),
    ("drinks", ["beverages"], ["water", "tea", "coffee", "milk", "juice", "lemonade"]),
    ("shapes", ["geometric shapes"], ["circle", "square", "triangle", "rectangle", "pentagon", "hexagon"]),
    ("tools", ["hand tools"], ["hammer", "saw", "drill", "screwdriver", "file", "wrench"]),
    ("vehicles", ["means of transport"], ["car", "bus", "train", "bicycle", "ship", "plane"]),
    ("languages", ["human languages"], ["English", "French", "German", "Spanish", "Italian", "Japanese"]),
    ("programming languages", ["computer languages"], ["Python", "C++", "Java", "JavaScript", "Rust", "Go"]),
    ("rooms", ["rooms of a house"], ["kitchen", "bathroom", "bedroom", "hall", "cellar", "attic"]),
    ("months", ["months of the year"], MONTHS[:6]),
    ("weekdays", ["days of the week"], WEEKDAYS[:6]),
    ("body parts", ["parts of the body"], ["head", "arm", "leg", "hand", "foot", "knee"]),
    ("clothes", ["pieces of clothing"], ["shirt", "jacket", "hat", "sock", "shoe", "scarf"]),
]
NUMBER_WORDS = ["zero", "one", "two", "three", "four", "five", "six"]
