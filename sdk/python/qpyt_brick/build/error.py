"""What an author can put right."""


class BuildError(Exception):
    """Something that an author can put right; its message says what."""
