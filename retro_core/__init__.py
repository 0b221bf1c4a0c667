"""The algorithm of Retroformer: agents that fail, reflect and try again."""
