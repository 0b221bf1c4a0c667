"""The text-generation-inference routes, through the official client and the OpenAPI document."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from huggingface_hub.errors import ValidationError

from tests.lm_server import REPOSITORY, LmServer

pytestmark = pytest.mark.lm
DOCUMENT = REPOSITORY / "../shared/data/tgi-openapi.json"
PROMPT = "Once upon a time"


@cache
def document() -> dict[str, Any]:
    path = Path(DOCUMENT)
    if not path.is_file():
        pytest.skip("the OpenAPI document of text-generation-inference is not shared here")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return nullable(loaded)


def nullable(node: Any) -> Any:
    """Rewrite OpenAPI 3.0's `nullable` for a JSON schema validator."""
    if isinstance(node, list):
        return [nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: nullable(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def check(answer: object, name: str) -> None:
    """Validate an answer against a schema of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)


def post(server: LmServer, path: str, **body: Any) -> Any:
    reply = server.http().post(path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_health_and_info_answer(lm_server: LmServer) -> None:
    assert lm_server.http().get("/health").status_code == 200
    info = lm_server.http().get("/info").json()
    assert info["max_total_tokens"] == 8192
    check(info, "Info")


def test_text_is_generated_with_details(lm_server: LmServer) -> None:
    reply = lm_server.tgi().text_generation(
        PROMPT, max_new_tokens=6, details=True, decoder_input_details=True, top_n_tokens=2
    )

    assert reply.details.generated_tokens == 6
    assert reply.details.finish_reason == "length"
    assert "".join(token.text for token in reply.details.tokens) == reply.generated_text
    assert [token.text for token in reply.details.prefill] == ["Once", " upon", " a", " time"]
    assert reply.details.prefill[0].logprob is None
    assert reply.details.prefill[1].logprob < 0
    assert [len(top) for top in reply.details.top_tokens] == [2] * 6


def test_the_stream_gives_the_same_text(lm_server: LmServer) -> None:
    client = lm_server.tgi()
    whole = client.text_generation(PROMPT, max_new_tokens=8, seed=4, temperature=0.8)

    events = list(
        client.text_generation(
            PROMPT, max_new_tokens=8, seed=4, temperature=0.8, stream=True, details=True
        )
    )

    assert "".join(event.token.text for event in events) == whole
    assert events[-1].generated_text == whole
    assert events[-1].details.generated_tokens == 8
    assert events[-1].details.seed == 4


def test_the_same_seed_gives_the_same_text(lm_server: LmServer) -> None:
    client = lm_server.tgi()
    texts = [
        client.text_generation(PROMPT, max_new_tokens=6, seed=seed, do_sample=True)
        for seed in (1, 1, 2)
    ]

    assert texts[0] == texts[1] != texts[2]


def test_the_full_text_holds_the_prompt(lm_server: LmServer) -> None:
    text = lm_server.tgi().text_generation(PROMPT, max_new_tokens=2, return_full_text=True)

    assert text.startswith(PROMPT)
    assert len(text) > len(PROMPT)


def test_text_ends_at_a_stop_sequence(lm_server: LmServer) -> None:
    reply = lm_server.tgi().text_generation("1, 2, 3,", stop=["5"], details=True)

    assert reply.generated_text == " 4, 5"
    assert reply.details.finish_reason == "stop_sequence"


def test_truncate_keeps_the_end_of_the_prompt(lm_server: LmServer) -> None:
    client = lm_server.tgi()

    short = client.text_generation("3, 4, 5,", max_new_tokens=4)
    cut = client.text_generation("Something else. 3, 4, 5,", max_new_tokens=4, truncate=8)

    assert len(post(lm_server, "/tokenize", inputs="3, 4, 5,")) == 8
    assert cut == short


@pytest.mark.parametrize(
    ("grammar", "shape"),
    [
        ({"type": "regex", "value": "[0-9]{3}-[a-f]{2}"}, r"^\d{3}-[a-f]{2}$"),
        ({"type": "regex", "value": "(north|south)"}, r"^(north|south)$"),
        ({"type": "json", "value": {"type": "string", "enum": ["a", "b"]}}, r'^"[ab]"$'),
        (
            {
                "type": "json_schema",
                "value": {
                    "name": "n",
                    "schema": {
                        "type": "object",
                        "properties": {"n": {"type": "integer", "maximum": 99, "minimum": 0}},
                        "required": ["n"],
                        "additionalProperties": False,
                    },
                },
            },
            r'^\{\s*"n":\s*\d{1,2}\s*\}$',
        ),
    ],
)
def test_a_grammar_shapes_the_text(
    lm_server: LmServer, grammar: dict[str, Any], shape: str
) -> None:
    import re

    answer = post(
        lm_server,
        "/generate",
        inputs="Code: ",
        parameters={"grammar": grammar, "max_new_tokens": 40, "details": True},
    )

    assert re.search(shape, answer["generated_text"])
    assert answer["details"]["finish_reason"] == "eos_token"
    check(answer, "GenerateResponse")


def test_best_of_returns_the_more_probable_first(lm_server: LmServer) -> None:
    answer = post(
        lm_server,
        "/generate",
        inputs=PROMPT,
        parameters={"best_of": 2, "do_sample": True, "seed": 3, "max_new_tokens": 6},
    )

    def mean(details: dict[str, Any]) -> float:
        return sum(token["logprob"] for token in details["tokens"]) / len(details["tokens"])

    [other] = answer["details"]["best_of_sequences"]
    assert mean(answer["details"]) >= mean(other)
    check(answer, "GenerateResponse")


def test_every_answer_follows_the_document(lm_server: LmServer) -> None:
    body = {"inputs": PROMPT, "parameters": {"max_new_tokens": 3, "decoder_input_details": True}}
    http = lm_server.http()

    check(http.post("/generate", json=body).json(), "GenerateResponse")
    [compatible] = http.post("/", json=body).json()
    check(compatible, "GenerateResponse")
    check(http.post("/tokenize", json={"inputs": "héllo 12"}).json(), "TokenizeResponse")
    refusal = http.post("/generate", json={"inputs": PROMPT, "parameters": {"top_p": 2}})
    assert refusal.status_code == 422
    check(refusal.json(), "ErrorResponse")


@pytest.mark.parametrize("path", ["/", "/generate_stream"])
def test_every_event_follows_the_document(lm_server: LmServer, path: str) -> None:
    parameters = {"max_new_tokens": 3, "details": True, "top_n_tokens": 1}
    body = {"inputs": PROMPT, "parameters": parameters, "stream": True}

    with lm_server.http().stream("POST", path, json=body) as reply:
        lines = [line for line in reply.iter_lines() if line]

    events = [json.loads(line.removeprefix("data:")) for line in lines]
    assert len(events) == 3
    for event in events:
        check(event, "StreamResponse")


def test_tokens_have_their_places(lm_server: LmServer) -> None:
    tokens = post(lm_server, "/tokenize", inputs="the 12")

    places = [(token["text"], token["start"], token["stop"]) for token in tokens]
    assert places == [("the", 0, 3), (" ", 3, 4), ("1", 4, 5), ("2", 5, 6)]


def test_metrics_count_tokens(lm_server: LmServer) -> None:
    def generated() -> float:
        lines = lm_server.http().get("/metrics").text.splitlines()
        [value] = [
            line.split()[1] for line in lines if line.startswith("lm_generated_tokens_total")
        ]
        return float(value)

    before = generated()
    lm_server.tgi().text_generation(PROMPT, max_new_tokens=5)

    assert generated() == before + 5


def test_an_unknown_adapter_is_refused(lm_server: LmServer) -> None:
    with pytest.raises(ValidationError, match="'nobody' is not loaded"):
        lm_server.tgi().text_generation(PROMPT, adapter_id="nobody")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"max_new_tokens": 8192}, "8192"),
        ({"best_of": 3, "do_sample": True}, "best_of"),
        ({"best_of": 2}, "sampling"),
        ({"watermark": True}, "watermark"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"temperature": 0}, "temperature"),
        ({"grammar": {"type": "regex", "value": "("}}, "unclosed group"),
        ({"grammar": {"type": "json", "value": {"type": "nonsense"}}}, "Invalid type"),
        ({"grammar": {"type": "json", "value": "{"}}, "not JSON"),
        ({"grammar": {"type": "poem", "value": "x"}}, "grammar"),
        ({"seed": -1}, "seed"),
        ({"max_new_tokens": "ten"}, "max_new_tokens"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    lm_server: LmServer, parameters: dict[str, Any], reason: str
) -> None:
    body = {"inputs": PROMPT, "parameters": parameters}

    reply = lm_server.http().post("/generate", json=body)

    assert reply.status_code == 422
    assert reply.json()["error_type"] == "validation"
    assert reason in reply.json()["error"]
