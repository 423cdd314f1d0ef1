"""`spacy bioner ...`: one module a verb.

Loaded by every `spacy` command, so nothing here or at the top of a verb's module imports more than spaCy's
command line has imported already; what a verb needs, its plain function imports.
"""

import contextlib
import errno
import functools
import shlex
import sys
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import typer
from spacy.cli._util import app

from spacy_bioner.errors import BionerError
from spacy_bioner.terminal import harmless_warnings, msg

_P = ParamSpec("_P")
_T = TypeVar("_T")
_CONFIGURED = ("train", "distill")

bioner_cli = typer.Typer(
    name="bioner",
    help="Biomedical named entity recognition: corpora in, evaluated pipelines out.",
    no_args_is_help=True,
)
app.add_typer(bioner_cli)


def verb(name: str, group: typer.Typer = bioner_cli) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Registers a function as a verb that prints errors of this package and of the system, and exits with 1.

    Args:
        name: of the verb; empty for what a group does where no verb of it is named.
        group: what it is a verb of.
    """

    def register(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(function)
        def reporting(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            try:
                with harmless_warnings():
                    return function(*args, **kwargs)
            except BionerError as error:
                _fail(str(error))
                raise typer.Exit(1) from None
            except OSError as error:
                if error.errno in (None, errno.EPIPE):
                    raise  # a library's own, or a reader that has had enough (`| head`)
                _fail(_told(error))
                raise typer.Exit(1) from None

        # whose options may be settings of a config
        free = {"allow_extra_args": True, "ignore_unknown_options": True} if name in _CONFIGURED else None
        if name:
            group.command(name, context_settings=free)(reporting)
        else:
            group.callback(invoke_without_command=True)(reporting)
        return reporting

    return register


def _fail(text: str) -> None:
    """Prints an error, the first line of which says what is wrong."""
    first, *rest = text.splitlines()
    with contextlib.redirect_stdout(sys.stderr):
        msg.fail(first)
        for line in filter(str.strip, rest):
            msg.text(line)  # one by one: wasabi makes one paragraph of a text


def _told(error: OSError) -> str:
    """What the system refuses: a full disk, a folder without permission, a name that is too long."""
    name = f"{error.filename}: " if error.filename is not None else ""
    return f"{name}{error.strerror}"


def listed(values: Iterable[str]) -> list[str]:
    """The names in the values of an option that may be given several times, or have commas in it."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def overrides_of(context: typer.Context, settings: str) -> dict[str, Any]:
    """Settings of a config: those given as options, and those in a text with spaces between."""
    from click import NoSuchOption
    from spacy.cli._util import parse_config_overrides

    from spacy_bioner.errors import PipelineError

    try:
        further = [f"--{setting}" for setting in shlex.split(settings)]
        return parse_config_overrides([*context.args, *further])
    except (ValueError, NoSuchOption) as error:
        raise PipelineError(f"Settings are given as section.name=value: {error} [B532]") from None


def renamed_types(values: Iterable[str]) -> dict[str, str]:
    """The other names in the values of --map: from old to new; raises PipelineError if one has no `=`."""
    from spacy_bioner.errors import PipelineError

    names = {}
    for entry in listed(values):
        old, equals, new = entry.partition("=")
        if not equals or not new.strip():
            raise PipelineError(f"--map '{entry}': write OLD=NEW, or '*=NEW'. [B533]")
        names[old.strip()] = new.strip()
    return names


from spacy_bioner.cli import (  # noqa: E402
    annotate,  # noqa: F401
    card,  # noqa: F401
    compare,  # noqa: F401
    convert,  # noqa: F401
    corpora,  # noqa: F401
    distill,  # noqa: F401
    encoders,  # noqa: F401
    evaluate,  # noqa: F401
    experiment,  # noqa: F401
    fetch,  # noqa: F401
    from_hf,  # noqa: F401
    init,  # noqa: F401
    kb,  # noqa: F401
    leaks,  # noqa: F401
    link_evaluate,  # noqa: F401
    link_train,  # noqa: F401
    optimize,  # noqa: F401
    package,  # noqa: F401
    pretrain,  # noqa: F401
    pretrain_card,  # noqa: F401
    pretrain_pack,  # noqa: F401
    pretrain_text,  # noqa: F401
    pretrain_vocabulary,  # noqa: F401
    score,  # noqa: F401
    select,  # noqa: F401
    serve,  # noqa: F401
    shrink,  # noqa: F401
    software,  # noqa: F401
    to_hf,  # noqa: F401
    train,  # noqa: F401
    verify,  # noqa: F401
)
