"""The chat client against real servers on the loopback that misbehave."""

import socket
from typing import Any

import pytest

from retro_core.config import EndpointConfig
from retro_core.errors import ContextFull, EndpointRefused, EndpointUnavailable, InvalidInput
from retro_core.llm.chat import ChatClient
from retro_core.llm.reply import FormatRefused, Reply
from retro_core.types import Message
from tests.core.loopback import Answer, Loopback, serving

PROMPT = [Message("system", "Be brief."), Message("user", "Hello")]
CONFIG = EndpointConfig(attempts=3, backoff_seconds=1.0, timeout_seconds=5.0)


def completion(content: str | None, finish_reason: str = "stop") -> Answer:
    message = {"role": "assistant", "content": content}
    return Answer(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
            "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
        }
    )


GOOD = completion("go to bed 1")


def refusal(status: int, message: str = "no", **fields: Any) -> Answer:
    headers = fields.pop("headers", {})
    return Answer({"error": {"message": message, **fields}}, status, headers)


def ask(
    server: Loopback, pauses: list[float] | None = None, *, api_key: str = "", **fields: Any
) -> Reply:
    waited = [] if pauses is None else pauses
    client = ChatClient(
        f"{server.url}/v1", "m", api_key=api_key, config=CONFIG, sleep=waited.append
    )
    return client.complete(PROMPT, max_tokens=9, temperature=0.5, seed=3, **fields)


def test_a_request_holds_the_whole_prompt_and_the_reply_its_tokens():
    with serving(GOOD) as server:
        reply = ask(server, stop=["\n"], api_key="key-1")

    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["authorization"] == "Bearer key-1"
    assert server.bodies == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
            ],
            "max_tokens": 9,
            "temperature": 0.5,
            "seed": 3,
            "stop": ["\n"],
        }
    ]
    assert reply.text == "go to bed 1"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (12, 5)
    assert reply.usage.seconds > 0


def test_a_rate_limit_is_waited_out_for_as_long_as_the_server_asks():
    pauses: list[float] = []
    with serving(refusal(429, headers={"retry-after": "7"}), GOOD) as server:
        reply = ask(server, pauses)

    assert reply.text == "go to bed 1"
    assert pauses == [7.0]


def test_server_errors_are_tried_again_after_growing_pauses():
    pauses: list[float] = []
    with serving(refusal(500), refusal(503), GOOD) as server:
        assert ask(server, pauses).text == "go to bed 1"

    assert 0.5 <= pauses[0] <= 1.0
    assert 1.0 <= pauses[1] <= 2.0


def test_an_endpoint_that_stays_down_is_unavailable_after_the_configured_tries():
    down = pytest.raises(EndpointUnavailable, match=r"out of memory .*\(3 tries\)")
    with serving(refusal(500, "out of memory")) as server, down:
        ask(server)

    assert len(server.bodies) == 3


def test_an_endpoint_that_hangs_is_unavailable():
    config = EndpointConfig(attempts=2, timeout_seconds=0.05)
    with serving(Answer("", hang=True)) as server:
        client = ChatClient(server.url, "m", config=config, sleep=lambda seconds: None)
        with pytest.raises(EndpointUnavailable, match="timed out"):
            client.complete(PROMPT, max_tokens=9, temperature=0.0, seed=0)


def test_a_closed_port_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = ChatClient(url, "m", config=CONFIG, sleep=lambda seconds: None)
        with pytest.raises(EndpointUnavailable, match="Connection error"):
            client.complete(PROMPT, max_tokens=9, temperature=0.0, seed=0)


@pytest.mark.parametrize("body", ["<html>proxy</html>", '{"choices": [', "{}", '"text"', "null"])
def test_an_answer_that_is_no_completion_is_tried_again(body: str):
    with serving(Answer(body), GOOD) as server:
        assert ask(server).text == "go to bed 1"

    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Check the API key"),
        (404, "Check the address"),
        (400, "Check the settings"),
        (501, "does not do what it was asked for"),
    ],
)
def test_a_refusal_is_not_tried_again_and_says_what_to_do(status: int, advice: str):
    refused = pytest.raises(EndpointRefused, match=rf"not so.*{advice}")
    with serving(refusal(status, "not so")) as server, refused:
        ask(server)

    assert len(server.bodies) == 1


@pytest.mark.parametrize("content", ["", None])
def test_a_model_that_spends_all_its_tokens_unseen_is_no_silent_actor(content: str | None):
    refused = pytest.raises(EndpointRefused, match=r"m used up .* action_tokens or thought_tokens")
    with serving(completion(content, "length")) as server, refused:
        ask(server)

    assert len(server.bodies) == 1


def test_an_answer_that_is_cut_or_empty_of_itself_is_taken_as_it_is():
    with serving(completion("go to be", "length"), completion("")) as server:
        assert [ask(server).text, ask(server).text] == ["go to be", ""]


def test_a_reply_is_cleaned_of_what_no_request_and_no_database_can_hold():
    with serving(completion("go\x00to \ud800bed")) as server:
        assert ask(server).text == "go\ufffdto ?bed"


@pytest.mark.parametrize("field", ["code", "type"])
def test_an_account_without_credit_is_not_asked_again_and_says_so(field: str):
    empty = refusal(429, "You exceeded your current quota", **{field: "insufficient_quota"})
    refused = pytest.raises(EndpointRefused, match=r"current quota.*Add credit to the account")
    with serving(empty) as server, refused:
        ask(server)

    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "This model's maximum context length is 4096 tokens."),
        (400, "the request exceeds the available context size"),
        (422, "`inputs` must have less than 8192 tokens. Given: 20031"),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 8190 and 4"),
    ],
)
def test_a_prompt_that_is_too_long_is_told_apart(status: int, words: str):
    with serving(refusal(status, words)) as server, pytest.raises(ContextFull):
        ask(server, response_format={"type": "text"})


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
def test_a_prompt_that_is_refused_for_what_it_says_blames_the_prompt_alone(code: str):
    filtered = refusal(400, "The prompt was filtered", code=code)
    unfit = pytest.raises(InvalidInput, match=r"for what it says: .*The prompt was filtered")
    with serving(filtered) as server, unfit:
        ask(server, response_format={"type": "text"})

    assert len(server.bodies) == 1


def test_an_answer_that_a_filter_holds_back_is_no_silent_actor():
    with (
        serving(completion(None, "content_filter")) as server,
        pytest.raises(InvalidInput, match="held back"),
    ):
        ask(server)


def test_a_refused_response_format_is_told_apart():
    refused = pytest.raises(FormatRefused, match="schema must be an object")
    with serving(refusal(400, "schema must be an object")) as server, refused:
        ask(server, response_format={"type": "text"})


def test_a_parameter_that_the_model_does_not_take_is_replaced_and_stays_so():
    limit = refusal(400, "use another", param="max_tokens", code="unsupported_parameter")
    heat = refusal(400, "only 1", param="temperature", code="unsupported_value")
    with serving(limit, heat, GOOD) as server:
        client = ChatClient(server.url, "m", config=CONFIG)
        client.complete(PROMPT, max_tokens=9, temperature=0.5, seed=3)
        client.complete(PROMPT, max_tokens=9, temperature=0.5, seed=3)

    assert len(server.bodies) == 4
    for body in server.bodies[2:]:
        assert body["max_completion_tokens"] == 9
        assert not {"max_tokens", "temperature"} & body.keys()
