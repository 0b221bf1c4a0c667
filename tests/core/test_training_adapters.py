"""Exported adapters load in plain PEFT, old and new, and give the same logits."""

import json
import subprocess
import sys

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from retro_core.training.adapters import (
    adapter_checksum,
    check_parent,
    export_adapter,
    read_card,
)
from retro_core.training.models import (
    load_policy,
    load_reward_model,
    load_tokenizer,
    weights_digest,
)
from retro_core.training.reward_model import drawn
from retro_core.training.scorer import load_scorer, score_pairs
from retro_core.training.spec import LoraSpec
from tests.core.training_world import WORDS, make_base_model, reflections, tiny_spec

# The fields of LoraConfig and its parents in peft 0.10.0.
PEFT_0_10 = {
    *("peft_type", "auto_mapping", "base_model_name_or_path", "revision", "task_type"),
    *("inference_mode", "r", "target_modules", "lora_alpha", "lora_dropout", "fan_in_fan_out"),
    *("bias", "use_rslora", "modules_to_save", "init_lora_weights", "layers_to_transform"),
    *("layers_pattern", "rank_pattern", "alpha_pattern", "megatron_config", "megatron_core"),
    *("loftq_config", "use_dora", "layer_replication"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("adapters")
    make_base_model(world / "base")
    return world


def stirred(model):
    """Give the adapter weights that change something: fresh ones are a no-op."""
    torch.manual_seed(5)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2)
    return model.eval()


def exported(world, name, **lora):
    spec = tiny_spec(world, "sft", lora=LoraSpec(**lora))
    digest = weights_digest(world / "base")
    model = stirred(load_policy(spec, digest))
    card = {"kind": "policy", "base_sha256": digest}
    checksum = export_adapter(model, world / name, base_name="tiny-llama", card=card)
    return model, checksum


@pytest.mark.parametrize("lora", [{"rank": 1}, {"rank": 4}, {"targets": "q_proj, v_proj"}])
def test_plain_peft_gives_equal_logits(world, lora):
    model, _ = exported(world, "equal", **lora)
    ids = torch.tensor([[3, 4, 5, 6, 7]])

    base = AutoModelForCausalLM.from_pretrained(world / "base")
    bare = base(ids).logits.detach()
    loaded = PeftModel.from_pretrained(base, world / "equal").eval()

    torch.testing.assert_close(loaded(ids).logits, model(ids).logits, rtol=0, atol=0)
    assert (loaded(ids).logits - bare).abs().max() > 0.1


def test_the_configuration_holds_only_what_old_peft_knows_and_no_path(world):
    exported(world, "clean", rank=4)

    config = json.loads((world / "clean/adapter_config.json").read_text())

    assert set(config) <= PEFT_0_10
    assert config["base_model_name_or_path"] == "tiny-llama"
    assert str(world) not in json.dumps(config)
    names = sorted(path.name for path in (world / "clean").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors", "retro_adapter.json"]


def test_the_checksum_tells_weights_apart_and_repeats(world):
    _, first = exported(world, "first", rank=4)
    _, again = exported(world, "again", rank=4)
    _, other = exported(world, "other", rank=1)

    assert (
        first
        == again
        == adapter_checksum(world / "first")
        == read_card(world / "first")["checksum"]
    )
    assert first != other


def test_an_export_cut_short_is_no_adapter_and_can_be_done_again(world):
    (world / "cut.partial").mkdir()
    (world / "cut.partial/adapter_model.safetensors").write_bytes(b"half")

    assert not (world / "cut").exists()
    exported(world, "cut", rank=4)

    check_parent(world / "cut", weights_digest(world / "base"), "policy")
    assert not (world / "cut.partial").exists()


def test_the_scorer_gives_the_scores_of_the_trained_reward_model(world):
    spec = tiny_spec(world, "reward_model")
    digest = weights_digest(world / "base")
    model = stirred(load_reward_model(spec, digest))
    figures = {"tokens": spec.tokens.to_json(), "score_mean": 0.5, "score_deviation": 2.0}
    card = {"kind": "reward_model", "base_sha256": digest, "figures": figures}
    export_adapter(model, world / "judge", base_name="tiny-llama", card=card)
    pairs = [("look open again", "good plan"), ("take", "never take the mug again and again")]

    scorer = load_scorer(world / "judge", world / "base", device="cpu")
    normal = load_scorer(world / "judge", world / "base", device="cpu", normalise=True)

    raw = score_pairs(model, scorer._tokenizer, pairs, spec.tokens)
    assert scorer.score(pairs) == pytest.approx(raw, abs=1e-6)
    assert scorer(*pairs[1]) == pytest.approx(raw[1], abs=1e-5)
    assert normal(*pairs[0]) == pytest.approx((raw[0] - 0.5) / 2.0, abs=1e-5)
    assert raw[0] != pytest.approx(raw[1], abs=1e-3)


def test_what_a_reward_model_learns_is_never_narrow(world):
    spec = tiny_spec(world, "reward_model", precision="bfloat16")

    model = load_reward_model(spec, weights_digest(world / "base"))

    learned = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert any(".score." in name for name in learned)
    assert {weight.dtype for weight in learned.values()} == {torch.float32}


def export_judge(world, folder):
    """A reward model with weights that are not nought, whose scores are not normalised."""
    spec = tiny_spec(world, "reward_model")
    digest = weights_digest(world / "base")
    figures = {"tokens": spec.tokens.to_json(), "score_mean": 0.0, "score_deviation": 1.0}
    card = {"kind": "reward_model", "base_sha256": digest, "figures": figures}
    model = stirred(load_reward_model(spec, digest))
    export_adapter(model, folder, base_name="tiny-llama", card=card)


def test_a_judge_in_half_precision_scores_nearly_the_same(world):
    export_judge(world, world / "narrow")

    exact, narrow = (
        load_scorer(world / "narrow", world / "base", device="cpu", precision=precision)
        for precision in ("float32", "bfloat16")
    )

    pair = ("look open again", "good plan")
    assert narrow(*pair) == pytest.approx(exact(*pair), rel=0.05, abs=0.02)
    assert narrow(*pair) != exact(*pair)


def test_the_digest_follows_a_file_that_was_replaced(world, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"1")
    before = weights_digest(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"22")

    assert weights_digest(tmp_path) != before


def test_scores_come_back_in_the_order_asked_though_texts_of_like_length_are_read_together(world):
    spec = tiny_spec(world, "reward_model")
    model = stirred(load_reward_model(spec, weights_digest(world / "base")))
    tokenizer = load_tokenizer(world / "base")
    prompts = ["look open take put drawer shelf", "take", "look open again"] * 7
    pairs = [(f"{prompt} {WORDS[n % 8]}", "good plan") for n, prompt in enumerate(prompts)]

    together = score_pairs(model, tokenizer, pairs, spec.tokens)

    alone = [score_pairs(model, tokenizer, [pair], spec.tokens)[0] for pair in pairs]
    assert together == pytest.approx(alone, abs=1e-5)
    assert len({round(score, 4) for score in alone}) > 15


def test_no_more_rows_are_scored_than_asked_and_a_seed_draws_the_same_ones():
    rows = reflections()

    few = drawn(rows, 5, seed=3)

    assert (len(few), few) == (5, drawn(rows, 5, seed=3))
    assert few != drawn(rows, 5, seed=4)
    assert drawn(rows, len(rows), seed=3) == rows


def test_another_process_is_answered_with_the_scores_of_the_reward_model(world):
    export_judge(world, world / "asked")
    places = ["--reward-model", str(world / "asked"), "--base-model", str(world / "base")]
    question = json.dumps({"prompt": "look open again", "texts": ["good plan", "again"]})

    answers = subprocess.run(
        [sys.executable, "-m", "retro_core.training.scoring", *places],
        input=f"{question}\n{question}\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    scorer = load_scorer(world / "asked", world / "base", device="cpu")
    expected = scorer.score([("look open again", "good plan"), ("look open again", "again")])
    assert [json.loads(line)["scores"] for line in answers] == [pytest.approx(expected)] * 2


def test_another_process_says_why_a_reward_model_does_not_belong_to_the_base_model(world):
    export_judge(world, world / "foreign")
    other = make_base_model(world / "other-base", seed=1)
    places = ["--reward-model", str(world / "foreign"), "--base-model", str(other)]

    ended = subprocess.run(
        [sys.executable, "-m", "retro_core.training.scoring", *places],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "Choose the base model it was made for" in json.loads(ended.stdout)["error"]
