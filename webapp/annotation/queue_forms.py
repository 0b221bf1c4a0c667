"""The form of a new queue, and of what may change later."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q

from retro_core.errors import InvalidInput
from webapp.adapters.models import Adapter
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
SHARES = (
    *("zero", "disputed", "control", "model", "uncertain"),
    *("replayed", "gold", "again"),
)
MOST_GUIDELINES = 40_000
GUIDELINES = """Rate what the **reflection** was worth, not how lucky the next episode was.

- **+1**: it names the true cause, and its plan would solve the task
- **0**: true but of no use, or it repeats what was said before
- **-1**: it would lead the actor away from the solution

Answer first; the next episode is shown after that, and you may then change your answer.
"""


def _share(label: str, help_text: str) -> forms.IntegerField:
    """A share of the items in percent; nothing is none."""
    return forms.IntegerField(
        required=False, min_value=0, max_value=100, initial=0, label=label, help_text=help_text
    )


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
    shows_gold = forms.BooleanField(
        required=False,
        initial=True,
        label="Tell annotators the gold decision",
        help_text="After their own answer, of which only the first is counted against gold."
        " Off: not before the queue is closed.",
    )
    scored_by = forms.ModelChoiceField(
        Adapter.objects.reward_models(),
        required=False,
        empty_label="None",
        label="Reward model",
        help_text="Its score is offered as a suggestion, apart and to be hidden.",
    )
    people = forms.ModelMultipleChoiceField(
        User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: everyone who may annotate.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer(annotators())

    def _offer(self, people: Any) -> None:
        field = self.fields["people"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = people


class ChangeForm(TermsForm):
    """The same, over a queue that stands.

    It offers those who are named already too, although they may annotate no more: a queue without
    named people is open to everyone, and nobody is to open it unawares.
    """

    def __init__(self, queue: Queue, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = queue
        may = annotators().values("pk")
        everyone = User.objects.filter(Q(pk__in=may) | Q(named_queues=queue)).distinct()
        self._offer(everyone.order_by("username"))
        names = queue.people.exclude(pk__in=may).order_by("username")
        if gone := ", ".join(names.values_list("username", flat=True)):
            self.fields["people"].help_text += f" Named, but may not annotate now: {gone}."

    def save(self) -> None:
        """Store the new terms; answers that are there stay."""
        values = dict(self.cleaned_data)
        self.queue.people.set(values.pop("people"))
        Queue.objects.filter(pk=self.queue.pk).update(**values)


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
    model_share = _share("Reward model disagrees", "Its score has another sign, surest first.")
    uncertain_share = _share("Reward model uncertain", "Its scores nearest to 0.")
    replayed_share = _share("Counterfactual disagrees", "Replays say another sign, furthest first.")
    gold_share = _share("Gold", "Decided before; annotators are compared with it.")
    again_share = _share("Asked again", "Second copies, to see whether people repeat themselves.")
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
        if sum(values.get(f"{name}_share") or 0 for name in SHARES) > 100:
            self.add_error("control_share", "The shares add up to more than 100 %.")
        if (values.get("again_share") or 0) > 50:
            self.add_error("again_share", "At most half of the items can be asked again.")
        by_model = (values.get("model_share") or 0) + (values.get("uncertain_share") or 0)
        if by_model and values.get("scored_by") is None:
            self.add_error("scored_by", "Choose the reward model whose scores are meant.")
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
            adapter=values["scored_by"].pk if values["scored_by"] else None,
            **{f"{name}_share": (values[f"{name}_share"] or 0) / 100 for name in SHARES},
        )

    def save(self, owner: User) -> Queue | None:
        """Make the queue with its items; None with an error if that is refused."""
        values = self.cleaned_data
        names = (
            *("name", "notes", "overlap", "priority", "blind", "deadline"),
            *("shows_automatic", "shows_gold"),
        )
        scored_by = values["scored_by"].pk if values["scored_by"] else None
        chosen = {name: values[name] for name in names}
        terms = Terms(**chosen, scored_by_id=scored_by, seed=values["seed"])
        people = values["people"]
        try:
            return make_queue(owner, terms, self.selection, values["guidelines"], people)
        except InvalidInput as error:
            self.add_error(None, str(error))
            return None
