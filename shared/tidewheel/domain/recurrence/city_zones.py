"""Cities that have no zone of their own, and the zone whose clock they follow.

Only cities that no other one of their continent can be taken for: a name that two clocks share is left out.
"""

from __future__ import annotations

_CITIES = {
    "Africa/Addis_Ababa": "Harar",
    "Africa/Algiers": "Oran",
    "Africa/Cairo": "Alexandria Giza Luxor",
    "Africa/Casablanca": "Marrakesh Marrakech Rabat Fez Tangier Agadir",
    "Africa/Dar_es_Salaam": "Dodoma Zanzibar Arusha",
    "Africa/Johannesburg": "Cape_Town Durban Pretoria Soweto Bloemfontein Port_Elizabeth",
    "Africa/Lagos": "Abuja Kano Ibadan Port_Harcourt",
    "Africa/Nairobi": "Mombasa Kisumu",
    "America/Bogota": "Medellin Cali Barranquilla Bucaramanga",
    "America/Caracas": "Maracaibo",
    "America/Chicago": "Austin Dallas Fort_Worth Houston Milwaukee Minneapolis Nashville New_Orleans Omaha "
    "Saint_Louis St_Louis Tulsa Oklahoma_City Wichita",
    "America/Denver": "Albuquerque Colorado_Springs Salt_Lake_City Santa_Fe Cheyenne",
    "America/Edmonton": "Calgary",
    "America/Guayaquil": "Quito Cuenca",
    "America/La_Paz": "Santa_Cruz_de_la_Sierra Cochabamba",
    "America/Lima": "Cusco Arequipa",
    "America/Los_Angeles": "Fresno Las_Vegas Oakland Palo_Alto Mountain_View Sacramento San_Diego Seattle "
    "Silicon_Valley Spokane Tacoma",
    "America/Mexico_City": "Guadalajara Puebla",
    "America/New_York": "Atlanta Baltimore Boston Brooklyn Buffalo Charlotte Cincinnati Cleveland Manhattan Miami "
    "Orlando Philadelphia Pittsburgh Raleigh Tampa Washington_DC",
    "America/Phoenix": "Tucson Scottsdale",
    "America/Sao_Paulo": "Belo_Horizonte Brasilia Campinas Curitiba Florianopolis Porto_Alegre Rio_de_Janeiro",
    "America/Toronto": "Mississauga Montreal Ottawa Quebec Quebec_City",
    "Asia/Baghdad": "Basra Mosul",
    "Asia/Bangkok": "Chiang_Mai Phuket Pattaya",
    "Asia/Colombo": "Kandy",
    "Asia/Dhaka": "Chittagong",
    "Asia/Dubai": "Abu_Dhabi Sharjah",
    "Asia/Ho_Chi_Minh": "Hanoi Da_Nang Haiphong",
    "Asia/Jakarta": "Bandung Surabaya Yogyakarta",
    "Asia/Jerusalem": "Haifa",
    "Asia/Karachi": "Islamabad Lahore Rawalpindi Faisalabad",
    "Asia/Kolkata": "Ahmedabad Bangalore Bengaluru Bombay Chennai Delhi Jaipur Kanpur Lucknow Madras "
    "Mumbai Nagpur New_Delhi Noida Pune",
    "Asia/Kuala_Lumpur": "Johor_Bahru Penang",
    "Asia/Manila": "Cebu Davao Quezon_City",
    "Asia/Riyadh": "Jeddah Mecca Medina Dammam",
    "Asia/Seoul": "Busan Incheon Daegu Daejeon",
    "Asia/Shanghai": "Beijing Chengdu Guangzhou Hangzhou Nanjing Peking Shenzhen Tianjin Wuhan Xian",
    "Asia/Taipei": "Kaohsiung Taichung",
    "Asia/Tehran": "Isfahan Mashhad Shiraz Tabriz",
    "Asia/Tokyo": "Fukuoka Hiroshima Kobe Kyoto Nagoya Osaka Sapporo Sendai Yokohama",
    "Asia/Yangon": "Mandalay Naypyidaw",
    "Australia/Brisbane": "Gold_Coast Cairns Townsville",
    "Australia/Melbourne": "Geelong Ballarat",
    "Australia/Sydney": "Wollongong Parramatta",
    "Europe/Amsterdam": "Eindhoven Rotterdam The_Hague Utrecht",
    "Europe/Athens": "Thessaloniki Piraeus",
    "Europe/Berlin": "Bonn Bremen Cologne Dortmund Dresden Duesseldorf Dusseldorf Essen Frankfurt Hamburg Hannover "
    "Kiel Koln Leipzig Munchen Munich Nuremberg Stuttgart",
    "Europe/Brussels": "Antwerp Bruges Ghent",
    "Europe/Istanbul": "Ankara Izmir Antalya",
    "Europe/Kiev": "Kharkiv Lviv Odesa Odessa Dnipro",
    "Europe/Lisbon": "Porto",
    "Europe/London": "Bristol Cardiff Edinburgh Glasgow Leeds Liverpool Manchester Sheffield",
    "Europe/Madrid": "Barcelona Bilbao Malaga Seville Valencia Zaragoza",
    "Europe/Moscow": "Saint_Petersburg St_Petersburg Kazan Sochi",
    "Europe/Oslo": "Bergen Stavanger Trondheim",
    "Europe/Paris": "Bordeaux Lille Lyon Marseille Nantes Nice Strasbourg Toulouse",
    "Europe/Prague": "Brno Ostrava",
    "Europe/Bucharest": "Cluj Timisoara Iasi",
    "Europe/Rome": "Bologna Florence Genoa Milan Milano Naples Palermo Roma Turin Venice",
    "Europe/Stockholm": "Gothenburg Malmo Uppsala",
    "Europe/Vienna": "Graz Innsbruck Linz Salzburg",
    "Europe/Warsaw": "Gdansk Krakow Cracow Lodz Lublin Poznan Wroclaw",
    "Europe/Zurich": "Basel Bern Geneva Lausanne Lucerne",
    "Pacific/Auckland": "Christchurch Wellington Dunedin",
}
_OF_SEVERAL_CONTINENTS = frozenset(
    {
        *("alexandria", "birmingham", "boston", "bristol", "cali", "charlotte", "cleveland", "cuenca", "durban"),
        *("essen", "fez", "florence", "geneva", "guadalajara", "lausanne", "linz", "malaga", "manchester", "medina"),
        *("naples", "nice", "oran", "orlando", "parramatta", "porto", "puebla", "salzburg", "seville", "the_hague"),
        *("valencia", "venice", "vienna", "wellington", "christchurch"),
    }
)
_ZONES = {
    (zone.partition("/")[0].casefold(), city.casefold()): zone
    for zone, cities in _CITIES.items()
    for city in cities.split()
}


def city_zone(name: str) -> str | None:
    """The zone of a city that has none of its own.

    Args:
        name: In small letters, underscores for blanks: ``asia/mumbai``, or a city that only one continent has.
    """
    continent, _, city = name.rpartition("/")
    if continent:
        return _ZONES.get((continent, city))
    found = {zone for (_, known), zone in _ZONES.items() if known == city and city not in _OF_SEVERAL_CONTINENTS}
    return found.pop() if len(found) == 1 else None
