"""What each stage learns, on a tiny model."""

import json
from dataclasses import replace

import pytest

from retro_core.training.examples import encode_rows
from retro_core.training.models import load_policy, load_tokenizer
from retro_core.training.scorer import load_scorer
from retro_core.training.sft import example_trainer
from retro_core.training.snapshot import Snapshot
from retro_core.training.snapshot import write_snapshot as write_rows
from retro_core.training.spec import (
    DatasetSpec,
    EvaluationSpec,
    OptimisationSpec,
    PpoSpec,
    RewardModelSpec,
    RewardSpec,
    TokenSpec,
)
from retro_core.types import RatedReflection
from tests.core.training_world import (
    GOOD,
    make_base_model,
    metrics,
    reflections,
    tiny_spec,
    train,
    write_snapshot,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("stages")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")
    return world


def rates(steps, rate=2e-2, batch=8):
    return OptimisationSpec(
        learning_rate=rate,
        batch_size=batch,
        micro_batch_size=batch,
        max_steps=steps,
        schedule="constant",
    )


def quiet_spec(world, stage, **changes):
    """Without checkpoints on the way, and evaluated every tenth step."""
    settings = {"checkpoint_every": 1000, "evaluation": EvaluationSpec(every=10, samples=2)}
    return tiny_spec(world, stage, **{**settings, **changes})


def texts(out, step):
    lines = [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]
    return [line["text"] for line in lines if line["step"] == step]


def test_sft_learns_to_write_what_was_rated_well(world):
    spec = quiet_spec(world, "sft", optimisation=rates(60))

    outcome = train(spec, world / "sft")

    loss = metrics(world / "sft", "loss")
    assert outcome.figures["accepted"] == 10
    assert loss[60] < 0.5 * loss[1]
    assert all(GOOD in text for text in texts(world / "sft", 60))
    assert len(texts(world / "sft", 10)) == 2  # earlier samples stay


def test_only_the_reflection_and_its_end_are_learned(world):
    tokenizer = load_tokenizer(world / "base")
    row = RatedReflection("task-1", "toy", 1, "look open take", "good plan", 1.0)
    tokens = TokenSpec(prompt=16, completion=6, chat_template="none")
    spec = quiet_spec(world, "sft")

    example = encode_rows([row], tokenizer, tokens)[0]
    trainer = example_trainer(
        load_policy(spec, ""), tokenizer, [example], [], spec=spec, out=world / "masked"
    )
    labels = next(iter(trainer.get_train_dataloader()))["labels"][0].tolist()

    learned = [label for label in labels if label != -100]
    assert tokenizer.decode(learned) == "good plan <end>"
    assert len(labels) - len(learned) > 3  # the prompt and the words around it


@pytest.mark.parametrize("objective", ["bce", "pairwise", "regression", "auto"])
def test_the_reward_model_tells_good_from_bad_on_a_held_out_task(world, objective):
    spec = quiet_spec(
        world,
        "reward_model",
        optimisation=rates(40),
        reward_model=RewardModelSpec(objective=objective),
    )

    outcome = train(spec, world / objective)

    scorer = load_scorer(world / objective / "adapter", world / "base", device="cpu")
    held_out = outcome.figures["validation"]
    assert scorer("mug look again", "good plan mug") > scorer("mug look again", "bad plan mug")
    assert held_out["auc"]["mean"] == 1.0
    assert held_out["trial_auc"]["mean"] == 0.5
    assert held_out["pair_accuracy"] == 1.0
    assert (held_out["pairs"], held_out["pair_kind"]) == (2, "same_failure")
    assert (held_out["calibration"] is not None) == (objective == "bce")  # log-odds alone


def test_the_reward_model_s_loss_does_not_depend_on_how_a_batch_is_cut(world):
    told = []
    for micro in (8, 2):
        optimisation = replace(rates(3), micro_batch_size=micro)
        spec = quiet_spec(world, "reward_model", optimisation=optimisation)
        spec = replace(spec, lora=replace(spec.lora, dropout=0.0))
        train(spec, world / f"micro-{micro}")
        told.append(list(metrics(world / f"micro-{micro}", "loss").values()))

    assert told[1] == pytest.approx(told[0], rel=1e-4)


def test_ppo_s_figures_do_not_depend_on_how_a_batch_is_cut(world):
    told = []
    for micro in (8, 2):
        optimisation = replace(rates(3), micro_batch_size=micro)
        spec = quiet_spec(
            world, "ppo", optimisation=optimisation, ppo=PpoSpec(minibatch_size=8, temperature=1.0)
        )
        train(spec, world / f"ppo-micro-{micro}")
        told.append(list(metrics(world / f"ppo-micro-{micro}", "loss").values()))

    assert told[1] == pytest.approx(told[0], rel=1e-3, abs=1e-6)


def bandit(world, stage, steps):
    return quiet_spec(
        world,
        stage,
        optimisation=rates(steps, rate=2e-2, batch=16),
        tokens=TokenSpec(prompt=16, completion=3, chat_template="none"),
        ppo=PpoSpec(minibatch_size=16, epochs=4, temperature=1.0, kl_coef=0.01, kl_target=0.0),
        grpo=replace(quiet_spec(world, "grpo").grpo, group_size=8, beta=0.001),
    )


@pytest.mark.parametrize(("stage", "steps"), [("ppo", 30), ("grpo", 30)])
def test_the_toy_bandit_is_solved(world, stage, steps):
    outcome = train(bandit(world, stage, steps), world / f"bandit-{stage}")

    reward = metrics(world / f"bandit-{stage}", "reward")
    kl = metrics(world / f"bandit-{stage}", "kl")
    entropy = metrics(world / f"bandit-{stage}", "entropy")
    assert outcome.status == "done"
    assert reward[1] < 0.3
    assert sum(reward[step] for step in range(steps - 4, steps + 1)) / 5 > 0.9
    assert kl[steps] > 1.0 > kl[1]
    assert entropy[steps] < entropy[1]
    assert all(GOOD in text for text in texts(world / f"bandit-{stage}", steps))


def test_a_high_cost_of_kl_keeps_the_policy_at_its_reference(world):
    spec = bandit(world, "ppo", 15)
    free = train(spec, world / "free")
    held = train(replace(spec, ppo=replace(spec.ppo, kl_coef=5.0)), world / "held")

    assert held.figures["reward"] < free.figures["reward"]
    assert metrics(world / "held", "kl")[15] < 0.2 * metrics(world / "free", "kl")[15]


def test_the_chain_goes_from_sft_through_reward_model_to_ppo(world):
    sft = train(quiet_spec(world, "sft", optimisation=rates(30)), world / "chain-sft")
    judge = quiet_spec(
        world,
        "reward_model",
        optimisation=rates(40),
        parent_adapter=str(world / "chain-sft/adapter"),
    )
    assert train(judge, world / "chain-judge").status == "done"

    spec = quiet_spec(
        world,
        "ppo",
        parent_adapter=str(world / "chain-sft/adapter"),
        reward=RewardSpec(folder=str(world / "chain-judge/adapter")),
    )
    outcome = train(spec, world / "chain-ppo")

    assert sft.status == outcome.status == "done"
    # The reference is the parent adapter, so the first batch lies at no distance from it.
    assert metrics(world / "chain-ppo", "kl")[1] == pytest.approx(0.0, abs=1e-4)
    assert metrics(world / "chain-ppo", "reward")[1] > 0.0  # SFT already pleases the judge
    assert outcome.checksum != sft.checksum


def test_gradient_checkpointing_changes_no_loss(world):
    plain = quiet_spec(world, "ppo")
    train(plain, world / "plain")
    train(replace(plain, gradient_checkpointing=True), world / "checkpointed")

    expected = list(metrics(world / "plain", "loss").values())
    assert list(metrics(world / "checkpointed", "loss").values()) == pytest.approx(expected)


def test_samples_of_training_leave_the_random_state_alone(world):
    spec = quiet_spec(world, "ppo")
    train(spec, world / "sampled")
    train(replace(spec, evaluation=EvaluationSpec(every=0, samples=0)), world / "unsampled")

    assert metrics(world / "sampled", "loss") == metrics(world / "unsampled", "loss")


def test_reflections_of_the_toy_are_balanced():
    assert sum(row.rating for row in reflections()) == 0.0


@pytest.mark.parametrize("stage", ["sft", "ppo", "grpo"])
def test_the_last_step_is_always_sampled(world, stage):
    spec = quiet_spec(world, stage, evaluation=EvaluationSpec(every=0, samples=2))

    train(spec, world / f"last-{stage}")

    assert len(texts(world / f"last-{stage}", 6)) == 2
    assert texts(world / f"last-{stage}", 3) == []


def test_grpo_learns_from_one_failure_although_its_batch_holds_two(world, tmp_path) -> None:
    one = [row for row in reflections() if (row.task_id, row.trial) == ("task-0", 1)]
    path = write_snapshot(tmp_path / "one.jsonl", [*one, *reflections()[-2:]])
    spec = tiny_spec(
        world, "grpo", dataset=DatasetSpec(path=str(path))
    )  # a batch of 4, groups of 2
    spec = replace(spec, optimisation=replace(spec.optimisation, max_steps=2))

    outcome = train(spec, tmp_path / "out")

    assert (outcome.status, outcome.step) == ("done", 2)


@pytest.mark.parametrize("stage", ["sft", "ppo", "grpo"])
def test_samples_of_training_failures_are_kept_but_are_no_held_out_figures(
    world, tmp_path, stage
) -> None:
    rows = reflections()
    write_rows(tmp_path / "all.jsonl", Snapshot(train=tuple(rows), validation=()))
    spec = quiet_spec(world, stage, dataset=DatasetSpec(path=str(tmp_path / "all.jsonl")))

    train(spec, tmp_path / "out")

    assert len(texts(tmp_path / "out", 6)) == 2
    assert '"validation"' not in (tmp_path / "out" / "metrics.jsonl").read_text()
