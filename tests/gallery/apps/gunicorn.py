"""gunicorn 20.1, the last line that folds `-` and `_` without asking."""

from .process import SERVED, Application, package_version


class Gunicorn(Application):
    """Debian's gunicorn with threads and kept connections."""

    name = "gunicorn"

    @staticmethod
    def version() -> str:
        return package_version("gunicorn")

    def launch(self) -> None:
        self.spawn("/usr/bin/gunicorn", "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread", "--workers", "1", "--threads", "64", "--keep-alive", "5", "--chdir", SERVED, "show_wsgi:application")
