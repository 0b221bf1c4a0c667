"""Agreement against published worked examples and numbers worked out by hand."""

import pytest

from retro_core.agreement import alpha_with_interval, cohen_kappa, krippendorff_alpha

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C:
# four observers, twelve units, some values missing.
_ = None
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
UNITS = [[v for v in unit if v is not None] for unit in zip(*OBSERVERS, strict=True)]


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_equals_the_published_example_with_missing_values(level, published) -> None:
    assert krippendorff_alpha(UNITS, level) == pytest.approx(published, abs=5e-4)


def test_alpha_of_binary_values_equals_the_published_example() -> None:
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]

    alpha = krippendorff_alpha(zip(first, second, strict=True), "nominal")

    assert alpha == pytest.approx(0.095, abs=5e-4)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_equals_an_independent_library_on_seeded_answers(level) -> None:
    library = pytest.importorskip("krippendorff")
    import random

    rng = random.Random(3)
    rows = [[rng.choice([-1.0, 0.0, 0.5, 1.0, None]) for _ in range(40)] for _ in range(3)]
    units = [[v for v in unit if v is not None] for unit in zip(*rows, strict=True)]
    table = [[float("nan") if v is None else v for v in row] for row in rows]

    expected = library.alpha(reliability_data=table, level_of_measurement=level)

    assert krippendorff_alpha(units, level) == pytest.approx(expected, abs=1e-9)


def test_alpha_is_not_defined_without_shared_units_or_without_variation() -> None:
    assert krippendorff_alpha([[1.0], [0.0]], "nominal") is None
    assert krippendorff_alpha([[1.0, 1.0], [1.0, 1.0]], "interval") is None


def test_equal_values_that_floats_do_not_hold_exactly_are_no_variation() -> None:
    assert krippendorff_alpha([[0.1, 0.1, 0.1]] * 2, "interval") is None
    mixed = alpha_with_interval([[0.1, 0.1, 0.1], [0.5, 0.5, 0.5]] * 3, "interval")
    assert (mixed.value, mixed.low) == pytest.approx((1.0, 1.0))


def test_full_agreement_is_one_with_an_interval_at_one() -> None:
    alpha = alpha_with_interval([[0.0, 0.0]] * 10 + [[1.0, 1.0]] * 10, "nominal")

    assert (alpha.value, alpha.low, alpha.high) == (1.0, 1.0, 1.0)
    assert (alpha.units, alpha.values) == (20, 40)


def test_the_interval_repeats_with_its_seed_and_holds_the_value() -> None:
    units = [[0.0, 0.0]] * 30 + [[0.0, 1.0]] * 6 + [[1.0, 1.0]] * 14

    first, again = (alpha_with_interval(units, "nominal", seed=5) for _ in range(2))

    assert first == again
    assert first.low < first.value < first.high


def test_kappa_worked_out_by_hand() -> None:
    # 20 both yes, 5 yes/no, 10 no/yes, 15 both no: observed .7, expected .5, kappa .4
    pairs = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15

    assert cohen_kappa(pairs) == pytest.approx(0.4)
    assert cohen_kappa([]) is None
    assert cohen_kappa([(1, 1), (1, 1)]) is None
