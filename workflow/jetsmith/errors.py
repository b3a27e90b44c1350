"""The two kinds of error that a user sees; both carry what, where and what would be right."""


class ConfigError(ValueError):
    """The configuration is wrong: names file, key and choices. Raised before any job."""


class InputError(RuntimeError):
    """An input file or its content cannot serve: names file, what is wrong and the remedy."""


class DamagedError(InputError):
    """A file that cannot be read at all: its events are lost, as far as losses are allowed."""
