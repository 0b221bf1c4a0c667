"""The whole circle as one protocol: collect, train, and measure on unseen tasks with controls."""
