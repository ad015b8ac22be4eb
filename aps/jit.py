"""The one place that compiles kernels: cached on disk, typed as the function they compile.

With NUMBA_DISABLE_JIT=1 kernels run as plain Python, for coverage and debugging.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])
_njit = cast(Callable[..., Any], njit)
"""The compiler with the options that its types leave out, too."""


def kernel(function: F) -> F:
    """Compile a function on its first call; the machine code is kept beside the source.

    It runs without the interpreter's lock, so that seeds can search in threads of one process.
    """
    return cast(F, _njit(cache=True, nogil=True)(function))


def lean(function: F) -> F:
    """Compile a kernel that makes no array, so that nothing counts who holds one.

    Counting is an atomic step at each touch of an array in a tuple: two thirds of a short move.
    """
    return cast(F, _njit(cache=True, nogil=True, _nrt=False)(function))


def inlined(function: F) -> F:
    """Compile a part that makes no array into each kernel that calls it.

    A call would hand over every array of its arguments piece by piece.
    """
    return cast(F, _njit(cache=True, nogil=True, forceinline=True, _nrt=False)(function))
