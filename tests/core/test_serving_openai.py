"""The OpenAI routes through the official client."""

import json
from typing import Any

import openai
import pytest

from tests.lm_server import MODEL, LmServer

pytestmark = pytest.mark.lm
QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]
COLOURS = ["red", "green", "blue"]


def test_models_are_listed_and_found(lm_server: LmServer) -> None:
    client = lm_server.openai()

    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).object == "model"


def test_a_question_is_answered(lm_server: LmServer) -> None:
    reply = lm_server.openai().chat.completions.create(
        model=MODEL, messages=QUESTION, temperature=0, max_completion_tokens=20
    )

    assert reply.choices[0].message.content == "The capital of France is Paris."
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (37, 8)


def test_a_stream_gives_the_same_text(lm_server: LmServer) -> None:
    chunks = list(
        lm_server.openai().chat.completions.create(
            model=MODEL,
            messages=QUESTION,
            temperature=0,
            max_tokens=20,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "The capital of France is Paris."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.total_tokens == 45


def test_the_same_seed_gives_the_same_text_and_n_gives_several(lm_server: LmServer) -> None:
    def ask(**fields: Any) -> list[str | None]:
        reply = lm_server.openai().chat.completions.create(
            model=MODEL, messages=QUESTION, temperature=1.5, max_tokens=8, **fields
        )
        return [choice.message.content for choice in reply.choices]

    three = ask(seed=11, n=3)

    assert three == ask(seed=11, n=3)
    assert len(set(three)) == 3
    assert ask(seed=12) == [three[1]]


def test_text_ends_before_a_stop(lm_server: LmServer) -> None:
    fields: Any = {"messages": QUESTION, "temperature": 0, "max_tokens": 20, "stop": [" France"]}
    client = lm_server.openai()

    reply = client.chat.completions.create(model=MODEL, **fields)
    stream = client.chat.completions.create(model=MODEL, stream=True, **fields)

    assert reply.choices[0].message.content == "The capital of"
    assert reply.choices[0].finish_reason == "stop"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "The capital of"


def test_logprobs_come_with_the_tokens(lm_server: LmServer) -> None:
    reply = lm_server.openai().chat.completions.create(
        model=MODEL, messages=QUESTION, temperature=0, max_tokens=3, logprobs=True, top_logprobs=2
    )

    entries = reply.choices[0].logprobs.content
    assert [entry.token for entry in entries] == ["The", " capital", " of"]
    for entry in entries:
        assert len(entry.top_logprobs) == 2
        assert entry.logprob == pytest.approx(max(top.logprob for top in entry.top_logprobs))


def test_length_ends_a_completion(lm_server: LmServer) -> None:
    reply = lm_server.openai().completions.create(
        model=MODEL, prompt=["1, 2, 3,", "A, B,"], max_tokens=3, temperature=0, logprobs=1
    )

    assert [choice.index for choice in reply.choices] == [0, 1]
    assert reply.choices[0].text == " 4,"
    assert reply.choices[0].finish_reason == "length"
    assert len(reply.choices[0].logprobs.token_logprobs) == 3
    assert reply.usage.completion_tokens == 6


def test_a_completion_takes_token_ids_and_streams(lm_server: LmServer) -> None:
    client = lm_server.openai()
    tokens = [
        token["id"]
        for token in lm_server.http().post("/tokenize", json={"inputs": "1, 2, 3,"}).json()
    ]

    stream = client.completions.create(
        model=MODEL, prompt=tokens, max_tokens=3, temperature=0, stream=True
    )

    assert "".join(chunk.choices[0].text for chunk in stream) == " 4,"


def test_an_enum_is_chosen_and_written_as_json(lm_server: LmServer) -> None:
    reply = ask_for(lm_server, {"type": "string", "enum": COLOURS}, temperature=0)

    assert json.loads(reply.choices[0].message.content) in COLOURS


def test_an_object_with_one_enum_is_chosen_alike(lm_server: LmServer) -> None:
    bare = ask_for(lm_server, {"type": "string", "enum": COLOURS}, temperature=0)
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": COLOURS}},
        "required": ["colour"],
        "additionalProperties": False,
    }

    wrapped = ask_for(lm_server, schema, temperature=0)

    colour = json.loads(bare.choices[0].message.content)
    assert json.loads(wrapped.choices[0].message.content) == {"colour": colour}


def test_a_sampled_choice_repeats_with_its_seed(lm_server: LmServer) -> None:
    schema = {"type": "string", "enum": COLOURS}

    first = [ask_for(lm_server, schema, temperature=2, seed=seed) for seed in range(6)]
    again = [ask_for(lm_server, schema, temperature=2, seed=seed) for seed in range(6)]

    texts = [reply.choices[0].message.content for reply in first]
    assert texts == [reply.choices[0].message.content for reply in again]
    assert len(set(texts)) > 1


def test_a_schema_shapes_the_answer(lm_server: LmServer) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "rank": {"type": "integer"}},
        "required": ["city", "rank"],
        "additionalProperties": False,
    }

    reply = ask_for(lm_server, schema, temperature=0, max_tokens=60)

    answer = json.loads(reply.choices[0].message.content)
    assert set(answer) == {"city", "rank"}
    assert isinstance(answer["rank"], int)
    assert reply.choices[0].finish_reason == "stop"


def test_an_unknown_model_is_a_404(lm_server: LmServer) -> None:
    with pytest.raises(openai.NotFoundError, match="nobody") as refusal:
        lm_server.openai().chat.completions.create(model="nobody", messages=QUESTION)

    assert refusal.value.code == "model_not_found"
    assert refusal.value.param == "model"


def test_a_prompt_too_long_names_the_limit(lm_server: LmServer) -> None:
    long: Any = [{"role": "user", "content": "word " * 9000}]

    with pytest.raises(openai.UnprocessableEntityError, match="8192") as refusal:
        lm_server.openai().chat.completions.create(model=MODEL, messages=long)

    assert refusal.value.code == "context_length_exceeded"


def ask_for(server: LmServer, schema: dict[str, Any], **fields: Any) -> Any:
    """Ask for an answer by a JSON schema."""
    response_format: Any = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
    return server.openai().chat.completions.create(
        model=MODEL, messages=QUESTION, response_format=response_format, **fields
    )
