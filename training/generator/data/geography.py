"""Countries: name | capital | continent | currency. One line each."""

_TABLE = """
France|Paris|Europe|euro
Germany|Berlin|Europe|euro
Italy|Rome|Europe|euro
Spain|Madrid|Europe|euro
Portugal|Lisbon|Europe|euro
Austria|Vienna|Europe|euro
Belgium|Brussels|Europe|euro
the Netherlands|Amsterdam|Europe|euro
Ireland|Dublin|Europe|euro
Greece|Athens|Europe|euro
Finland|Helsinki|Europe|euro
Estonia|Tallinn|Europe|euro
Latvia|Riga|Europe|euro
Lithuania|Vilnius|Europe|euro
Slovakia|Bratislava|Europe|euro
Slovenia|Ljubljana|Europe|euro
Croatia|Zagreb|Europe|euro
Cyprus|Nicosia|Europe|euro
Luxembourg|Luxembourg City|Europe|euro
Monaco|Monaco|Europe|euro
Andorra|Andorra la Vella|Europe|euro
Montenegro|Podgorica|Europe|euro
the United Kingdom|London|Europe|pound sterling
Switzerland|Bern|Europe|Swiss franc
Liechtenstein|Vaduz|Europe|Swiss franc
Norway|Oslo|Europe|Norwegian krone
Sweden|Stockholm|Europe|Swedish krona
Denmark|Copenhagen|Europe|Danish krone
Iceland|Reykjavik|Europe|Icelandic krona
Poland|Warsaw|Europe|zloty
the Czech Republic|Prague|Europe|Czech koruna
Hungary|Budapest|Europe|forint
Romania|Bucharest|Europe|Romanian leu
Serbia|Belgrade|Europe|Serbian dinar
Albania|Tirana|Europe|lek
North Macedonia|Skopje|Europe|denar
Bosnia and Herzegovina|Sarajevo|Europe|convertible mark
Moldova|Chisinau|Europe|Moldovan leu
Ukraine|Kyiv|Europe|hryvnia
Belarus|Minsk|Europe|Belarusian ruble
Russia|Moscow|Europe and Asia|Russian ruble
Turkey|Ankara|Asia and Europe|Turkish lira
Georgia|Tbilisi|Asia|lari
Armenia|Yerevan|Asia|dram
Azerbaijan|Baku|Asia|manat
China|Beijing|Asia|yuan
Japan|Tokyo|Asia|yen
South Korea|Seoul|Asia|South Korean won
North Korea|Pyongyang|Asia|North Korean won
Mongolia|Ulaanbaatar|Asia|tugrik
India|New Delhi|Asia|Indian rupee
Pakistan|Islamabad|Asia|Pakistani rupee
Bangladesh|Dhaka|Asia|taka
Nepal|Kathmandu|Asia|Nepalese rupee
Thailand|Bangkok|Asia|baht
Vietnam|Hanoi|Asia|dong
Laos|Vientiane|Asia|kip
Cambodia|Phnom Penh|Asia|riel
Myanmar|Naypyidaw|Asia|kyat
Malaysia|Kuala Lumpur|Asia|ringgit
Singapore|Singapore|Asia|Singapore dollar
Indonesia|Jakarta|Asia|rupiah
the Philippines|Manila|Asia|Philippine peso
Taiwan|Taipei|Asia|New Taiwan dollar
Kazakhstan|Astana|Asia|tenge
Uzbekistan|Tashkent|Asia|som
Turkmenistan|Ashgabat|Asia|manat
Kyrgyzstan|Bishkek|Asia|som
Afghanistan|Kabul|Asia|afghani
Iran|Tehran|Asia|rial
Iraq|Baghdad|Asia|Iraqi dinar
Syria|Damascus|Asia|Syrian pound
Lebanon|Beirut|Asia|Lebanese pound
Jordan|Amman|Asia|Jordanian dinar
Saudi Arabia|Riyadh|Asia|riyal
Yemen|Sanaa|Asia|Yemeni rial
Oman|Muscat|Asia|Omani rial
Qatar|Doha|Asia|Qatari riyal
Bahrain|Manama|Asia|Bahraini dinar
Kuwait|Kuwait City|Asia|Kuwaiti dinar
the United Arab Emirates|Abu Dhabi|Asia|dirham
the Maldives|Male|Asia|rufiyaa
Egypt|Cairo|Africa|Egyptian pound
Libya|Tripoli|Africa|Libyan dinar
Tunisia|Tunis|Africa|Tunisian dinar
Algeria|Algiers|Africa|Algerian dinar
Morocco|Rabat|Africa|Moroccan dirham
Mauritania|Nouakchott|Africa|ouguiya
Mali|Bamako|Africa|CFA franc
Senegal|Dakar|Africa|CFA franc
Niger|Niamey|Africa|CFA franc
Chad|N'Djamena|Africa|CFA franc
Cameroon|Yaounde|Africa|CFA franc
Gabon|Libreville|Africa|CFA franc
Ivory Coast|Yamoussoukro|Africa|CFA franc
Burkina Faso|Ouagadougou|Africa|CFA franc
Nigeria|Abuja|Africa|naira
Ghana|Accra|Africa|cedi
Liberia|Monrovia|Africa|Liberian dollar
Sierra Leone|Freetown|Africa|leone
Guinea|Conakry|Africa|Guinean franc
Sudan|Khartoum|Africa|Sudanese pound
South Sudan|Juba|Africa|South Sudanese pound
Ethiopia|Addis Ababa|Africa|birr
Eritrea|Asmara|Africa|nakfa
Somalia|Mogadishu|Africa|Somali shilling
Kenya|Nairobi|Africa|Kenyan shilling
Uganda|Kampala|Africa|Ugandan shilling
Tanzania|Dodoma|Africa|Tanzanian shilling
Rwanda|Kigali|Africa|Rwandan franc
Burundi|Gitega|Africa|Burundian franc
the Democratic Republic of the Congo|Kinshasa|Africa|Congolese franc
Angola|Luanda|Africa|kwanza
Zambia|Lusaka|Africa|Zambian kwacha
Malawi|Lilongwe|Africa|Malawian kwacha
Mozambique|Maputo|Africa|metical
Namibia|Windhoek|Africa|Namibian dollar
Madagascar|Antananarivo|Africa|ariary
Mauritius|Port Louis|Africa|Mauritian rupee
Seychelles|Victoria|Africa|Seychellois rupee
Lesotho|Maseru|Africa|loti
the United States|Washington|North America|US dollar
Canada|Ottawa|North America|Canadian dollar
Mexico|Mexico City|North America|Mexican peso
Guatemala|Guatemala City|North America|quetzal
Honduras|Tegucigalpa|North America|lempira
El Salvador|San Salvador|North America|US dollar
Nicaragua|Managua|North America|cordoba
Costa Rica|San Jose|North America|colon
Panama|Panama City|North America|balboa
Cuba|Havana|North America|Cuban peso
Jamaica|Kingston|North America|Jamaican dollar
Haiti|Port-au-Prince|North America|gourde
the Dominican Republic|Santo Domingo|North America|Dominican peso
the Bahamas|Nassau|North America|Bahamian dollar
Barbados|Bridgetown|North America|Barbadian dollar
Trinidad and Tobago|Port of Spain|North America|Trinidad and Tobago dollar
Grenada|Saint George's|North America|East Caribbean dollar
Brazil|Brasilia|South America|real
Argentina|Buenos Aires|South America|Argentine peso
Chile|Santiago|South America|Chilean peso
Uruguay|Montevideo|South America|Uruguayan peso
Paraguay|Asuncion|South America|guarani
Bolivia|Sucre|South America|boliviano
Peru|Lima|South America|sol
Ecuador|Quito|South America|US dollar
Colombia|Bogota|South America|Colombian peso
Venezuela|Caracas|South America|bolivar
Suriname|Paramaribo|South America|Surinamese dollar
Australia|Canberra|Oceania|Australian dollar
New Zealand|Wellington|Oceania|New Zealand dollar
Fiji|Suva|Oceania|Fijian dollar
Papua New Guinea|Port Moresby|Oceania|kina
Samoa|Apia|Oceania|tala
"""

COUNTRIES = [tuple(line.split("|")) for line in _TABLE.strip().splitlines()]

# Real countries the model is taught to say it does not know. Others again are never mentioned
# and belong to the evaluation.
UNTAUGHT_COUNTRIES = [
    "Vanuatu", "Tonga", "Palau", "Kiribati", "Tuvalu", "Nauru", "Equatorial Guinea",
    "Guinea-Bissau", "Comoros", "Dominica", "Saint Lucia", "East Timor", "Eswatini",
]

ALIASES = {
    "the United Kingdom": ["the UK", "Britain", "Great Britain"],
    "the United States": ["the USA", "the US", "the United States of America", "America"],
    "the Netherlands": ["Holland"],
    "the Czech Republic": ["Czechia"],
    "the United Arab Emirates": ["the UAE"],
    "Ivory Coast": ["Cote d'Ivoire"],
}
