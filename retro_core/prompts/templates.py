"""Chat templates for servers that take plain text: the prompt a chat model was tuned on."""

from retro_core.config import ChatTemplate
from retro_core.types import Message

REFLECTOR_SYSTEM = "You help an agent to learn from a failed attempt at a task."


def reflector_messages(prompt: str) -> list[Message]:
    """A reflection prompt as a chat, the same for every protocol and for training."""
    return [Message("system", REFLECTOR_SYSTEM), Message("user", prompt)]


def reflector_text(prompt: str, template: ChatTemplate) -> str:
    """A reflection prompt as the text the reflector continues, the same as in training."""
    return templated(reflector_messages(prompt), template)


def templated(messages: list[Message], template: ChatTemplate) -> str:
    """A chat as one text that ends where the assistant's answer begins."""
    if template == "chatml":
        turns = (f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in messages)
        return "".join(turns) + "<|im_start|>assistant\n"
    if template == "llama3":
        turns = (_llama3_header(m.role) + f"{m.content}<|eot_id|>" for m in messages)
        return "<|begin_of_text|>" + "".join(turns) + _llama3_header("assistant")
    return "\n\n".join(message.content for message in messages) + "\n"


def stop_texts(template: ChatTemplate) -> tuple[str, ...]:
    """What ends the assistant's answer."""
    return {"chatml": ("<|im_end|>",), "llama3": ("<|eot_id|>",), "none": ()}[template]


def _llama3_header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"
