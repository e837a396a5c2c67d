"""Units, calendar, simple science, opposites and lists."""

from training.generator.data.tables import rows_of

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
at what temperature does water boil|what is the boiling point of water|when does water boil|how hot must water be to boil|the boiling temperature of water|water boils at which temperature = Water boils at 100 degrees Celsius at sea level. = 100 degrees Celsius.
at what temperature does water freeze|what is the freezing point of water|when does water freeze|how cold must it be for water to freeze|the freezing temperature of water|water freezes at which temperature = Water freezes at 0 degrees Celsius. = 0 degrees Celsius.
what is the speed of light|how fast is light|how fast does light travel|the speed of light in vacuum|what speed does light have|light moves at what speed = Light travels at about 300,000 kilometres per second. = 300,000 km per second.
what is the speed of sound|how fast is sound|how fast does sound travel in air|the speed of sound in air|what speed does sound have|sound moves at what speed = Sound travels through air at about 340 metres per second. = 340 metres per second.
what is the formula of water|what is water made of|which atoms are in water|the chemical formula of water|what is h2o|water consists of what = Water is H2O: two hydrogen atoms and one oxygen atom. = H2O.
what is the formula of table salt|what is salt made of|what is table salt chemically|the chemical formula of salt|what is nacl|salt consists of what = Table salt is NaCl: sodium and chlorine. = NaCl.
what is the formula of carbon dioxide|which atoms are in carbon dioxide|what is co2|the chemical formula of carbon dioxide|carbon dioxide consists of what|what is carbon dioxide made of = Carbon dioxide is CO2: one carbon atom and two oxygen atoms. = CO2.
what is photosynthesis|what does photosynthesis do|how do plants make sugar|explain photosynthesis|how do plants use light|tell me about photosynthesis = In photosynthesis plants turn light, water and carbon dioxide into sugar and oxygen. = Plants make sugar with light.
what is gravity|what does gravity do|explain gravity|why do things fall|what pulls things to the ground|tell me about gravity = Gravity is the force with which masses attract each other. = Masses attract each other.
what is an atom|explain atoms|what are atoms|what is matter made of|describe an atom|tell me about atoms = An atom is the smallest piece of an element: a nucleus with electrons around it. = Smallest piece of an element.
what is a molecule|explain molecules|what are molecules|what do atoms form together|describe a molecule|tell me about molecules = A molecule is a group of atoms held together by bonds. = Atoms held by bonds.
what is the largest planet|which planet is the biggest|the largest planet of the solar system|biggest planet|what planet is the largest one|name the largest planet = Jupiter is the largest planet. = Jupiter.
what is the smallest planet|which planet is the tiniest|the smallest planet of the solar system|smallest planet|what planet is the smallest one|name the smallest planet = Mercury is the smallest planet. = Mercury.
which planet has rings|what planet is known for its rings|the planet with the rings|what is the ringed planet|name the planet with big rings|whose rings are famous = Saturn is known for its rings. = Saturn.
which planet is called the red planet|what is the red planet|why is mars called the red planet|which planet looks red|the red planet|name the red planet = Mars is called the red planet, because of rust in its soil. = Mars.
how many planets are there|how many planets does the solar system have|the number of planets|count the planets|how many planets go around the sun|what is the number of planets = There are eight planets in the solar system. = Eight.
what is the sun|what kind of object is the sun|is the sun a star|explain the sun|describe the sun|tell me about the sun = The Sun is a star at the centre of the solar system. = A star.
what is the moon|what kind of object is the moon|explain the moon|describe the moon|what goes around the earth|tell me about the moon = The Moon is the natural satellite of the Earth. = The Earth's satellite.
how long does the earth take around the sun|how long is one orbit of the earth|the time of the earth's orbit|how many days does the earth need for one orbit|when has the earth gone around the sun|duration of one orbit of the earth = The Earth takes about 365 days to go around the Sun. = 365 days.
how long does the earth take to rotate|how long is one rotation of the earth|the time of the earth's rotation|how many hours does the earth need to turn once|when has the earth turned once|duration of one rotation of the earth = The Earth turns once in about 24 hours. = 24 hours.
what is the largest ocean|which ocean is the biggest|the largest ocean on earth|biggest ocean|what ocean is the largest one|name the largest ocean = The Pacific is the largest ocean. = The Pacific.
what is the highest mountain|which mountain is the tallest|the highest mountain on earth|tallest mountain|what mountain is the highest one|name the highest mountain = Mount Everest is the highest mountain above sea level. = Mount Everest.
what is the largest continent|which continent is the biggest|the largest continent on earth|biggest continent|what continent is the largest one|name the largest continent = Asia is the largest continent. = Asia.
what is the smallest continent|which continent is the tiniest|the smallest continent on earth|smallest continent|what continent is the smallest one|name the smallest continent = Australia is the smallest continent. = Australia.
what is the largest animal|which animal is the biggest|the largest animal on earth|biggest animal|what animal is the largest one|name the largest animal = The blue whale is the largest animal. = The blue whale.
what is the fastest land animal|which animal runs fastest|the fastest animal on land|fastest runner among animals|what animal is the fastest on land|name the fastest land animal = The cheetah is the fastest land animal. = The cheetah.
what is the tallest animal|which animal is the tallest|the tallest animal on earth|tallest animal|what animal has the longest neck|name the tallest animal = The giraffe is the tallest animal. = The giraffe.
how many legs does a spider have|how many legs has a spider|the number of legs of a spider|count the legs of a spider|spider legs, how many|legs of a spider = A spider has eight legs. = Eight.
how many legs does an insect have|how many legs has an insect|the number of legs of an insect|count the legs of an insect|insect legs, how many|legs of an insect = An insect has six legs. = Six.
how many bones does a human have|how many bones are in the human body|the number of human bones|count the bones of an adult|human bones, how many|bones of the human body = An adult human has 206 bones. = 206.
what does the heart do|what is the heart for|explain the heart|the job of the heart|which task has the heart|tell me what the heart does = The heart pumps blood through the body. = Pumps blood.
what do lungs do|what are lungs for|explain the lungs|the job of the lungs|which task have the lungs|tell me what the lungs do = The lungs take in oxygen and give off carbon dioxide. = Take in oxygen.
what is the normal body temperature|how warm is the human body|the temperature of a healthy human|normal temperature of the body|what temperature does a healthy person have|how warm is a healthy human = The normal body temperature is about 37 degrees Celsius. = 37 degrees Celsius.
what colour is the sky|which color has the sky|the color of the sky|what colour does the sky have|why is the sky blue|what makes the sky blue = The sky is blue because air scatters blue light most. = Air scatters blue light.
what is ice|explain ice|what is frozen water called|describe ice|water turns into what when it freezes|tell me about ice = Ice is frozen water. = Frozen water.
what is steam|explain steam|what is water vapour|describe steam|water turns into what when it boils|tell me about steam = Steam is water in the form of a gas. = Water as a gas.
what are the three states of matter|which states of matter are there|the states of matter|name the three states of matter|in which states can matter be|what states does matter have = The three common states of matter are solid, liquid and gas. = Solid, liquid, gas.
what is electricity|explain electricity|what is electric current|describe electricity|what flows in a wire|tell me about electricity = Electric current is a flow of electric charge, usually of electrons. = Flow of electric charge.
what is the unit of force|in which unit is force measured|force is measured in what|the unit of force|which unit does force have|unit for force = Force is measured in newtons. = Newtons.
what is the unit of energy|in which unit is energy measured|energy is measured in what|the unit of energy|which unit does energy have|unit for energy = Energy is measured in joules. = Joules.
what is the unit of power|in which unit is power measured|power is measured in what|the unit of power|which unit does power have|unit for power = Power is measured in watts. = Watts.
what is the unit of electric current|in which unit is current measured|current is measured in what|the unit of current|which unit does electric current have|unit for current = Electric current is measured in amperes. = Amperes.
what is the unit of voltage|in which unit is voltage measured|voltage is measured in what|the unit of voltage|which unit does voltage have|unit for voltage = Voltage is measured in volts. = Volts.
what is the unit of frequency|in which unit is frequency measured|frequency is measured in what|the unit of frequency|which unit does frequency have|unit for frequency = Frequency is measured in hertz. = Hertz.
what is pi|what is the value of pi|the number pi|how large is pi|tell me pi|the ratio of a circle's circumference to its diameter = Pi is about 3.14159. = 3.14159.
how many sides does a triangle have|how many corners has a triangle|the number of sides of a triangle|count the sides of a triangle|triangle sides, how many|sides of a triangle = A triangle has three sides. = Three.
how many sides does a square have|how many corners has a square|the number of sides of a square|count the sides of a square|square sides, how many|sides of a square = A square has four equal sides. = Four.
how many sides does a hexagon have|how many corners has a hexagon|the number of sides of a hexagon|count the sides of a hexagon|hexagon sides, how many|sides of a hexagon = A hexagon has six sides. = Six.
how many sides does a pentagon have|how many corners has a pentagon|the number of sides of a pentagon|count the sides of a pentagon|pentagon sides, how many|sides of a pentagon = A pentagon has five sides. = Five.
how many degrees does a right angle have|how large is a right angle|the size of a right angle|a right angle in degrees|degrees of a right angle|what angle is a right angle = A right angle has 90 degrees. = 90 degrees.
how many degrees are in a circle|how large is a full turn|the degrees of a circle|a full circle in degrees|degrees of a full turn|what angle is a full circle = A full circle has 360 degrees. = 360 degrees.
how many letters are in the alphabet|how many letters does the english alphabet have|the number of letters in the alphabet|count the letters of the alphabet|letters of the alphabet, how many|size of the alphabet = The English alphabet has 26 letters. = 26.
what do bees make|what is made by bees|bees make what|which food comes from bees|what do we get from bees|the product of bees = Bees make honey. = Honey.
what do plants need to grow|what does a plant need|needs of a plant|what must i give a plant|which things do plants need|what is needed by plants = Plants need light, water, air and nutrients. = Light, water, air.
what is the hardest natural material|what is harder than everything in nature|the hardest mineral|hardest natural material|which mineral is hardest|name the hardest mineral = Diamond is the hardest natural material. = Diamond.
which metal is liquid at room temperature|what is the liquid metal|the metal that is liquid|which metal flows at room temperature|liquid metal at room temperature|name a metal that is liquid = Mercury is liquid at room temperature. = Mercury.
what gas do we breathe|which gas do humans need|what do we need from the air|the gas that we need to live|what gas keeps us alive|which part of air do we use = We need oxygen from the air. = Oxygen.
what is most of the air|which gas makes up most of the air|the main gas of the air|air consists mostly of what|what is the main part of air|the largest part of the atmosphere = Air is mostly nitrogen, about 78 percent. = Nitrogen.
what is the unit of length|in which unit is length measured|length is measured in what|the unit of length|which unit does length have|unit for length = Length is measured in metres. = Metres.
what is the unit of mass|in which unit is mass measured|mass is measured in what|the unit of mass|which unit does mass have|unit for mass = Mass is measured in kilograms. = Kilograms.
what is the unit of temperature|in which unit is temperature measured in physics|the unit of temperature|which unit does temperature have in physics|unit for temperature = In physics temperature is measured in kelvins. = Kelvins.
what is the unit of pressure|in which unit is pressure measured|pressure is measured in what|the unit of pressure|which unit does pressure have|unit for pressure = Pressure is measured in pascals. = Pascals.
what is the unit of resistance|in which unit is electrical resistance measured|resistance is measured in what|the unit of electrical resistance|which unit does resistance have|unit for resistance = Electrical resistance is measured in ohms. = Ohms.
what is the coldest temperature|what is absolute zero|the lowest possible temperature|how cold can it get at most|absolute zero in celsius|the coldest possible temperature = The lowest possible temperature is absolute zero, about minus 273 degrees Celsius. = Minus 273 degrees Celsius.
what is the hottest planet|which planet is the hottest|the hottest planet of the solar system|hottest planet|what planet is the hottest one|name the hottest planet = Venus is the hottest planet. = Venus.
what is the nearest star|which star is closest to us|the star nearest to the earth|closest star|what star is the nearest one|name the nearest star = The Sun is the star nearest to the Earth. = The Sun.
what is an eclipse of the sun|explain a solar eclipse|when does a solar eclipse happen|what hides the sun in an eclipse|describe a solar eclipse|tell me about solar eclipses = In a solar eclipse the Moon stands between the Sun and the Earth. = The Moon hides the Sun.
what causes the tides|why are there tides|the cause of the tides|what makes the sea rise and fall|where do tides come from|what pulls the tides = The tides are caused mainly by the pull of the Moon. = The Moon.
what causes day and night|why is there day and night|the cause of day and night|what makes night follow day|why does the sun rise|why does it get dark = Day and night come from the rotation of the Earth. = The Earth's rotation.
what causes the seasons|why are there seasons|the cause of the seasons|what makes summer and winter|why is it colder in winter|where do seasons come from = The seasons come from the tilt of the Earth's axis. = The tilt of the Earth.
how long does light take from the sun|how old is sunlight when it arrives|the time of light from the sun to the earth|how many minutes does sunlight need|how long is light on its way from the sun = Light takes about eight minutes from the Sun to the Earth. = Eight minutes.
how long does the moon take around the earth|how long is one orbit of the moon|the time of the moon's orbit|how many days does the moon need for one orbit|duration of one orbit of the moon = The Moon takes about 27 days to go around the Earth. = 27 days.
what is a cell|explain cells|what are living things made of|describe a cell|tell me about cells|the smallest unit of life = A cell is the smallest living unit of a body or a plant. = Smallest living unit.
what is dna|explain dna|what does dna do|describe dna|tell me about dna|where is the building plan of life = DNA is the molecule that holds the building plan of a living thing. = Building plan of life.
what is evolution|explain evolution|what does evolution mean|describe evolution|tell me about evolution|how do kinds of animals change = Evolution is the slow change of living things over many generations. = Slow change of living things.
what is a mammal|explain mammals|what are mammals|describe a mammal|tell me about mammals|which animals feed milk to their young = A mammal is an animal that feeds its young with milk. = Feeds its young with milk.
what is a reptile|explain reptiles|what are reptiles|describe a reptile|tell me about reptiles|what kind of animal is a snake = A reptile is a cold-blooded animal with scales, such as a snake. = Cold-blooded, with scales.
what does the brain do|what is the brain for|explain the brain|the job of the brain|which task has the brain|tell me what the brain does = The brain thinks, feels and controls the body. = Controls the body.
what does the stomach do|what is the stomach for|explain the stomach|the job of the stomach|which task has the stomach|tell me what the stomach does = The stomach breaks food down. = Breaks food down.
what do kidneys do|what are kidneys for|explain the kidneys|the job of the kidneys|which task have the kidneys|tell me what the kidneys do = The kidneys clean the blood. = Clean the blood.
what does the skin do|what is the skin for|explain the skin|the job of the skin|which task has the skin|tell me what the skin does = The skin protects the body. = Protects the body.
how many teeth does an adult have|how many teeth has an adult|the number of teeth of an adult|count the teeth of an adult|teeth of an adult human = An adult has 32 teeth. = 32.
how many fingers does a hand have|how many fingers has a hand|the number of fingers of a hand|count the fingers of a hand|fingers of a hand = A hand has five fingers. = Five.
how many hearts does an octopus have|how many hearts has an octopus|the number of hearts of an octopus|count the hearts of an octopus|hearts of an octopus = An octopus has three hearts. = Three.
how many wings does a bee have|how many wings has a bee|the number of wings of a bee|count the wings of a bee|wings of a bee = A bee has four wings. = Four.
how many strings does a violin have|how many strings has a violin|the number of strings of a violin|count the strings of a violin|strings of a violin = A violin has four strings. = Four.
how many strings does a guitar have|how many strings has a guitar|the number of strings of a guitar|count the strings of a guitar|strings of a guitar = A guitar has six strings. = Six.
how many keys does a piano have|how many keys has a piano|the number of keys of a piano|count the keys of a piano|keys of a piano = A piano has 88 keys. = 88.
how many players are in a football team|how many players has a football team|the number of players in a football team|count the players of a football team|players of a football team = A football team has eleven players. = Eleven.
how many squares does a chessboard have|how many squares has a chessboard|the number of squares on a chessboard|count the squares of a chessboard|squares of a chessboard = A chessboard has 64 squares. = 64.
how many colours does a rainbow have|how many colours has a rainbow|the number of colours in a rainbow|count the colours of the rainbow|colours of the rainbow, how many = A rainbow has seven colours. = Seven.
how many cards are in a deck|how many cards has a deck|the number of cards in a deck|count the cards of a deck|cards of a deck = A deck has 52 cards. = 52.
how many sides does an octagon have|how many corners has an octagon|the number of sides of an octagon|count the sides of an octagon|octagon sides, how many|sides of an octagon = An octagon has eight sides. = Eight.
how many faces does a cube have|how many sides has a cube|the number of faces of a cube|count the faces of a cube|faces of a cube = A cube has six faces. = Six.
how many degrees are in a triangle|what is the sum of the angles of a triangle|the angles of a triangle together|angles in a triangle|how large are all angles of a triangle = The angles of a triangle make 180 degrees. = 180 degrees.
what is a prime number|explain prime numbers|what are primes|describe a prime number|tell me about prime numbers|when is a number prime = A prime number can be divided only by one and itself. = Divisible only by one and itself.
what is the smallest prime|which prime is the smallest|the smallest prime number|smallest prime|what prime is the smallest one|name the smallest prime = The smallest prime number is 2. = 2.
what is an even number|explain even numbers|what are even numbers|describe an even number|when is a number even|tell me about even numbers = An even number can be divided by two. = Divisible by two.
what is an odd number|explain odd numbers|what are odd numbers|describe an odd number|when is a number odd|tell me about odd numbers = An odd number cannot be divided by two. = Not divisible by two.
what is the longest river of africa|which african river is the longest|the longest river in africa|longest river of africa|name the longest river of africa = The Nile is the longest river of Africa. = The Nile.
what is the largest hot desert|which hot desert is the biggest|the largest hot desert on earth|biggest hot desert|name the largest hot desert = The Sahara is the largest hot desert. = The Sahara.
what is the largest country|which country is the biggest|the largest country on earth|biggest country|name the largest country = Russia is the largest country. = Russia.
what is the smallest country|which country is the tiniest|the smallest country on earth|smallest country|name the smallest country = Vatican City is the smallest country. = Vatican City.
how many continents are there|the number of continents|count the continents|how many continents does the earth have|number of continents on earth = There are seven continents. = Seven.
how many oceans are there|the number of oceans|count the oceans|how many oceans does the earth have|number of oceans on earth = There are five oceans. = Five.
what is rust|explain rust|how does rust form|describe rust|tell me about rust|what happens to wet iron = Rust is iron that has combined with oxygen and water. = Iron oxide.
what is steel made of|which metals are in steel|explain steel|the parts of steel|what is in steel|steel consists of what = Steel is made of iron and a little carbon. = Iron and carbon.
what is bronze made of|which metals are in bronze|explain bronze|the parts of bronze|what is in bronze|bronze consists of what = Bronze is made of copper and tin. = Copper and tin.
what is brass made of|which metals are in brass|explain brass|the parts of brass|what is in brass|brass consists of what = Brass is made of copper and zinc. = Copper and zinc.
what is glass made of|from what is glass made|explain glass|the main part of glass|what is in glass|glass consists of what = Glass is made mainly of sand. = Sand.
what is paper made of|from what is paper made|the main part of paper|what is in paper|paper consists of what = Paper is made of wood fibres. = Wood fibres.
what is cheese made of|from what is cheese made|the main part of cheese|what is in cheese|cheese comes from what = Cheese is made of milk. = Milk.
what is bread made of|from what is bread made|the main parts of bread|what is in bread|bread consists of what = Bread is made of flour, water and yeast. = Flour, water, yeast.
what is wine made of|from what is wine made|the main part of wine|what is in wine|wine comes from what = Wine is made of grapes. = Grapes.
what is chocolate made of|from what is chocolate made|the main part of chocolate|which beans are in chocolate|chocolate comes from what = Chocolate is made of cocoa beans. = Cocoa beans.
what do cows eat|which food do cows eat|the food of cows|cows eat what|what is eaten by cows|on what do cows feed = Cows eat grass. = Grass.
what do pandas eat|which food do pandas eat|the food of pandas|pandas eat what|what is eaten by pandas|on what do pandas feed = Pandas eat bamboo. = Bamboo.
what do squirrels eat|which food do squirrels eat|the food of squirrels|squirrels eat what|what is eaten by squirrels|on what do squirrels feed = Squirrels eat nuts and seeds. = Nuts and seeds.
where do penguins live|on which half of the earth do penguins live|the home of penguins|penguins live where|where can penguins be found|in which region do penguins live = Penguins live in the southern half of the Earth. = In the southern half.
where do polar bears live|in which region do polar bears live|the home of polar bears|polar bears live where|where can polar bears be found = Polar bears live in the Arctic. = In the Arctic.
where do kangaroos live|in which country do kangaroos live|the home of kangaroos|kangaroos live where|where can kangaroos be found = Kangaroos live in Australia. = In Australia.
which bird cannot fly but runs fast|what is the largest bird|which bird is the biggest|the largest bird on earth|biggest bird|name the largest bird = The ostrich is the largest bird. = The ostrich.
which mammal can fly|what is the flying mammal|the mammal that can fly|name a mammal that flies|which mammals have wings = Bats are the mammals that can fly. = Bats.
what does a caterpillar become|what comes out of a caterpillar|into what does a caterpillar turn|a caterpillar turns into what|what is a caterpillar later = A caterpillar becomes a butterfly. = A butterfly.
what does a thermometer measure|what is a thermometer for|explain a thermometer|the use of a thermometer|which quantity shows a thermometer = A thermometer measures temperature. = Temperature.
what does a barometer measure|what is a barometer for|explain a barometer|the use of a barometer|which quantity shows a barometer = A barometer measures air pressure. = Air pressure.
what does a compass show|what is a compass for|explain a compass|the use of a compass|in which direction does a compass point = A compass points north. = North.
what does a telescope do|what is a telescope for|explain a telescope|the use of a telescope|what do people see with a telescope = A telescope makes distant things look larger. = Shows distant things.
what does a microscope do|what is a microscope for|explain a microscope|the use of a microscope|what do people see with a microscope = A microscope makes small things look larger. = Shows small things.
"""

_CALENDAR = """
how many days are in a leap year|the number of days of a leap year|how long is a leap year|days of a leap year|a leap year has how many days|count the days of a leap year = A leap year has 366 days. = 366 days.
what is a leap year|explain leap years|when is a leap year|how often is a leap year|what are leap years|describe a leap year = A leap year comes about every four years and has 29 days in February. = A year of 366 days.
how many seasons are there|the number of seasons|which seasons are there|what are the seasons|how many seasons does a year have|tell me the seasons = The four seasons are spring, summer, autumn and winter. = Spring, summer, autumn, winter.
which month is the shortest|what is the shortest month|the shortest month of the year|shortest month|which month has the fewest days|name the shortest month = February is the shortest month. = February.
when is new year|what date is new year's day|the date of new year|when does the year begin|on which day does the year start|new year's day is when = New Year's Day is on 1 January. = 1 January.
when is christmas|what date is christmas day|the date of christmas|on which day is christmas|christmas is when|which day is christmas day = Christmas Day is on 25 December. = 25 December.
which days are the weekend|what is the weekend|the days of the weekend|when is the weekend|weekend days|name the days of the weekend = The weekend is Saturday and Sunday. = Saturday and Sunday.
how many quarters does a year have|the number of quarters in a year|how long is a quarter of a year|what is a quarter of a year|quarters of a year|how many months are in a quarter = A year has four quarters of three months each. = Four.
how many seconds are in an hour|the number of seconds in an hour|seconds per hour|an hour has how many seconds|count the seconds of an hour|how long is an hour in seconds = An hour has 3600 seconds. = 3600 seconds.
how many hours are in a week|the number of hours in a week|hours per week|a week has how many hours|count the hours of a week|how long is a week in hours = A week has 168 hours. = 168 hours.
how many days are in a year|the number of days in a year|how long is a year in days|days of a year|a year has how many days|count the days of a year = A year has 365 days, a leap year 366. = 365 days.
how many months are in a year|the number of months in a year|how long is a year in months|months of a year|a year has how many months|count the months of a year = A year has twelve months. = Twelve.
how many weeks are in a year|the number of weeks in a year|how long is a year in weeks|weeks of a year|a year has how many weeks|count the weeks of a year = A year has about 52 weeks. = 52.
how many days are in a week|the number of days in a week|how long is a week in days|days of a week|a week has how many days|count the days of a week = A week has seven days. = Seven.
which months have 30 days|what months have thirty days|the months with 30 days|name the months of 30 days|list the months that have 30 days = April, June, September and November have 30 days. = April, June, September, November.
which months are summer|what are the summer months|the months of summer|when is summer in the north|name the summer months = In the north June, July and August are the summer months. = June, July, August.
which months are winter|what are the winter months|the months of winter|when is winter in the north|name the winter months = In the north December, January and February are the winter months. = December, January, February.
when is halloween|what date is halloween|the date of halloween|on which day is halloween|halloween is when|which day is halloween = Halloween is on 31 October. = 31 October.
when is valentine's day|what date is valentine's day|the date of valentine's day|on which day is valentine's day|which day is valentine's day = Valentine's Day is on 14 February. = 14 February.
when is new year's eve|what date is new year's eve|the date of new year's eve|on which day is new year's eve|which day is new year's eve = New Year's Eve is on 31 December. = 31 December.
when is the longest day|which day is the longest|the longest day of the year|when is midsummer in the north|what date is the longest day in the north = In the north the longest day is about 21 June. = About 21 June.
when is the shortest day|which day is the shortest|the shortest day of the year|when is midwinter in the north|what date is the shortest day in the north = In the north the shortest day is about 21 December. = About 21 December.
how many minutes are in a day|the number of minutes in a day|minutes per day|a day has how many minutes|count the minutes of a day|how long is a day in minutes = A day has 1440 minutes. = 1440.
how many seconds are in a day|the number of seconds in a day|seconds per day|a day has how many seconds|count the seconds of a day|how long is a day in seconds = A day has 86400 seconds. = 86400.
what is the first day of the week|on which day does the week begin|the first day of the week|which day begins the week|what day starts the week = By the international standard the week begins with Monday. = Monday.
what does am mean|what does pm mean|explain am and pm|the meaning of am and pm|what is am and pm = In times, a.m. is before noon and p.m. is after noon. = Before and after noon.
when is noon|what time is noon|the time of noon|at what time is midday|noon is when = Noon is at 12:00. = 12:00.
when is midnight|what time is midnight|the time of midnight|midnight is when|at which time does a day begin = Midnight is at 0:00, when a new day begins. = 0:00.
"""


SCIENCE = rows_of(_SCIENCE)
CALENDAR = rows_of(_CALENDAR)

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
