"""The form of a new queue, and of what may change later."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q

from webapp.annotation.models import Queue
from webapp.annotation.services.making import (
    MOST_ITEMS,
    Selection,
    Terms,
    make_queue,
    sample,
)
from webapp.experiments.models import Experiment

RATING_WORDS = {
    "any": "Any rating",
    "zero": "Rated zero",
    "helped": "Rated above zero",
    "hurt": "Rated below zero",
    "unrated": "Not rated yet",
}
MOST_GUIDELINES = 40_000
GUIDELINES = """Rate what the **reflection** was worth, not how lucky the next episode was.

- **+1**: it names the true cause, and its plan would solve the task
- **0**: true but of no use, or it repeats what was said before
- **-1**: it would lead the actor away from the solution

Answer first; the next episode is shown after that, and you may then change your answer.
"""


def annotators() -> Any:  # a query set of the user model
    """People whose role lets them answer."""
    may = Q(groups__permissions__codename="add_response") | Q(is_superuser=True)
    return User.objects.filter(may, is_active=True).distinct().order_by("username")


class TermsForm(forms.Form):
    """What a queue may change while it is worked."""

    overlap = forms.IntegerField(
        min_value=1, max_value=20, initial=2, help_text="Different people who answer each item."
    )
    priority = forms.IntegerField(
        min_value=-1000, max_value=1000, initial=0, help_text="Higher comes first in the list."
    )
    deadline = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text="Optional."
    )
    blind = forms.BooleanField(
        required=False,
        initial=True,
        label="Blind",
        help_text="Others' answers show only after one's own.",
    )
    shows_automatic = forms.BooleanField(
        required=False,
        initial=True,
        label="Offer the automatic rating at once",
        help_text="It tells how the next episode went. Off: only after the first answer.",
    )
    people = forms.ModelMultipleChoiceField(
        User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: everyone who may annotate.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = self.fields["people"]
        assert isinstance(people, forms.ModelMultipleChoiceField)
        people.queryset = annotators()


class ChangeForm(TermsForm):
    """The same, over a queue that stands."""

    def save(self, queue: Queue) -> None:
        """Store the new terms; answers that are there stay."""
        values = dict(self.cleaned_data)
        queue.people.set(values.pop("people"))
        Queue.objects.filter(pk=queue.pk).update(**values)


class QueueForm(TermsForm):
    """A new queue: which reflections, how many, on what terms."""

    name = forms.CharField(max_length=160, help_text="Unique.")
    notes = forms.CharField(required=False, max_length=4000, widget=forms.Textarea({"rows": 2}))
    experiments = forms.ModelMultipleChoiceField(
        Experiment.objects.none(),
        required=False,
        widget=forms.SelectMultiple({"size": 6}),
        help_text="None chosen: all experiments.",
    )
    rating = forms.ChoiceField(
        choices=list(RATING_WORDS.items()), initial="any", label="Automatic rating"
    )
    no_repeats = forms.BooleanField(
        required=False, label="Leave out those that repeat the one before"
    )
    unanswered = forms.BooleanField(required=False, label="Leave out those that people answered")
    size = forms.IntegerField(
        min_value=1, max_value=MOST_ITEMS, initial=100, help_text="At most so many items."
    )
    zero_share = forms.IntegerField(
        min_value=0, max_value=100, initial=0, label="Rated zero", help_text="Share drawn first."
    )
    disputed_share = forms.IntegerField(
        min_value=0,
        max_value=100,
        initial=0,
        label="People disagree",
        help_text="Valued differently before, not yet decided.",
    )
    control_share = forms.IntegerField(
        min_value=0,
        max_value=100,
        initial=0,
        label="Random control",
        help_text="Drawn from all that match.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="Repeats the draw exactly."
    )
    guidelines = forms.CharField(
        required=False,
        max_length=MOST_GUIDELINES,
        initial=GUIDELINES,
        widget=forms.Textarea({"rows": 9}),
        help_text="Markdown. Every change later is a new version.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        experiments = self.fields["experiments"]
        assert isinstance(experiments, forms.ModelMultipleChoiceField)
        experiments.queryset = Experiment.objects.unarchived().filter(reflections_count__gt=0)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Queue.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a queue of this name already.")
        return name

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        shares = [values.get(f"{name}_share") or 0 for name in ("zero", "disputed", "control")]
        if sum(shares) > 100:
            self.add_error("control_share", "The shares add up to more than 100 %.")
        if not self.errors and not sample(self.selection, values["seed"]):
            self.add_error(None, "No reflection matches. Choose other experiments or ratings.")
        return values

    @property
    def selection(self) -> Selection:
        """Which reflections."""
        values = self.cleaned_data
        return Selection(
            experiments=[experiment.pk for experiment in values["experiments"]],
            rating=values["rating"],
            no_repeats=values["no_repeats"],
            unanswered=values["unanswered"],
            size=values["size"],
            zero_share=values["zero_share"] / 100,
            disputed_share=values["disputed_share"] / 100,
            control_share=values["control_share"] / 100,
        )

    def save(self, owner: User) -> Queue:
        """Make the queue with its items."""
        values = self.cleaned_data
        names = ("name", "notes", "overlap", "priority", "blind", "shows_automatic", "deadline")
        terms = Terms(**{name: values[name] for name in names}, seed=values["seed"])
        return make_queue(owner, terms, self.selection, values["guidelines"], values["people"])
