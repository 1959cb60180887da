"""`Guard`: decides what a request may do, before anything of it is acted upon."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from smoothop.control.failures import Failure
from smoothop.control.server.peer import Peer, Rights, rights_on_socket
from smoothop.control.server.table import Access

if TYPE_CHECKING:
    from starlette.datastructures import Headers

_OWN_SITE = (None, "none", "same-origin")


class Guard:
    """Decides who may do what.

    On the Unix socket that is the user whose operator it is, for everything. Over TCP it is
    whoever has the token; without a token in use anybody may look, which is for this machine
    alone, and nobody may change anything.

    Args:
        read_only: whether nobody may change anything.
        token: what is asked for over TCP; ``None``: no token is in use.
        host: where it listens over TCP; a request must name it, ``localhost`` or an address.
    """

    def __init__(
        self, *, read_only: bool = False, token: str | None = None, host: str | None = None
    ) -> None:
        self._read_only = read_only
        self._token = None if token is None else token.encode()
        self._names = {"localhost", host}

    def rights(self, peer: Peer, headers: Headers) -> Rights:
        """Return what the sender of a request may do.

        Raises:
            Failure: it was sent by a page of somebody else, in a browser of somebody who may.
        """
        if peer.address is None:
            return rights_on_socket(peer)
        self._refuse_foreign(headers)
        if self._token is None:
            return Rights.READ
        scheme, _, token = headers.get("authorization", "").partition(" ")
        is_right = compare_digest(token.strip().encode(), self._token)
        return Rights.CHANGE if is_right and scheme.lower() == "bearer" else Rights.NONE

    def admit(self, access: Access, rights: Rights, peer: Peer) -> None:
        """Let a request through, or not.

        Raises:
            Failure: not; says why, and what to do.
        """
        if access is Access.OPEN:
            return
        if rights is Rights.NONE and peer.address is None:
            raise Failure("forbidden", "this operator belongs to another user")
        if rights is Rights.NONE:
            what = (
                "the token is missing or wrong: give it as 'Authorization: Bearer TOKEN', or with "
                "--token-file FILE on the command line"
            )
            raise Failure("unauthorized", what)
        if access is Access.READ:
            return
        if self._read_only:
            raise Failure("read_only", "this operator runs with --read-only: nothing is changed")
        if rights is Rights.READ:
            what = "over TCP nothing is changed without a token: run the operator with --token-file"
            raise Failure("forbidden", what)

    def _refuse_foreign(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._is_known(host):
            what = "the Host header names another host; use the address, or the name in --http"
            raise Failure("forbidden", what)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site not in _OWN_SITE or origin not in (None, f"http://{host}"):
            raise Failure("forbidden", "pages of other sites may send nothing here")

    def _is_known(self, host: str) -> bool:
        # A page can point a name of its own at this machine, but it cannot own an address.
        try:
            name = urlsplit(f"//{host}").hostname
            return name in self._names or bool(ip_address(name or ""))
        except ValueError:
            return False
