"""uWSGI, with its own HTTP socket."""

from .process import SERVED, Application, package_version


class Uwsgi(Application):
    """`http11-socket`: uWSGI's own HTTP parser with kept connections, which plain `http-socket` does not have."""

    name = "uWSGI"

    @staticmethod
    def version() -> str:
        return package_version("uwsgi-core")

    def launch(self) -> None:
        self.spawn("/usr/bin/uwsgi", "--plugin", "python3", "--http11-socket", f"127.0.0.1:{self.port}", "--master", "--processes", "2", "--threads", "32", "--chdir", SERVED, "--wsgi-file", "show_wsgi.py", "--buffer-size", "32768", "--disable-logging", "--die-on-term")
