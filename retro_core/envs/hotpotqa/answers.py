"""How an answer is judged: exact match and token F1 after the standard normalisation."""

import re
import string
from collections import Counter

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
VERDICTS = frozenset({"yes", "no", "noanswer"})


def normalise_answer(answer: str) -> str:
    """Lower case without punctuation, articles and extra space."""
    return " ".join(ARTICLES.sub(" ", answer.lower().translate(PUNCTUATION)).split())


def is_exact_match(answer: str, gold: str) -> bool:
    """Whether two answers are the same after normalisation."""
    return normalise_answer(answer) == normalise_answer(gold)


def token_f1(answer: str, gold: str) -> float:
    """Harmonic mean of token precision and recall, 0 to 1; a verdict is right or wrong."""
    ours, wanted = normalise_answer(answer), normalise_answer(gold)
    if ours != wanted and (ours in VERDICTS or wanted in VERDICTS):
        return 0.0
    our_tokens, gold_tokens = ours.split(), wanted.split()
    shared = sum((Counter(our_tokens) & Counter(gold_tokens)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(our_tokens), shared / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)
