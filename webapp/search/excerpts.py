"""A piece of a text around what was found, with the words marked and everything else escaped."""

import re

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

BEFORE, LENGTH = 90, 320


def excerpt(text: str, pattern: re.Pattern[str]) -> SafeString:
    """The first match with its surroundings; the beginning of the text where nothing matches."""
    first = pattern.search(text)
    start = max(first.start() - BEFORE, 0) if first else 0
    if start:
        start = text.find(" ", start, first.start() if first else None) + 1 or start
    end = min(start + LENGTH, len(text))
    piece = text[start:end]
    ends = ("… " if start else "", " …" if end < len(text) else "")
    return format_html("{}{}{}", ends[0], marked(piece, pattern), ends[1])


def marked(text: str, pattern: re.Pattern[str]) -> SafeString:
    """The whole text with every match in a <mark>."""
    parts, place = [], 0
    for match in pattern.finditer(text):
        parts.append((text[place : match.start()], match[0]))
        place = match.end()
    marks = format_html_join("", "{}<mark>{}</mark>", parts)
    return format_html("{}{}", marks, text[place:])
