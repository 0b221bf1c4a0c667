"""The small models that write reflections."""
