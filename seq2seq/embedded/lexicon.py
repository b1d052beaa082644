"""The words of the quickstart corpus, by class. What is made of them stands in templates.py."""

from typing import NamedTuple


class Verb(NamedTuple):
    """The forms of one transitive verb."""

    base: str
    third: str
    past: str
    gerund: str
    participle: str


class Person(NamedTuple):
    """A human noun phrase, lower-case unless a name, and the pronoun that stands for it."""

    phrase: str
    pronoun: str


class Thing(NamedTuple):
    """A noun that can be owned and handled."""

    noun: str


class Quality(NamedTuple):
    """An adjective that fits things."""

    word: str


class Job(NamedTuple):
    """A profession, without an article."""

    noun: str


class Adjunct(NamedTuple):
    """A place or time phrase that may follow a verb phrase."""

    phrase: str


def _parse_verbs(table: str) -> tuple[Verb, ...]:
    return tuple(Verb(*line.split()) for line in table.strip().splitlines())


VERBS = _parse_verbs(
    """
sell sells sold selling sold
find finds found finding found
buy buys bought buying bought
hide hides hid hiding hidden
draw draws drew drawing drawn
break breaks broke breaking broken
steal steals stole stealing stolen
throw throws threw throwing thrown
bring brings brought bringing brought
choose chooses chose choosing chosen
take takes took taking taken
build builds built building built
keep keeps kept keeping kept
lose loses lost losing lost
hold holds held holding held
leave leaves left leaving left
shake shakes shook shaking shaken
forget forgets forgot forgetting forgotten
repair repairs repaired repairing repaired
open opens opened opening opened
carry carries carried carrying carried
paint paints painted painting painted
clean cleans cleaned cleaning cleaned
move moves moved moving moved
borrow borrows borrowed borrowing borrowed
return returns returned returning returned
drop drops dropped dropping dropped
wrap wraps wrapped wrapping wrapped
check checks checked checking checked
bury buries buried burying buried
polish polishes polished polishing polished
measure measures measured measuring measured
cover covers covered covering covered
order orders ordered ordering ordered
copy copies copied copying copied
fetch fetches fetched fetching fetched
examine examines examined examining examined
replace replaces replaced replacing replaced
admire admires admired admiring admired
collect collects collected collecting collected
"""
)
WOMEN = "Mara Anna Ines Greta Lucia Nadia Olga Petra Rosa Sofia Tilda Vera Wanda Yara Zoe Clara Helen Judith".split()
MEN = "Tom Boris Carl David Emil Felix Hugo Ivan Jonas Karim Leo Marco Nils Oscar Pavel Ravi Simon Victor".split()
JOBS = (
    "baker pilot nurse teacher farmer sailor singer lawyer miner cook painter gardener driver guard judge priest "
    "butcher tailor potter waiter actor editor engineer artist officer author"
).split()
THINGS = (
    "lamp box clock chair ladder basket letter mirror knife bottle carpet violin kettle hammer blanket bicycle drum "
    "map coin ring candle bucket table vase helmet wheel rope bell cup statue book key coat shovel radio camera piano "
    "telescope compass lantern anchor barrel saddle curtain pillow engine"
).split()
QUALITIES = (
    "old red heavy broken empty green expensive dirty small ugly enormous beautiful strange useful round yellow cheap "
    "dusty fragile ancient narrow wooden shiny blue orange light rusty famous elegant odd"
).split()
PLACES = (
    "in the garden|in the kitchen|at the market|near the river|on the bridge|behind the church|in the cellar|"
    "at the station|in the forest|on the roof|under the stairs|in the harbour|beside the road|at the school|"
    "in the barn|on the beach"
).split("|")
TIMES = (
    "yesterday|last night|on Monday|in the morning|at noon|before dinner|last week|on Friday|in the evening|"
    "at midnight|after lunch|last summer"
).split("|")

NAMES = tuple([Person(name, "she") for name in WOMEN] + [Person(name, "he") for name in MEN])
WORKERS = tuple(Person(f"the {job}", pronoun) for job in JOBS for pronoun in ("she", "he"))
LEXICON: dict[str, tuple] = {
    "verb": VERBS,
    "person": NAMES + WORKERS,
    "name": NAMES,
    "job": tuple(Job(job) for job in JOBS),
    "thing": tuple(Thing(noun) for noun in THINGS),
    "quality": tuple(Quality(word) for word in QUALITIES),
    "place": tuple(Adjunct(phrase) for phrase in PLACES),
    "time": tuple(Adjunct(phrase) for phrase in TIMES),
}


def word_key(entry: tuple) -> str:
    """The content word of a lexicon entry: the base form, name, noun or phrase, whatever the article or pronoun."""
    return entry[0].removeprefix("the ")


def article(word: str) -> str:
    """'an' before a vowel letter, else 'a'; of the lexicon's words only 'useful' sounds otherwise."""
    return "an" if word[0] in "aeiou" and word != "useful" else "a"
