"""Language models behind one method, and what is wrapped around them.

LiteLLMModel   any model that litellm reaches, asked once
Retrying       asks again what may be answered the next time
Spanned        makes each call an OpenTelemetry span
Tape           asks only what is not recorded yet
Budgeted       makes no call that could break a budget
Charged        puts each request that failed on an account
Metered        puts each call on an account
ScriptedModel  the public double: says what it was told to say
opened         all of them, for the roles of a run
"""

from skilllib.models.account import Account, Charged, Metered
from skilllib.models.assembly import Models, Role, opened
from skilllib.models.budget import Budgeted
from skilllib.models.litellm import LiteLLMModel
from skilllib.models.retry import Retrying
from skilllib.models.scripted import NotScripted, ScriptedModel
from skilllib.models.spans import Spanned, configure_from_environment, span
from skilllib.models.tape import Tape, TapeFile

__all__ = [
    "Account",
    "Budgeted",
    "Charged",
    "LiteLLMModel",
    "Metered",
    "Models",
    "NotScripted",
    "Retrying",
    "Role",
    "ScriptedModel",
    "Spanned",
    "Tape",
    "TapeFile",
    "configure_from_environment",
    "opened",
    "span",
]
