"""The applications of the gallery."""

from .apache import Apache
from .gunicorn import Gunicorn
from .lighttpd import Lighttpd
from .nginx import Nginx
from .process import Application
from .tomcat import Tomcat
from .uwsgi import Uwsgi, UwsgiKept

ALL: list[type[Application]] = [Gunicorn, Uwsgi, UwsgiKept, Apache, Lighttpd, Tomcat, Nginx]
