"""Names as people read them and as the contract writes them, from the names in the source."""


def kebab(name: str) -> str:
    """`negative-prompt` for `negative_prompt`: the name of a port."""
    return name.strip("_").replace("_", "-").lower()


def label(name: str) -> str:
    """`Negative prompt`: what a person reads."""
    return name.strip("_").replace("_", " ").capitalize()
