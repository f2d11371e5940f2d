"""nginx with a CGI script over FastCGI."""

import time

from .process import SERVED, Application, package_version

# `underscores_in_headers` and `ignore_invalid_headers` as people set them who had trouble with a header once: the application gets
# whatever nginx can parse.
CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_timeout 5s;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    underscores_in_headers on;
    ignore_invalid_headers off;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME {served}/show.pl;
            fastcgi_param PATH_INFO $uri;
            fastcgi_param GALLERY_RECORDS {records};
            fastcgi_pass unix:{folder}/fcgi.sock;
        }}
    }}
}}
"""


class Nginx(Application):
    """fcgiwrap behind nginx."""

    name = "nginx, FastCGI"

    @staticmethod
    def version() -> str:
        return f"{package_version('nginx')}, fcgiwrap {package_version('fcgiwrap')}"

    def launch(self) -> None:
        file = self.folder / "nginx.conf"
        file.write_text(CONFIGURATION.format(port=self.port, folder=self.folder, served=SERVED, records=self.records_file))
        socket = self.folder / "fcgi.sock"
        self.spawn("/usr/sbin/fcgiwrap", "-c", "16", "-s", f"unix:{socket}")
        while not socket.exists():
            time.sleep(0.02)
        socket.chmod(0o777)
        self.spawn("/usr/sbin/nginx", "-c", file, "-p", self.folder)
