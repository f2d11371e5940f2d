<?php
// A PHP page that believes `$_SERVER`, and shows what PHP made of the request.

$body = in_array($_SERVER['REQUEST_METHOD'], ['POST', 'PUT', 'PATCH'], true) ? file_get_contents('php://input') : '';
$record = '{' . implode(', ', [
    '"method": ' . text($_SERVER['REQUEST_METHOD']),
    '"path": ' . text($_SERVER['PATH_INFO'] ?? parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: ''),
    '"variables": ' . pairs($_SERVER),
    '"cookies": ' . pairs($_COOKIE),
    '"parameters": ' . pairs($_REQUEST),
    '"believes": {"subject": ' . text($_SERVER['HTTP_X_AUTH_SUBJECT'] ?? null) . ', "roles": ' . text($_SERVER['HTTP_X_AUTH_ROLES'] ?? null)
        . ', "user": ' . text($_SERVER['REMOTE_USER'] ?? $_SERVER['PHP_AUTH_USER'] ?? null) . '}',
    '"body": ' . text(substr($body, 0, 200)),
]) . '}';
// One write to a file that is open for appending: records of two processes do not mix.
file_put_contents(getenv('GALLERY_RECORDS'), "$record\n", FILE_APPEND | LOCK_EX);
header('Content-Type: application/json');
header('Content-Length: ' . strlen($record));
echo $record;

/** JSON, each byte as the code point of its number. */
function text(?string $bytes): string
{
    if ($bytes === null) {
        return 'null';
    }
    $escape = fn (array $found): string => sprintf('\\u%04x', ord($found[0]));
    return '"' . preg_replace_callback('/[^ !#-\[\]-~]/', $escape, $bytes) . '"';
}

function pairs(array $values): string
{
    $pairs = [];
    foreach ($values as $name => $value) {
        $pairs[] = '[' . text((string) $name) . ', ' . text(is_scalar($value) ? (string) $value : serialize($value)) . ']';
    }
    return '[' . implode(', ', $pairs) . ']';
}
