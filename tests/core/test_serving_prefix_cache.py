"""The radix tree of prompt states."""

import torch

from retro_core.serving.kv import KvBuffer
from retro_core.serving.prefix_cache import PrefixCache

# One layer, keys and values, one head of width 2, float32.
BYTES_PER_TOKEN = 1 * 2 * 1 * 2 * 4


def filled(tokens: list[int]) -> KvBuffer:
    """A buffer whose states hold the token ids, so that what comes back can be checked."""
    values = torch.tensor(tokens, dtype=torch.float32)
    states = values.view(1, 1, 1, -1, 1).expand(1, 2, 1, -1, 2).clone()
    return KvBuffer(states, length=len(tokens))


def empty() -> KvBuffer:
    return KvBuffer.empty((1, 2, 1, 0, 2), torch.float32, torch.device("cpu"))


def restored(cache: PrefixCache, key: str, tokens: list[int]) -> list[int]:
    buffer = empty()
    length = cache.restore(key, tokens, buffer)
    assert buffer.length == length
    return [int(value) for value in buffer.states[0, 0, 0, :length, 0]]


def test_the_longest_shared_prefix_comes_back() -> None:
    cache = PrefixCache(1)
    cache.store("", [1, 2, 3, 4], filled([1, 2, 3, 4]))

    assert restored(cache, "", [1, 2, 3, 9]) == [1, 2, 3]
    assert restored(cache, "", [9]) == []
    assert (cache.hit_tokens, cache.looked_up_tokens) == (3, 5)


def test_prompts_that_part_share_their_start_in_memory() -> None:
    cache = PrefixCache(1)
    cache.store("", [1, 2, 3, 4], filled([1, 2, 3, 4]))
    cache.store("", [1, 2, 7, 8, 9], filled([1, 2, 7, 8, 9]))

    assert restored(cache, "", [1, 2, 3, 4]) == [1, 2, 3, 4]
    assert restored(cache, "", [1, 2, 7, 8, 9, 5]) == [1, 2, 7, 8, 9]
    assert cache.bytes == 7 * BYTES_PER_TOKEN


def test_a_shorter_prompt_adds_nothing() -> None:
    cache = PrefixCache(1)
    cache.store("", [1, 2, 3], filled([1, 2, 3]))
    cache.store("", [1, 2], filled([1, 2]))

    assert cache.bytes == 3 * BYTES_PER_TOKEN
    assert restored(cache, "", [1, 2, 3]) == [1, 2, 3]


def test_adapters_share_nothing_and_can_be_forgotten() -> None:
    cache = PrefixCache(1)
    cache.store("a", [1, 2], filled([1, 2]))
    cache.store("b", [1, 2], filled([1, 2]))

    assert restored(cache, "", [1, 2]) == []
    cache.forget("a")

    assert restored(cache, "a", [1, 2]) == []
    assert restored(cache, "b", [1, 2]) == [1, 2]
    assert cache.bytes == 2 * BYTES_PER_TOKEN


def test_what_was_unused_longest_leaves_first() -> None:
    cache = PrefixCache(1)
    cache.max_bytes = 4 * BYTES_PER_TOKEN
    cache.store("", [1, 2], filled([1, 2]))
    cache.store("", [5, 6], filled([5, 6]))
    restored(cache, "", [1, 2])

    cache.store("", [8, 9], filled([8, 9]))

    assert restored(cache, "", [5, 6]) == []
    assert restored(cache, "", [1, 2]) == [1, 2]
    assert restored(cache, "", [8, 9]) == [8, 9]
    assert cache.bytes == 4 * BYTES_PER_TOKEN


def test_known_tells_the_length_without_copying() -> None:
    cache = PrefixCache(1)
    cache.store("", [1, 2, 3], filled([1, 2, 3]))

    assert cache.known("", [1, 2, 9]) == 2
    assert cache.known("", [1, 2, 3, 4]) == 3
    assert cache.known("other", [1]) == 0
    assert cache.looked_up_tokens == 0


def test_only_whole_blocks_are_kept_and_come_back() -> None:
    cache = PrefixCache(1, block=2)
    cache.store("", [1, 2, 3, 4, 5], filled([1, 2, 3, 4, 5]))

    assert restored(cache, "", [1, 2, 3, 4, 5, 6]) == [1, 2, 3, 4]
    assert restored(cache, "", [1, 2, 3, 9]) == [1, 2]
    assert cache.known("", [1, 2, 3, 9]) == 2
    assert cache.bytes == 4 * BYTES_PER_TOKEN
