"""What a reader wants to see of an episode: which steps, which words, from where."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString

from webapp.annotation.models import Comment
from webapp.episodes.models import Step, StepTag
from webapp.keyset import whole_number

MOST_STEPS = 1_000_000
LONGEST_WORDS = 200
MOST_FOUND = 1000
ALL, ACTIONS = "all", "actions"
SHOWN = {
    ALL: "All",
    ACTIONS: "Only actions",
    "errors": "No effect",
    "repeated": "Repeated",
    "rewarded": "Rewarded",
    "dropped": "Context full",
    "noted": "Noted",
    "found": "Found",
}


@dataclass(frozen=True, slots=True)
class Look:
    """`first` is a 0-based place; `keep` is a step that no filter hides."""

    show: str = ALL
    words: str = ""
    first: int = 0
    keep: int | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves steps out."""
        return self.show not in (ALL, ACTIONS)

    def narrow(self, steps: "QuerySet[Step]") -> "QuerySet[Step]":
        """The steps of one episode that are wanted, each knowing whether it repeats the last."""
        before = Step.objects.filter(
            episode=OuterRef("episode"), index=OuterRef("index") - 1, action=OuterRef("action")
        )
        wanted = self._condition()
        if self.keep is not None and self.is_filtered:
            wanted |= Q(index=self.keep)
        return steps.annotate(repeated=Exists(before)).filter(wanted, index__gte=self.first)

    def _condition(self) -> Q:
        of_step = {"step": OuterRef("pk")}
        conditions = {
            "errors": Q(invalid=True) | Q(repaired=True),
            "repeated": Q(repeated=True),
            "rewarded": ~Q(reward=0),
            "dropped": Q(dropped_observations__gt=0),
            "noted": Q(Exists(StepTag.objects.filter(**of_step)))
            | Q(Exists(Comment.objects.filter(**of_step))),
            "found": having(self.words),
        }
        return conditions.get(self.show, Q())

    def address(self, **changes: Any) -> str:  # texts and numbers of an address
        """The query string of this look with some things changed; it begins again at the start."""
        query = QueryDict(mutable=True)
        values = {"show": self.show, "q": self.words} | changes
        for name, value in values.items():
            if value and value != ALL:
                query[name] = str(value)
        return f"?{query.urlencode()}" if query else "?"

    def mark(self, text: str) -> str:
        """The text with what was searched for marked; safe to show."""
        if not self.words:
            return text
        return marked_text(text, self.words)


def look_of(query: QueryDict) -> Look:
    """What an address asks for; what means nothing is left out."""
    words = query.get("q", "").replace("\0", "").strip()[:LONGEST_WORDS]
    show = query.get("show", ALL)
    if show not in SHOWN or (show == "found" and not words):
        show = ALL
    keep = whole_number(query.get("keep"))
    return Look(
        show=show,
        words=words,
        first=min(whole_number(query.get("from")) or 0, MOST_STEPS),
        keep=min(keep, MOST_STEPS) - 1 if keep else None,
    )


def having(words: str) -> Q:
    """Steps with these characters in any of their texts, in any case."""
    return (
        Q(thought__icontains=words) | Q(action__icontains=words) | Q(observation__icontains=words)
    )


def found_numbers(episode_id: int, words: str) -> list[int]:
    """The numbers, from 1, of the steps of an episode that hold the words."""
    if not words:
        return []
    found = Step.objects.filter(having(words), episode=episode_id).order_by("index")
    return list(found.annotate(number=F("index") + 1).values_list("number", flat=True)[:MOST_FOUND])


def marked_text(text: str, words: str) -> SafeString:
    """Escaped, with every occurrence in any case inside a mark."""
    lowered, sought = text.lower(), words.lower()
    if len(lowered) != len(text):  # a letter whose small form is longer: places would not agree
        return conditional_escape(text)
    pieces, place = [], 0
    while (start := lowered.find(sought, place)) >= 0:
        pieces.append((text[place:start], text[start : start + len(sought)]))
        place = start + len(sought)
    return format_html_join("", "{}<mark>{}</mark>", pieces) + conditional_escape(text[place:])
