"""Messages on a stream: four bytes of length, then JSON. JSON because reading it can run nobody's code."""

from __future__ import annotations

import json
import socket
from typing import Any

MAX_FRAME = 8 << 20
"""Bytes. A longer message from a program is not read."""


class FrameTooLong(ValueError):
    pass


def pack(message: Any) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body


def send(channel: socket.socket, message: Any) -> None:
    channel.sendall(pack(message))


def receive(channel: socket.socket, limit: int = 1 << 32) -> Any:
    """The next message.

    Raises:
        EOFError: The other side has closed.
        ValueError: What came is not a message, or longer than `limit` bytes.
    """
    length = int.from_bytes(_exactly(channel, 4), "big")
    if length > limit:
        raise FrameTooLong(f"a message of {length} bytes")
    return receive_body(channel, length)


def receive_body(channel: socket.socket, length: int) -> Any:
    """As `receive`, when the length has been read."""
    return json.loads(_exactly(channel, length))


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = channel.recv(min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError("the channel is closed")
        parts += part
    return bytes(parts)


class Unpacker:
    """Takes bytes as they come, gives messages as they are complete."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        self._bytes += data

    @property
    def size(self) -> int:
        """Bytes that have come and are not yet taken."""
        return len(self._bytes)

    def next(self) -> Any:
        """The next message, or None when it is not complete yet.

        Raises:
            FrameTooLong: It is longer than `MAX_FRAME`.
            ValueError: It is not JSON, or nested too deep.
        """
        if len(self._bytes) < 4:
            return None
        length = int.from_bytes(self._bytes[:4], "big")
        if length > MAX_FRAME:
            raise FrameTooLong(f"a message of {length} bytes")
        if len(self._bytes) < 4 + length:
            return None
        body = bytes(self._bytes[4 : 4 + length])
        del self._bytes[: 4 + length]
        try:
            return json.loads(body)
        except RecursionError as error:
            raise ValueError("nested too deep") from error
