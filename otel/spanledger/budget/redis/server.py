"""A Redis server, this process's connections to it, and the one way to ask it for something.

An app waits for the answer, so time is bounded: a server that did not answer is left alone for a moment, in which
everybody is told at once that it cannot be used.
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from typing import Any, NamedTuple

from redis import exceptions
from redis.connection import AbstractConnection

from spanledger.budget.redis.address import Address
from spanledger.budget.redis.failures import told
from spanledger.budget.redis.script import keys, script
from spanledger.budget.store import StoreError

log = logging.getLogger("spanledger")

#: Seconds for which a server that did not answer in time is not asked again.
REST = 1.0
_RUN = re.compile(rb"^run_id:(\w+)", re.MULTILINE)
_EVICTS = re.compile(rb"^maxmemory_policy:((?!noeviction)\S+)", re.MULTILINE)


class UnaskedError(StoreError):
    """A server was not even asked: nothing can have happened there."""


class Line(NamedTuple):
    """A connection, and which process is at its other end (empty where the server does not tell)."""

    connection: AbstractConnection
    run: bytes


class Server:
    """Runs the script. Safe for threads; a process that was forked calls `forget` and goes on."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._keys = keys(address.prefix)
        self._idle: deque[Line] = deque()
        self._rests_until = 0.0
        self._warned = False

    def ask(self, request: bytes, *, again: bool) -> Any:
        """What the script answers to a request; `again`: ask once more where the connection was lost.

        Raises:
            StoreError: there is no answer; says why.
        """
        if time.monotonic() < self._rests_until:
            raise UnaskedError(f"budget store {self.address.name}: it did not answer in time, and is given a rest")
        try:
            try:
                return self._once(request)
            except exceptions.MovedError as moved:
                self._follow(moved)
                return self._once(request)
            except exceptions.ReadOnlyError:
                self.close()  # the name may lead to another primary by now
                raise
            except exceptions.ConnectionError as error:
                self.close()
                if not again or isinstance(error, (exceptions.AuthenticationError, exceptions.BusyLoadingError)):
                    raise
                return self._once(request)
        except exceptions.TimeoutError as error:
            self._rests_until = time.monotonic() + REST
            raise told(self.address.name, error) from error
        except (exceptions.RedisError, OSError, ValueError) as error:
            raise told(self.address.name, error) from error

    def close(self) -> None:
        """Close the connections that nobody uses now; they are made anew when they are needed."""
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:  # another thread was quicker
                return
            line.connection.disconnect()

    def forget(self) -> None:
        """Leave the connections to the process that this one was forked from."""
        self._idle = deque()

    def _once(self, request: bytes) -> Any:
        line = self._line()
        try:
            answer = self._evaluate(line, request)
        except exceptions.ResponseError:
            self._idle.append(line)
            raise
        except BaseException:
            line.connection.disconnect()
            raise
        self._idle.append(line)
        return answer

    def _evaluate(self, line: Line, request: bytes) -> Any:
        code, arguments = script(), (len(self._keys), *self._keys, request, line.run)
        line.connection.send_command("EVALSHA", code.digest, *arguments)
        try:
            return line.connection.read_response()
        except exceptions.NoScriptError:
            line.connection.send_command("EVAL", code.source, *arguments)
            return line.connection.read_response()

    def _line(self) -> Line:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connected()

    def _connected(self) -> Line:
        connection = self.address.kind(**self.address.options)
        try:
            connection.connect()
            connection.send_command("INFO")
            info = connection.read_response()
        except exceptions.NoPermissionError:
            return Line(connection, b"")
        except BaseException:
            connection.disconnect()
            raise
        if not isinstance(info, bytes):
            raise exceptions.InvalidResponse("INFO is not answered with text")
        if (found := _EVICTS.search(info)) and not self._warned:
            self._warned = True
            log.warning(
                "spanledger budget store %s: with maxmemory-policy %s Redis may drop what was spent; set noeviction",
                self.address.name,
                found[1].decode(),
            )
        run = _RUN.search(info)
        return Line(connection, run[1] if run else b"")

    def _follow(self, moved: exceptions.MovedError) -> None:
        """Go to the node of the cluster that has the keys; all of them are in one slot."""
        self.close()
        self.address = self.address.at(str(moved.host), int(moved.port))
