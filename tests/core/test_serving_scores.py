"""The engine's arithmetic equals the plain transformers and PEFT forward passes."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from retro_core.serving.adapters import read_adapter
from retro_core.serving.dtypes import best_dtype
from retro_core.serving.llama import Llama
from retro_core.serving.spans import LoraWeights, Span
from retro_core.serving.text import TextCodec
from tests.core.engine_scores import candidate_logprobs, text_logprobs
from tests.lm_server import MODEL, LmServer

pytestmark = pytest.mark.lm
TOLERANCE = 1e-4
PLACE = (torch.device("cpu"), torch.float32)
COMMANDS = ["go to desk 1", "go to desk 12", "take mug 2", "look"]


@pytest.fixture(scope="module")
def model(base_model: Path) -> Llama:
    return Llama(base_model)


@pytest.fixture(scope="module")
def codec(base_model: Path) -> TextCodec:
    return TextCodec(base_model)


def lora(model: Llama, folder: Path) -> LoraWeights:
    return read_adapter("x", folder, model.shape, PLACE, loaded_at=0.0).weights


def plain_logprobs(plain: Any, tokens: list[int]) -> torch.Tensor:
    """Log-probabilities of every token but the first, by a plain forward pass."""
    with torch.inference_mode():
        rows = torch.log_softmax(plain(torch.tensor([tokens])).logits[0, :-1], dim=-1)
    return rows[torch.arange(len(tokens) - 1), tokens[1:]]


def household_prompt(codec: TextCodec, turns: int = 2) -> list[int]:
    text = "You are in the middle of a room. Looking quickly around you, you see a desk 1."
    messages = [{"role": "user", "content": text}]
    for turn in range(turns):
        messages += [{"role": "assistant", "content": f"go to cabinet {turn}"}]
        messages += [{"role": "user", "content": f"The cabinet {turn} is closed."}]
    return codec.encode(codec.chat(messages))


def test_logprobs_equal_a_plain_forward_pass(
    model: Llama, codec: TextCodec, plain_model: Any
) -> None:
    tokens = household_prompt(codec)

    found = torch.tensor(text_logprobs(model, tokens))

    assert (found - plain_logprobs(plain_model, tokens)).abs().max() < TOLERANCE


def test_every_candidate_scores_as_if_it_were_alone(
    model: Llama, codec: TextCodec, plain_model: Any
) -> None:
    prompt = household_prompt(codec)
    candidates = [codec.candidate(command) for command in COMMANDS]

    found = candidate_logprobs(model, prompt, candidates)

    for candidate, logprobs in zip(candidates, found, strict=True):
        plain = plain_logprobs(plain_model, prompt + candidate)[len(prompt) - 1 :]
        assert (torch.tensor(logprobs) - plain).abs().max() < TOLERANCE


@pytest.mark.parametrize("fixture", ["adapter_folder", "partial_adapter_folder"])
def test_an_adapter_scores_as_in_peft(
    fixture: str, model: Llama, codec: TextCodec, plain_model: Any, request: Any
) -> None:
    from peft import PeftModel

    folder = request.getfixturevalue(fixture)
    tokens = household_prompt(codec)

    found = torch.tensor(text_logprobs(model, tokens, lora=lora(model, folder)))

    tuned = PeftModel.from_pretrained(plain_model, folder)
    try:
        expected = plain_logprobs(tuned, tokens)
    finally:
        tuned.unload()
    assert (found - expected).abs().max() < TOLERANCE
    assert (found - plain_logprobs(plain_model, tokens)).abs().max() > 0.1


def test_sequences_of_different_adapters_share_a_pass(
    model: Llama, codec: TextCodec, adapter_folder: Path
) -> None:
    tokens, weights = household_prompt(codec), lora(model, adapter_folder)
    alone = [text_logprobs(model, tokens, lora=which) for which in (None, weights)]

    spans = [Span(tokens, model.new_buffer(0), which) for which in (weights, None, weights)]
    for span in spans:
        span.cache.reserve(len(tokens))
    rows = torch.log_softmax(model.logits(model.forward(spans)), dim=-1).split(len(tokens))

    for row, expected in zip(rows, (alone[1], alone[0], alone[1]), strict=True):
        picked = row[torch.arange(len(tokens) - 1), tokens[1:]]
        assert (picked - torch.tensor(expected)).abs().max() < TOLERANCE


def test_the_server_returns_the_plain_scores_also_from_its_cache(
    lm_server: LmServer, codec: TextCodec, plain_model: Any
) -> None:
    messages = [{"role": "user", "content": "You see a desk 1 and a fridge 1. Act."}]
    prompt = codec.encode(codec.chat(messages))
    schema = {"name": "action", "schema": {"type": "string", "enum": COMMANDS}}

    for _ in range(2):
        reply = lm_server.openai().chat.completions.create(
            model=MODEL,
            messages=messages,  # type: ignore[arg-type]
            response_format={"type": "json_schema", "json_schema": schema},  # type: ignore[arg-type]
            temperature=0,
            logprobs=True,
            top_logprobs=20,
        )

        entry = reply.choices[0].logprobs.content[0]
        found = {top.token: top.logprob for top in entry.top_logprobs}
        assert sorted(found) == sorted(COMMANDS)
        for command in COMMANDS:
            plain = plain_logprobs(plain_model, prompt + codec.candidate(command))
            assert abs(found[command] - plain[len(prompt) - 1 :].sum().item()) < TOLERANCE * 8
        assert entry.logprob == max(found.values())
        assert reply.choices[0].message.content == f'"{entry.token}"'


def states_in_pieces(
    model: Llama, tokens: list[int], pieces: list[int], company: int, weights: LoraWeights
) -> torch.Tensor:
    """The states of the last piece's rows, each piece run beside `company` other tokens."""
    buffer, start = model.new_buffer(len(tokens)), 0
    for piece in pieces:
        spans = [Span(tokens[start : start + piece], buffer, weights)]
        if company:
            spans.insert(0, Span(tokens[:company], model.new_buffer(company)))
            # Of the same adapter too: its rows share one product.
            spans.insert(1, Span(tokens[:company], model.new_buffer(company), weights))
        hidden = model.forward(spans)[-piece:]
        start += piece
    return hidden


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_no_bit_depends_on_how_a_prompt_is_cut_or_on_its_company(
    dtype: str,
    base_model: Path,
    codec: TextCodec,
    adapter_folder: Path,
    request: pytest.FixtureRequest,
) -> None:
    model = Llama(base_model, dtype=dtype)
    if dtype == "float32":  # several threads cut its products by the number of rows
        request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
        torch.set_num_threads(1)
    if dtype == "bfloat16" and best_dtype(model.device) != torch.bfloat16:
        pytest.skip("this machine's bfloat16 product is not by rows")
    place = (model.device, model.dtype)
    weights = read_adapter("x", adapter_folder, model.shape, place, loaded_at=0.0).weights
    tokens = household_prompt(codec, turns=6)[:100]

    whole = states_in_pieces(model, tokens, [100], 0, weights)[-1]
    in_blocks = states_in_pieces(model, tokens, [64, 36], 3, weights)[-1]
    decoded = states_in_pieces(model, tokens, [96, 1, 1, 1, 1], 0, weights)
    in_company = states_in_pieces(model, tokens, [32, 64, 1, 1, 1, 1], 5, weights)

    assert torch.equal(whole, in_blocks)
    assert torch.equal(decoded, in_company)
    beside = model.logits(torch.cat([torch.ones_like(whole).repeat(7, 1), decoded]))
    assert torch.equal(model.logits(decoded), beside[7:])


def test_a_choice_is_the_same_whether_or_not_every_score_is_asked_for(lm_server: LmServer) -> None:
    schema = {"name": "action", "schema": {"type": "string", "enum": COMMANDS}}

    def answer(seed: int, temperature: float, logprobs: bool) -> str | None:
        reply = lm_server.openai().chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "You see a desk 1 and a desk 12. Act."}],
            response_format={"type": "json_schema", "json_schema": schema},  # type: ignore[arg-type]
            temperature=temperature,
            seed=seed,
            logprobs=logprobs,
        )
        return reply.choices[0].message.content

    asked = [(seed, temperature) for seed in range(6) for temperature in (0.0, 2.0)]
    assert [answer(*way, True) for way in asked] == [answer(*way, False) for way in asked]
    assert len({answer(seed, 2.0, False) for seed in range(12)}) > 1
