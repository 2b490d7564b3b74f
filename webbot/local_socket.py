"""The Unix socket for a proxy on this machine. Whoever may open the file is believed: owner and group."""

from __future__ import annotations

import errno
import socket
import stat
from pathlib import Path

from webbot.errors import SettingsError
from webbot.settings import Settings

MODE = 0o660
LONGEST = 107  # bytes of a path, as Linux has it


def socket_path(settings: Settings) -> str:
    """Where it is; absolute."""
    return str(Path(settings.socket).expanduser().absolute())


def listen_at(path: str) -> socket.socket:
    """A listening socket; the file that an earlier server left is replaced. Raises SettingsError with the reason for none."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        sock.bind(path)  # the umask of the server keeps everybody else out until the next line
        Path(path).chmod(MODE)
        sock.listen(1024)
    except OSError as error:
        sock.close()
        why = f"it is longer than {LONGEST} bytes" if len(path.encode()) > LONGEST else (error.strerror or str(error)).lower()
        raise SettingsError("WEBBOT_SOCKET {path} cannot be used: {why}.", path=path, why=why) from None
    return sock


def _clear(path: str) -> None:
    try:
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            raise OSError(errno.EEXIST, "a file that is no socket is there")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(2)
        try:
            asking.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            Path(path).unlink(missing_ok=True)
        else:
            raise OSError(errno.EADDRINUSE, "another server listens there")
