"""lighttpd with PHP over FastCGI."""

from .process import SERVED, Application, package_version

CONFIGURATION = """\
server.document-root = "{served}"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{folder}/error.log"
server.upload-dirs = ("{folder}")
server.max-keep-alive-idle = 5
server.modules = ("mod_rewrite", "mod_fastcgi")
url.rewrite-once = ("" => "/show.php${{url.path}}${{qsa}}")
fastcgi.server = (".php" => ((
    "bin-path" => "/usr/bin/php-cgi -n",
    "socket" => "{folder}/php.sock",
    "max-procs" => 1,
    "bin-environment" => ("PHP_FCGI_CHILDREN" => "16", "PHP_FCGI_MAX_REQUESTS" => "100000", "GALLERY_RECORDS" => "{records}"),
    "broken-scriptfilename" => "enable")))
"""


class Lighttpd(Application):
    """lighttpd starts php-cgi itself."""

    name = "lighttpd, PHP"

    @staticmethod
    def version() -> str:
        return f"{package_version('lighttpd')}, {package_version('php8.2-cgi')}"

    def launch(self) -> None:
        file = self.folder / "lighttpd.conf"
        file.write_text(CONFIGURATION.format(port=self.port, folder=self.folder, served=SERVED, records=self.records_file))
        self.spawn("/usr/sbin/lighttpd", "-D", "-f", file)
