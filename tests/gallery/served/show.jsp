<%--
  A page that believes its headers, and shows what the container made of the request.
--%><%@ page contentType="application/json;charset=ISO-8859-1" session="false" trimDirectiveWhitespaces="true"
    import="java.nio.charset.StandardCharsets,java.nio.file.*,java.util.*" %><%!
    /** JSON, each byte as the code point of its number. */
    static String text(String value) {
        if (value == null) {
            return "null";
        }
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : value.toCharArray()) {
            quoted.append(c < ' ' || c > '~' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return quoted.append('"').toString();
    }

    static String pair(String name, String value) {
        return "[" + text(name) + ", " + text(value) + "]";
    }

    static String all(List<String> pairs) {
        return "[" + String.join(", ", pairs) + "]";
    }

    static synchronized void write(String record) throws java.io.IOException {
        Files.writeString(Path.of(System.getProperty("gallery.records")), record + "\n", StandardCharsets.ISO_8859_1, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
%><%
    List<String> variables = new ArrayList<>(), cookies = new ArrayList<>(), parameters = new ArrayList<>();
    for (String name : Collections.list(request.getHeaderNames())) {
        for (String value : Collections.list(request.getHeaders(name))) {
            variables.add(pair(name, value));
        }
    }
    if (request.getCookies() != null) {
        for (jakarta.servlet.http.Cookie cookie : request.getCookies()) {
            cookies.add(pair(cookie.getName(), cookie.getValue()));
        }
    }
    String body = "";
    if (Set.of("POST", "PUT", "PATCH").contains(request.getMethod())) {
        byte[] read = request.getInputStream().readAllBytes();
        body = new String(read, 0, Math.min(read.length, 200), StandardCharsets.ISO_8859_1);
    }
    for (Map.Entry<String, String[]> parameter : request.getParameterMap().entrySet()) {
        for (String value : parameter.getValue()) {
            parameters.add(pair(parameter.getKey(), value));
        }
    }
    String servlet = request.getServletPath(), rest = request.getPathInfo();
    String user = request.getUserPrincipal() == null ? request.getRemoteUser() : request.getUserPrincipal().getName();
    String record = "{" + String.join(", ",
        "\"method\": " + text(request.getMethod()),
        "\"path\": " + text(servlet + (rest == null ? "" : rest)),
        "\"variables\": " + all(variables),
        "\"cookies\": " + all(cookies),
        "\"parameters\": " + all(parameters),
        "\"believes\": {\"subject\": " + text(request.getHeader("X-Auth-Subject")) + ", \"roles\": " + text(request.getHeader("X-Auth-Roles")) + ", \"user\": " + text(user) + "}",
        "\"body\": " + text(body)) + "}";
    write(record);
    response.setContentLength(record.length());
    out.print(record);
%>
