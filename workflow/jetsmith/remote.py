"""Files at root:// addresses: the client's time limits, sizes, replicas, and a fresh start after an outage.

By itself the XRootD client waits eight minutes for a server that is down, twelve for one that is
silent, and does not try that server again for half an hour; fsspec-xrootd keeps the broken handle of
a file, so that opening it again fails even when the server is back. Hence, in this order:

    configure_client(60)                         once a process, before the first file is opened
    for address in replicas(path, redirectors):  the addresses to try
        read; on OSError: forget(address), then the same address again, or the next

TensorFlow, imported before the client, makes its import crash (2.21 and 6.2.1): skim and inspect import none.
A process that has used the client must not fork: fork waits for the client's threads, which wait
for the interpreter, for ever. Workers are to be spawned (`multiprocessing.get_context("spawn")`, loky).
"""

import re
from collections.abc import Sequence
from typing import Any

from jetsmith.errors import DamagedError, InputError

SCHEME = "root://"
LOGICAL = "/store/"
DEFAULT_PORT = 1094
EXAMPLE = "root://host.name:1094//store/file.root"
HOST = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
NOT_FOUND, IS_DIRECTORY = 3011, 3016  # of the XRootD protocol
CLIENT_DEFAULTS = {
    "RequestTimeout": 1800,
    "StreamTimeout": 60,
    "ConnectionWindow": 120,
    "ConnectionRetry": 5,
    "StreamErrorWindow": 1800,
    "TimeoutResolution": 15,
}

_ours: dict[str, int] = {}


