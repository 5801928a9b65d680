"""What `./run app` starts: database, first administrator, worker, trainer and web server, all in one go.

`python -m app.serve [--port N]`, `python -m app.serve --reset-password USER` for who forgot a password, or
`--reset-totp USER` for who lost phone and recovery codes.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from app.services.catalogue import Services
from app.services.command_line import command_line_origin
from app.services.sealing_upgrade import remove_work_folders, seal_plain_files
from app.settings import CLONE_ROOT, Settings
from clinic_data import audit
from clinic_data.errors import ClinicDataError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

_PORTS_TO_TRY = 50
_RESTART_PAUSE_S = 2.0
_STOP_WAIT_S = 15.0
_log = logging.getLogger("app.serve")


class WorkerKeeper:
    """Runs a worker or trainer as a child process and starts it again whenever it dies.

    Args:
        module: which program: "app.worker" or "app.trainer".
    """

    def __init__(self, module: str = "app.worker") -> None:
        self._module = module
        self._over = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=f"{module}-keeper", daemon=True)

    def start(self) -> None:
        """Starts the program and the watch over it."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Asks the program to give its job back and to end; does not wait for it."""
        self._over.set()
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()

    def stop(self) -> None:
        """Asks the program to end and waits; kills it if it does not."""
        self.ask_to_stop()
        child = self._child
        if child is not None and child.poll() is None:
            try:
                child.wait(_STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                child.kill()
        self._thread.join(_STOP_WAIT_S)

    def _keep(self) -> None:
        command = [sys.executable, "-m", self._module, "--parent-pid", str(os.getpid())]
        while not self._over.is_set():
            # Of its own group: Ctrl-C in the terminal goes to the server, which then stops the worker in order.
            self._child = subprocess.Popen(command, cwd=CLONE_ROOT, start_new_session=True)
            code = self._child.wait()
            if not self._over.is_set():
                _log.warning("%s ended (%s); starting it again.", self._module, code)
                self._over.wait(_RESTART_PAUSE_S)


def serve(settings: Settings, port: int | None) -> None:
    """Serves until stopped.

    Args:
        settings: of this installation.
        port: exactly this one; None takes that of the settings or the next free one.
    """
    import uvicorn

    chosen = _given_port(settings.host, port) if port else free_port(settings.host, settings.port)
    services = Services.open(settings)
    services.database.upgrade()
    remove_work_folders(settings.data_dir)
    seal_plain_files(services.storage, settings.data_dir)
    keepers = [WorkerKeeper(), *([WorkerKeeper("app.trainer")] if settings.training_queue else [])]

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:  # only now: a password that is printed once must not be lost with a failed start
                _say_welcome(f"http://{settings.host}:{chosen}", services.accounts.create_first_administrator())

    try:
        from app.asgi import create_app

        config = server_config(settings, create_app(settings), chosen)
        for keeper in keepers:
            keeper.start()
        Server(config).run()
    finally:
        for keeper in keepers:  # all first, so that they end side by side
            keeper.ask_to_stop()
        for keeper in keepers:
            keeper.stop()
        services.database.dispose()


def server_config(settings: Settings, application: ASGIApp, port: int) -> uvicorn.Config:
    """How the web server runs.

    Args:
        settings: of this installation.
        application: what it serves.
        port: on which.
    """
    import uvicorn

    return uvicorn.Config(
        application,
        host=settings.host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=3,
        # Who is no proxy of the clinic could else say any address, and guess passwords under many.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


def _given_port(host: str, port: int) -> int:
    if not _is_free(host, port):
        raise SystemExit(f"Port {port} is in use on {host}. Choose another, or leave --port out to take a free one.")
    return port


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str, first: int) -> int:
    """The first port from `first` on that nobody listens on.

    Raises:
        SystemExit: if there is none among the next fifty.
    """
    for port in range(first, min(first + _PORTS_TO_TRY, 65536)):
        if _is_free(host, port):
            return port
    raise SystemExit(f"No port from {first} to {first + _PORTS_TO_TRY - 1} is free on {host}. Choose one with --port.")


def _say_welcome(url: str, password: str | None) -> None:
    lines = ["", f"FGait is ready at {url}", ""]
    if password is not None:
        lines += [
            "  This is a new installation. Sign in as its administrator:",
            "    user name           admin",
            f"    one-time password   {password}",
            "  The password is shown only now. You choose your own at the first sign-in.",
        ]
    else:
        lines += ["  Forgot a password?  ./run app --reset-password USER"]
    print("\n".join([*lines, "", "Stop with Ctrl-C.", ""]), flush=True)


def reset_password(settings: Settings, username: str) -> None:
    """Prints a new one-time password for an account.

    Raises:
        SystemExit: if there is no such account.
    """
    services = Services.open(settings)
    services.database.upgrade()
    try:
        password = services.accounts.reset_password_locally(username)
    except ClinicDataError as error:
        raise SystemExit(str(error)) from error
    print(f"New one-time password of {username}:  {password}\nIt is shown only now.", flush=True)


def reset_totp(settings: Settings, username: str) -> None:
    """Switches two-step sign-in of an account off.

    Raises:
        SystemExit: if there is no such account.
    """
    services = Services.open(settings)
    services.database.upgrade()
    try:
        was_on = services.accounts.reset_totp_locally(username)
    except ClinicDataError as error:
        raise SystemExit(str(error)) from error
    print(f"{username} signs in with the password alone{' now' if was_on else ' already'}.", flush=True)


def main() -> None:
    """Entry point of `python -m app.serve`."""
    parser = argparse.ArgumentParser(prog="./run app", description="Serves FGait on this computer.")
    parser.add_argument("--port", type=int, default=None, help="port; by default 8501 or the next free one")
    parser.add_argument("--reset-password", metavar="USER", help="print a new one-time password for USER and stop")
    parser.add_argument("--reset-totp", metavar="USER", help="switch two-step sign-in of USER off and stop")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    os.chdir(CLONE_ROOT)  # the framework reads .streamlit/config.toml of the working folder
    settings = Settings()
    audit.origin.set(command_line_origin())
    if arguments.reset_password:
        reset_password(settings, arguments.reset_password)
        return
    if arguments.reset_totp:
        reset_totp(settings, arguments.reset_totp)
        return
    started = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):  # the ordinary way to stop
        serve(settings, arguments.port)
    _log.info("Stopped after %.0f s.", time.monotonic() - started)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
