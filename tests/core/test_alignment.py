"""Alignments worked out by hand."""

from retro_core.alignment import Move, Pair, Words, aligned, first_parting, word_changes


def moves(*steps: str) -> list[Move]:
    """Steps as "action" or "action=observation"."""
    return [Move(*(step.split("=") if "=" in step else (step, "ok"))) for step in steps]


def kinds(pairs: list[Pair]) -> str:
    """The pairs as one word: S same, O answered otherwise, C changed, L left out, A added."""
    letters = {"same": "S", "answered_otherwise": "O", "changed": "C", "left_out": "L"}
    return "".join(letters.get(pair.kind, "A") for pair in pairs)


def test_equal_trials_never_part() -> None:
    pairs = aligned(moves("look", "open red"), moves("look", "open red"))

    assert pairs == [Pair("same", 0, 0), Pair("same", 1, 1)]
    assert first_parting(pairs) is None


def test_another_action_in_the_same_place_is_where_they_part() -> None:
    pairs = aligned(moves("look", "open red", "leave"), moves("look", "open blue", "leave"))

    assert pairs == [Pair("same", 0, 0), Pair("changed", 1, 1), Pair("same", 2, 2)]
    assert first_parting(pairs) == 1


def test_the_same_action_with_another_observation_is_not_yet_a_parting() -> None:
    pairs = aligned(moves("look=dark", "open red"), moves("look=light", "open blue"))

    assert kinds(pairs) == "OC"
    assert first_parting(pairs) == 1


def test_a_step_left_out_keeps_the_rest_beside_each_other() -> None:
    pairs = aligned(moves("look", "wait", "open red", "leave"), moves("look", "open red", "leave"))

    assert pairs == [
        Pair("same", 0, 0),
        Pair("left_out", 1, None),
        Pair("same", 2, 1),
        Pair("same", 3, 2),
    ]


def test_steps_added_at_the_end_part_there() -> None:
    pairs = aligned(moves("look"), moves("look", "open red", "leave"))

    assert pairs == [Pair("same", 0, 0), Pair("added", None, 1), Pair("added", None, 2)]
    assert first_parting(pairs) == 1


def test_a_step_with_the_same_observation_is_preferred_to_one_with_the_action_alone() -> None:
    pairs = aligned(moves("x", "look=dark"), moves("y", "look=light", "look=dark"))

    assert pairs == [Pair("changed", 0, 0), Pair("added", None, 1), Pair("same", 1, 2)]


def test_every_step_stands_once_and_in_order() -> None:
    before, after = moves(*"abcabcbd"), moves(*"bdacbbca")

    pairs = aligned(before, after)

    assert [pair.before for pair in pairs if pair.before is not None] == list(range(8))
    assert [pair.after for pair in pairs if pair.after is not None] == list(range(8))


def test_the_longest_matching_wins_over_the_nearest() -> None:
    # abcd and bcda: matching a leaves one pair, matching bcd gives three.
    assert kinds(aligned(moves(*"abcd"), moves(*"bcda"))) == "LSSSA"


def test_a_trial_without_steps_is_beside_nothing() -> None:
    assert aligned([], moves("look")) == [Pair("added", None, 0)]
    assert aligned([], []) == []


def test_word_changes_strike_and_write() -> None:
    changes = word_changes("Open the red door first.", "Open the blue door first.")

    assert changes == [
        Words("same", "Open the "),
        Words("removed", "red "),
        Words("added", "blue "),
        Words("same", "door first."),
    ]


def test_the_new_text_is_what_is_shared_and_added() -> None:
    old, new = "I was wrong.\n\nGo left  now.", "I was wrong. Go right\nnow, please."

    changes = word_changes(old, new)

    assert "".join(word.text for word in changes if word.kind != "removed") == new
