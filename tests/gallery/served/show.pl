#!/usr/bin/perl
# A CGI script that believes its environment, and shows all of it. No module: a CGI process is started for every request.
use strict;
use warnings;

binmode $_ for \*STDIN, \*STDOUT;
my $body = '';
if ($ENV{REQUEST_METHOD} =~ /^(?:POST|PUT|PATCH)$/) {
    read STDIN, $body, $ENV{CONTENT_LENGTH} || 1 << 20;
}
my $path = $ENV{PATH_INFO} // '';
my $record = '{'
    . join(', ',
        '"method": ' . text($ENV{REQUEST_METHOD}),
        '"path": ' . text($path),
        '"variables": ' . pairs(map { [$_, $ENV{$_}] } sort keys %ENV),
        '"cookies": ' . pairs(map { [split /=/, $_, 2] } split /;\s*/, $ENV{HTTP_COOKIE} // ''),
        '"parameters": ' . pairs(map { [map { unescape($_) } split /=/, $_, 2] } split /[&;]/, $ENV{QUERY_STRING} // ''),
        '"believes": {"subject": ' . text($ENV{HTTP_X_AUTH_SUBJECT}) . ', "roles": ' . text($ENV{HTTP_X_AUTH_ROLES}) . ', "user": ' . text($ENV{REMOTE_USER}) . '}',
        '"body": ' . text(substr $body, 0, 200))
    . '}';
open my $records, '>>', $ENV{GALLERY_RECORDS} or die "records: $!";
# One write to a file that is open for appending: records of two processes do not mix.
syswrite $records, "$record\n";
close $records;
print "Content-Type: application/json\r\nContent-Length: ", length $record, "\r\n\r\n", $record;

# JSON, each byte as the code point of its number.
sub text {
    my ($bytes) = @_;
    return 'null' unless defined $bytes;
    $bytes =~ s/([^ !#-\[\]-~])/sprintf '\\u%04x', ord $1/ge;
    return qq("$bytes");
}

sub pairs {
    return '[' . join(', ', map { '[' . text($_->[0] // '') . ', ' . text($_->[1] // '') . ']' } @_) . ']';
}

sub unescape {
    my ($bytes) = @_;
    $bytes =~ tr/+/ /;
    $bytes =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $bytes;
}
