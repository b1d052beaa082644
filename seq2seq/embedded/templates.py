"""The constructions of the quickstart corpus: two clauses, and the one that joins them.

The cue in the second clause (a connective, a pronoun, an auxiliary) decides which construction joins them. The order in
which a template draws its words is part of the corpus: another one would make other pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .draw import Draw
from .lexicon import Person, article


@dataclass(frozen=True)
class Clauses:
    """Two clauses and the one that joins them, without capitals and full stops."""

    first: str
    second: str
    joined: str


def _second_subject(draw: Draw, first: Person) -> str:
    """Either the pronoun of the first subject or another person."""
    if draw.rng.random() < 0.5:
        return first.pronoun
    return draw.pick("person").phrase


def _linked(cue: str, conjunction: str) -> Callable[[Draw], Clauses]:
    """'A. <cue>, B.' -> '<conjunction> A, B.'"""

    def build(draw: Draw) -> Clauses:
        person = draw.pick("person")
        first = f"{person.phrase} {draw.past_phrase()}"
        second = f"{_second_subject(draw, person)} {draw.past_phrase()}"
        return Clauses(
            first=first,
            second=f"{cue}, {second}",
            joined=f"{conjunction} {first}, {second}",
        )

    return build


def _reason_after(draw: Draw) -> Clauses:
    person = draw.pick("person")
    first = f"{person.phrase} {draw.past_phrase()}"
    second = f"{_second_subject(draw, person)} {draw.past_phrase()}"
    return Clauses(
        first=first,
        second=f"this was because {second}",
        joined=f"{first} because {second}",
    )


def _relative_subject(draw: Draw) -> Clauses:
    person = draw.pick("person")
    first = draw.past_phrase()
    second = draw.past_phrase()
    return Clauses(
        first=f"{person.phrase} {first}",
        second=f"{person.pronoun} {second}",
        joined=f"{person.phrase}, who {first}, {second}",
    )


def _relative_object(draw: Draw) -> Clauses:
    person = draw.pick("person")
    verb = draw.pick("verb")
    noun = draw.pick("thing").noun
    quality = draw.pick("quality")
    subject = draw.rng.choice(("it", f"the {noun}"))
    return Clauses(
        first=f"{person.phrase} {verb.past} the {noun}",
        second=f"{subject} was {quality.word}",
        joined=f"{person.phrase} {verb.past} the {noun} that was {quality.word}",
    )


def _apposition(draw: Draw) -> Clauses:
    person = draw.pick("name")
    job = draw.pick("job").noun
    phrase = draw.past_phrase()
    return Clauses(
        first=f"{person.phrase} is {article(job)} {job}",
        second=f"{person.pronoun} {phrase}",
        joined=f"{person.phrase}, {article(job)} {job}, {phrase}",
    )


def _verb_coordination(draw: Draw) -> Clauses:
    person = draw.pick("person")
    first = draw.past_phrase()
    second = draw.past_phrase()
    return Clauses(
        first=f"{person.phrase} {first}",
        second=f"{person.pronoun} also {second}",
        joined=f"{person.phrase} {first} and {second}",
    )


def _object_coordination(draw: Draw) -> Clauses:
    person = draw.pick("person")
    verb = draw.pick("verb")
    first = draw.thing()
    second = draw.thing()
    tail = draw.adjunct()
    return Clauses(
        first=f"{person.phrase} {verb.past} {first}{tail}",
        second=f"{person.pronoun} {verb.past} {second} too",
        joined=f"{person.phrase} {verb.past} {first} and {second}{tail}",
    )


def _subject_coordination(draw: Draw) -> Clauses:
    first = draw.pick("person")
    second = draw.pick("person")
    verb = draw.pick("verb")
    thing = draw.thing()
    tail = draw.adjunct()
    return Clauses(
        first=f"{first.phrase} often {verb.third} {thing}{tail}",
        second=f"{second.phrase} does so too",
        joined=f"{first.phrase} and {second.phrase} often {verb.base} {thing}{tail}",
    )


def _purpose(draw: Draw) -> Clauses:
    person = draw.pick("person")
    first = draw.past_phrase()
    verb = draw.pick("verb")
    thing = draw.thing()
    return Clauses(
        first=f"{person.phrase} {first}",
        second=f"{person.pronoun} wanted to {verb.base} {thing}",
        joined=f"{person.phrase} {first} to {verb.base} {thing}",
    )


def _without(draw: Draw) -> Clauses:
    person = draw.pick("person")
    first = draw.past_phrase()
    verb = draw.pick("verb")
    thing = draw.thing()
    return Clauses(
        first=f"{person.phrase} {first}",
        second=f"{person.pronoun} did not {verb.base} {thing}",
        joined=f"{person.phrase} {first} without {verb.gerund} {thing}",
    )


def _condition(draw: Draw) -> Clauses:
    first = draw.pick("person")
    second = draw.pick("person")
    condition = f"{first.phrase} {draw.pick('verb').third} {draw.thing()}{draw.adjunct()}"
    result = f"{second.phrase} will {draw.pick('verb').base} {draw.thing()}"
    return Clauses(
        first=f"perhaps {condition}",
        second=f"in that case, {result}",
        joined=f"if {condition}, {result}",
    )


def _adjective_moved(draw: Draw) -> Clauses:
    noun = draw.pick("thing").noun
    quality = draw.pick("quality")
    person = draw.pick("person")
    verb = draw.pick("verb")
    tail = draw.adjunct()
    return Clauses(
        first=f"the {noun} was {quality.word}",
        second=f"{person.phrase} {verb.past} it{tail}",
        joined=f"{person.phrase} {verb.past} the {quality.word} {noun}{tail}",
    )


def _gerund_opening(draw: Draw) -> Clauses:
    person = draw.pick("person")
    verb = draw.pick("verb")
    thing = draw.thing()
    second = draw.past_phrase()
    return Clauses(
        first=f"{person.phrase} {verb.past} {thing}",
        second=f"at the same moment, {person.pronoun} {second}",
        joined=f"{verb.gerund} {thing}, {person.phrase} {second}",
    )


def _neither(draw: Draw) -> Clauses:
    first = draw.pick("person")
    second = draw.pick("person")
    verb = draw.pick("verb")
    thing = draw.thing()
    tail = draw.adjunct()
    return Clauses(
        first=f"{first.phrase} did not {verb.base} {thing}{tail}",
        second=f"{second.phrase} did not do so either",
        joined=f"neither {first.phrase} nor {second.phrase} {verb.past} {thing}{tail}",
    )


def _active(draw: Draw) -> Clauses:
    person = draw.pick("person")
    verb = draw.pick("verb")
    thing = draw.thing()
    tail = draw.adjunct()
    return Clauses(
        first=f"{thing} was {verb.participle}{tail}",
        second=f"it was {person.phrase} who did it",
        joined=f"{person.phrase} {verb.past} {thing}{tail}",
    )


def _instead(draw: Draw) -> Clauses:
    person = draw.pick("person")
    verb = draw.pick("verb")
    thing = draw.thing()
    second = draw.past_phrase()
    return Clauses(
        first=f"{person.phrase} did not {verb.base} {thing}",
        second=f"instead, {person.pronoun} {second}",
        joined=f"instead of {verb.gerund} {thing}, {person.phrase} {second}",
    )


def _not_only(draw: Draw) -> Clauses:
    person = draw.pick("person")
    first = draw.past_phrase()
    second = draw.past_phrase()
    return Clauses(
        first=f"{person.phrase} {first}",
        second=f"on top of that, {person.pronoun} {second}",
        joined=f"{person.phrase} not only {first} but also {second}",
    )


def _owned(draw: Draw) -> Clauses:
    person = draw.pick("person")
    noun = draw.pick("thing").noun
    quality = draw.pick("quality")
    tail = draw.adjunct()
    return Clauses(
        first=f"{person.phrase} wanted {article(noun)} {noun}{tail}",
        second=f"it had to be {quality.word}",
        joined=f"{person.phrase} wanted {article(quality.word)} {quality.word} {noun}{tail}",
    )


def _so_that(draw: Draw) -> Clauses:
    noun = draw.pick("thing").noun
    quality = draw.pick("quality")
    person = draw.pick("person")
    verb = draw.pick("verb")
    tail = draw.adjunct()
    return Clauses(
        first=f"the {noun} was very {quality.word}",
        second=f"for this reason, {person.phrase} {verb.past} it{tail}",
        joined=f"the {noun} was so {quality.word} that {person.phrase} {verb.past} it{tail}",
    )


# In this order they are drawn from, which is part of the corpus.
TEMPLATES: dict[str, Callable[[Draw], Clauses]] = {
    "concession": _linked("however", "although"),
    "cause": _linked("therefore", "because"),
    "sequence": _linked("afterwards", "after"),
    "anteriority": _linked("before that", "before"),
    "simultaneity": _linked("meanwhile", "while"),
    "reason_after": _reason_after,
    "relative_subject": _relative_subject,
    "relative_object": _relative_object,
    "apposition": _apposition,
    "verb_coordination": _verb_coordination,
    "object_coordination": _object_coordination,
    "subject_coordination": _subject_coordination,
    "purpose": _purpose,
    "without": _without,
    "condition": _condition,
    "adjective_moved": _adjective_moved,
    "gerund_opening": _gerund_opening,
    "neither": _neither,
    "active": _active,
    "instead": _instead,
    "not_only": _not_only,
    "owned": _owned,
    "so_that": _so_that,
}
