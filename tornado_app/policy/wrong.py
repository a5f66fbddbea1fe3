"""A value that a field may not have."""


class Wrong(ValueError):
    """*name* must be what *may_be* says; the value itself is never repeated."""

    def __init__(self, name: str, may_be: str) -> None:
        super().__init__(f"{name} must be {may_be}.")
        self.name = name
        self.may_be = may_be
