"""English text to index terms, as Lucene's English analyzer does it."""

import re

import regex

from retro_core.envs.fulltext.porter import porter_stem

STOP_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is",
        "it", "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there",
        "these", "they", "this", "to", "was", "will", "with",
    }
)  # fmt: skip
LONGEST_TOKEN = 255

# Unicode's word boundaries (UAX 29): some marks join two letters, others two digits.
ASCII_WORD = re.compile(
    r"_*[A-Za-z0-9][A-Za-z0-9_]*"
    r"(?:(?:(?<=[A-Za-z])[:.'](?=[A-Za-z])|(?<=[0-9])[,;.'](?=[0-9]))[A-Za-z0-9_]+)*"
)
_MARKS = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*"
_LETTER = rf"[\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}]{_MARKS}"
_DIGIT = rf"\p{{WB=Numeric}}{_MARKS}"
_JOIN = rf"[\p{{WB=ExtendNumLet}}]{_MARKS}"
_LETTER_LINK = rf"[\p{{WB=MidLetter}}\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]{_MARKS}"
_DIGIT_LINK = rf"[\p{{WB=MidNum}}\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]{_MARKS}"
_LETTERS = rf"{_LETTER}(?:(?:{_LETTER_LINK})?{_LETTER})*"
_DIGITS = rf"{_DIGIT}(?:(?:{_DIGIT_LINK})?{_DIGIT})*"
_KATAKANA = rf"(?:\p{{WB=Katakana}}{_MARKS})+"
_RUN = rf"(?:(?:{_LETTERS}|{_DIGITS})+|{_KATAKANA})"
# Pictographs of Unicode 14, of which later versions took some back; a joiner makes one of several.
_PICTOGRAPH = (
    r"[\p{Extended_Pictographic}\u2388\u2600-\u2605\u2607-\u2612\u2614-\u2685"
    r"\u2690-\u2705\u2708-\u2712\u2763-\u2767]"
)
_EMOJI = rf"{_PICTOGRAPH}(?:(?!\u200d{_PICTOGRAPH})[\p{{WB=Extend}}\p{{WB=Format}}\u200d])*"
UNICODE_WORD = regex.compile(
    rf"{_EMOJI}(?:\u200d{_EMOJI})*|\p{{Regional_Indicator}}{{2}}"
    rf"|(?:{_JOIN})*{_RUN}(?:(?:{_JOIN})+(?:{_RUN})?)*"
    rf"|\p{{Script=Han}}{_MARKS}|\p{{Script=Hiragana}}{_MARKS}"
    rf"|(?:[\p{{Line_Break=Complex_Context}}]{_MARKS})+"
)


def english_terms(text: str) -> list[str]:
    """The terms of a text in order: split, possessives and stop words off, stemmed."""
    words = (_lower_without_possessive(token) for token in _tokens(text))
    return [porter_stem(word) for word in words if word not in STOP_WORDS]


def _tokens(text: str) -> list[str]:
    tokens: list[str] = (ASCII_WORD if text.isascii() else UNICODE_WORD).findall(text)
    if all(len(token) <= LONGEST_TOKEN for token in tokens):
        return tokens
    return [
        token[start : start + LONGEST_TOKEN]
        for token in tokens
        for start in range(0, len(token), LONGEST_TOKEN)
    ]


def _lower_without_possessive(token: str) -> str:
    word = token.lower()
    if word.endswith("s") and len(word) > 1 and word[-2] in "'\u2019\uff07":
        return word[:-2]
    return word
