"""Tomcat with a JSP page that every path leads to."""

import pathlib
import shutil

from .process import SERVED, Application, package_version

HOME = pathlib.Path("/usr/share/tomcat10")
SERVER = """\
<Server port="-1">
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="{port}" protocol="HTTP/1.1" connectionTimeout="20000" keepAliveTimeout="5000" maxKeepAliveRequests="-1"
      encodedSolidusHandling="decode" allowBackslash="true" relaxedPathChars="|{{}}[]^`&quot;&lt;&gt;" rejectIllegalHeader="false"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps" autoDeploy="false"/>
    </Engine>
  </Service>
</Server>
"""
WEB = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet><servlet-name>show</servlet-name><jsp-file>/WEB-INF/show.jsp</jsp-file><load-on-startup>1</load-on-startup></servlet>
  <servlet-mapping><servlet-name>show</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>
</web-app>
"""


class Tomcat(Application):
    """An instance of its own of Debian's Tomcat 10."""

    name = "Tomcat, JSP"

    @staticmethod
    def version() -> str:
        return package_version("tomcat10")

    def launch(self) -> None:
        for part in ("conf", "logs", "temp", "work", "webapps/ROOT/WEB-INF"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "conf/server.xml").write_text(SERVER.format(port=self.port))
        # What the default servlet and the JSP compiler are called.
        shutil.copy("/etc/tomcat10/web.xml", self.folder / "conf/web.xml")
        shutil.copy(SERVED / "show.jsp", self.folder / "webapps/ROOT/WEB-INF/show.jsp")
        (self.folder / "webapps/ROOT/WEB-INF/web.xml").write_text(WEB)
        options = f"-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dgallery.records={self.records_file}"
        self.spawn(HOME / "bin/catalina.sh", "run", CATALINA_HOME=str(HOME), CATALINA_BASE=str(self.folder), CATALINA_OPTS=options)
