"""Nonsense is answered by a clear 4xx in the protocol's own shape, never by a 500."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lm_server import MODEL, LmServer

pytestmark = pytest.mark.lm
POST_ROUTES = [
    "/", "/generate", "/generate_stream", "/tokenize", "/adapters",
    "/v1/chat/completions", "/v1/completions",
]  # fmt: skip


def check_refusal(path: str, reply: httpx2.Response) -> None:
    assert 400 <= reply.status_code < 500, reply.text
    error = reply.json()["error"]
    if path.startswith("/v1/"):
        assert isinstance(error["message"], str)
        assert error["type"] == "invalid_request_error"
    else:
        assert isinstance(error, str)
        assert isinstance(reply.json()["error_type"], str)


@pytest.mark.parametrize("path", POST_ROUTES)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe\x00", b"{}", b'{"inputs": 5}', b"[" * 5000],
)
def test_a_malformed_body_is_refused(lm_server: LmServer, path: str, body: bytes) -> None:
    check_refusal(path, lm_server.http().post(path, content=body))


@pytest.mark.parametrize("path", POST_ROUTES)
def test_a_huge_body_is_refused(lm_server: LmServer, path: str) -> None:
    reply = lm_server.http().post(path, content=b'{"inputs": "' + b"a" * (3 << 20) + b'"}')

    assert reply.status_code == 413
    check_refusal(path, reply)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/generate", 405),
        ("GET", "/v1/completions", 405),
        ("GET", "/v1/models/nobody", 404),
    ],
)
def test_an_unknown_route_or_method_is_refused(
    lm_server: LmServer, method: str, path: str, status: int
) -> None:
    reply = lm_server.http().request(method, path)

    assert reply.status_code == status
    check_refusal(path, reply)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, None),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"n": 0}, "n"),
        ({"stop": ["a"] * 5}, "stop.list[str]"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.json_schema"),
    ],
)
def test_a_wrong_field_is_named(
    lm_server: LmServer, fields: dict[str, Any], param: str | None
) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]} | fields

    reply = lm_server.http().post("/v1/chat/completions", content=json.dumps(body))

    assert reply.status_code == 400
    check_refusal("/v1/", reply)
    assert reply.json()["error"]["param"] == param


NUMBERS = st.one_of(st.integers(-3, 3), st.integers(), st.floats(), st.booleans())
LEAVES = st.one_of(NUMBERS, st.none(), st.text(max_size=8))
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
TGI_NAMES = [
    "adapter_id", "best_of", "decoder_input_details", "details", "do_sample", "frequency_penalty",
    "grammar", "repetition_penalty", "return_full_text", "seed", "stop", "temperature", "top_k",
    "top_n_tokens", "top_p", "truncate", "typical_p", "watermark",
]  # fmt: skip
CHAT_NAMES = [
    "model", "messages", "n", "seed", "stop", "temperature", "top_p", "logprobs", "top_logprobs",
    "response_format", "stream_options", "frequency_penalty", "presence_penalty", "logit_bias",
]  # fmt: skip
FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(parameters=st.dictionaries(st.sampled_from(TGI_NAMES), VALUES, max_size=3))
def test_any_parameters_get_an_answer_or_a_refusal(
    lm_server: LmServer, parameters: dict[str, Any]
) -> None:
    body = {"inputs": "a", "parameters": parameters | {"max_new_tokens": 1}}

    reply = lm_server.http().post("/generate", content=json.dumps(body))

    if reply.status_code != 200:
        check_refusal("/generate", reply)


@FUZZ
@given(fields=st.dictionaries(st.sampled_from(CHAT_NAMES), VALUES, min_size=1, max_size=3))
def test_any_chat_fields_get_an_answer_or_a_refusal(
    lm_server: LmServer, fields: dict[str, Any]
) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "a"}]} | fields

    reply = lm_server.http().post(
        "/v1/chat/completions", content=json.dumps(body | {"max_tokens": 1})
    )

    if reply.status_code != 200:
        check_refusal("/v1/", reply)


@FUZZ
@given(schema=VALUES)
def test_any_schema_gets_an_answer_or_a_refusal(lm_server: LmServer, schema: object) -> None:
    keys = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    body = {
        "inputs": "a",
        "parameters": {"max_new_tokens": 1, "grammar": {"type": "json", "value": keys}},
    }

    reply = lm_server.http().post("/generate", content=json.dumps(body))

    if reply.status_code != 200:
        check_refusal("/generate", reply)
