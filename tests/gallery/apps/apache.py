"""Apache httpd with a CGI script."""

from .process import SERVED, Application, package_version

CONFIGURATION = """\
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
ScriptSock {folder}/cgid.sock
KeepAlive On
KeepAliveTimeout 5
MaxKeepAliveRequests 0
AcceptPathInfo On
AllowEncodedSlashes On
MergeSlashes On
PassEnv GALLERY_RECORDS
ScriptAlias / {served}/show.pl/
<Directory {served}>
    Require all granted
    Options +ExecCGI
</Directory>
"""


class Apache(Application):
    """The event MPM and mod_cgid, Debian's default for CGI."""

    name = "Apache httpd, CGI"

    @staticmethod
    def version() -> str:
        return package_version("apache2")

    def launch(self) -> None:
        file = self.folder / "apache.conf"
        file.write_text(CONFIGURATION.format(port=self.port, folder=self.folder, served=SERVED))
        self.spawn("/usr/sbin/apache2", "-DFOREGROUND", "-f", file)
