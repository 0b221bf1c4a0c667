"""Remembers keys and values of prompts in a radix tree per adapter, within a memory bound.

Prompts are kept and restored in whole blocks of tokens: see `spans.BLOCK`.
"""

import itertools
from dataclasses import dataclass, field

from torch import Tensor

from retro_core.serving.heap import MEBIBYTE, FreedMemory
from retro_core.serving.kv import KvBuffer


@dataclass(slots=True, eq=False)
class Node:
    """A run of tokens and its states (layers, 2, kv heads, len(tokens), head dim)."""

    tokens: tuple[int, ...]
    states: Tensor | None
    parent: "Node | None"
    used: int = 0
    children: dict[int, "Node"] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """The memory of this node's own states."""
        return 0 if self.states is None else self.states.nbytes


class PrefixCache:
    """Radix trees by adapter key. Holds copies, so a stored prefix outlives its sequence."""

    def __init__(self, max_mebibytes: int, block: int = 1) -> None:
        self.block = block
        self.max_bytes = max_mebibytes * MEBIBYTE
        self.bytes = 0
        self.hit_tokens = 0
        self.looked_up_tokens = 0
        self._roots: dict[str, Node] = {}
        self._freed = FreedMemory()
        self._clock = itertools.count(1)

    def restore(self, key: str, tokens: list[int], buffer: KvBuffer) -> int:
        """Copy the longest known start of `tokens`, in whole blocks, into an empty buffer.

        Returns its length.
        """
        node = self._roots.get(key)
        position = 0
        while node is not None:
            node = node.children.get(tokens[position]) if position < len(tokens) else None
            if node is None or node.states is None:
                break
            shared = _shared_length(node.tokens, tokens, position)
            node.used = next(self._clock)
            buffer.load(node.states[:, :, :, :shared])
            position += shared
            if shared < len(node.tokens):
                break
        position -= position % self.block
        buffer.length = position
        self.hit_tokens += position
        self.looked_up_tokens += len(tokens)
        return position

    def known(self, key: str, tokens: list[int]) -> int:
        """How many tokens of a prompt could be restored."""
        node = self._roots.get(key)
        position = 0
        while node is not None and position < len(tokens):
            node = node.children.get(tokens[position])
            if node is None:
                break
            shared = _shared_length(node.tokens, tokens, position)
            position += shared
            if shared < len(node.tokens):
                break
        return position - position % self.block

    def store(self, key: str, tokens: list[int], buffer: KvBuffer) -> None:
        """Remember the states of the whole blocks of `tokens`, the first ones in the buffer."""
        tokens = tokens[: len(tokens) - len(tokens) % self.block]
        if not self.holds(len(tokens), buffer):
            return
        node = self._roots.setdefault(key, Node((), None, None))
        position = 0
        while position < len(tokens):
            child = node.children.get(tokens[position])
            if child is None:
                self._add(node, tuple(tokens[position:]), buffer.segment(position, len(tokens)))
                break
            shared = _shared_length(child.tokens, tokens, position)
            if shared < len(child.tokens):
                child = self._split(child, shared)
            child.used = next(self._clock)
            position += shared
            node = child
        self._evict()

    def holds(self, count: int, buffer: KvBuffer) -> bool:
        """Whether the states of so many tokens are within the bound at all."""
        layers, sides, heads, _, width = buffer.states.shape
        size: int = layers * sides * heads * count * width * buffer.states.element_size()
        return size <= self.max_bytes

    def forget(self, key: str) -> None:
        """Drop everything kept for an adapter."""
        root = self._roots.pop(key, None)
        if root is not None:
            self._lose(sum(node.nbytes for node in _walk(root)))

    def _add(self, parent: Node, tokens: tuple[int, ...], states: Tensor) -> None:
        parent.children[tokens[0]] = Node(tokens, states, parent, used=next(self._clock))
        self.bytes += states.nbytes

    def _split(self, node: Node, at: int) -> Node:
        """Cut a node in two, each with memory of its own, and return the upper part."""
        parent, states = node.parent, node.states
        if parent is None or states is None:
            raise ValueError("the root cannot be split")
        upper = Node(node.tokens[:at], states[:, :, :, :at].clone(), parent, used=node.used)
        node.states = states[:, :, :, at:].clone()
        node.tokens = node.tokens[at:]
        node.parent = upper
        upper.children[node.tokens[0]] = node
        parent.children[upper.tokens[0]] = upper
        return upper

    def _evict(self) -> None:
        while self.bytes > self.max_bytes:
            leaves = [
                node
                for root in self._roots.values()
                for node in _walk(root)
                if not node.children and node.parent is not None
            ]
            oldest = min(leaves, key=lambda node: node.used)
            self._remove(oldest)

    def _remove(self, leaf: Node) -> None:
        if leaf.parent is not None:
            del leaf.parent.children[leaf.tokens[0]]
        self._lose(leaf.nbytes)

    def _lose(self, size: int) -> None:
        self.bytes -= size
        self._freed.add(size)


def _shared_length(run: tuple[int, ...], tokens: list[int], position: int) -> int:
    shared = 0
    for own, other in zip(run, itertools.islice(tokens, position, None), strict=False):
        if own != other:
            break
        shared += 1
    return shared


def _walk(node: Node) -> list[Node]:
    found, waiting = [], [node]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting += current.children.values()
    return found
