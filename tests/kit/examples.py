"""How many examples Hypothesis makes for a test: in proportion to the profile's, which are 100 in `make test`."""

from hypothesis import settings


def examples(number: int) -> settings:
    """Settings for so many examples in `make test`, and proportionally more where a profile explores."""
    default = settings().max_examples
    return settings(max_examples=max(1, number * default // 100))