def configure_client(timeout_s: int) -> dict[str, int]:
    """Let the XRootD client of this process give up on a dead or silent server after about `timeout_s`.

    What the user has set (XRD_REQUESTTIMEOUT, … or a client.conf) stays. A server that comes back
    earlier goes unnoticed: reading continues with the same open file.

    Args:
        timeout_s: Also the most that one answer may take, so at least the bytes of a chunk over the
            slowest line; 60 suits most sites.

    Returns:
        The settings in effect, in seconds but for ConnectionRetry.

    Raises:
        ValueError: Less than 1 s.
        InputError: The client is not installed.
    """
    if timeout_s < 1:
        raise ValueError(f"timeout_s is {timeout_s}; at least 1 is needed")
    env = _client().env
    retries = max(1, min(5, timeout_s))
    settings = {
        "RequestTimeout": timeout_s,
        "StreamTimeout": timeout_s,
        "ConnectionWindow": max(1, timeout_s // retries),
        "ConnectionRetry": retries,
        "StreamErrorWindow": 0,  # a server that is back may be asked at once
        "TimeoutResolution": max(1, min(15, timeout_s // 10)),
    }
    for key, value in settings.items():
        if env.EnvGetInt(key) in (CLIENT_DEFAULTS[key], _ours.get(key)) and env.EnvPutInt(key, value):
            _ours[key] = value
    return {key: int(env.EnvGetInt(key)) for key in settings}


def is_remote(path: str, redirectors: Sequence[str] = ()) -> bool:
    """Whether a path is an address, or a logical file name that redirectors can be asked for."""
    return "://" in path or (path.startswith(LOGICAL) and bool(redirectors))


def server(path: str) -> str:
    """Host and port of an address; empty for a local path."""
    return path.removeprefix(SCHEME).partition("/")[0] if path.startswith(SCHEME) else ""


def remote_size(path: str) -> int:
    """Bytes of a file at a root:// address; one request, without opening it.

    Raises:
        InputError: The address is wrong, or there is no such file.
        OSError: The server does not answer.
    """
    host, file = split(path)
    client = _client(path)
    status, info = client.FileSystem(SCHEME + host).stat(file)
    if status.ok and not info.flags & client.flags.StatInfoFlags.IS_DIR:
        return int(info.size)
    if status.ok:
        raise InputError(f"{path}: a folder; `files` takes ROOT files")
    raise explain(path, status.message)


def explain(path: str, message: object) -> InputError | OSError:
    """The error for what client or server said about a file: InputError where trying again is no use."""
    text = " ".join(str(message).split())
    code = re.search(r"\[(\d{4})\]", text)
    if code and int(code[1]) == NOT_FOUND:
        return DamagedError(f"{path}: no such file on the server; check `files`, or remove the entry")
    if code and int(code[1]) == IS_DIRECTORY:
        return InputError(f"{path}: a folder; `files` takes ROOT files")
    return OSError(text if path in text else f"{path}: {text}")


def forget(path: str) -> None:
    """Drop the handles of files on the server of this address; the next read opens them again.

    To be called after a failed read. Reads that are under way elsewhere are not disturbed.
    """
    from fsspec_xrootd import XRootDFileSystem

    host = str(_client().URL(path).hostid)
    for system in list(XRootDFileSystem._cache.values()):
        if system.hostid == host:
            # Closing them properly, as the public invalidate_cache does, raises on a broken connection.
            system._readonly_filehandle_cache._cache.clear()


def replicas(path: str, redirectors: Sequence[str]) -> list[str]:
    """The addresses to try for a file, in order and each once.

    Args:
        path: A root:// address, a logical file name `/store/…`, or a local path.
        redirectors: Servers, root://host[:port]/.

    Returns:
        The path itself, then the same file behind each redirector: the part of its path from
        `/store/` on, or all of it where it has none. A logical file name stands only for the
        addresses behind the redirectors; without any, it and any other local path is a local file.

    Raises:
        InputError: An address is malformed; the message says what would be right.
    """
    servers = [_server(redirector) for redirector in redirectors]
    if path.startswith(SCHEME):
        file = split(path)[1]
        candidates = [path]
    elif path.startswith(LOGICAL) and servers:
        file = path
        split(servers[0] + path)
        candidates = []
    elif "://" in path:
        raise InputError(f"{path!r}: only root:// addresses and local paths can be read, such as {EXAMPLE}")
    else:
        return [path]
    logical = file[max(file.find(LOGICAL), 0) :]
    candidates += [server + logical for server in servers]
    unique: dict[tuple[str, int, str], str] = {}
    for address in candidates:
        unique.setdefault(_canonical(address), address)
    return list(unique.values())


def split(path: str) -> tuple[str, str]:
    """Host (with its port, where it is given) and absolute path of a root:// address.

    Raises:
        InputError: It is malformed; the message says what would be right.
    """
    if not path.startswith(SCHEME):
        raise InputError(f"{path!r}: not a root:// address; it should look like {EXAMPLE}")
    host, slash, file = path.removeprefix(SCHEME).partition("/")
    _check_host(path, host)
    if any(character.isspace() or not character.isprintable() for character in path):
        raise InputError(
            f"{path!r}: an address holds no spaces or control characters; it should look like {EXAMPLE}"
        )
    if not slash or not file.startswith("/"):
        raise InputError(
            f"{path!r}: two slashes must follow the host: {SCHEME}{host}//{file or 'store/file.root'}"
        )
    file = "/" + file.lstrip("/")
    if file == "/":
        raise InputError(f"{path!r}: names no file; it should look like {EXAMPLE}")
    return host, file


def _server(redirector: str) -> str:
    """The redirector as root://host[:port]/, with one slash at its end."""
    host, _, rest = redirector.removeprefix(SCHEME).partition("/")
    _check_host(f"redirector {redirector}", host)
    if not redirector.startswith(SCHEME) or rest.strip("/"):
        raise InputError(f"redirector {redirector!r}: it should look like root://host.name:1094/")
    return f"{SCHEME}{host}/"


def _check_host(what: str, host: str) -> None:
    if "@" in host:
        secretless = host.rpartition("@")[2]
        raise InputError(
            f"{SCHEME}…@{secretless}: no user or password belongs in an address; the client finds "
            f"the proxy or token by itself: {SCHEME}{secretless}/…"
        )
    if not host:
        raise InputError(f"{what!r}: names no host; it should look like {EXAMPLE}")
    match = HOST.fullmatch(host)
    if match is None or not 0 < int(match["port"] or DEFAULT_PORT) < 65536:
        raise InputError(f"{what!r}: {host!r} is no host[:port]; it should look like {EXAMPLE}")


def _canonical(address: str) -> tuple[str, int, str]:
    """What two spellings of an address have in common."""
    host, file = split(address)
    match = HOST.fullmatch(host)
    assert match is not None
    return match["host"].lower(), int(match["port"] or DEFAULT_PORT), file


def _client(path: str = SCHEME) -> Any:
    """The module XRootD.client, imported only where a remote file is read."""
    try:
        import XRootD.client
        import XRootD.client.env
        import XRootD.client.flags
    except ImportError as error:
        raise InputError(
            f"{path}: reading root:// needs the packages fsspec-xrootd and XRootD; "
            f"install the extra `xrootd` ({error})"
        ) from error
    return XRootD.client
