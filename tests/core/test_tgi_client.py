"""The text-generation-inference client and reflector against real servers on the loopback."""

import socket
import time
from typing import Any

import pytest

from retro_core.config import EndpointConfig, ReflectionConfig
from retro_core.errors import EndpointRefused, EndpointUnavailable, InvalidInput
from retro_core.llm.tgi import Generation, TgiClient
from retro_core.reflectors.tgi import TgiReflector
from tests.core.loopback import Answer, Loopback, serving

CONFIG = EndpointConfig(attempts=3, backoff_seconds=1.0, timeout_seconds=5.0)
GREEDY = Generation(max_tokens=8)


def generated(text: str) -> Answer:
    details = {
        "finish_reason": "eos_token",
        "generated_tokens": 6,
        "prefill": [],
        "tokens": [],
        "seed": 3,
    }
    return Answer([{"generated_text": text, "details": details}])


def refusal(status: int, message: str, kind: str, **headers: str) -> Answer:
    return Answer({"error": message, "error_type": kind}, status, headers)


def client(server: Loopback, pauses: list[float] | None = None, api_key: str = "") -> TgiClient:
    waited = [] if pauses is None else pauses
    return TgiClient(server.url, api_key=api_key, config=CONFIG, sleep=waited.append)


def sent(server: Loopback) -> dict[str, Any]:
    """The parameters of the only request that are set."""
    (body,) = server.bodies
    return {name: value for name, value in body["parameters"].items() if value is not None}


def test_a_reflection_is_asked_for_with_adapter_seed_grammar_and_chat_template():
    config = ReflectionConfig(max_tokens=50, temperature=0.7, top_p=0.9)
    with serving(generated("Mistake: none<|im_end|>")) as server:
        completion = TgiReflector(client(server), config, adapter="run-1").reflect(
            "What went wrong?", seed=3, grammar="Mistake: [a-z]+"
        )

    assert completion.text == "Mistake: none"
    assert completion.usage.completion_tokens == 6
    assert server.paths == ["/"]
    assert server.bodies[0]["inputs"] == (
        "<|im_start|>system\n"
        "You help an agent to learn from a failed attempt at a task.<|im_end|>\n"
        "<|im_start|>user\nWhat went wrong?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert sent(server) == {
        "adapter_id": "run-1",
        "details": True,
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 3,
        "max_new_tokens": 50,
        "grammar": {"type": "regex", "value": "Mistake: [a-z]+"},
        "stop": ["<|im_end|>"],
        "return_full_text": False,
    }


def test_temperature_zero_is_greedy_because_the_protocol_refuses_a_zero():
    with serving(generated("ok")) as server:
        client(server).generate("x", GREEDY, seed=3)

    assert sent(server)["do_sample"] is False
    assert "temperature" not in sent(server)
    assert "adapter_id" not in sent(server)


def test_a_reply_is_cleaned_of_what_no_request_and_no_database_can_hold():
    with serving(generated("a\x00b \ud800c")) as server:
        assert client(server).generate("x", GREEDY, seed=3).text == "a\ufffdb ?c"


def test_no_token_of_the_user_reaches_the_endpoint_unless_it_was_given(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with serving(generated("ok")) as server:
        client(server).generate("x", GREEDY, seed=3)
        client(server, api_key="key-1").generate("x", GREEDY, seed=3)

    assert "hf_secret" not in str(server.headers)
    assert server.headers[1]["authorization"] == "Bearer key-1"


def test_an_overloaded_server_is_given_the_time_it_asks_for():
    pauses: list[float] = []
    busy = refusal(429, "Model is overloaded", "overloaded", **{"Retry-After": "4"})
    with serving(busy, generated("ok")) as server:
        assert client(server, pauses).generate("x", GREEDY, seed=3).text == "ok"

    assert pauses == [4.0]


def test_a_generation_that_broke_off_within_the_server_is_tried_again():
    broke = refusal(424, "Request failed during generation", "generation")
    with serving(broke, generated("ok")) as server:
        assert client(server).generate("x", GREEDY, seed=3).text == "ok"

    assert len(server.bodies) == 2


def test_a_server_that_stays_broken_is_unavailable():
    down = pytest.raises(EndpointUnavailable, match=r"CUDA error .*\(3 tries\)")
    with serving(refusal(500, "CUDA error", "generation")) as server, down:
        client(server).generate("x", GREEDY, seed=3)


def test_a_server_that_hangs_is_unavailable():
    config = EndpointConfig(attempts=2, timeout_seconds=0.05)
    with serving(Answer("", hang=True)) as server:
        hung = TgiClient(server.url, config=config, sleep=lambda seconds: None)
        with pytest.raises(EndpointUnavailable, match="no answer in time"):
            hung.generate("x", GREEDY, seed=3)


def test_a_host_that_does_not_take_the_connection_is_given_up_before_a_slow_answer_is():
    config = EndpointConfig(attempts=1, timeout_seconds=60.0, connect_seconds=0.05)
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())  # nobody accepts it, so that no second one fits
        port = full.getsockname()[1]
        deaf = TgiClient(f"http://127.0.0.1:{port}", config=config)
        started = time.monotonic()
        with pytest.raises(EndpointUnavailable):
            deaf.generate("x", GREEDY, seed=3)

    assert time.monotonic() - started < 30


def test_a_closed_port_is_unavailable():
    with serving(generated("ok")) as server:
        url = server.url
    gone = TgiClient(url, config=CONFIG, sleep=lambda seconds: None)

    with pytest.raises(EndpointUnavailable, match="no connection"):
        gone.generate("x", GREEDY, seed=3)


@pytest.mark.parametrize("body", ["<html>proxy</html>", "[{", "{}", "[]", "null"])
def test_an_answer_that_is_no_text_is_tried_again(body: str):
    with serving(Answer(body), generated("ok")) as server:
        assert client(server).generate("x", GREEDY, seed=3).text == "ok"

    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    "words",
    [
        "Input validation error: `inputs` must have less than 4096 tokens. Given: 5120",
        "`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 8190 and 40",
    ],
)
def test_a_prompt_that_its_model_cannot_read_blames_the_prompt_and_says_what_to_do(words: str):
    unread = pytest.raises(InvalidInput, match=r"Given: .*Choose fewer prompt tokens")
    with serving(refusal(422, words, "validation")) as server, unread:
        TgiReflector(client(server), ReflectionConfig()).reflect("What went wrong?", seed=3)

    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(422, "adapter run-9 is not loaded", "validation"), "adapter run-9 is not loaded"),
        (Answer({"message": "who are you"}, 401), "Check the API key"),
        (Answer("nothing here", 404), "Check the address"),
        (Answer("no such method", 501), "does not do what it was asked for"),
    ],
)
def test_a_refusal_is_not_tried_again_and_says_why(answer: Answer, words: str):
    with serving(answer) as server, pytest.raises(EndpointRefused, match=words):
        client(server).generate("x", GREEDY, seed=3)

    assert len(server.bodies) == 1
