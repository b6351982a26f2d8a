"""Writes down each name that a process looks up; Python imports this module at its start where it is on the path."""

import os
import socket

_file, _getaddrinfo, _gethostbyname = os.environ.get("NAME_LOOKUPS"), socket.getaddrinfo, socket.gethostbyname
_HERE = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", socket.gethostname())


def _note(host: object) -> None:
    host = host.decode() if isinstance(host, bytes) else host
    if host not in _HERE:
        with open(_file, "a", encoding="utf-8") as file:
            file.write(f"{host}\n")


def _noted_getaddrinfo(host, *args, **kwargs):
    _note(host)
    return _getaddrinfo(host, *args, **kwargs)


def _noted_gethostbyname(host):
    _note(host)
    return _gethostbyname(host)


if _file:
    socket.getaddrinfo, socket.gethostbyname = _noted_getaddrinfo, _noted_gethostbyname
