"""What the hub calls licenses and languages in the metadata of a card, and whether a name is one of them.

The lists are those of its documentation in 2026; no network is asked.
"""

import re
from difflib import get_close_matches

# https://huggingface.co/docs/hub/repositories-licenses
LICENSES = tuple(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
    afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
    lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl
    openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
    fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown
    other
    """.split()
)
OTHER_LICENSE = "other"  # which has a name and a link of its own
LIKE = 0.6  # of difflib's likeness: 'apache2' is near 'apache-2.0'
# ISO 639-1. The hub takes the codes of three letters of ISO 639-2 and 639-3 too, which are thousands.
TWO_LETTERS = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo
    es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg
    ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn
    no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw
    ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()
)
THREE_LETTERS = re.compile("[a-z]{3}")
OTHER_LANGUAGES = ("code", "multilingual")


def check_license(name: str) -> str:
    """Lets the hub's name of a license pass.

    Raises:
        ValueError: it is none, with the one that is like it.
    """
    if name in LICENSES:
        return name
    spelt = name.strip().lower().replace(" ", "-")
    near = [spelt] if spelt in LICENSES else get_close_matches(spelt, LICENSES, n=1, cutoff=LIKE)
    hint = f"did you mean {near[0]}" if near else "of any other say other, with its name in license_name"
    raise ValueError(f"expected a license as the hub names them, such as apache-2.0, mit or cc-by-4.0; {hint}")


def is_language(code: str) -> bool:
    """Whether the hub takes a word for a language: 'de', 'gsw', 'multilingual'."""
    if len(code) == 2:
        return code in TWO_LETTERS
    return code in OTHER_LANGUAGES or THREE_LETTERS.fullmatch(code) is not None


def find_language(name: str) -> str | None:
    """The code that another name of a language begins with; None where it is none. 'de_DE' -> 'de'"""
    code = re.split("[-_]", name.strip().lower())[0]
    return code if is_language(code) else None


def check_languages(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Lets the hub's codes of languages pass.

    Raises:
        ValueError: one is none, with the one that it begins with.
    """
    if not codes:
        raise ValueError("expected one language at least")
    for code in codes:
        if is_language(code):
            continue
        near = find_language(code)
        hint = "" if near is None else f"; did you mean {near}"
        raise ValueError(
            f"expected codes of ISO 639 such as de, en or gsw, or multilingual, or code, not {code!r}{hint}"
        )
    return codes
