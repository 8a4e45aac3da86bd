"""Everything that can go wrong in our machinery, as one tree.

Failure of generated code is data (`Execution.error`), never one of these.

    SkillLibError
    ├── InvalidRecord          a value that cannot be one of our records
    │   ├── InvalidProgram     source text that cannot be a skill (with its line)
    │   └── InvalidCheck       an expression that cannot decide a task
    ├── EnvironmentFault       an environment does not keep its contract
    │   ├── UnknownEnvironment no environment is registered under that name
    │   ├── ResetNeeded        a call before `reset` or after the end of the episode
    │   └── EnvironmentLost    the world itself is gone
    ├── SandboxUnavailable     programs cannot be run at all
    ├── LibraryError           the library on disk
    │   ├── LibraryNotFound    nothing there where one was expected
    │   ├── ForeignLibrary     a folder that is something else
    │   ├── NewerLibrary       written by a newer version of skilllib
    │   ├── OtherPolicy        a library that admits skills by another law
    │   ├── LibraryLocked      another process is writing
    │   ├── LibraryDamaged     what is stored contradicts itself
    │   ├── StorageFailed      the disk refused a write
    │   ├── UnknownSkill       no skill of that name or hash
    │   ├── NotVerified        a program without the trace that proves it
    │   ├── DuplicateSkill     the same skill, or a name that looks the same, is already there
    │   └── CyclicCalls        skills that would call each other in a circle
    ├── ImportRefused          a folder, archive or file that is not taken in
    ├── RunError               a run folder that cannot be started or resumed
    ├── ModelWeightsMissing    no usable embedding weights were found
    ├── TelemetryMissing       spans are asked for, and what sends them is not installed
    ├── CompileError           a skill does not become weights
    │   ├── WeightsMissing     the extra `weights` is not installed
    │   ├── UnknownCompiler    no compiler is registered under that name
    │   ├── BaseRefused        a base model that is not there, too big, or of an unknown architecture
    │   ├── AdapterRefused     weights that are no adapter, or one for another base or version
    │   └── CompilerFailed     a compiler came to no weights
    ├── PromptError            a prompt file or its slots are wrong
    └── ModelError             a language model gave no reply
        ├── ModelUnavailable   not reached, or overloaded for too long
        ├── ModelRefused       it will not answer: key, name, length or content
        ├── ModelUseless       its replies cannot be used, again and again
        ├── BudgetSpent        the next call would break the budget
        └── TapeError          a tape that cannot be used
            └── NotOnTape      a request that was not recorded
"""

from __future__ import annotations

from typing import Any


class SkillLibError(Exception):
    """Root of all errors raised by skilllib."""


class InvalidRecord(SkillLibError, ValueError):
    """A value that cannot be one of our records."""


class InvalidProgram(InvalidRecord):
    """Source text that cannot become a skill.

    Attributes:
        line: The offending line, counted from 1, when one is to blame.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class InvalidCheck(InvalidRecord):
    """An expression that cannot decide whether a task was solved."""


class EnvironmentFault(SkillLibError):
    """An environment does not keep its contract."""


class UnknownEnvironment(EnvironmentFault, LookupError):
    """No environment is registered under that name."""


class ResetNeeded(EnvironmentFault, RuntimeError):
    """A primitive was called before `reset` or after the end of the episode."""


class EnvironmentLost(EnvironmentFault, ConnectionError):
    """The world itself is gone: its process died or its connection broke."""


class SandboxUnavailable(SkillLibError, RuntimeError):
    """Programs cannot be run at all on this machine."""


class LibraryError(SkillLibError):
    """Something about the library on disk."""


class LibraryNotFound(LibraryError, FileNotFoundError):
    """There is no library where one was expected."""


class ForeignLibrary(LibraryError, ValueError):
    """The folder holds something that is not a skill library."""


class NewerLibrary(LibraryError, ValueError):
    """The library was written by a newer version of skilllib."""


class OtherPolicy(LibraryError, ValueError):
    """The library admits skills by another law than what is to be done needs."""


class LibraryLocked(LibraryError, BlockingIOError):
    """Another process is writing to the library."""


class LibraryDamaged(LibraryError, ValueError):
    """What is stored contradicts itself."""


class StorageFailed(LibraryError, OSError):
    """The disk or database refused a write; nothing of it was kept."""


class UnknownSkill(LibraryError, LookupError):
    """No skill has that name or hash."""


class NotVerified(LibraryError, ValueError):
    """A program was offered without the trace that proves it."""


class DuplicateSkill(LibraryError, ValueError):
    """The same skill, or one whose name looks the same, is already in the library.

    Attributes:
        likeness: In what they are alike and what can be made of the two (`library.duplicates.Likeness`), where that was asked.
    """

    def __init__(self, message: str, *, likeness: Any = None) -> None:
        super().__init__(message)
        self.likeness = likeness


class CyclicCalls(LibraryError, ValueError):
    """Skills would call each other in a circle."""


class ImportRefused(SkillLibError, ValueError):
    """Skills from outside are not taken in; nothing of what was refused is kept."""


class RunError(SkillLibError, ValueError):
    """A run folder cannot be started or resumed."""


class ModelWeightsMissing(SkillLibError, FileNotFoundError):
    """No usable embedding weights were found."""


class TelemetryMissing(SkillLibError, ImportError):
    """The environment asks for an exporter of OpenTelemetry spans that is not installed."""


class CompileError(SkillLibError):
    """A skill does not become weights; its other forms are untouched."""


class WeightsMissing(CompileError, ImportError):
    """What adapters need is not installed."""

    def __init__(self, module: str) -> None:
        super().__init__(f"adapters need {module!r}, which is not installed; install it with: pip install 'skilllib[weights]'")


class UnknownCompiler(CompileError, LookupError):
    """No compiler is registered under that name."""


class BaseRefused(CompileError, ValueError):
    """A base model cannot be used: it is not there, too big for the memory, or of another architecture."""


class AdapterRefused(CompileError, ValueError):
    """Weights that are no sound adapter, or one for another base model or another version of the skill."""


class CompilerFailed(CompileError, RuntimeError):
    """A compiler came to no weights."""


class PromptError(SkillLibError, ValueError):
    """A prompt file is malformed, or a slot of it is missing or unknown."""


class ModelError(SkillLibError):
    """A language model gave no reply."""


class ModelUnavailable(ModelError, ConnectionError):
    """The model was not reached, or was overloaded, for longer than we were told to wait.

    Attributes:
        retry_after_s: Seconds after which the model itself asked to be asked again, if it did.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelRefused(ModelError, ValueError):
    """The model will not answer, and asking again would not help: bad key, unknown model, too long, content refused."""


class ModelUseless(ModelError, RuntimeError):
    """The model answers, but nothing that can be used."""


class BudgetSpent(ModelError, RuntimeError):
    """The next call would break the budget; it was not made."""


class TapeError(ModelError, ValueError):
    """A tape cannot be read or belongs to something else."""


class NotOnTape(TapeError, LookupError):
    """A request was not recorded, and there is no model to ask."""
