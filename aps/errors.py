"""What can be wrong with what `aps` is given."""


class ProblemError(ValueError):
    """The problem contradicts itself or names something unknown; the text says what and where.

    `code` is stable for programs, `subject` is the record (car, rule, file line) at fault.
    """

    def __init__(self, code: str, subject: str, sentence: str) -> None:
        super().__init__(f"{subject}: {sentence}")
        self.code = code
        self.subject = subject
        self.sentence = sentence


class FileError(ProblemError):
    """A file does not read as the format it should be in; `subject` is file and line."""


class Cancelled(Exception):
    """The solve was cancelled before any plan existed."""
