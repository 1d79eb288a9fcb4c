"""What a maker's command refuses to do, in one sentence that says what to do instead."""


class PublishError(Exception):
    """Nothing was changed. The text is for the person at the terminal."""
