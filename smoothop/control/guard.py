"""`Guard`: decides what a request may do, before anything of it is acted upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.control.failures import Failure
from smoothop.control.peer import Peer, Rights, rights_on_socket
from smoothop.control.table import Access

if TYPE_CHECKING:
    from starlette.datastructures import Headers


class Guard:
    """Decides who may do what.

    Args:
        read_only: whether nobody may change anything.
    """

    def __init__(self, *, read_only: bool = False) -> None:
        self._read_only = read_only

    def rights(self, peer: Peer, headers: Headers) -> Rights:
        """Return what the sender of a request may do."""
        del headers
        return rights_on_socket(peer)

    def admit(self, access: Access, rights: Rights) -> None:
        """Let a request through, or not.

        Raises:
            Failure: not; says why, and what to do.
        """
        if access is Access.OPEN:
            return
        if rights is Rights.NONE:
            raise Failure("forbidden", "this operator belongs to another user")
        if access is Access.CHANGE and self._read_only:
            raise Failure("read_only", "this operator runs with --read-only: nothing is changed")
