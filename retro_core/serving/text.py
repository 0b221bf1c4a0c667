"""Text to tokens and back: the tokenizer, the chat template and piecewise decoding."""

import codecs
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from retro_core.errors import InvalidInput

END_OF_TURN = "<|im_end|>"


class PlacedToken(NamedTuple):
    """A token and where it stands in the text."""

    id: int
    text: str
    start: int
    stop: int


class TextCodec:
    """The base model's tokenizer and chat template. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        self._template = environment.from_string(template)
        self.end_token = self._named(END_OF_TURN)
        self.special = set(self.tokenizer.get_added_tokens_decoder())
        self.vocabulary = self.tokenizer.get_vocab_size()
        self._bytes = _token_bytes(self.tokenizer, self.special)

    def _named(self, name: str) -> int:
        token = self.tokenizer.token_to_id(name)
        if token is None:
            raise InvalidInput(f"The tokenizer has no {name} token.")
        return token

    def encode(self, text: str) -> list[int]:
        """Turn text into token ids; special tokens written out in it count as such."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def placed(self, text: str) -> list[PlacedToken]:
        """Turn text into tokens with their character offsets."""
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        rows = zip(encoding.ids, encoding.offsets, strict=True)
        return [PlacedToken(token, text[start:stop], start, stop) for token, (start, stop) in rows]

    def chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Write a conversation out as the prompt for the assistant's next turn."""
        return self._template.render(messages=messages, add_generation_prompt=True)

    def token_bytes(self, token: int) -> bytes:
        """The bytes a token stands for; a special token stands for its own name."""
        return self._bytes[token]

    def token_text(self, token: int) -> str:
        """One token as text; broken characters are shown as replacement characters."""
        return self._bytes[token].decode("utf-8", "replace")

    def candidate(self, text: str) -> list[int]:
        """The tokens of a whole assistant turn: the text, then the end of the turn."""
        return [*self.encode(text), self.end_token]


class PieceDecoder:
    """Turns tokens into text one by one, holding back characters that are not yet whole."""

    def __init__(self, codec: TextCodec) -> None:
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        """Return the text that this token completes."""
        if token in self._codec.special:
            return ""
        return self._decoder.decode(self._codec.token_bytes(token))

    def flush(self) -> str:
        """Return what is left when no more tokens come."""
        return self._decoder.decode(b"", final=True)


def _token_bytes(tokenizer: Tokenizer, special: set[int]) -> list[bytes]:
    alphabet = {char: byte for byte, char in _byte_alphabet().items()}
    table = []
    for token in range(tokenizer.get_vocab_size()):
        name = tokenizer.id_to_token(token) or ""
        if token in special:
            table.append(name.encode())
        else:
            table.append(bytes(alphabet[char] for char in name))
    return table


def _byte_alphabet() -> dict[int, str]:
    """The printable character by which byte-level BPE writes each byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in shown}
    hidden = [byte for byte in range(256) if byte not in table]
    return table | {byte: chr(256 + index) for index, byte in enumerate(hidden)}
