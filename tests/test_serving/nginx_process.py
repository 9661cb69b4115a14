"""Debian's nginx with the configuration that we ship, in front of a running service."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.test_serving.issuers import find_port
from tests.test_serving.server_process import ROOT, read_all

SHIPPED = ROOT / "examples" / "nginx" / "caselight.conf"
HEAD_SECONDS, SEND_SECONDS = 1, 4
MOST_CONNECTIONS = 4
_MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    client_body_temp_path {folder}/temporary/body;
    proxy_temp_path {folder}/temporary/proxy;
    fastcgi_temp_path {folder}/temporary/fastcgi;
    uwsgi_temp_path {folder}/temporary/uwsgi;
    scgi_temp_path {folder}/temporary/scgi;
    include {folder}/caselight.conf;
}}
"""


@dataclass(frozen=True)
class Front:
    """A running nginx.

    Parameters
    ----------
    port
        Where it listens on this machine, with TLS.
    folder
        Its configuration, logs and temporary files.
    """

    port: int
    folder: Path

    def connect(self, wait_s: float = 20.0) -> ssl.SSLSocket:
        """Return an open connection; the certificate is the test's own and is not checked."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=wait_s)
        return context.wrap_socket(plain, server_hostname="caselight.example")

    def ask(self, request: bytes) -> bytes:
        """Return everything that comes back until the connection ends."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)


def find_nginx() -> str | None:
    """Return the path of nginx; Debian puts it where only an administrator's PATH leads."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def run_nginx(folder: Path, service_port: int) -> Iterator[Front]:
    """Run nginx until the block ends; of what is shipped, names, ports and patience are changed."""
    port = find_port()
    text = SHIPPED.read_text(encoding="utf-8")
    for shipped, ours in {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{service_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "listen 443 ssl default_server;": f"listen 127.0.0.1:{port} ssl default_server;",
        "/etc/caselight/certificate": f"{folder}/certificate",
        "/var/log/nginx": str(folder),
        "client_header_timeout 10s;": f"client_header_timeout {HEAD_SECONDS}s;",
        "client_body_timeout 20s;": f"client_body_timeout {SEND_SECONDS}s;",
        "send_timeout 30s;": f"send_timeout {SEND_SECONDS}s;",
        "caselight_addresses 64;": f"caselight_addresses {MOST_CONNECTIONS};",
    }.items():
        assert shipped in text, f"{SHIPPED.name} says {shipped!r} no more"
        text = text.replace(shipped, ours)
    (folder / "temporary").mkdir()
    (folder / "caselight.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder), encoding="utf-8")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=caselight.example", "-keyout", str(folder / "certificate.key"),
         "-out", str(folder / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    nginx = find_nginx()
    assert nginx is not None, "mark the test with `nginx`"
    process = subprocess.Popen(
        [
            nginx,
            "-e",
            str(folder / "error.log"),
            "-p",
            str(folder),
            "-c",
            str(folder / "nginx.conf"),
        ]
    )
    try:
        _await(process, port, folder)
        yield Front(port, folder)
    finally:
        process.terminate()
        process.wait(20)


def _await(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nginx did not start: {(folder / 'error.log').read_text()[-2_000:]}")
