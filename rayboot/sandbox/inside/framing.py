"""Messages on a stream: four bytes of length, then JSON, because parsing JSON cannot run anyone's code."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]
"""A JSON object from one of the sandbox's own processes to another."""
MAX_FRAME = 8 << 20
"""Bytes. A longer message from a program is not read."""
_MAX_FDS = 6


class FrameTooLong(ValueError):
    pass


def pack(message: object) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body


def send(channel: socket.socket, message: object) -> None:
    channel.sendall(pack(message))


def send_with_fds(channel: socket.socket, message: object, fds: Sequence[int]) -> None:
    data = pack(message)
    sent = socket.send_fds(channel, [data], fds)
    channel.sendall(data[sent:])


def receive(channel: socket.socket, limit: int = 1 << 32) -> Any:
    """Return the next message.

    Raise EOFError if the other side has closed the channel, ValueError if the data is not a message, or the message is
    longer than `limit` bytes.
    """
    length = int.from_bytes(_receive_exactly(channel, 4), "big")
    if length > limit:
        raise FrameTooLong(f"a message of {length} bytes")
    return json.loads(_receive_exactly(channel, length))


def receive_with_fds(channel: socket.socket) -> tuple[Message, list[int]]:
    """Return the next message and its descriptors. Raise EOFError if the other side has closed the channel."""
    head, fds, _, _ = socket.recv_fds(channel, 4, _MAX_FDS)
    if not head:
        raise EOFError
    head += _receive_exactly(channel, 4 - len(head))
    return json.loads(_receive_exactly(channel, int.from_bytes(head, "big"))), fds


def _receive_exactly(channel: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = channel.recv(min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError("the channel is closed")
        parts += part
    return bytes(parts)


class Unpacker:
    """Parser of a byte stream. It collects bytes as they arrive, and returns messages once they are complete."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        self._bytes += data

    @property
    def size(self) -> int:
        """Number of bytes that have arrived and are not yet part of a returned message."""
        return len(self._bytes)

    def next(self) -> Any:
        """Return the next message, or None while it is incomplete.

        Raise FrameTooLong if it is longer than `MAX_FRAME`, ValueError if it is not JSON, or nested too deeply.
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
