#!/usr/bin/perl

# Who may include whom.  The rule is docs/architecture.md, "Folders and who
# may include whom".

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;

my $c11 = qr/assert|ctype|errno|float|inttypes|limits|math|stdalign|
	stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|
	string|time/x;
my $posix = qr/$c11|dirent|fcntl|fnmatch|getopt|grp|netdb|poll|pthread|pwd|
	signal|strings|sysexits|syslog|termios|unistd|sys\/\w+|netinet\/\w+|arpa\/inet|arpa\/nameser/x;

# shared reads bytes and writes bytes; a program that prints the tables is
# the one exception
my $impure = qr/\b(fopen|fdopen|fread|fwrite|f?printf|puts|open|openat|socket|
	connect|syslog|pthread_\w+|thrd_\w+|time|clock|clock_gettime|
	gettimeofday|redisConnect\w*|redisCommand\w*|redisAppend\w*|fork|
	exec[lv]\w*|sleep|usleep|nanosleep|poll|select|exit|abort|
	randombytes\w*|json_set_alloc_funcs|json_load_file|json_dump_file)
	\s*\(/x;

my %ours = (
	'shared'                => [qw(shared)],
	'daemon'                => [qw(daemon shared)],
	'ngx_mailportal_module' => [qw(ngx_mailportal_module shared)],
	'milter'                => [qw(milter daemon shared)],
	'agent'                 => [qw(agent daemon shared)],
	'dovecot-plugin'        => [qw(dovecot-plugin shared)],
);

my %theirs = (
	'shared' =>
		qr!^<($c11|hiredis/(hiredis|read)|jansson|sodium|idn2|
		arpa\/inet|sys\/mman)\.h>$!x,
	'daemon' => qr!^<($posix|hiredis/hiredis|sodium)\.h>$!,
	'ngx_mailportal_module' =>
		qr!^<(ngx_\w+|hiredis/\w+|jansson|sodium|sys/resource|$c11)\.h>$!,
	'milter' => qr!^<($posix|hiredis/hiredis|libmilter/mfapi|curl/curl|
		sodium|jansson)\.h>$!x,
	'agent' => qr!^<($posix|hiredis/hiredis|jansson|sodium|curl/curl|archive|
		archive_entry|spawn|resolv)\.h>$!x,
	'dovecot-plugin' => qr!^"[a-z0-9-]+\.h"$|^<(hiredis/\w+|$posix|jansson)\.h>$!,
);

for my $dir (sort keys %ours) {
	for my $file (sources(qr!^$dir/[^/]+\.([ch]|def)$!)) {
		my @bad;
		my $n = 0;

		for my $line (split /\n/, slurp($file)) {
			$n++;
			next unless $line =~ /^\s*#\s*include\s+(\S+)/;
			my $inc = $1;
			my ($name) = $inc =~ /^"(.+)"$/;
			next if defined $name
				and grep { -e "$_/$name" } @{ $ours{$dir} };
			next if $inc =~ $theirs{$dir};
			push @bad, "line $n: $inc";
		}

		clean("$file includes only what $dir may know", @bad);
	}
}

for my $file (sources(qr!^shared/.*\.[ch]$!)) {
	next if $file eq 'shared/mp_schema.c';
	my $code = without_strings(without_comments(slurp($file)));
	clean("$file does no I/O, reads no clock, starts nothing",
		scan($code, $impure, 'not pure'));
}

for my $file (sources(
	qr!^shared/mp_(verdict|domain|address|list|error|key|time)\.[ch]$!))
{
	clean("$file sees neither JSON nor Redis",
		scan(slurp($file), qr/include <(jansson|hiredis)/, 'sees'));
}

for my $file (sources(qr!^web/.*\.js$!)) {
	my $code = slurp($file);
	clean("$file imports only the pages' own modules and libraries",
		grep { !m!^\./|^\.\./|^/lib/|^[a-z@][\w@/.-]*$! || m!^\.\./\.\./\.\.! }
		$code =~ /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)/mg);
	clean("$file talks to nobody but its own server",
		scan($code =~ s!http://www\.w3\.org/\S+!!gr,
			qr!\b(https?|wss?)://!, 'address'));
}

done_testing();
