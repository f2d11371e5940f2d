"""uWSGI, with its own two HTTP sockets."""

from .process import SERVED, Application, package_version


class Uwsgi(Application):
    """`http-socket`: one request a connection."""

    name = "uWSGI, http-socket"
    socket = "--http-socket"

    @staticmethod
    def version() -> str:
        return package_version("uwsgi-core")

    def launch(self) -> None:
        self.spawn("/usr/bin/uwsgi", "--plugin", "python3", self.socket, f"127.0.0.1:{self.port}", "--master", "--processes", "2", "--threads", "32", "--chdir", SERVED, "--wsgi-file", "show_wsgi.py", "--buffer-size", "32768", "--disable-logging", "--die-on-term")


class UwsgiKept(Uwsgi):
    """`http11-socket`: keeps connections, `Connection: close` or not, and takes a chunked body that the page did not read for the next request."""

    name = "uWSGI, http11-socket"
    socket = "--http11-socket"
    reads_chunked = False
