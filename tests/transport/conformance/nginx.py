"""A real nginx on loopback, which can be restarted."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from attrs import define, field

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
_CONFIGURATION = """
daemon off;
worker_processes 2;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_requests 20;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type application/json; return 200 "$arg_n"; }}
    }}
}}
"""


@define
class Nginx:
    """An nginx that responds to `/?n=5` with `5`."""

    folder: Path
    port: int
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        configuration = self.folder / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, port=self.port), encoding="utf-8")
        assert NGINX is not None
        self._process = subprocess.Popen(
            [NGINX, "-p", self.folder, "-c", configuration, "-e", self.folder / "error.log"]
        )

    def reload(self) -> None:
        """Start new workers; the old ones close their idle connections and end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End at once, under the requests that are there."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    async def until_there(self) -> None:
        while True:
            try:
                stream = await anyio.connect_tcp("127.0.0.1", self.port)
            except OSError:
                await anyio.sleep(0.01)
            else:
                await stream.aclose()
                return


@contextmanager
def running(folder: Path, port: int) -> Iterator[Nginx]:
    nginx = Nginx(folder, port)
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.stop()
