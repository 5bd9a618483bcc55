"""The error of this package."""


class SettingsError(ValueError):
    """A setting is unknown or its value cannot be used; the message names the variable and says what to do."""
